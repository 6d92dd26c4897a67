"""Text that a user gives and others show: names of classes, data sets and runs.

A name is one line of at most `MOST_CHARACTERS` characters, in any script. What no font, terminal
or table can show (line breaks, tabs, other control characters, halves of surrogate pairs, as paths
that are not UTF-8 have them), or what reorders the words beside it, is refused where a name is
given. What cannot be refused, such as the name of a folder that is already there, is shown with
such characters written out.
"""

import unicodedata

from thrmlDenoising.support.hints import shortened

MOST_CHARACTERS = 200

_UNSHOWABLE = {
    "Cc": "a control character or line break",
    "Cs": "half of a surrogate pair, which is no character",
    "Zl": "a line break",
    "Zp": "a line break",
}
_TURNS_AROUND = dict.fromkeys(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))),
    "a control character of writing direction, which reorders the words around it",
)
_SHOWN_IN_MESSAGES = 60


def check_name(what: str, name: str) -> None:
    """Checks that a name is one line that can be shown.

    Args:
        what: what the message calls it, such as "class_names[3]".

    Raises:
        ValueError: it is not.
    """
    for place, character in enumerate(name[: MOST_CHARACTERS + 1]):
        if reason := _why_unshowable(character):
            raise ValueError(
                f"{what}={shortened(ascii(name), _SHOWN_IN_MESSAGES)} has {reason} at place "
                f"{place} ({character!a}): a name is one line of text, so replace that character"
            )
    if len(name) > MOST_CHARACTERS:
        raise ValueError(
            f"{what}={shortened(ascii(name), _SHOWN_IN_MESSAGES)} has {len(name)} characters: a "
            f"name has at most {MOST_CHARACTERS}"
        )


def _why_unshowable(character: str) -> str | None:
    return _TURNS_AROUND.get(character) or _UNSHOWABLE.get(unicodedata.category(character))


def one_line(words: str) -> str:
    """The words in one line that can be encoded: other characters are written out, as in "a\\n"."""
    return "".join(
        character.encode("unicode_escape").decode() if _why_unshowable(character) else character
        for character in words
    )
