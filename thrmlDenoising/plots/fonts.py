"""Which font has the letters of a text.

DejaVu Sans, which comes with matplotlib, has those of Latin, Greek, Cyrillic, Arabic, Hebrew and
many more scripts. Where it lacks some, the font of this machine that has most of the text is taken;
letters that this lacks, too, are drawn as boxes.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from thrmlDenoising.plots import mpl

_BOXES = "Last Resort"
"""The font of matplotlib that has a box for every character, and no letters."""


class Font(NamedTuple):
    """Its file, and the name of its family."""

    file: str
    family: str


def usual_font(bold: bool = False) -> Font:
    """DejaVu Sans as it comes with matplotlib."""
    name = f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    return Font(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), "DejaVu Sans")


@lru_cache(maxsize=1000)
def font_for(words: str, bold: bool = False) -> Font:
    """The font that has most characters of the words, the usual one before others."""
    usual, wanted = usual_font(bold), set(map(ord, words)) - {ord(" ")}
    if wanted <= _characters(usual.file):
        return usual
    others = sorted(
        Font(entry.fname, entry.name)
        for entry in mpl.font_manager.fontManager.ttflist
        if entry.style == "normal" and not entry.name.startswith(_BOXES)
    )
    return max([usual, *others], key=lambda font: len(wanted & _characters(font.file)))


@cache
def _characters(file: str) -> frozenset[int]:
    """All that a font has; nothing if it cannot be read."""
    try:
        return frozenset(mpl.ft2font.FT2Font(file).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()
