"""Draws Figure 5b: quality and mixing while the MEBM, the DTM and the DTM with penalty train.

python -m figures.MEBM_DTM_ACP_ablation.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thrmlDenoising.experiments import FigureData, PaperFigure
from thrmlDenoising.plots.paper import MODE_LINES, draw_band, log_axis
from thrmlDenoising.plots.style import COLOURS

NAMES = {"MEBM": "MEBM", "DTM": "DTM", "DTM_ACP": "DTM + ACP"}


def draw(data: FigureData) -> Figure:
    """Distance above, autocorrelation of the slowest step below; ours left, published right."""
    figure = Figure(figsize=(6.9, 4.2))
    panels = figure.subplots(2, 2, width_ratios=(2.2, 1), sharex="col")
    (quality, published_quality), (mixing, published_mixing) = panels
    published_mixing.sharey(mixing)
    _draw_quality(quality, data)
    _draw_mixing(mixing, data)
    _draw_published(published_quality, published_mixing, data)
    return figure


def _draw_quality(axes: Axes, data: FigureData) -> None:
    name, label = data.distance
    for model, colour in zip(NAMES, COLOURS, strict=False):
        for mode, dashes in MODE_LINES.items():
            column = f"{mode}_{name}"
            curve = data.over_seeds(model, lambda table, column=column: table.series(column))
            draw_band(axes, *curve, color=colour, linestyle=dashes)
    log_axis(axes, label)
    axes.set_title(f"ours ({data.scale} scale): mean and range of seeds")
    models = [
        Line2D([], [], color=colour, label=name)
        for name, colour in zip(NAMES.values(), COLOURS, strict=False)
    ]
    modes = [
        Line2D([], [], color="0.4", linestyle=dashes, label=f"{mode} labels")
        for mode, dashes in MODE_LINES.items()
    ]
    axes.legend(handles=[*models, *modes], ncols=2, loc="lower right")
    axes.set_ylim(bottom=axes.get_ylim()[0] / 1.35)  # room for the legend


def _draw_mixing(axes: Axes, data: FigureData) -> None:
    """On an axis that is linear below 0.01, since the measured number is often 0."""
    for model, colour in zip(NAMES, COLOURS, strict=False):
        curve = data.over_seeds(model, lambda table: table.largest_autocorrelation)
        draw_band(axes, *curve, color=colour)
    axes.set_yscale("symlog", linthresh=0.01)
    axes.set(xlabel="epoch", ylabel="autocorrelation,\nslowest step", ylim=(0, 1))


def _draw_published(quality: Axes, mixing: Axes, data: FigureData) -> None:
    """Best distances and where they went, and the peak of autocorrelation."""
    for place, (row, colour) in enumerate(zip(data.published, COLOURS, strict=False)):
        free, clamped, later = (float(row[f"{name}_fid"]) for name in ("free", "clamped", "later"))
        quality.plot(place, clamped, "o", color=colour)
        quality.plot(place, free, "o", color=colour, markerfacecolor="white")
        quality.plot(place, later, "x", color=colour, markersize=5)
        mixing.plot(place, float(row["peak_autocorrelation"]), "^", color=colour)
    log_axis(quality, "FID (Inception)")
    quality.set_title("published (dtm-replication)")
    quality.legend(
        handles=[
            _shape("o", "best, clamped"),
            _shape("o", "best, free", markerfacecolor="white"),
            _shape("x", "later"),
        ]
    )
    mixing.legend(handles=[_shape("^", "peak")])
    mixing.set_xticks(range(len(NAMES)), list(NAMES.values()))
    mixing.set_xlim(-0.5, len(NAMES) - 0.5)


def _shape(marker: str, label: str, **style: Any) -> Line2D:
    return Line2D([], [], color="0.4", linestyle="none", marker=marker, label=label, **style)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
