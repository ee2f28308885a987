"""The way of a batch: out of the data, shared among processes, onto the device, into the layout of the networks."""

import copy
import dataclasses
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nbdgm.training.processes import Team


class Feed:
    """Batches, ready for a loss. Tensors are shared, moved and laid out wherever they are in tuples (named ones too), lists,
    dictionaries and data classes; what is none of these is passed on as it is.

    Raises:
        TypeError: `data` is no iterator of batches.
    """

    def __init__(self, data: Iterable, device: torch.device, channels_last: bool, team: Team) -> None:
        kinds = (Tensor, np.ndarray, str, bytes, Mapping)
        if isinstance(data, kinds) or hasattr(data, "batches") or not isinstance(data, Iterable):
            raise TypeError(f"play: data must be an iterator of batches, got {type(data).__name__}; use images.batches(128)")
        self._iterator, self._device, self._channels_last, self._team = iter(data), device, channels_last, team

    def next(self, step: int) -> Any:
        """The next batch.

        Raises:
            ValueError: there is none, or it cannot be shared evenly.
        """
        try:
            batch = next(self._iterator)
        except StopIteration:
            raise ValueError(
                f"the data ended at step {step}; play needs an endless iterator, such as images.batches(128)"
            ) from None
        return self._ready(batch)

    def _ready(self, batch: Any) -> Any:
        if isinstance(batch, Tensor):
            batch = self._team.part(batch).to(self._device, non_blocking=True)
            images = self._channels_last and batch.ndim == 4 and batch.is_floating_point()
            return batch.contiguous(memory_format=torch.channels_last) if images else batch
        if isinstance(batch, tuple) and hasattr(batch, "_make"):
            return type(batch)._make(map(self._ready, batch))
        if isinstance(batch, (tuple, list)):
            return type(batch)(map(self._ready, batch))
        if isinstance(batch, MutableMapping):
            ready = copy.copy(batch)  # of the same type, with its defaults
            ready.update({key: self._ready(part) for key, part in batch.items()})
            return ready
        if isinstance(batch, Mapping):
            return {key: self._ready(part) for key, part in batch.items()}
        if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
            parts = {field.name: self._ready(getattr(batch, field.name)) for field in dataclasses.fields(batch) if field.init}
            return dataclasses.replace(batch, **parts)
        if self._team.size > 1 and isinstance(batch, np.ndarray):
            raise TypeError("play: several processes share tensors only, got an array in a batch; use torch.as_tensor")
        return batch
