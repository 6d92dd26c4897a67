"""Draws families side by side: quality against what training and what an image costs.

python -m figures.families.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure, RunTable
from thrmlDenoising.plots.paper import draw_band, log_axis

MARKERS = {
    "DTM": "o",
    "uniform": "^",
    "absorbing": "v",
    "masked": "s",
    "multinomial": "D",
    "independent": "x",
}
"""Of every method, in the order of the legend."""


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
    """A row for each data set: against seconds of training, seconds and joules a sample."""
    sets = list(dict.fromkeys(variant.split("_")[0] for variant in data.variants))
    figure = Figure(figsize=(6.9, 2.4 * len(sets) + 0.5))
    rows = figure.subplots(len(sets), 1 + len(COSTS), squeeze=False, sharey="row")
    for name, row in zip(sets, rows, strict=True):
        methods = [method for method in MARKERS if f"{name}_{method}" in data.variants]
        for colour, method in enumerate(methods):
            _draw_method(row, data, name, method, f"C{colour}")
        log_axis(row[0], f"{name}: clamped {data.distance.label}")
        for axes, label in zip(row, ["seconds of training", *COSTS], strict=True):
            axes.set(xlabel=label, xscale="log")
    figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


def _draw_method(row: np.ndarray, data: FigureData, name: str, method: str, colour: str) -> None:
    training, *costs = row
    tables, column = data.seeds(f"{name}_{method}"), f"clamped_{data.distance.name}"
    values = np.array([table.columns[column] for table in tables])
    seconds = np.mean([table.columns["seconds"] for table in tables], axis=0)
    style = dict(color=colour, marker=MARKERS[method], label=method)
    draw_band(training, seconds[1:], values[:, 1:], **style)
    last = values[:, -1]
    bars = [[last.mean() - last.min()], [last.max() - last.mean()]]
    for axes, cost in zip(costs, COSTS.values(), strict=True):
        _draw_point(axes, float(np.mean([cost(table) for table in tables])), last, bars, style)


def _draw_point(axes: Axes, x: float, last: np.ndarray, bars: list, style: dict) -> None:
    axes.errorbar([x], [last.mean()], bars, linestyle="none", markersize=4.5, **style)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
