"""Points of a plane or a line: beside the data, how heavy their tails are, and on their way.

Few of the points of a heavy tail lie so far out that limits which hold them all would leave the
rest in one spot. So the limits hold 99 % of the real points, and words say how many lie beyond.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.excerpts import evenly_spread
from thrmlDenoising.plots.style import (
    COLOURS,
    line_style,
    named,
    note,
    our_style,
    plain,
    save_png,
    write,
)
from thrmlDenoising.plots.window import Window, check_points, shares, shown_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DATA_COLOUR = "0.25"
_MOST_DRAWN = 4000
_N_BINS = 60
_ALL_OF_THE_LARGEST = 200
"""So many of the largest sizes are all corners of a curve; below them its corners are spread."""

_N_CORNERS = 500


@our_style()
def draw_points(
    generated: Float[np.ndarray, "generated axis"],
    real: Float[np.ndarray, "real axis"],
    title: str,
    path: Path,
) -> None:
    """Write a PNG of the data and, beside them, of generated points, on the same limits.

    The limits are a square that holds 99 % of the real points; a note says how many of both lie
    beyond. Of points with one axis there are two histograms on the same bins, with the data's
    outline in both; of more than two axes the first two are drawn.

    Raises:
        ValueError: points of other axes, or no finite real ones.
    """
    check_points(generated, "point axis", real)
    window = Window.around(real)
    figure = mpl.figure.Figure(figsize=(9, 5.2), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    beyond, fewer = [], []
    for axes, name, points in zip(panels, ("data", "generated"), (real, generated), strict=True):
        write(axes.title, name)
        colour = _DATA_COLOUR if name == "data" else COLOURS[0]
        if window.n_axes == 1:
            _draw_histogram(axes, points, real, window, colour)
        else:
            drawn = points[evenly_spread(len(points), _MOST_DRAWN)]
            _draw_scatter(axes, drawn, window, colour)
            if len(drawn) < len(points):
                fewer.append(f"{len(drawn):,} of {len(points):,} {name}")
        beyond.append(f"{window.n_beyond(points):,} of {len(points):,} {name}")
    write(figure.suptitle(""), title)
    of_axes, drawn = shown_axes(real), f"drawn: {', '.join(fewer)}" if fewer else ""
    note(panels[0], f"beyond the limits: {', '.join(beyond)}", drawn, of_axes)
    save_png(figure, path)


@our_style()
def draw_survival(
    sizes: Mapping[str, Float[np.ndarray, " _"]], label: str, title: str, path: Path
) -> None:
    """Write a PNG of P(size > r) against r, both logarithmic: a power tail is a straight line.

    The largest size of each is marked. A note says how many are 0, and so left of every axis, or
    not finite, and so beyond its end; both count.

    Args:
        sizes: by name; the first are the data's, and dashed.
        label: what is measured, such as "distance from the origin".

    Raises:
        ValueError: nothing above 0 to draw, or sizes below 0.
    """
    curves = {name: _survival(name, of) for name, of in sizes.items()}
    drawable = [sizes[name] for name, (r, _) in curves.items() if len(r)]
    if not drawable:
        raise ValueError("There is nothing to draw: no sizes are finite and above 0.")
    figure = mpl.figure.Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    plain(axes)
    lines = []
    for place, (r, p) in enumerate(curves.values()):
        style: dict[str, Any] = {"markevery": [-1] if len(r) else []} | line_style(place - 1)
        if place == 0:
            style |= {"color": _DATA_COLOUR, "linestyle": "--", "marker": "o", "zorder": 3}
        lines += axes.plot(r, p, **style)
    # Further left all curves are level, near 1.
    axes.set_xlim(left=min(np.quantile(_drawable(of), 0.05) for of in drawable))
    write(axes.xaxis.label, f"{label}, r")
    write(axes.yaxis.label, "share of points beyond r")
    write(axes.title, title)
    few_named = named(axes, lines, list(curves), loc="lower left")
    note(axes, *(_undrawn(name, of) for name, of in sizes.items()), few_named)
    save_png(figure, path)


def _draw_scatter(
    axes: "Axes", points: Float[np.ndarray, "point axis"], window: Window, colour: str
) -> None:
    inside = points[window.holds(points)]
    axes.scatter(inside[:, 0], inside[:, 1], 9, colour, alpha=0.35, linewidths=0)
    (left, right), (bottom, top) = window.limits
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.set_axisbelow(True)
    plain(axes)


def _draw_histogram(
    axes: "Axes",
    points: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "real axis"],
    window: Window,
    colour: str,
) -> None:
    """Shares of all points, also of those beyond the limits."""
    ((left, right),) = window.limits
    edges = np.linspace(left, right, _N_BINS + 1)
    axes.stairs(shares(points, edges), edges, fill=True, color=colour, alpha=0.5)
    axes.stairs(shares(real, edges), edges, color=_DATA_COLOUR, linewidth=1.2)
    axes.set(xlim=(left, right), ylabel="share of points")
    axes.label_outer()
    axes.set_axisbelow(True)
    plain(axes)


def _survival(
    name: str, sizes: Float[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " corner"], Float[np.ndarray, " corner"]]:
    """Corners of the curve, r rising: at the k-th largest of n sizes it falls from k / n."""
    if sizes.ndim != 1 or (sizes < 0).any():
        raise ValueError(f"{name}: give sizes of at least 0, one a point; not {sizes.shape}.")
    n_beyond = int((~np.isfinite(sizes)).sum())
    finite = np.sort(_drawable(sizes))[::-1]
    n_bulk = max(_ALL_OF_THE_LARGEST, len(finite))
    spread = np.geomspace(_ALL_OF_THE_LARGEST, n_bulk, _N_CORNERS).round().astype(int)
    ranks = np.union1d(np.arange(1, _ALL_OF_THE_LARGEST), spread)
    ranks = ranks[ranks <= len(finite)][::-1]
    return finite[ranks - 1], (n_beyond + ranks) / len(sizes) if len(sizes) else ranks / 1.0


def _drawable(sizes: Float[np.ndarray, " point"]) -> Float[np.ndarray, " drawable"]:
    return sizes[np.isfinite(sizes) & (sizes > 0)]


def _undrawn(name: str, sizes: Float[np.ndarray, " point"]) -> str:
    counts = {"0": int((sizes == 0).sum()), "not finite": int((~np.isfinite(sizes)).sum())}
    said = " and ".join(f"{number:,} are {what}" for what, number in counts.items() if number)
    return f"of {len(sizes):,} {name}, {said}" if said else ""
