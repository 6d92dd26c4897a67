"""Several runs in one figure: over epochs, and over what they have spent."""

import math
from collections.abc import Mapping, Sequence
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

_EPOCH = "epoch"
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
        spent_per_epoch: what an epoch of its training takes, in every unit that is known, such
            as "seconds" and "spin updates".
        metric: the curves of "clamped" and "free" images, or of one of them.
        autocorrelation: the largest over the steps, None if it was not measured.
    """

    name: str
    spent_per_epoch: Mapping[str, float]
    metric: dict[str, Curve]
    autocorrelation: Curve | None = None


@our_style()
def draw_comparison(runs: Sequence[ComparedRun], style: MetricStyle, path: Path) -> None:
    """Write a PNG: metric above, autocorrelation below; over epochs in the first column, and in a
    column each over what training has spent, in all units in which all runs count.

    One colour a run; clamped solid, free dashed; intervals are shaded. Autocorrelations of 0 or
    below are drawn hollow at the foot of their logarithmic axis. Epoch 0 has no place on a
    logarithmic axis of spending. The lower row is left out if no run has autocorrelations.

    Raises:
        ValueError: there is nothing to draw, two runs share a name, or a curve is unknown or does
            not fit its epochs.
    """
    _check(runs)
    columns = [_over_epochs(runs), *(_over_spending(runs, unit) for unit in _common_units(runs))]
    quantities = [style.axis_label]
    if any(run.autocorrelation for run in runs):
        quantities.append(_AUTOCORRELATION)
    n_columns, legend_height = _legend_size([run.name for run in runs])
    size = 5 * max(2, len(columns)), 3.9 * len(quantities) + legend_height
    figure = mpl.figure.Figure(figsize=size, layout="constrained")
    grid = len(quantities), len(columns)
    rows = figure.subplots(*grid, sharex="col", sharey="row", squeeze=False)
    for row, quantity in zip(rows, quantities, strict=True):
        for axes in row:
            plain(axes)
        write(row[0].yaxis.label, quantity)
    for axes, column in zip(rows[-1], columns, strict=True):
        column.scale(axes)
    _draw_metric(rows[0], columns, runs, style)
    hollow = ""
    if len(rows) == 2:
        hollow = _draw_autocorrelation(rows[1], columns, runs)
    few_named = _legends(figure, rows[0, 0], runs, n_columns)
    note(rows[0, 0], hollow, few_named)
    save_png(figure, path)


class _Column(NamedTuple):
    """What the runs are drawn over: their epochs, or what they had spent by then.

    Attributes:
        label: of the axis.
        per_epoch: what an epoch of each run adds.
        is_log: whether the axis is logarithmic.
    """

    label: str
    per_epoch: Sequence[float]
    is_log: bool

    def place(self, index: int, curve: Curve) -> Float[np.ndarray, " epoch"]:
        """Where the points of a curve of run `index` are; NaN, so no point, where is no place."""
        places = curve.epochs * self.per_epoch[index]
        return np.where(self.is_log & (places == 0), np.nan, places)

    def scale(self, axes: "Axes") -> None:
        """Names the axis, and sets its ticks."""
        axes.set_xlabel(self.label)
        if self.is_log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
            every_tick = mpl.ticker.LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf))
            axes.xaxis.set_major_formatter(every_tick)
            axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        elif self.label == _EPOCH:
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))


def _over_epochs(runs: Sequence[ComparedRun]) -> _Column:
    return _Column(_EPOCH, [1.0] * len(runs), is_log=False)


def _over_spending(runs: Sequence[ComparedRun], unit: str) -> _Column:
    """In one unit; logarithmic where runs have spent very different amounts."""
    per_epoch = [run.spent_per_epoch[unit] for run in runs]
    last_epochs = [max(curve.epochs[-1] for curve in _curves(run)) for run in runs]
    spent = np.multiply(last_epochs, per_epoch)
    is_log = bool(spent.min() > 0 and spent.max() > _RATIO_FOR_LOG * spent.min())
    return _Column(f"training spent ({unit})", per_epoch, is_log)


def _common_units(runs: Sequence[ComparedRun]) -> list[str]:
    first, *others = [run.spent_per_epoch for run in runs]
    return [unit for unit in first if all(unit in spent for spent in others)]


def _draw_metric(
    row: np.ndarray, columns: Sequence[_Column], runs: Sequence[ComparedRun], style: MetricStyle
) -> None:
    for index, run in enumerate(runs):
        for mode, curve in run.metric.items():
            line = _run_line(index, curve) | {"linestyle": _LINE_STYLES[mode]}
            for axes, column in zip(row, columns, strict=True):
                x = column.place(index, curve)
                axes.plot(x, style.height(curve.values), **line)
                if curve.interval:
                    low, high = map(style.height, curve.interval)
                    axes.fill_between(x, low, high, color=line["color"], alpha=0.15, linewidth=0)


def _draw_autocorrelation(
    row: np.ndarray, columns: Sequence[_Column], runs: Sequence[ComparedRun]
) -> str:
    """Returns words on the hollow markers, if there are any."""
    curves = {index: run.autocorrelation for index, run in enumerate(runs) if run.autocorrelation}
    values = np.concatenate([curve.values for curve in curves.values()])
    foot = foot_of(values, None)
    row[0].set_yscale("log")  # which the row shares
    for index, curve in curves.items():
        line, at_foot = _run_line(index, curve), curve.values <= 0
        for axes, column in zip(row, columns, strict=True):
            x = column.place(index, curve)
            axes.plot(x, np.where(at_foot, foot, curve.values), **line)
            axes.plot(x[at_foot], np.full(at_foot.sum(), foot), **hollow_style(line_style(index)))
    if not (values <= 0).any():
        return ""
    row[0].set_ylim(bottom=foot / 1.5)
    return "hollow: measured 0 or below, drawn at the foot of the axis"


def _run_line(index: int, curve: Curve) -> dict[str, Any]:
    """Few markers, between which dashes can be seen."""
    return line_style(index) | {"markevery": max(1, len(curve.epochs) // 10)}


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
