"""Several runs in one figure: over epochs, and over what they have spent."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import (
    MOST_IN_LEGEND,
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

_LINE_STYLES: dict[str, Literal["-", "--"]] = {"clamped": "-", "free": "--"}
_RATIO_FOR_LOG = 5
"""Runs whose spendings differ by more than this are drawn on a logarithmic axis."""

_LETTERS_IN_A_ROW = 120
_LONGEST_NAME = 100
_AUTOCORRELATION = "largest autocorrelation of a step"


class Curve(NamedTuple):
    """A measured quantity over the epochs, with the ends of its intervals, if there are any."""

    epochs: Int[np.ndarray, " epoch"]
    values: Float[np.ndarray, " epoch"]
    interval: tuple[Float[np.ndarray, " epoch"], Float[np.ndarray, " epoch"]] | None = None


class ComparedRun(NamedTuple):
    """What a comparison draws of one run.

    Attributes:
        name: what the legend calls it.
        spent_per_epoch: what an epoch of its training takes, such as spin updates.
        metric: the curves of "clamped" and "free" images, or of one of them.
        autocorrelation: the largest over the steps, None if it was not measured.
    """

    name: str
    spent_per_epoch: float
    metric: dict[str, Curve]
    autocorrelation: Curve | None = None


@our_style()
def draw_comparison(
    runs: Sequence[ComparedRun], style: MetricStyle, path: Path, unit: str = "spin updates"
) -> None:
    """Write a PNG: metric above, autocorrelation below; over epochs left, over what training has
    spent, in this unit, right.

    One colour a run; clamped solid, free dashed; intervals are shaded. Autocorrelations of 0 or
    below are drawn hollow at the foot of their logarithmic axis. Epoch 0 has no place on a
    logarithmic axis of spending. The lower row is left out if no run has autocorrelations.

    Raises:
        ValueError: there is nothing to draw, two runs share a name, or a curve is unknown or does
            not fit its epochs.
    """
    _check(runs)
    quantities = [style.axis_label]
    if any(run.autocorrelation for run in runs):
        quantities.append(_AUTOCORRELATION)
    n_columns, legend_height = _legend_size([run.name for run in runs])
    size = 10, 3.9 * len(quantities) + legend_height
    figure = mpl.figure.Figure(figsize=size, layout="constrained")
    rows = figure.subplots(len(quantities), 2, sharex="col", sharey="row", squeeze=False)
    for row, quantity in zip(rows, quantities, strict=True):
        for axes in row:
            plain(axes)
        write(row[0].yaxis.label, quantity)
    _label_x(rows, runs, unit)
    _draw_metric(rows[0], runs, style)
    hollow = ""
    if len(rows) == 2:
        hollow = _draw_autocorrelation(rows[1], runs)
    few_named = _legends(figure, rows[0, 0], runs, n_columns)
    note(rows[0, 0], hollow, few_named)
    save_png(figure, path)


def _label_x(rows: np.ndarray, runs: Sequence[ComparedRun], unit: str) -> None:
    by_epoch, by_spending = rows[-1]
    by_epoch.set_xlabel("epoch")
    by_epoch.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    by_spending.set_xlabel(f"training spent ({unit})")
    if _spendings_differ(runs):
        by_spending.set_xscale("log")
        by_spending.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        every_tick = mpl.ticker.LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf))
        by_spending.xaxis.set_major_formatter(every_tick)
        by_spending.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())


def _draw_metric(row: np.ndarray, runs: Sequence[ComparedRun], style: MetricStyle) -> None:
    for index, run in enumerate(runs):
        for mode, curve in run.metric.items():
            line = _run_line(index, curve) | {"linestyle": _LINE_STYLES[mode]}
            for axes, x in zip(row, _both_x(row, run, curve), strict=True):
                axes.plot(x, style.height(curve.values), **line)
                if curve.interval:
                    low, high = map(style.height, curve.interval)
                    axes.fill_between(x, low, high, color=line["color"], alpha=0.15, linewidth=0)


def _draw_autocorrelation(row: np.ndarray, runs: Sequence[ComparedRun]) -> str:
    """Returns words on the hollow markers, if there are any."""
    curves = {index: run.autocorrelation for index, run in enumerate(runs) if run.autocorrelation}
    values = np.concatenate([curve.values for curve in curves.values()])
    foot = foot_of(values, None)
    row[0].set_yscale("log")  # which the row shares
    for index, curve in curves.items():
        line, at_foot = _run_line(index, curve), curve.values <= 0
        for axes, x in zip(row, _both_x(row, runs[index], curve), strict=True):
            axes.plot(x, np.where(at_foot, foot, curve.values), **line)
            axes.plot(x[at_foot], np.full(at_foot.sum(), foot), **hollow_style(line_style(index)))
    if not (values <= 0).any():
        return ""
    row[0].set_ylim(bottom=foot / 1.5)
    return "hollow: measured 0 or below, drawn at the foot of the axis"


def _run_line(index: int, curve: Curve) -> dict[str, Any]:
    """Few markers, between which dashes can be seen."""
    return line_style(index) | {"markevery": max(1, len(curve.epochs) // 10)}


def _both_x(row: np.ndarray, run: ComparedRun, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Epochs, and what was spent by then; NaN, so no point, where the axis has no place."""
    spent = curve.epochs * run.spent_per_epoch
    is_log = row[1].get_xscale() == "log"
    return curve.epochs, np.where(is_log & (spent == 0), np.nan, spent)


def _spendings_differ(runs: Sequence[ComparedRun]) -> bool:
    last_epochs = [max(curve.epochs[-1] for curve in _curves(run)) for run in runs]
    spent = [last * run.spent_per_epoch for last, run in zip(last_epochs, runs, strict=True)]
    return bool(min(spent) > 0 and max(spent) > _RATIO_FOR_LOG * min(spent))


def _legend_size(names: Sequence[str]) -> tuple[int, float]:
    """In how many columns the names of runs fit, and the inches that more than two rows need."""
    longest = min(_LONGEST_NAME, max(map(len, names)))
    n_columns = max(1, min(3, _LETTERS_IN_A_ROW // (longest + 6)))
    n_rows = math.ceil(min(len(names), MOST_IN_LEGEND) / n_columns)
    return n_columns, 0.2 * max(0, n_rows - 2)


def _legends(figure: "Figure", axes: "Axes", runs: Sequence[ComparedRun], n_columns: int) -> str:
    """The runs above the figure, the kinds of images where there is room."""
    lines = [mpl.lines.Line2D([], [], **line_style(index)) for index in range(len(runs))]
    names = [shortened(run.name, _LONGEST_NAME) for run in runs]
    few_named = named(figure, lines, names, loc="outside upper left", ncols=n_columns)
    modes = {mode: None for run in runs for mode in run.metric}
    kinds = [
        mpl.lines.Line2D([], [], label=f"{mode} images", color="0.3", linestyle=_LINE_STYLES[mode])
        for mode in modes
    ]
    axes.legend(handles=kinds, frameon=False)
    return few_named


def _curves(run: ComparedRun) -> list[Curve]:
    autocorrelation = [run.autocorrelation] if run.autocorrelation else []
    return [curve for curve in (*run.metric.values(), *autocorrelation) if len(curve.epochs)]


def _check(runs: Sequence[ComparedRun]) -> None:
    if not runs:
        raise ValueError("There is nothing to draw: no run was given.")
    names = [run.name for run in runs]
    if len(set(names)) != len(names):
        raise ValueError(f"Runs share a name, and the legend could not tell them apart: {names}.")
    for run in runs:
        unknown = set(run.metric) - set(_LINE_STYLES)
        if unknown:
            raise ValueError(f"{run.name}: {sorted(unknown)} are neither 'clamped' nor 'free'.")
        if not _curves(run):
            raise ValueError(f"{run.name}: there is nothing to draw, for nothing was measured.")
        for curve in _curves(run):
            lengths = {len(curve.epochs), len(curve.values), *map(len, curve.interval or ())}
            if len(lengths) > 1:
                raise ValueError(f"{run.name}: {len(curve.epochs)} epochs do not fit their values.")
