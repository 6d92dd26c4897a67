"""Curves over the epochs of a run, and autocorrelation against lag."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import (
    MetricStyle,
    foot_of,
    hollow_style,
    line_style,
    named,
    note,
    our_style,
    plain,
    save_png,
    write,
)
from thrmlDenoising.support.hints import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_LONGEST_NAME = 60


@our_style()
def draw_metric_vs_epoch(
    series: Mapping[str, tuple[Sequence[int], Sequence[float]]], style: MetricStyle, path: Path
) -> None:
    """Write a PNG with a line for each name: its (epochs, values); the legend names the best value.

    Values without a finite height leave a gap, and a note says how many.

    Raises:
        ValueError: there is nothing to draw, or epochs and values differ in number.
    """
    if not any(len(epochs) for epochs, _ in series.values()):
        raise ValueError("There is nothing to draw: no metric has been measured yet.")
    figure, axes = _axes("epoch", style.axis_label)
    n_undrawn, names = 0, []
    for index, (name, (epochs, values)) in enumerate(series.items()):
        if len(epochs) != len(values):
            raise ValueError(f"{name}: {len(epochs)} epochs do not fit {len(values)} values.")
        numbers = np.asarray(values, float)
        heights = style.height(numbers)
        n_undrawn += int(np.isnan(heights).sum())
        names.append(_with_best(name, epochs, numbers, heights))
        axes.plot(epochs, heights, **line_style(index))
    few_named = named(axes, axes.lines, names)
    undrawn = f"{n_undrawn} measured without a finite value to draw" if n_undrawn else ""
    note(axes, undrawn, few_named)
    save_png(figure, path)


@our_style()
def draw_autocorrelation_vs_epoch(
    epochs: Sequence[int],
    values: Float[np.ndarray, "epoch step"],
    threshold: float | None,
    path: Path,
) -> None:
    """Write a PNG with a line a diffusion step, logarithmic upwards; the threshold is dashed.

    NaN is not measured: epochs without any value are left out, single ones leave a gap. Values of
    0 or below are drawn hollow at the foot of the axis, and a note says so.

    Raises:
        ValueError: epochs and values do not fit, or nothing was measured.
    """
    if values.ndim != 2 or len(epochs) != len(values):
        raise ValueError(f"{len(epochs)} epochs do not fit values [epoch, step] of {values.shape}.")
    measured = ~np.isnan(values).all(axis=1)
    if not measured.any():
        raise ValueError("There is nothing to draw: no autocorrelation has been measured yet.")
    epochs_drawn, values = np.asarray(epochs)[measured], values[measured]
    foot = foot_of(values, threshold)
    figure, axes = _axes("epoch", "autocorrelation at long lags")
    axes.set_yscale("log")
    lines = []
    for step, column in enumerate(values.T):
        line = _step_line(step, values.shape[1])
        # A comparison with NaN is false, so what was not measured stays NaN here.
        heights = np.where(column <= 0, foot, column)
        lines += axes.plot(epochs_drawn, heights, label=f"step {step}", **line)
        at_foot = column <= 0
        axes.plot(epochs_drawn[at_foot], np.full(at_foot.sum(), foot), **hollow_style(line))
    if threshold is not None:
        label = f"threshold {threshold:g}"
        lines.append(axes.axhline(threshold, color="0.3", linestyle="--", label=label))
    hollow = ""
    if (values <= 0).any():
        axes.set_ylim(bottom=foot / 1.5)
        hollow = "hollow: measured 0 or below, drawn at the foot of the axis"
    note(axes, hollow, _named_beside(axes, lines))
    save_png(figure, path)


@our_style()
def draw_autocorrelation_vs_lags(
    lags: Int[np.ndarray, " lag"], curves: Float[np.ndarray, "step lag"], title: str, path: Path
) -> None:
    """Write a PNG with a line a diffusion step over the lags, which are counted in Gibbs sweeps.

    Raises:
        ValueError: lags and curves do not fit.
    """
    if curves.ndim != 2 or curves.shape[1] != len(lags):
        raise ValueError(f"{len(lags)} lags do not fit curves [step, lag] of shape {curves.shape}.")
    figure, axes = _axes("lag (Gibbs sweeps)", "autocorrelation")
    axes.axhline(0, color="0.6", linewidth=0.8)
    lines = []
    for step, curve in enumerate(curves):
        (line,) = axes.plot(lags, curve, label=f"step {step}", **_step_line(step, len(curves)))
        line.set_markevery(max(1, len(lags) // 12))
        lines.append(line)
    write(axes.title, title)
    note(axes, _named_beside(axes, lines))
    save_png(figure, path)


@our_style()
def draw_bits_by_time(
    spans: Int[np.ndarray, "span 2"],
    bits: Float[np.ndarray, " span"],
    label: str,
    title: str,
    path: Path,
) -> None:
    """Write a PNG of bits by time, such as what the steps of each span contribute to a bound, a
    column a span.

    Args:
        spans: the first and the last time of each, one after the other.
        label: what the bits are.

    Raises:
        ValueError: spans and bits do not fit.
    """
    if spans.shape != (len(bits), 2):
        raise ValueError(f"{len(bits)} values do not fit spans [span, end] of {spans.shape}.")
    figure, axes = _axes("time, from data to noise", label)
    edges = np.append(spans[:, 0] - 1, spans[-1:, 1])
    axes.bar(edges[:-1], bits, np.diff(edges), align="edge", edgecolor="white", linewidth=1.0)
    axes.set_xticks(edges)
    axes.axhline(0, color="0.6", linewidth=0.8)
    write(axes.title, title)
    save_png(figure, path)


def _axes(x_label: str, y_label: str) -> "tuple[Figure, Axes]":
    figure = mpl.figure.Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    write(axes.yaxis.label, y_label)
    plain(axes)
    if x_label == "epoch":
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    return figure, axes


def _step_line(step: int, n_steps: int) -> dict[str, Any]:
    """Steps have an order, so their colours run through a map made for colour-blind readers too."""
    colour = mpl.colormaps["viridis"](0.9 * step / max(1, n_steps - 1))
    return line_style(step) | {"color": colour}


def _with_best(name: str, epochs: Sequence[int], values: np.ndarray, heights: np.ndarray) -> str:
    name = shortened(name, _LONGEST_NAME)
    if np.isnan(heights).all():
        return name
    best = int(np.nanargmax(heights))
    return f"{name} (best {values[best]:.4g} at epoch {epochs[best]})"


def _named_beside(axes: "Axes", lines: "Sequence[Line2D]") -> str:
    names = [str(line.get_label()) for line in lines]
    return named(axes, lines, names, loc="upper left", bbox_to_anchor=(1.01, 1))
