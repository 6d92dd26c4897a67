"""Curves over the epochs of a run, and autocorrelation against lag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thrmlDenoising.runs.files import written_aside

# Okabe and Ito's colour-blind-safe set without its yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class MetricStyle:
    """How a metric is drawn.

    - `label`: its name and unit, such as "FID" or "centroid accuracy (%)".
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


def draw_metric_vs_epoch(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]], style: MetricStyle, path: Path
) -> None:
    """Write a PNG with a line for each name: its (epochs, values); the legend names the best value.

    Values without a finite height leave a gap, and a note says how many. Raises ValueError if
    there is nothing to draw or epochs and values differ in number.
    """
    if not any(len(epochs) for epochs, _ in series.values()):
        raise ValueError("There is nothing to draw: no metric has been measured yet.")
    figure, axes = _axes("epoch", style.axis_label)
    n_undrawn = 0
    for index, (name, (epochs, values)) in enumerate(series.items()):
        if len(epochs) != len(values):
            raise ValueError(f"{name}: {len(epochs)} epochs do not fit {len(values)} values.")
        numbers = np.asarray(values, float)
        heights = style.height(numbers)
        n_undrawn += int(np.isnan(heights).sum())
        axes.plot(epochs, heights, label=_with_best(name, epochs, numbers, heights), **_line(index))
    axes.legend(frameon=False)
    if n_undrawn:
        _note(axes, f"{n_undrawn} measured without a finite value to draw")
    _save(figure, path)


def draw_autocorrelation_vs_epoch(
    epochs: Sequence[int],
    values: Float[np.ndarray, "epoch step"],
    threshold: float | None,
    path: Path,
) -> None:
    """Write a PNG with a line a diffusion step, logarithmic upwards; the threshold is dashed.

    NaN is not measured: epochs without any value are left out, single ones leave a gap. Values of
    0 or below are drawn hollow at the foot of the axis, and a note says so. Raises ValueError where
    epochs and values do not fit or nothing was measured.
    """
    if values.ndim != 2 or len(epochs) != len(values):
        raise ValueError(f"{len(epochs)} epochs do not fit values [epoch, step] of {values.shape}.")
    measured = ~np.isnan(values).all(axis=1)
    if not measured.any():
        raise ValueError("There is nothing to draw: no autocorrelation has been measured yet.")
    epochs_drawn, values = np.asarray(epochs)[measured], values[measured]
    foot = _foot(values, threshold)
    figure, axes = _axes("epoch", "autocorrelation at long lags")
    axes.set_yscale("log")
    for step, column in enumerate(values.T):
        line = _step_line(step, values.shape[1])
        # A comparison with NaN is false, so what was not measured stays NaN here.
        axes.plot(epochs_drawn, np.where(column <= 0, foot, column), label=f"step {step}", **line)
        at_foot = column <= 0
        axes.plot(epochs_drawn[at_foot], np.full(at_foot.sum(), foot), **_hollow(line))
    if threshold is not None:
        axes.axhline(threshold, color="0.3", linestyle="--", label=f"threshold {threshold:g}")
    if (values <= 0).any():
        axes.set_ylim(bottom=foot / 1.5)
        _note(axes, "hollow: measured 0 or below, drawn at the foot of the axis")
    _legend_beside(axes)
    _save(figure, path)


def draw_autocorrelation_vs_lags(
    lags: Int[np.ndarray, " lag"], curves: Float[np.ndarray, "step lag"], title: str, path: Path
) -> None:
    """Write a PNG with a line a diffusion step over the lags, which are counted in Gibbs sweeps.

    Raises ValueError where lags and curves do not fit.
    """
    if curves.ndim != 2 or curves.shape[1] != len(lags):
        raise ValueError(f"{len(lags)} lags do not fit curves [step, lag] of shape {curves.shape}.")
    figure, axes = _axes("lag (Gibbs sweeps)", "autocorrelation")
    axes.axhline(0, color="0.6", linewidth=0.8)
    for step, curve in enumerate(curves):
        (line,) = axes.plot(lags, curve, label=f"step {step}", **_step_line(step, len(curves)))
        line.set_markevery(max(1, len(lags) // 12))
    axes.set_title(title)
    _legend_beside(axes)
    _save(figure, path)


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    if x_label == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _line(index: int) -> dict[str, Any]:
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def _step_line(step: int, n_steps: int) -> dict[str, Any]:
    """Steps have an order, so their colours run through a map made for colour-blind readers too."""
    colour = matplotlib.colormaps["viridis"](0.9 * step / max(1, n_steps - 1))
    return _line(step) | {"color": colour}


def _hollow(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"linestyle": "none", "markersize": 7, "markerfacecolor": "none", "zorder": 3}


def _with_best(name: str, epochs: Sequence[int], values: np.ndarray, heights: np.ndarray) -> str:
    if np.isnan(heights).all():
        return name
    best = int(np.nanargmax(heights))
    return f"{name} (best {values[best]:.4g} at epoch {epochs[best]})"


def _foot(values: np.ndarray, threshold: float | None) -> float:
    """Half a decade below everything that a logarithmic axis can show."""
    shown = [*values[values > 0], *([threshold] if threshold is not None and threshold > 0 else [])]
    return min(shown, default=1e-3) / 10**0.5


def _legend_beside(axes: Axes) -> None:
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))


def _note(axes: Axes, words: str) -> None:
    axes.figure.supxlabel(words, fontsize=8.5, color="0.35", x=0.99, ha="right")


def _save(figure: Figure, path: Path) -> None:
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
