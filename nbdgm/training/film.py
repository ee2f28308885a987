"""What a run shows of itself on the way: films, and the steps at which frames are taken."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbdgm.training.history import History
from nbdgm.training.state import flags_kept, looking


class Film:
    """Functions of no arguments, each called at some `steps`; what they return is kept in the history."""

    def __init__(self, functions: Mapping[str, Callable[[], Any]] | None, frames: int | Sequence[int], last: int) -> None:
        if not isinstance(functions or {}, Mapping):
            raise TypeError(f"play: film must be a dict, name -> function, got {type(functions).__name__}")
        self.functions = dict(functions or {})
        for name, function in self.functions.items():
            if not callable(function):
                raise TypeError(f"play: film {name!r} must be a function without arguments, got {type(function).__name__}")
        self.steps = frame_steps(frames, last) if self.functions else set()

    def shoot(self, step: int, history: History, modules: Sequence[nn.Module]) -> None:
        """One frame of each film. All frames see the same random numbers; the game goes on as if nobody had looked."""
        for name, function in self.functions.items():
            with looking(modules, seed=0), flags_kept(modules), torch.no_grad():
                history.films.setdefault(name, []).append((step, array(name, function())))


def frame_steps(frames: int | Sequence[int], last: int) -> set[int]:
    """As many steps as `frames`, from 0 to `last`, spaced evenly in the logarithm; or those that `frames` lists.

    Raises:
        TypeError, ValueError: neither a positive number nor a list of numbers.
    """
    if not isinstance(frames, Integral):
        try:
            return {int(step) for step in frames}
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"play: frames must be a whole number, or a list of steps, got {frames!r}") from None
    if isinstance(frames, bool) or frames < 1:
        raise ValueError(f"play: frames must be 1 or more, or a list of steps, got {frames}")
    return {last} if frames == 1 or last == 0 else {0, *(int(s) for s in np.geomspace(1, last, frames - 1).round()), last}


def array(name: str, frame: Any) -> np.ndarray:
    """A frame, detached from everything: a copy that later updates do not change.

    Raises:
        TypeError: what the film called `name` returned is no number and no array that a checkpoint could keep.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            value = value.detach().cpu().resolve_conj().resolve_neg()
            return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value

    try:
        kept = np.array(plain(frame))
        torch.from_numpy(kept)  # refuses objects, strings, and numbers that torch does not have
    except (TypeError, ValueError) as error:
        got = type(frame).__name__
        raise TypeError(
            f"play: film {name!r} must return a number, a tensor or an array, got {got}; one film for each thing to be kept"
        ) from error
    return kept
