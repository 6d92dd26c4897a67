"""What error messages say about misspelt names."""

import difflib
from collections.abc import Iterable


def did_you_mean(given: object, allowed: Iterable[object]) -> str:
    """The end of a sentence: `; did you mean 'x'?`, or a full stop if nothing is close."""
    close = difflib.get_close_matches(str(given), [str(name) for name in allowed], n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
