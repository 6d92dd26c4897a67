"""Strings with the trees that a grammar makes them by."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import our_style, save_png, write
from thrmlDenoising.support.paths import user_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from thrmlDenoising.plots.shown_figure import ShownFigure

_MOST_IN_A_ROW = 4
_MOST_NUMBERED = 32
"""Tokens of a string up to which symbols are numbered."""

_UNKNOWN = "0.75"


@our_style()
def draw_trees(
    symbols: Sequence[Int[np.ndarray, "string _"]], path: str | Path | None = None
) -> "ShownFigure":
    """Draws strings, each with its tree: a colour a symbol, and its number.

    Where the tokens below a symbol break the grammar it is a cross, and where it cannot be told it
    is grey. Whole strings that keep to the grammar are called valid.

    Args:
        symbols: of the levels from the root to the tokens, as `RandomHierarchy.parse` finds them;
            -1 is broken, -2 unknown.
        path: also write a PNG there.

    Raises:
        ValueError: no strings, or levels that are no tree.
    """
    from thrmlDenoising.plots.shown_figure import ShownFigure  # which imports matplotlib

    n_strings, sizes = len(symbols[0]), [level.shape[1] for level in symbols]
    if not n_strings or sizes[0] != 1 or any(n % m for m, n in pairwise(sizes)):
        raise ValueError(f"{n_strings} strings of levels {sizes}: give some, from the root down")
    n_columns = min(_MOST_IN_A_ROW, n_strings)
    n_rows = -(-n_strings // n_columns)
    width = np.clip(0.28 * sizes[-1], 2, 16 / n_columns)
    figure = ShownFigure(
        figsize=(n_columns * width, n_rows * (0.5 + 0.42 * len(sizes))), layout="constrained"
    )
    for place in range(n_strings):
        axes = figure.add_subplot(n_rows, n_columns, place + 1)
        _draw_tree(axes, [level[place] for level in symbols], numbered=sizes[-1] <= _MOST_NUMBERED)
    if path is not None:
        save_png(figure, user_path(path))
    return figure


def _draw_tree(axes: "Axes", levels: Sequence[Int[np.ndarray, " _"]], numbered: bool) -> None:
    axes.set_axis_off()
    write(axes.title, "valid" if levels[0][0] != -1 else "broken")
    n_tokens = len(levels[-1])
    places = [(np.arange(len(level)) + 0.5) * n_tokens / len(level) for level in levels]
    for depth, (level, x) in enumerate(zip(levels, places, strict=True)):
        if depth:
            above = np.repeat(places[depth - 1], len(level) // len(levels[depth - 1]))
            axes.plot([above, x], [1 - depth, -depth], color="0.8", linewidth=0.8, zorder=1)
        broken = level == -1
        size = 110 if numbered else 20
        at = np.full(len(level), -depth)
        axes.scatter(x[broken], at[broken], size / 2, "0.3", marker="x", zorder=3)
        colours = [_colour(symbol) for symbol in level[~broken].tolist()]
        axes.scatter(x[~broken], at[~broken], size, colours, zorder=2)
        if numbered:
            for place, symbol in zip(x[level >= 0], level[level >= 0], strict=True):
                text = axes.text(place, -depth, "", ha="center", va="center", fontsize=6, zorder=4)
                write(text, str(symbol))
    axes.set_xlim(0, n_tokens)
    axes.set_ylim(0.5 - len(levels), 0.5)


def _colour(symbol: int) -> str | tuple[float, ...]:
    """Twenty light and dark colours in turn; the numbers tell apart what shares one."""
    return _UNKNOWN if symbol < 0 else mpl.colormaps["tab20"](symbol % 20)
