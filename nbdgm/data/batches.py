"""Endless batches from tensors that already lie on the device, and what is done to a batch on its way."""

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nbdgm.border import unit_interval, whole
from nbdgm.runtime import generator, shifted


class Batches:
    """An endless iterator over batches of `size` examples.

    The tensors stay where they are; a batch is one index into them. Every epoch visits every example exactly once in an
    order of its own, and batches run on across the end of an epoch, so each of them has exactly `size` examples.

    The order comes from a generator of this object's own, so it depends on `seed` alone: neither on the global random state nor
    on the device. A transform with a parameter `generator` (such as `binarize`) draws from a second one.
    `state_dict` and `load_state_dict` stop and continue the stream at any batch, exactly.

    Args:
        tensors: one tensor, or a tuple of tensors of equal length.
        size: examples in a batch, from 1 to the number of examples.
        seed: of the order and of the transform's random draws; shifted by `NBDGM_SEED`, as all seeds of a run.
        transform: applied to the first tensor of each batch.

    Raises:
        ValueError: naming the argument, if lengths differ or `size` is out of range.
    """

    def __init__(
        self, tensors: Tensor | Sequence[Tensor], size: int, *, seed: int = 0, transform: Callable[..., Tensor] | None = None
    ) -> None:
        self.single = isinstance(tensors, Tensor)
        self.tensors = (tensors,) if self.single else tuple(tensors)
        n = check_size(size, self.tensors)
        size = int(size)
        self.size, self.seed, self.examples = size, seed, n
        self.steps_per_epoch = -(-n // size)
        self._transform, self._draws = transform, _wants_generator(transform)
        self._order = generator(seed, "cpu")
        self._noise = torch.Generator(self.device).manual_seed(shifted(seed) + 1)
        self._start_epoch(0)

    @property
    def device(self) -> torch.device:
        """Where the batches lie."""
        return self.tensors[0].device

    def _start_epoch(self, epoch: int) -> None:
        self.epoch, self._position = epoch, 0
        self._order_before = self._order.get_state()
        self._permutation = torch.randperm(self.examples, generator=self._order).to(self.device)

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Tensor | tuple[Tensor, ...]:
        start, stop = self._position, self._position + self.size
        index = self._permutation[start:stop]
        if stop < self.examples:
            self._position = stop
        else:
            self._start_epoch(self.epoch + 1)
            self._position = stop - self.examples
            if self._position:
                index = torch.cat([index, self._permutation[: self._position]])
        batch = [t.index_select(0, index) for t in self.tensors]
        if self._transform is not None:
            batch[0] = self._transform(batch[0], generator=self._noise) if self._draws else self._transform(batch[0])
        return batch[0] if self.single else tuple(batch)

    def state_dict(self) -> dict:
        """Where the stream stands: plain numbers and byte tensors, safe to save and to load with `weights_only=True`."""
        return {
            "size": self.size,
            "examples": self.examples,
            "epoch": self.epoch,
            "position": self._position,
            "order": self._order_before.clone(),
            "noise": self._noise.get_state(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state` stood.

        Raises:
            ValueError: if the state belongs to batches of another size or of another number of examples.
        """
        for key in ("size", "examples"):
            if state[key] != getattr(self, key):
                raise ValueError(f"state: saved with {key} = {state[key]}, but these batches have {key} = {getattr(self, key)}")
        self._order.set_state(state["order"].cpu())
        self._noise.set_state(state["noise"].cpu())
        self._start_epoch(state["epoch"])
        self._position = state["position"]


def check_size(size: int, tensors: Sequence[Tensor]) -> int:
    """The common length of `tensors`, once it is clear that a batch of `size` can be taken from them."""
    if not tensors or not all(isinstance(t, Tensor) and t.ndim >= 1 for t in tensors):
        raise ValueError("tensors: expected a tensor, or a non-empty sequence of tensors, with examples along the first axis")
    lengths, devices = [len(t) for t in tensors], {str(t.device) for t in tensors}
    if len(set(lengths)) > 1:
        raise ValueError(f"tensors: all must have the same length, got {lengths}")
    if len(devices) > 1:
        raise ValueError(f"tensors: all must lie on the same device, got {', '.join(sorted(devices))}")
    if whole("size", size) > lengths[0]:
        raise ValueError(f"size: a batch of {size} is larger than the data set, which has {lengths[0]} examples")
    return lengths[0]


def _wants_generator(transform: Callable | None) -> bool:
    if transform is None:
        return False
    try:
        return "generator" in inspect.signature(transform).parameters
    except (TypeError, ValueError):  # some callables written in C have no signature
        return False


def compose(*transforms: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The transforms one after the other, as one."""
    draws = [_wants_generator(t) for t in transforms]

    def composed(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for transform, draw in zip(transforms, draws, strict=True):
            x = transform(x, generator=generator) if draw else transform(x)
        return x

    return composed


def binarize(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One Bernoulli draw per pixel, with the grey value in [0, 1] as its probability (dynamic binarization). Same shape and
    type, 0 or 1. Half-precision grey values are compared with numbers drawn in float32.

    Raises:
        ValueError: for integers, and (checked on the CPU only, where it is free) for values outside [0, 1] or NaN.
    """
    x = unit_interval("x", x)
    drawn = torch.rand(x.shape, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device, generator=generator)
    return drawn.lt_(x).to(x.dtype)


def flip(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Each picture of `x` (B, C, H, W) mirrored left to right with probability one half."""
    mirrored = torch.rand((len(x),) + (1,) * (x.ndim - 1), device=x.device, generator=generator) < 0.5
    return torch.where(mirrored, x.flip(-1), x)


def to_signed(x: Tensor) -> Tensor:
    """From [0, 1] to [-1, 1], the range of a generator that ends in tanh.

    Raises:
        ValueError: for integers, and (checked on the CPU only, where it is free) for NaN or values that leave [0, 1] by more
            than 0.02.
    """
    return unit_interval("x", x, slack=0.02) * 2 - 1


def from_signed(x: Tensor) -> Tensor:
    """From [-1, 1] to [0, 1]; what lies outside is clipped.

    Raises:
        ValueError: for integers.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x: expected a floating-point tensor with values in [-1, 1], got {found}")
    return ((x + 1) / 2).clamp(0, 1)
