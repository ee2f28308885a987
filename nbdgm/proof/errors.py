"""What every part of the proof engine raises, and the limit on the time that sympy may take; imports no other file of it."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ProofError(AssertionError):
    """A line of a derivation is wrong, or cannot be judged."""


class TimeUp(BaseException):
    """Raised inside sympy when its time is up; not an Exception, so that sympy does not swallow it."""


def nothing_can_be_raised(frame: FrameType | None) -> bool:
    """Whether this frame runs inside a callback of the garbage collector or of a weak reference, or inside `__del__`.

    Python reports what these raise, and goes on.
    """
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        code = frame.f_code
        if code in callbacks or code.co_name == "__del__" or frame.f_globals.get("__name__") in ("weakref", "_weakrefset"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Stop the block after `seconds` of this process's own CPU time (main thread of a Unix process; elsewhere no limit)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    reached = over = False

    def stop(_: int, frame: FrameType | None) -> None:
        nonlocal reached
        if over:
            return
        reached = True
        if nothing_can_be_raised(frame):
            signal.setitimer(signal.ITIMER_VIRTUAL, 1e-3)
        else:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.25)  # again, should something swallow this one
            raise TimeUp

    before = signal.signal(signal.SIGVTALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    if 0 < left < seconds:  # a limit around this one stays in force
        signal.setitimer(signal.ITIMER_VIRTUAL, left)
    granted = min(seconds, left) if left else seconds
    try:
        yield
    finally:
        over = True
        rest, _ = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_VIRTUAL, max(1e-3, left - granted + (0 if reached else rest)))
