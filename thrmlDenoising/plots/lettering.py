"""Lines and paragraphs of text as small pictures."""

import math
import textwrap
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from thrmlDenoising.plots.fonts import font_for
from thrmlDenoising.plots.pictures import INK, PAPER, Picture, above
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.user_text import one_line

_WIDEST_TITLE = 220
_WIDEST_LINE = 2000
_LONGEST_IN_LEGEND = 40


def text(line: str, size: int = 11, bold: bool = False, widest: int = _WIDEST_LINE) -> Picture:
    """One line of text, `size` pixels an em; what is wider than `widest` pixels is cut short."""
    line = one_line(line)
    font = _loaded(font_for(line, bold).file, size)
    # No letter is narrower than a pixel, so this alone bounds the search.
    line = shortened(line, widest)
    while len(line) > 1 and font.getlength(line) > widest:
        line = shortened(line, int(len(line) * 0.95))
    ascent, descent = font.getmetrics()
    width = min(max(1, math.ceil(font.getlength(line))), widest)
    image = Image.new("L", (width, ascent + descent), PAPER)
    ImageDraw.Draw(image).text((0, 0), line, fill=INK, font=font)
    return np.asarray(image)


def title(line: str, size: int = 11) -> Picture:
    """One line of bold text, that a picture can stand under."""
    return text(line, size, bold=True, widest=_WIDEST_TITLE)


def paragraph(words: str, width: int, size: int = 11) -> Picture:
    """Text broken into lines of about `width` pixels."""
    average_letter = 0.6 * size
    lines = textwrap.wrap(one_line(words), max(20, int(width / average_letter)))
    return above([text(line, size) for line in lines])


def legend(bars: Sequence[str], is_own_coloured: bool, width: int) -> Picture:
    """What the bars under the images mean."""
    orange = " (orange: the class it stands under)" if is_own_coloured else ""
    names = ", ".join(shortened(name, _LONGEST_IN_LEGEND) for name in bars)
    return paragraph(
        f"Bars: share of label nodes voting for each class{orange}, from left to right {names}.",
        width,
    )


@cache
def _loaded(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
