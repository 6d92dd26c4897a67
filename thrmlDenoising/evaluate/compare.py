"""Several runs in one picture."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thrmlDenoising.data import Mode
from thrmlDenoising.evaluate.text import parser
from thrmlDenoising.families import family_of_run
from thrmlDenoising.plots import ComparedRun, Curve, MetricStyle, draw_comparison
from thrmlDenoising.quality import Headline, headline
from thrmlDenoising.runs import History, RunFolder
from thrmlDenoising.support.files import check_can_be_written
from thrmlDenoising.support.hints import shortened, shown_error
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.reading import read_text
from thrmlDenoising.training import SavedRun, Source
from thrmlDenoising.training.results import AUTOCORRELATION

_LARGEST_EVALUATION = 2**24


def compare_command(words: list[str]) -> None:
    """Draws the headline metric and the autocorrelation of several runs."""
    arguments = parser("compare")
    arguments.add_argument("runs", type=user_path, nargs="+", help="run folders")
    arguments.add_argument(
        "--output", type=user_path, default=Path("comparison.png"), help="PNG file"
    )
    given = parse_trusting(arguments, words)
    check_can_be_written(given.output, "--output")
    saved = _opened(given.runs)
    chosen = _common_headline(saved)
    runs = [_compared(name, run, chosen) for name, run in saved.items()]
    draw_comparison(runs, MetricStyle(chosen.label, inverted=chosen.is_distance), given.output)
    for run in runs:
        print(f"{run.name}: {_in_words(run.spent_per_epoch)} an epoch")
        for mode, curve in run.metric.items():
            print(f"  {mode} {chosen.label}: {_best_and_last(curve, chosen)}")
    _print_what_differs(saved, chosen)
    print(f"drawn in {given.output}")


def _opened(runs: Sequence[Path]) -> dict[str, SavedRun]:
    """The last checkpoint of every run, under its name; longer names where they are equal.

    Raises:
        ValueError: a run is given twice.
    """
    saved = [SavedRun.open(family_of_run(run), Source(run)) for run in runs]
    times = Counter(run.run for run in saved)
    twice = [str(run) for run, count in times.items() if count > 1]
    if twice:
        raise ValueError(f"{', '.join(twice)} given more than once: give every run once")
    names = Counter(run.run.name for run in saved)
    return {run.run.name if names[run.run.name] == 1 else str(run.run): run for run in saved}


def _spent_per_epoch(run: SavedRun) -> dict[str, float]:
    """What an epoch of training takes: seconds, and what the family counts in."""
    cost = run.model_type.read_static(run).cost()
    return {"seconds": _seconds(run), cost.unit: cost.amount}


def _in_words(spent: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:.3g} {unit}" for unit, amount in spent.items())


def _seconds(run: SavedRun) -> float:
    """Of training an epoch, on average."""
    trained = [record.seconds for record in run.history.records if record.epoch > 0]
    return float(np.mean(trained)) if trained else 0.0


def _common_headline(saved: dict[str, SavedRun]) -> Headline:
    """The best metric that all runs have.

    Raises:
        ValueError: there is none.
    """
    measured = {name: model.history.metric_names for name, model in saved.items()}
    never = [name for name, metrics in measured.items() if not metrics]
    if never:
        raise ValueError(
            f"no images of {', '.join(never)} have been evaluated yet, or none of what there is to "
            "measure could be: train on until they are (evaluate_every), with "
            "evaluation.extractors that know such images"
        )
    first, *others = measured.values()
    chosen = headline([name for name in first if all(name in metrics for metrics in others)])
    if chosen is None:
        raise ValueError(
            f"the runs {', '.join(saved)} have no metric in common: compare runs on the same "
            "kind of data, and of images with the same evaluation.extractors"
        )
    return chosen


def _best_and_last(curve: Curve, chosen: Headline) -> str:
    values = curve.values
    best = chosen.best(values)
    if best is None:
        return "never finite"
    return f"best {values[best]:.4g} at epoch {curve.epochs[best]}, last {values[-1]:.4g}"


def _compared(name: str, run: SavedRun, chosen: Headline) -> ComparedRun:
    metric = {mode: _curve(run, mode, metric) for mode, metric in chosen.names.items()}
    autocorrelation = _largest_autocorrelation(run.history)
    return ComparedRun(name, _spent_per_epoch(run), dict(metric), autocorrelation)


def _curve(model: SavedRun, mode: Mode, name: str) -> Curve:
    """A metric over the epochs, with intervals if all of them were written down."""
    epochs, values = map(np.asarray, model.history.series(name))
    rows = [
        _written(model, epoch, mode, name, value)
        for epoch, value in zip(epochs.tolist(), values.tolist(), strict=True)
    ]
    known = [(row["low"], row["high"]) for row in rows if row is not None]
    if len(known) < len(rows):
        return Curve(epochs, values)
    low, high = np.array(known).T
    return Curve(epochs, values, (low, high))


def _written(
    model: SavedRun, epoch: int, mode: Mode, name: str, value: float
) -> dict[str, Any] | None:
    """What the run folder says of a measurement, if it still has it and not a later one.

    Raises:
        ValueError: the file that should say it is damaged.
    """
    file = RunFolder.open(model.run).evaluation(epoch)
    if not file.is_file():
        return None
    try:
        report = json.loads(read_text(file, _LARGEST_EVALUATION))[mode]
        rows = [
            row | {"real": dict(report["reference"])}
            for row in report["measurements"]
            if (f"{mode}_{row['name']}", row["value"]) == (name, value)
        ]
        return _checked(rows[0]) if rows else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{file} is damaged ({shown_error(error)}): delete it to compare without its intervals"
        ) from error


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a measurement, once all is there that is going to be looked at."""
    low, high = float(row["low"]), float(row["high"])
    words = {name: shortened(row[name]) for name in ("n_images", "extractor", "reference")}
    return {"low": low, "high": high, "real": row["real"]} | words


def _print_what_differs(saved: dict[str, SavedRun], chosen: Headline) -> None:
    """Distances to other real images, or of another number of images, are not the same thing."""
    if len(saved) == 1:
        return
    mode, metric = next(iter(chosen.names.items()))
    how = {name: _how_measured(model, mode, metric) for name, model in saved.items()}
    if None in how.values() or len(set(how.values())) > 1:
        print(f"perhaps not measured in the same way, which alone may change {chosen.label}:")
        for name, words in how.items():
            print(f"  {name}: {words or 'no longer written down in its folder'}")


def _how_measured(model: SavedRun, mode: Mode, metric: str) -> str | None:
    """How many images were compared with what, at the last evaluation."""
    epochs, values = model.history.series(metric)
    row = _written(model, epochs[-1], mode, metric, values[-1])
    if row is None:
        return None
    shown = ("dataset", "split", "classes", "threshold", "levels")
    real = ", ".join(
        f"{name} {shortened(row['real'][name])}" for name in shown if name in row["real"]
    )
    return f"{row['n_images']} generated, by {row['extractor']} against {real} ({row['reference']})"


def _largest_autocorrelation(history: History) -> Curve | None:
    measured = history.of_parts(AUTOCORRELATION)
    if not measured:
        return None
    values = [np.array(parts, float) for parts in measured.values()]
    return Curve(np.array(list(measured)), np.nanmax(values, axis=1))
