"""Warnings about what has failed beside the work itself, which is not to be lost for them."""

import sys
import warnings
from contextlib import suppress


def warn(text: str, stacklevel: int = 1) -> None:
    """Warns, but never raises: where warnings are errors, the text is printed instead.

    For what costs itself alone, such as a picture in the middle of a training. A user who has
    made errors of warnings wants to see them, and not to lose an epoch over one.

    Args:
        stacklevel: 1 is the caller, as for `warnings.warn`.
    """
    try:
        warnings.warn(text, stacklevel=stacklevel + 1)
    except Exception as error:  # the warning itself, or whatever shows warnings here
        with suppress(OSError, ValueError):  # nobody may be there to read it
            print(f"{type(error).__name__}: {text}", file=sys.stderr)
