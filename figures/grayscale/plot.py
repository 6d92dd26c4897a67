"""Draws Figure 5a: grey images of a DTM, and how they came about.

python -m figures.grayscale.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import csv
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure
from thrmlDenoising.plots import tile_images
from thrmlDenoising.plots.paper import MODE_LINES, draw_band

SHAPE = (28, 28)
N_LEVELS = 7


def draw(data: FigureData) -> Figure:
    """Images on the left; distance and autocorrelation over epochs on the right."""
    figure = Figure(figsize=(6.9, 3.4))
    parts = figure.subplot_mosaic(
        [["real", "quality"], ["generated", "quality"], ["generated", "mixing"]],
        width_ratios=(1.9, 1),
        height_ratios=(1, 2, 3),
    )
    images = _read_images(data.folder / data.scale / "images.csv")
    for source, title in {
        "real": "training images",
        "generated": "generated, labels clamped",
    }.items():
        parts[source].imshow(tile_images(images[source], 10, SHAPE, N_LEVELS))
        parts[source].set_title(title)
        parts[source].set_axis_off()
    _draw_curves(parts["quality"], parts["mixing"], data)
    return figure


def _read_images(path: Path) -> dict[str, UInt8[np.ndarray, "image pixel"]]:
    """Grey levels by source, in the order of the file: class after class, then again."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        source: np.array(
            [[int(digit) for digit in row["pixels"]] for row in rows if row["source"] == source],
            np.uint8,
        )
        for source in ("real", "generated")
    }


def _draw_curves(quality: Axes, mixing: Axes, data: FigureData) -> None:
    name, label = data.distance
    for mode, dashes in MODE_LINES.items():
        column = f"{mode}_{name}"
        curve = data.over_seeds("DTM", lambda table, column=column: table.series(column))
        draw_band(quality, *curve, linestyle=dashes, label=f"{mode} labels")
    draw_band(mixing, *data.over_seeds("DTM", lambda table: table.largest_autocorrelation))
    quality.set(ylabel=label, ylim=(0, None), title=f"ours ({data.scale} scale)")
    quality.legend()
    mixing.set(xlabel="epoch", ylabel="autocorrelation,\nslowest step", ylim=(0, None))


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
