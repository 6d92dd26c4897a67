"""Draws Figure 5b: quality and mixing while the MEBM, the DTM and the DTM with penalty train.

python -m figures.MEBM_DTM_ACP_ablation.plot, or by its path from any directory
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from thrmlDenoising.experiments import FigureData, PaperFigure
from thrmlDenoising.plots.paper import COLOURS, draw_band

NAMES = {"MEBM": "MEBM", "DTM": "DTM", "DTM_ACP": "DTM + ACP"}
MODES = {"clamped": "-", "free": (0, (3, 1.5))}


def draw(data: FigureData) -> Figure:
    """Distance above, autocorrelation of the slowest step below; ours left, published right."""
    figure = Figure(figsize=(6.9, 4.2))
    panels = figure.subplots(2, 2, width_ratios=(2.2, 1), sharex="col", sharey="row")
    (quality, published_quality), (mixing, published_mixing) = panels
    _draw_quality(quality, data)
    _draw_mixing(mixing, data)
    _draw_published(published_quality, published_mixing, data)
    return figure


def _draw_quality(axes: Axes, data: FigureData) -> None:
    for model, colour in zip(NAMES, COLOURS, strict=False):
        for mode, dashes in MODES.items():
            series = [table.series(f"{mode}_classifier_fd") for table in data.seeds(model)]
            values = np.array([values for _, values in series])
            draw_band(axes, series[0][0], values, color=colour, linestyle=dashes)
    axes.set(yscale="log", ylabel="classifier FD (ours), FID (published)")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"ours ({data.scale} scale); bands: all seeds")
    models = [
        Line2D([], [], color=colour, label=name)
        for name, colour in zip(NAMES.values(), COLOURS, strict=False)
    ]
    modes = [
        Line2D([], [], color="0.4", linestyle=dashes, label=f"{mode} labels")
        for mode, dashes in MODES.items()
    ]
    axes.legend(handles=[*models, *modes], ncols=2)


def _draw_mixing(axes: Axes, data: FigureData) -> None:
    for model, colour in zip(NAMES, COLOURS, strict=False):
        series = [table.largest_autocorrelation for table in data.seeds(model)]
        values = np.array([values for _, values in series])
        draw_band(axes, series[0][0], np.maximum(values, 1e-3), color=colour)
    axes.set(yscale="log", xlabel="epoch", ylabel="autocorrelation,\\nslowest step")


def _draw_published(quality: Axes, mixing: Axes, data: FigureData) -> None:
    """Best and last distance, and the peak of autocorrelation, as the published runs have them."""
    for place, (row, colour) in enumerate(zip(data.published, COLOURS, strict=False)):
        best_clamped, best_free = float(row["best_clamped_fid"]), float(row["best_free_fid"])
        last = float(row["last_fid"])
        quality.plot([place, place], [best_clamped, last], color=colour, linewidth=0.8)
        quality.plot(place, best_clamped, "o", color=colour)
        quality.plot(place, best_free, "o", color=colour, markerfacecolor="white")
        quality.plot(place, last, "x", color=colour, markersize=5)
        mixing.plot(place, float(row["peak_autocorrelation"]), "^", color=colour)
    quality.set_title("published (arXiv 2510.23972)")
    handles = [
        Line2D([], [], color="0.4", linestyle="none", marker="o", label="best, clamped"),
        Line2D([], [], color="0.4", linestyle="none", marker="o", label="best, free", mfc="white"),
        Line2D([], [], color="0.4", linestyle="none", marker="x", label="last epoch"),
    ]
    quality.legend(handles=handles)
    mixing.legend(handles=[Line2D([], [], color="0.4", linestyle="none", marker="^", label="peak")])
    mixing.set_xticks(range(len(NAMES)), NAMES.values())
    mixing.set_xlim(-0.5, len(NAMES) - 0.5)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
