"""Figures of distances against the size of the grid, for several variants of a machine."""

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from thrmlDenoising.data import Mode
from thrmlDenoising.experiments.figure import FigureData
from thrmlDenoising.experiments.table import RunTable
from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.paper import draw_band, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "osD^v"


class BySide(NamedTuple):
    """Distances on grids of several sides.

    Attributes:
        sides: of the grids, ascending.
        distances: NaN where nothing was measured.
    """

    sides: list[int]
    distances: Float[np.ndarray, "seed side"]


def draw_ablation(
    data: FigureData,
    published: Mapping[tuple[str, int], float],
    name: Callable[[str], str],
    n_visible: int,
) -> "Figure":
    """Panels of our free and clamped images at their best epoch, and of the published FID.

    Args:
        data: tables whose variants are called side_kind, such as "60_12".
        published: the FID of every kind and side; NaN where there is none.
        name: what the legend calls a kind of ours.
        n_visible: visible nodes, the same on every grid.
    """
    figure = mpl.figure.Figure(figsize=(6.9, 3.2))
    free, clamped, paper = figure.subplots(1, 3)
    clamped.sharey(free)
    distance = data.distance
    by_mode: dict[Mode, Axes] = {"free": free, "clamped": clamped}
    for mode, axes in by_mode.items():
        ours = {name(kind): curve for kind, curve in _ours(data, distance.name, mode).items()}
        _draw_against_side(axes, ours, n_visible, distance.label)
        axes.set_title(f"ours ({data.scale} scale), {mode} labels")
    _draw_against_side(paper, _by_kind(published), n_visible, "FID (Inception)")
    paper.set_title("published (dtm-replication)")
    our_names, their_names = (panel.get_legend_handles_labels() for panel in (free, paper))
    figure.legend(*our_names, title="ours: mean, range of seeds", loc="outside lower left", ncols=2)
    figure.legend(*their_names, title="published", loc="outside lower right", ncols=2)
    return figure


def _ours(data: FigureData, distance: str, mode: Mode) -> dict[str, BySide]:
    """The distance of every run at its best epoch, by kind.

    Raises:
        ValueError: sides have different numbers of seeds, or a model has no such images.
    """
    sides: dict[str, list[int]] = {}
    for side, kind in sorted(_side_and_kind(variant) for variant in data.variants):
        sides.setdefault(kind, []).append(side)
    curves = {}
    for kind in sorted(sides, key=int):
        best = [
            [_best(table, distance, mode) for table in data.seeds(f"{side}_{kind}")]
            for side in sides[kind]
        ]
        if len({len(seeds) for seeds in best}) > 1:
            raise ValueError(
                f"{data.folder / data.scale}: the sides of kind {kind} have "
                f"{', '.join(str(len(seeds)) for seeds in best)} seeds: train.py makes the others"
            )
        curves[kind] = BySide(sides[kind], np.array(best).T)
    return curves


def _best(table: RunTable, distance: str, mode: Mode) -> float:
    found = table.best(distance)
    if mode not in found:
        raise ValueError(
            f"{table.facts.get('run', 'a run')} has no {mode} images, of which this figure has a "
            "panel: its model has no labels (graph.num_label_spots=0)"
        )
    return found[mode]


def _side_and_kind(variant: str) -> tuple[int, str]:
    side, kind = variant.split("_")
    return int(side), kind


def _by_kind(published: Mapping[tuple[str, int], float]) -> dict[str, BySide]:
    kinds = dict.fromkeys(kind for kind, _ in published)
    return {
        kind: BySide(
            [side for other, side in published if other == kind],
            np.array([[fid for (other, _), fid in published.items() if other == kind]]),
        )
        for kind in kinds
    }


def _draw_against_side(
    axes: "Axes", curves: Mapping[str, BySide], n_visible: int, distance: str
) -> None:
    """A line for each curve; the upper axis says which per cent of the grid is visible."""
    for (name, (sides, distances)), marker in zip(curves.items(), cycle(_MARKERS), strict=False):
        draw_band(axes, sides, distances, label=name, marker=marker)
    axes.set_xlabel("side of the grid (nodes)")
    log_axis(axes, distance, ticks=(1, 2, 3, 5, 7))
    all_sides = sorted({side for curve in curves.values() for side in curve.sides})
    axes.set_xticks(all_sides)
    upper = axes.secondary_xaxis("top")
    upper.set_xticks(all_sides, [f"{100 * n_visible / side**2:.0f}" for side in all_sides])
    upper.set_xlabel("visible nodes (%)")
