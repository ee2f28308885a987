"""The progress bar, and who is there to see one."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from nbdgm.training.history import History


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
    """A bar that is wiped when the loop ends. `wanted=None`: only where somebody is watching.

    It is drawn on standard error, but in a notebook, which shows that as a red band, on standard output.
    """
    if os.environ.get("NBDGM_PROGRESS") == "0" or not (watched() if wanted is None else wanted):
        yield Bar(None)
        return
    from tqdm import tqdm

    where = sys.stdout if _kernel() is not None else sys.stderr
    with tqdm(total=steps, initial=done, leave=False, dynamic_ncols=True, unit=" steps", file=where) as bar:
        yield Bar(bar)


def watched() -> bool:
    """Whether standard error reaches somebody: a terminal, or a notebook that a person (and not a program) runs."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        return False
    kernel = _kernel()
    if kernel is not None:  # nbclient and nbval tell the kernel that nobody can answer questions
        return bool(getattr(kernel, "_allow_stdin", False))
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # a program without a standard error, or with one that it closed
        return False


def _kernel() -> Any | None:
    """The Jupyter kernel that runs this, if one does."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None)
