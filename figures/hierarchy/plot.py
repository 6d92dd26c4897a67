"""Draws what noise leaves of strings, what is learnt of a grammar first, and from how many of them.

python -m figures.hierarchy.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure, RunTable
from thrmlDenoising.plots.paper import draw_band, plain_ticks

MOST = 0.8
"""The part of a level's rules for which is asked how many strings it takes."""

EXACT = "exact"
"""The variant whose denoiser is belief propagation."""

Row = dict[str, float]


class Shown(NamedTuple):
    """The training that is shown in full.

    Attributes:
        m: rules a symbol.
        n_train: P.
        v: symbols.
        batch_size: strings of an update.
        n_updates: in all.
    """

    m: int
    n_train: int
    v: int
    batch_size: int
    n_updates: int

    @classmethod
    def of(cls, data: FigureData) -> "Shown":
        """As `train.py` has written it."""
        (row,) = read_rows(data, "shown_in_full")
        return cls(**{name: int(value) for name, value in row.items()})

    @property
    def variant(self) -> str:
        """Its name."""
        return f"m{self.m}_P{self.n_train}"


class Learnt(NamedTuple):
    """What was learnt of grammars with m rules a symbol, from P strings.

    Attributes:
        sizes: P, ascending.
        valid: per cent of the symbols of a level, from the tokens up.
    """

    sizes: list[int]
    valid: Float[np.ndarray, "level size"]


def draw(data: FigureData) -> Figure:
    """Above, what noise leaves of strings, and learning; below, how many strings it takes."""
    figure = Figure(figsize=(6.9, 5))
    above, below = figure.subplots(2, 3)
    shown = Shown.of(data)
    _draw_transitions(above[0], read_rows(data, "transitions"))
    _draw_changes(above[1], data, shown)
    _draw_learning(above[2], data, shown)
    learnt = {m: read_learnt(data, m) for m in read_m(data)}
    _draw_levels(below[0], learnt[shown.m], shown.m)
    _draw_grammars(below[1], learnt)
    published = {int(row["level"]): row["exponent_of_m"] for row in data.published}
    _draw_sizes_needed(below[2], learnt, shown.v, published)
    return figure


# --- what is drawn -------------------------------------------------------------------------


def read_rows(data: FigureData, name: str) -> list[Row]:
    """What `train.py` has measured besides the runs."""
    return [{key: float(value) for key, value in row.items()} for row in data.rows(name)]


def read_m(data: FigureData) -> list[int]:
    """Rules a symbol, of the grammars of which something was learnt."""
    names = [variant for variant in data.variants if variant.startswith("m")]
    return sorted({int(name.split("_")[0].removeprefix("m")) for name in names})


def read_learnt(data: FigureData, m: int) -> Learnt:
    """Of every P, when what is said was nearest to what is true."""
    names = {
        int(variant.split("_P")[1]): variant
        for variant in data.variants
        if variant.startswith(f"m{m}_")
    }
    sizes = sorted(names)
    valid = [np.mean([best(t) for t in data.seeds(names[n])], axis=0) for n in sizes]
    return Learnt(sizes, np.transpose(valid))


def best(table: RunTable) -> Float[np.ndarray, " level"]:
    """Per cent of valid symbols of each level when the KL to the exact denoiser was lowest.

    After that a network learns few strings by heart, and most of what it makes are copies.
    """
    row = int(np.nanargmin(table.columns["kl_to_exact_0"]))
    return np.array([table.columns[name][row] for name in levels(table)])


def levels(table: RunTable) -> list[str]:
    """The columns of validity, from the tokens up."""
    return sorted(name for name in table.columns if name.startswith("free_validity_"))


def known_rules(learnt: Learnt, m: int, v: int) -> Float[np.ndarray, "level size"]:
    """What is known of the rules of each level: 0 by chance, 1 all of them.

    The share that is valid of pairs whose members are, of what is left after the m / v that are by
    chance. That both members are valid is taken as valid_(l-1)^2, too little where few strings are
    valid and those as a whole.
    """
    below = np.concatenate([np.ones((1, len(learnt.sizes))), learnt.valid[:-1] / 100])
    return (learnt.valid / 100 / below**2 - m / v) / (1 - m / v)


def size_needed(sizes: Sequence[int], known: Float[np.ndarray, " size"]) -> float:
    """P from which on `MOST` of the rules are known, between two P on a logarithmic axis.

    NaN where they are from the least P on, or not at the largest. What counts is the last P at
    which they are not: few strings are learnt by heart, with the rules that they use.
    """
    less = np.flatnonzero(known < MOST)
    if not len(less) or less[-1] == len(known) - 1:
        return float("nan")
    two = slice(less[-1], less[-1] + 2)
    return float(np.exp(np.interp(MOST, known[two], np.log(sizes[two]))))


def sizes_needed(learnt: Mapping[int, Learnt], v: int) -> Float[np.ndarray, "level m"]:
    """`size_needed` of every level and m."""
    of_m = [[size_needed(of.sizes, k) for k in known_rules(of, m, v)] for m, of in learnt.items()]
    return np.transpose(of_m)


def exponent(m: Sequence[int], needed: Float[np.ndarray, " m"]) -> float:
    """The slope of ln P against ln m, where P is known; NaN if it is at less than two m."""
    known = np.isfinite(needed)
    if known.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.log(np.array(m)[known]), np.log(needed[known]), 1)[0])


# --- the panels ----------------------------------------------------------------------------


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])


def _draw_transitions(axes: Axes, rows: list[Row]) -> None:
    grammars = dict.fromkeys((row["v"], row["m"], row["n_layers"]) for row in rows)
    for number, (v, m, n_layers) in enumerate(grammars):
        of = [row for row in rows if (row["v"], row["m"], row["n_layers"]) == (v, m, n_layers)]
        colour, noise = f"C{number}", _column(of, "noise")
        axes.plot(noise, _column(of, "theory"), color=colour, linewidth=1)
        label = f"{v:.0f}, {m:.0f}, {n_layers:.0f}"
        axes.plot(noise, _column(of, "found"), ".", color=colour, label=label)
        axes.plot(noise, _column(of, "trained"), "x", color=colour)
    axes.set(xlabel="e", ylabel="p(class)", ylim=(0, 1.02))
    axes.set_title("tokens known with 1 - e + e / v")
    axes.legend(title="v, m, layers", loc="lower left", handlelength=1)


def _draw_changes(axes: Axes, data: FigureData, shown: Shown) -> None:
    for variant, line in {EXACT: "-", shown.variant: "--"}.items():
        rows = read_rows(data, f"changes_{variant}")
        names = [name for name in rows[0] if name.startswith("level_")]
        for number, column in enumerate(reversed(names)):
            name = {0: "tokens", len(names) - 1: "class"}.get(number, f"level {number}")
            label = name if variant == EXACT else None
            x, y = _column(rows, "noise"), _column(rows, column)
            axes.plot(x, y, line, color=f"C{number}", label=label)
    axes.set(xlabel="share of tokens drawn anew", ylabel="changed", ylim=(0, 1.02))
    axes.set_title("noised and denoised; dashed: trained")
    axes.legend(loc="lower right", handlelength=1)


def _draw_learning(axes: Axes, data: FigureData, shown: Shown) -> None:
    tables = data.seeds(shown.variant)
    for number, column in enumerate(levels(tables[0]), 1):
        epochs, values = data.over_seeds(shown.variant, lambda table, c=column: table.series(c))
        made = np.array(epochs) * (shown.n_train // shown.batch_size)
        draw_band(axes, made[1:], values[:, 1:], color=f"C{number}", label=f"level {number}")
    axes.set(xscale="log", xlabel="updates", ylabel="valid (%)", ylim=(0, 102))
    plain_ticks(axes.xaxis, [shown.n_updates >> i for i in range(5)])
    axes.set_title(f"m = {shown.m}, P = {shown.n_train:,}, {len(tables)} seeds")
    axes.legend(handlelength=1)


def _draw_levels(axes: Axes, learnt: Learnt, m: int) -> None:
    for number, valid in enumerate(learnt.valid, 1):
        axes.plot(learnt.sizes, valid, ".-", color=f"C{number}", label=f"level {number}")
    axes.set(xscale="log", xlabel="strings learnt, P", ylabel="valid (%)", ylim=(0, 102))
    axes.set_title(f"m = {m}, nearest to exact")
    axes.legend(handlelength=1)


def _draw_grammars(axes: Axes, learnt: Mapping[int, Learnt]) -> None:
    for number, (m, of) in enumerate(learnt.items()):
        axes.plot(of.sizes, of.valid[1], ".-", color=f"C{number + 3}", label=f"m = {m}")
    axes.set(xscale="log", xlabel="strings learnt, P", ylabel="valid (%)", ylim=(0, 102))
    axes.set_title("level 2, nearest to exact")
    axes.legend(handlelength=1)


def _draw_sizes_needed(
    axes: Axes, learnt: Mapping[int, Learnt], v: int, published: Mapping[int, str]
) -> None:
    m, of_levels = list(learnt), sizes_needed(learnt, v)
    for level, needed in enumerate(of_levels, 1):
        known, ours = np.isfinite(needed), exponent(m, needed)
        in_words = f"{ours:.1f}" if np.isfinite(ours) else "none"
        label = f"level {level}: {in_words} ({published.get(level, 'none')})"
        axes.plot(np.array(m)[known], needed[known], ".-", color=f"C{level}", label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="rules a symbol, m", ylabel=f"P for {MOST:.0%} of them"
    )
    axes.set_ylim(0.7 * np.nanmin(of_levels), 5 * np.nanmax(of_levels))  # the legend is above
    plain_ticks(axes.xaxis, m)
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.ScalarFormatter())
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.legend(title="exponent of m (published)", loc="upper right", handlelength=1)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
