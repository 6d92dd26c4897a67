"""Text that a user gives and others show: names of classes, data sets and runs.

A name is one line of at most `MOST_CHARACTERS` characters, in any script. What no font, terminal
or table can show (line breaks, tabs, other control characters, halves of surrogate pairs, as paths
that are not UTF-8 have them) is refused where a name is given. What cannot be refused, such as the
name of a folder that is already there, is shown with such characters written out.
"""

import io
import sys
import unicodedata

MOST_CHARACTERS = 200

_UNSHOWABLE = {
    "Cc": "a control character or line break",
    "Cs": "half of a surrogate pair, which is no character",
    "Zl": "a line break",
    "Zp": "a line break",
}
_SHOWN_IN_MESSAGES = 60


def check_name(what: str, name: str) -> None:
    """Raises ValueError for a name that is not one line that can be shown.

    Args:
        what: what the message calls it, such as "class_names[3]".
    """
    for place, character in enumerate(name[: MOST_CHARACTERS + 1]):
        if reason := _UNSHOWABLE.get(unicodedata.category(character)):
            raise ValueError(
                f"{what}={shortened(ascii(name), _SHOWN_IN_MESSAGES)} has {reason} at place "
                f"{place} ({character!a}): a name is one line of text, so replace that character"
            )
    if len(name) > MOST_CHARACTERS:
        raise ValueError(
            f"{what}={shortened(ascii(name), _SHOWN_IN_MESSAGES)} has {len(name)} characters: a "
            f"name has at most {MOST_CHARACTERS}"
        )


def one_line(words: str) -> str:
    """The words in one line that can be encoded: other characters are written out, as in "a\\n"."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSHOWABLE
        else character
        for character in words
    )


def shortened(words: str, most: int) -> str:
    """The words in at most so many characters: an ellipsis for the middle if they have more."""
    if len(words) <= most:
        return words
    n_begin = most // 2
    n_end = most - 1 - n_begin
    return f"{words[:n_begin]}…{words[len(words) - n_end :]}"


def let_terminals_show_all() -> None:
    """What the encoding of the terminal lacks is written out from now on, as in "\\udcff".

    Without it a program that has done its work could fail at saying so, over a path that is not
    UTF-8 or a terminal that knows ASCII alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
