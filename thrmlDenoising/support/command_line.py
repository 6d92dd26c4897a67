"""What every command does around its work: what it says of errors, of Ctrl-C, and to terminals."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from thrmlDenoising.support.hints import shown_error


def quiet_interrupts() -> None:
    """Ctrl-C ends the process at once and without a traceback, until `exits_in_words` is entered.

    Call it before libraries are imported, which takes seconds. Where Ctrl-C is ignored, as in
    the background, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


@contextmanager
def exits_in_words(interrupted: Callable[[], str] = lambda: "interrupted") -> Iterator[None]:
    """Says in a line what was wrong and exits with 1, or with 130 after Ctrl-C.

    Args:
        interrupted: what is said after Ctrl-C.
    """
    let_terminals_show_all()
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        sys.exit(f"error: {error if str(error) else shown_error(error)}")
    except KeyboardInterrupt:
        print(f"\n{interrupted()}", file=sys.stderr)
        sys.exit(130)


def let_terminals_show_all() -> None:
    """What the encoding of the terminal lacks is written out from now on, as in "\\udcff".

    Without it a program that has done its work could fail at saying so, over a path that is not
    UTF-8 or a terminal that knows ASCII alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(130)
