"""What a run leaves behind: every logged value at every step, and films."""

from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor


class NonFiniteError(ArithmeticError):
    """A loss, a logged value or a weight became NaN or infinite; see `player`, `entry`, `step`, and `history`."""

    def __init__(self, player: str, entry: str, step: int, value: float, history: "History", advice: str) -> None:
        remedy = "a smaller learning rate may help" if step > 1 else "look for a logarithm of 0 or less, or for bad data"
        super().__init__(f"{player}.{entry} became {value} at step {step}; {remedy}. {advice}".rstrip())
        self.player, self.entry, self.step, self.history = player, entry, step, history


class History:
    """Values by step: `history["vae.loss"]` is an array; `history["kl"]` is enough where only one player logs a `kl`.

    Attributes:
        steps: rounds completed. The i-th value of every array belongs to round i + 1.
        seconds: time spent in `play`, over all resumptions.
        films: name -> list of (step, array).
        interrupted: the run was stopped before its last step.
    """

    def __init__(self) -> None:
        self.steps, self.seconds, self.interrupted = 0, 0.0, False
        self.films: dict[str, list[tuple[int, np.ndarray]]] = {}
        self._names: list[str] = []  # of the columns of the rows
        self._blocks: list[np.ndarray] = [np.empty((0, 0), np.float32)]  # flushed rows
        self._rows: list[list[Tensor]] = []  # of the rounds since the last flush: one tensor for each player

    def append(self, logged: dict[str, tuple[list[str], Tensor]]) -> None:
        """Take one round's `record` of every player. Nothing waits for the device here."""
        names = [f"{player}.{entry}" for player, (entries, _) in logged.items() for entry in entries]
        if not self._names:
            self._names, self._blocks = names, [np.empty((0, len(names)), np.float32)]
        elif names != self._names:
            raise ValueError(f"a loss must return the same entries at every step: {self._names} before, {names} now")
        self._rows.append([row for _, row in logged.values()])

    def flush(self, mean: Callable[[Tensor], Tensor] = lambda block: block, advice: str = "") -> None:
        """Fetch what has gathered on the device since the last flush; `mean` averages over processes.

        Raises:
            NonFiniteError: a value is NaN or infinite; the history then ends with the first such step.
        """
        if not self._rows:
            return
        block = torch.stack([torch.cat(row) for row in self._rows])
        block = mean(block).cpu().numpy()
        self._rows = []
        finite = np.isfinite(block).all(1)
        good = len(block) if finite.all() else int(finite.argmin()) + 1  # up to and including the first bad row
        self._blocks.append(block[:good])
        self.steps += good
        if not finite.all():
            column = int(np.isfinite(block[good - 1]).argmin())
            player, entry = self._names[column].rsplit(".", 1)
            raise NonFiniteError(player, entry, self.steps, float(block[good - 1, column]), self, advice)

    def keys(self) -> list[str]:
        return list(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __getitem__(self, key: str) -> np.ndarray:
        """All values of an entry, shape (steps,): float32, or float64 where a loss logs float64 or plain numbers."""
        self._blocks = [np.concatenate(self._blocks)]
        return self._blocks[0][:, self._names.index(self._full(key))].copy()

    def __contains__(self, key: str) -> bool:
        return key in self._names or sum(name.endswith(f".{key}") for name in self._names) == 1

    def smooth(self, key: str, window: int = 100) -> np.ndarray:
        """Mean of each value and the `window - 1` before it (of fewer at the start), shape (steps,).

        Raises:
            ValueError: the window is no whole number of 1 or more.
        """
        if not isinstance(window, Integral) or window < 1:
            raise ValueError(f"smooth: window must be a whole number, 1 or more, got {window}")
        total = np.concatenate([[0.0], np.cumsum(self[key], dtype=np.float64)])
        last = np.arange(1, len(total))
        first = np.maximum(last - window, 0)
        return (total[last] - total[first]) / (last - first)

    def last(self, key: str, n: int = 100) -> float:
        """Mean of the last `n` values.

        Raises:
            ValueError: there are none, or `n` is no whole number of 1 or more.
        """
        values = self[key]
        if not isinstance(n, Integral) or n < 1 or not len(values):
            raise ValueError(f"last: there is no mean of {n} values out of {self.steps} steps")
        return float(values[-n:].mean(dtype=np.float64))

    def __repr__(self) -> str:
        ends = ", ".join(f"{name} {self.last(name):.4g}" for name in self._names) if self.steps else "nothing logged"
        return f"History of {self.steps} steps in {self.seconds:.1f} s{' (interrupted)' * self.interrupted}: {ends}"

    def _full(self, key: str) -> str:
        matches = [name for name in self._names if name == key or name.endswith(f".{key}")]
        if key in self._names or len(matches) == 1:
            return key if key in self._names else matches[0]
        raise KeyError(
            f"{key!r} is {'ambiguous' if matches else 'not logged'}; there are {', '.join(self._names) or 'no entries yet'}"
        )

    def state_dict(self) -> dict[str, Any]:
        films = {name: [(step, torch.from_numpy(frame)) for step, frame in frames] for name, frames in self.films.items()}
        values = torch.from_numpy(np.concatenate(self._blocks))
        return {"names": self._names, "values": values, "steps": self.steps, "seconds": self.seconds, "films": films}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._names, self._blocks, self.steps, self.seconds = (
            state["names"],
            [state["values"].numpy()],
            state["steps"],
            state["seconds"],
        )
        self.films = {name: [(step, frame.numpy()) for step, frame in frames] for name, frames in state["films"].items()}


def record(player: str | None, entries: dict[str, Any]) -> tuple[list[str], Tensor]:
    """The names of a loss's entries and their values as one new tensor: a copy, since a logged parameter changes afterwards.

    Raises:
        ValueError: an entry is no number.
    """
    where, wide, values = entries["loss"].device, False, []
    for entry, value in entries.items():
        if not isinstance(value, Tensor):
            try:
                value = torch.full((), float(value), device=where, dtype=torch.float64)
            except (TypeError, ValueError):
                raise ValueError(f"{player}.{entry} must be a scalar to be logged, got {type(value).__name__}") from None
        if value.numel() != 1 or value.is_complex():
            kind = "a complex number" if value.is_complex() else f"a tensor of shape {tuple(value.shape)}"
            raise ValueError(f"{player}.{entry} must be a scalar to be logged, got {kind}")
        wide |= value.dtype in (torch.float64, torch.int64, torch.int32)
        values.append(value.detach().reshape(()))
    dtype = torch.float64 if wide else torch.float32
    return list(entries), torch.stack([v.to(where, dtype) for v in values])
