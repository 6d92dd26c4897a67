"""Draws families side by side: quality against what training and what an image costs.

python -m figures.families.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure, RunTable
from thrmlDenoising.plots.paper import draw_band, log_axis

PUBLISHED = FigureData(Path(__file__).parents[1] / "energy_vs_quality", "paper")
MARKERS = {
    "DTM": "o",
    "uniform": "^",
    "absorbing": "v",
    "masked": "s",
    "multinomial": "D",
}
"""Of every method, in the order of the legend."""
CONTROL = "independent"
"""Is drawn as a line: it costs next to nothing, and learns next to nothing."""


def seconds_per_sample(table: RunTable) -> float:
    """As it was measured, on the machine that the table names."""
    return float(table.facts["seconds per sample"])


def joules_per_sample(table: RunTable) -> float:
    """Of the hardware model of a DTM, or of a network's operations; NaN for the control."""
    known = [name for name in table.facts if name.startswith("joules per sample")]
    wanted = [name for name in known if "E_cell" not in name or name.endswith("figure_1")]
    return float(table.facts[wanted[0]]) if wanted else np.nan


COSTS: Mapping[str, Callable[[RunTable], float]] = {
    "seconds a sample": seconds_per_sample,
    "joules a sample": joules_per_sample,
}


def draw(data: FigureData) -> Figure:
    """A row for each data set: against seconds of training, seconds and joules a sample.

    Below, for orientation, stands what is published of joules: with FID, another distance.
    """
    sets = list(dict.fromkeys(variant.split("_")[0] for variant in data.variants))
    figure = Figure(figsize=(6.9, 2.2 * len(sets) + 1.9))
    *rows, last = figure.subplots(len(sets) + 1, 1 + len(COSTS))
    for name, row in zip(sets, rows, strict=True):
        _draw_data_set(row, data, name)
    for axes in last[:-1]:
        axes.set_axis_off()
    lines = rows[0][0].get_legend_handles_labels()
    last[0].legend(*lines, loc="center left", title="mean and range of three seeds")
    _draw_published(last[-1])
    return figure


def _draw_data_set(row: np.ndarray, data: FigureData, name: str) -> None:
    methods = [method for method in MARKERS if f"{name}_{method}" in data.variants]
    for colour, method in enumerate(methods):
        _draw_method(row, data, name, method, f"C{colour}")
    control = [table.columns[_column(data)][-1] for table in data.seeds(f"{name}_{CONTROL}")]
    for axes, label in zip(row, ["seconds of training", *COSTS], strict=True):
        axes.sharey(row[0])
        axes.axhline(np.mean(control), color="0.4", linestyle=":", label=f"{CONTROL} pixels")
        axes.set(xlabel=label, xscale="log")
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    row[0].xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 3, 5)))
    row[0].xaxis.set_major_formatter(ticker.ScalarFormatter())
    log_axis(row[0], f"{name}: clamped {data.distance.label}")


def _draw_published(axes: Axes) -> None:
    """The points of the paper's Figure 1, family by family."""
    for family, group in groupby(PUBLISHED.published, key=lambda point: point["family"]):
        members = list(group)
        joules = [float(point["joules_per_sample"]) for point in members]
        fid = [float(point["fid"]) for point in members]
        axes.plot(joules, fid, marker=".", color="0.4")
        name = axes.annotate(
            family, (joules[-1], fid[-1]), xytext=(4, 0), textcoords="offset points"
        )
        name.set(fontsize=6, verticalalignment="center")
    axes.margins(x=0.2)
    log_axis(axes, "published: FID")
    axes.set(xscale="log", xlabel="joules a sample")


def _draw_method(row: np.ndarray, data: FigureData, name: str, method: str, colour: str) -> None:
    training, *costs = row
    tables = data.seeds(f"{name}_{method}")
    values = np.array([table.columns[_column(data)] for table in tables])
    seconds = np.mean([table.columns["seconds"] for table in tables], axis=0)
    style = dict(color=colour, marker=MARKERS[method], label=method)
    draw_band(training, seconds[1:], values[:, 1:], **style)
    last = values[:, -1]
    bars = [[last.mean() - last.min()], [last.max() - last.mean()]]
    for axes, cost in zip(costs, COSTS.values(), strict=True):
        _draw_point(axes, float(np.mean([cost(table) for table in tables])), last, bars, style)


def _column(data: FigureData) -> str:
    return f"clamped_{data.distance.name}"


def _draw_point(axes: Axes, x: float, last: np.ndarray, bars: list, style: dict) -> None:
    axes.errorbar([x], [last.mean()], bars, linestyle="none", markersize=4.5, **style)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
