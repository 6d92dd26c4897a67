"""Strings with the trees that a grammar makes them by, and the rules that they use."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import our_style, plain, save_png, write
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


@our_style()
def draw_rule_usage(
    counts: Sequence[Int[np.ndarray, " _"]],
    usual: Sequence[Float[np.ndarray, " _"]],
    path: str | Path | None = None,
) -> "ShownFigure":
    """Draws how often each rule of a grammar was used, level by level from the tokens up.

    Args:
        counts: of each level's rules, those of one symbol side by side.
        usual: how frequent each is in the grammar, drawn as a line.
        path: also write a PNG there.

    Raises:
        ValueError: no levels, or counts of other rules than the frequencies.
    """
    from thrmlDenoising.plots.shown_figure import ShownFigure  # which imports matplotlib

    sizes, expected = [len(level) for level in counts], [len(level) for level in usual]
    if not sizes or sizes != expected:
        raise ValueError(f"counts of {sizes} rules and frequencies of {expected}: give the same")
    figure = ShownFigure(figsize=(8, 0.6 + 1.5 * len(sizes)), layout="constrained")
    for level, (of_level, frequent) in enumerate(zip(counts, usual, strict=True), 1):
        axes, edges = figure.add_subplot(len(sizes), 1, level), np.arange(len(of_level) + 1) - 0.5
        axes.bar(np.arange(len(of_level)), of_level / max(1, of_level.sum()), width=0.8)
        axes.stairs(frequent, edges, color="0.2")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylabel(f"level {level}")
        axes.set_axisbelow(True)
        plain(axes)
        if level == 1:
            axes.set_title("share of every rule, level 1 next to the tokens; line: in the grammar")
        if level == len(sizes):
            axes.set_xlabel("rule, those of a symbol side by side")
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
