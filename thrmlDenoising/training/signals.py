"""Ctrl-C and SIGTERM during training: asked for at any moment, obeyed at the next good one.

Python raises KeyboardInterrupt wherever it happens to be, also inside callbacks of JAX, which drop
the exception. So while a `StopSignals` is entered a signal only leaves a mark, and whoever calls
`look` between two pieces of work raises what the mark asks for.
"""

import multiprocessing
import os
import signal
import threading
from types import FrameType
from typing import Any, Self


class Terminated(SystemExit):
    """SIGTERM has asked the process to end; uncaught, it exits with 143, as shells expect."""

    def __init__(self, code: int = 128 + signal.SIGTERM) -> None:
        super().__init__(code)


class StopSignals:
    """Marks SIGINT and SIGTERM instead of being stopped by them; `look` raises.

    A second Ctrl-C is not waited for: it raises at once. Handlers of the user's own stay, as does
    everything outside the main thread, where Python allows none; so does the SIGTERM of a
    process that multiprocessing has started, whose parent counts on it.

    Example:
        >>> with StopSignals() as signals:
        ...     signals.look()  # between two pieces of work
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._received: signal.Signals | None = None
        self._replaced: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._take_over(signal.SIGINT, signal.default_int_handler)
            if multiprocessing.parent_process() is None:
                self._take_over(signal.SIGTERM, signal.SIG_DFL)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        if error is None:
            self.look()  # a signal after the last piece of work is not lost either

    def look(self) -> None:
        """Does what a signal has asked for, if there was one; any thread may call it.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            Terminated: SIGTERM.
        """
        if self._received == signal.SIGINT:
            raise KeyboardInterrupt
        if self._received == signal.SIGTERM:
            raise Terminated

    def _take_over(self, number: signal.Signals, default: Any) -> None:
        """In place of Python's own handler, or of that of a training around this one."""
        handler = signal.getsignal(number)
        if handler == default or isinstance(getattr(handler, "__self__", None), StopSignals):
            self._replaced[number] = signal.signal(number, self._mark)

    def _mark(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a fork, such as a pool's worker, in which nobody looks
            signal.signal(number, self._replaced[signal.Signals(number)])
            signal.raise_signal(number)
            return
        if number == self._received == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = signal.Signals(number)


class StopsAtOnce(StopSignals):
    """Raises at the moment of the signal what it asks for, as Python does for Ctrl-C alone.

    For work of which nothing has to be kept, such as reading data; a `StopSignals` may be entered
    within. What a callback has dropped is raised at the next `look`.
    """

    def _mark(self, number: int, frame: FrameType | None) -> None:
        super()._mark(number, frame)
        self.look()
