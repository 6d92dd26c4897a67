"""What all curves share: colours, markers, axes, and how a figure becomes a file."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.excerpts import evenly_spread
from thrmlDenoising.plots.fonts import font_for, usual_font
from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.user_text import one_line

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's colour-blind-safe set without its yellow, which is faint on white."""

_MARKERS = "osD^vPX*"
_LONGEST_NAME = 100
MOST_IN_LEGEND = 20


@contextmanager
def our_style(changes: Path | None = None) -> Iterator[None]:
    """A context, or a decorator, in which figures are made and saved alike on every machine.

    Whatever a matplotlibrc, `matplotlib.rcParams` or `numpy.seterr` say counts for nothing within,
    and again afterwards. All that draws does so within.

    Args:
        changes: a style sheet on top of matplotlib's own defaults.
    """
    with (
        mpl.style.context({} if changes is None else changes, after_reset=True),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),  # its defaults
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield


def write(place: "Text", words: str) -> None:
    """Puts a user's words there as they are, dollar signs included, in one line."""
    line = shortened(one_line(words), _LONGEST_NAME)
    families = dict.fromkeys((usual_font().family, font_for(line).family))
    place.set(text=line, parse_math=False, fontfamily=list(families))


def named(
    place: "Axes | Figure", lines: "Sequence[Artist]", names: Sequence[str], **how: Any
) -> str:
    """Draws a legend of the lines, or of evenly spread ones where they are too many.

    Returns:
        Words that say so, or nothing.
    """
    some = evenly_spread(len(lines), MOST_IN_LEGEND)
    # Labels that begin with "_" would be left out: names are written in once there is room.
    legend = place.legend([lines[i] for i in some], ["."] * len(some), frameon=False, **how)
    for text, i in zip(legend.get_texts(), some, strict=True):
        write(text, names[i])
    return f"{len(some)} of {len(lines)} curves are named" if len(some) < len(lines) else ""


@dataclass(frozen=True)
class MetricStyle:
    """How a metric is drawn.

    Attributes:
        label: its name and unit, such as "FID" or "classifier FD".
        inverted: draw 1 / metric, for distances, so that up is better in every plot.
    """

    label: str
    inverted: bool

    @property
    def axis_label(self) -> str:
        """What the y axis shows."""
        return f"{'1 / ' if self.inverted else ''}{self.label}   (higher is better)"

    def height(self, values: Float[np.ndarray, " epoch"]) -> Float[np.ndarray, " epoch"]:
        """The values as drawn; NaN, so no point, where there is nothing finite to draw."""
        with np.errstate(all="ignore"):
            heights = 1 / values if self.inverted else values
        return np.where(np.isfinite(heights), heights, np.nan)


def plain(axes: "Axes") -> None:
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


def note(axes: "Axes", *sentences: str) -> None:
    """Small words at the foot of the figure; sentences that are empty are left out."""
    if words := "; ".join(filter(None, sentences)):
        axes.figure.supxlabel(words, fontsize=8.5, color="0.35", x=0.99, ha="right")


def save_png(figure: "Figure", path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
