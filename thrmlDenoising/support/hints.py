"""What messages say about things, in few words, and which name a misspelt one may have meant."""

import difflib
import reprlib
from collections.abc import Iterable

_LONGEST_WORD = 100  # nothing longer is a misspelt name, and comparing it would take long


def did_you_mean(given: object, allowed: Iterable[object]) -> str:
    """The end of a sentence: `; did you mean 'x'?`, or a full stop if nothing is close."""
    word = given if isinstance(given, str) else shown(given)
    names = [str(name) for name in allowed]
    close = difflib.get_close_matches(word, names, n=1) if len(word) <= _LONGEST_WORD else []
    return f"; did you mean {close[0]!r}?" if close else "."


def shown(value: object) -> str:
    """`repr(value)` for a message: cut to a few hundred characters, and never built longer."""
    return shortened(_SHORT.repr(value))


def shortened(text: object, most: int = 500) -> str:
    """A text, or the words of an error, in at most so many characters: its middle is left out."""
    text = str(text)
    if len(text) <= most:
        return text
    n_begin = most // 2
    n_end = most - 1 - n_begin
    return f"{text[:n_begin]}…{text[len(text) - n_end :]}"


def counted(number: int, noun: str, many: str = "") -> str:
    """A number of things in words: "1 step", "2,000 steps"; `many` where it does not end in s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def shown_error(error: BaseException) -> str:
    """An error for a message: `KeyError('its words')` on one line, of at most 500 characters.

    Errors of other people's code may be of any length, and may themselves fail at saying what is
    wrong; to report one must cost nothing more.
    """
    try:
        words = shortened(str(error))
        return shortened(f"{type(error).__name__}({words!r})" if words else type(error).__name__)
    except Exception:
        return f"{type(error).__name__}, which cannot say what is wrong"


class _Short(reprlib.Repr):
    """Ordinary values are written in full; large and deep ones in part."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = 20
        self.maxstring = self.maxother = 200

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write integers of more than 4,300 digits."""
        return repr(x) if x.bit_length() < 256 else f"an integer of {x.bit_length()} bits"


_SHORT = _Short()
