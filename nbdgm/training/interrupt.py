"""The stop button: a run that is asked to stop ends between two rounds, not within one."""

import signal
import threading


class Interrupt:
    """Lets the round in progress finish after Ctrl-C (or the notebook's stop button); a second press stops at once."""

    def __init__(self, enabled: bool = True) -> None:
        self.requested, self._enabled = False, enabled and threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Interrupt":
        if self._enabled:
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:  # None: a handler that was not installed from Python, and cannot be put back
            signal.signal(signal.SIGINT, signal.SIG_DFL if self._previous is None else self._previous)

    def _note(self, *_: object) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
