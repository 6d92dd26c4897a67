"""What all curves share: colours, markers, axes, and how a figure becomes a file."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.runs.files import written_aside

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's colour-blind-safe set without its yellow, which is faint on white."""

_MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class MetricStyle:
    """How a metric is drawn.

    - `label`: its name and unit, such as "FID" or "classifier FD".
    - `inverted`: draw 1 / metric, for distances, so that up is better in every plot.
    """

    label: str
    inverted: bool

    @property
    def axis_label(self) -> str:
        """What the y axis shows."""
        return f"{'1 / ' if self.inverted else ''}{self.label}   (higher is better)"

    def height(self, values: Float[np.ndarray, " epoch"]) -> Float[np.ndarray, " epoch"]:
        """The values as drawn; NaN, so no point, where there is nothing finite to draw."""
        with np.errstate(divide="ignore"):
            heights = 1 / values if self.inverted else values
        return np.where(np.isfinite(heights), heights, np.nan)


def plain(axes: Axes) -> None:
    """A faint grid, and no frame above and to the right."""
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def line_style(index: int) -> dict[str, Any]:
    """Colour, marker and width of the curve number `index`."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def hollow_style(line: dict[str, Any]) -> dict[str, Any]:
    """The same curve as hollow markers alone."""
    return line | {"linestyle": "none", "markersize": 7, "markerfacecolor": "none", "zorder": 3}


def foot_of(values: np.ndarray, threshold: float | None) -> float:
    """Half a decade below everything that a logarithmic axis can show."""
    shown = [*values[values > 0], *([threshold] if threshold is not None and threshold > 0 else [])]
    return min(shown, default=1e-3) / 10**0.5


def note(axes: Axes, words: str) -> None:
    """Small words at the foot of the figure."""
    axes.figure.supxlabel(words, fontsize=8.5, color="0.35", x=0.99, ha="right")


class ShownFigure(Figure):
    """A figure that a notebook shows as a picture, whether or not pyplot has been imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()


def save_png(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
