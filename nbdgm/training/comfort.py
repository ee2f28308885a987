"""What surrounds the loop: the keyboard, the bar, and the other processes."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nbdgm.training.history import History
from nbdgm.training.player import Player


class Interrupt:
    """Lets the round in progress finish after Ctrl-C (or the notebook's stop button); a second press stops at once."""

    def __init__(self, enabled: bool = True) -> None:
        self.requested, self._enabled = False, enabled and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Interrupt":
        if self._enabled:
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, *_: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class Bar:
    """A bar with the latest values, or nothing at all."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def advance(self) -> None:
        if self._bar is not None:
            self._bar.update()

    def show(self, history: History) -> None:
        if self._bar is not None and history.steps:
            self._bar.set_postfix_str(", ".join(f"{key} {history.last(key):.4g}" for key in history), refresh=False)


@contextlib.contextmanager
def progress_bar(done: int, steps: int, wanted: bool | None) -> Iterator[Bar]:
    """A bar on standard error that is wiped when the loop ends. `wanted=None`: only where somebody is watching."""
    if os.environ.get("NBDGM_PROGRESS") == "0" or not (_watched() if wanted is None else wanted):
        yield Bar(None)
        return
    from tqdm import tqdm

    with tqdm(total=steps, initial=done, leave=False, dynamic_ncols=True, unit=" steps", file=sys.stderr) as bar:
        yield Bar(bar)


def _watched() -> bool:
    """Whether standard error reaches somebody: a terminal, or a notebook that a person (and not a program) runs."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        return False
    if "ipykernel" in sys.modules:
        from IPython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        if kernel is not None:  # nbclient and nbval tell the kernel that nobody can answer questions
            return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stderr.isatty()


class Team:
    """The processes that play together; alone without an accelerator."""

    def __init__(self, accelerator: Any, players: list[Player]) -> None:
        self.accelerator = accelerator
        self.size: int = accelerator.num_processes if accelerator else 1
        self.rank: int = accelerator.process_index if accelerator else 0
        self.main = self.rank == 0
        if accelerator:
            for player in players:
                player.modules.to(accelerator.device)
        if self.size > 1:
            from accelerate.utils import broadcast

            for player in players:
                for tensor in player.tensors():
                    tensor.copy_(broadcast(tensor.clone(), from_process=0))
            torch.manual_seed(int(torch.randint(2**31, ())) + self.rank)  # each process draws noise of its own

    def part(self, x: Tensor) -> Tensor:
        """This process's part of a batch."""
        if self.size == 1:
            return x
        if len(x) % self.size:
            raise ValueError(
                f"a batch of {len(x)} cannot be shared evenly by {self.size} processes; choose a multiple of {self.size}"
            )
        share = len(x) // self.size
        return x[self.rank * share : (self.rank + 1) * share]

    def average(self, tensors: list[Tensor]) -> None:
        """Replace tensors, in place, by their mean over the processes (one message for all of them)."""
        if self.size > 1 and tensors:
            flat = self.mean(torch.cat([t.reshape(-1) for t in tensors]))
            for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
                tensor.copy_(part.view(tensor.shape))

    def mean(self, tensor: Tensor) -> Tensor:
        return tensor if self.size == 1 else self.accelerator.reduce(tensor, reduction="mean")

    def gather(self, value: Any) -> list:
        if self.size == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])
