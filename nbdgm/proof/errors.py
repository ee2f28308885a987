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


def in_a_collection(frame: FrameType | None) -> bool:
    """Whether this frame runs inside a callback of the garbage collector, out of which nothing can be raised."""
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        if frame.f_code in callbacks:
            return True
        frame = frame.f_back
    return False


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Stop the block after `seconds` of this process's own CPU time (main thread of a Unix process; elsewhere no limit)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, frame: FrameType | None) -> None:
        if in_a_collection(frame):  # Python reports what a callback of the collector raises, and goes on
            signal.setitimer(signal.ITIMER_VIRTUAL, 1e-3)
        else:
            raise TimeUp

    before = signal.signal(signal.SIGVTALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    if 0 < left < seconds:  # a limit around this one stays in force
        signal.setitimer(signal.ITIMER_VIRTUAL, left)
    granted = min(seconds, left) if left else seconds
    try:
        yield
    finally:
        rest, _ = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_VIRTUAL, max(1e-3, left - granted + rest))
