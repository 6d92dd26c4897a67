"""Evaluates runs from their folders alone.

python -m thrmlDenoising.evaluate RUN --epoch 4               # a checkpoint: tables and JSON
python -m thrmlDenoising.evaluate compare RUN RUN             # several runs: a picture
python -m thrmlDenoising.evaluate controls fashion_mnist_10k  # what the metrics say of real images
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.data import dataset_facts, load_dataset
from thrmlDenoising.DTM import DTM
from thrmlDenoising.evaluation import SWEEPS_PER_SAMPLE, Mixing, Mode
from thrmlDenoising.evaluation.features import named_extractor
from thrmlDenoising.evaluation.quality import (
    WRONG_THRESHOLD,
    Headline,
    QualityReport,
    QualitySuite,
    RealImages,
    control_images,
    headline,
)
from thrmlDenoising.plots import ComparedRun, Curve, MetricStyle, draw_comparison
from thrmlDenoising.runs import History, RunFolder, read_graph, write_json
from thrmlDenoising.training import SavedModel, StepSource, updates_per_epoch


def main() -> None:
    """Runs the command that the first word names; any other word is a run to evaluate."""
    commands: dict[str, Callable[[list[str]], None]] = {
        "compare": compare_command,
        "controls": controls_command,
    }
    words = sys.argv[1:]
    try:
        if words and words[0] in commands:
            commands[words[0]](words[1:])
        else:
            checkpoint_command(words)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        sys.exit(f"error: {error}")


# --- one checkpoint ------------------------------------------------------------------------


def checkpoint_command(words: list[str]) -> None:
    """Measures all there is of a checkpoint; prints it, and writes it as JSON into the run."""
    parser = _parser("")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--epoch", type=int, help="checkpoint; the last complete one if left out")
    parser.add_argument("--images-per-class", type=int, help="that of the config if left out")
    parser.add_argument("--output", type=Path, help="evaluations/epochN_full.json if left out")
    arguments = parser.parse_args(words)
    dtm = DTM.load(arguments.run, arguments.epoch)
    content: dict[str, Any] = {"epoch": dtm.epoch}
    for mode in dtm.modes:
        report = dtm.quality(mode, arguments.images_per_class)
        print(f"\n## {mode} images of epoch {dtm.epoch}\n\n{report}", flush=True)
        content[mode] = report.to_dict()
    mixing, energy = dtm.mixing(), dtm.hardware_energy()
    print(f"\n## Mixing at the training beta\n\n{_mixing_table(mixing)}")
    print(f"\n## Energy on the paper's hardware\n\n{energy}\n")
    content["mixing"] = [_mixing_numbers(step) for step in mixing]
    content["hardware_energy"] = energy.to_dict()
    output = arguments.output or RunFolder.open(arguments.run).full_evaluation(dtm.epoch)
    write_json(output, content)
    print(f"written to {output}")


def _mixing_table(mixing: Sequence[Mixing]) -> str:
    rows = [
        f"| {index} | {_cell(step.integrated_time)} | {_cell(step.effective_sample_size)} | "
        f"{_cell(step.slowest_decay)} |"
        for index, step in enumerate(mixing)
    ]
    header = "| step | integrated time (sweeps) | samples a chain | slowest decay (sweeps) |"
    return "\n".join([header, "|---|---|---|---|", *rows])


def _mixing_numbers(step: Mixing) -> dict[str, Any]:
    """All but the curve's errors, ready for JSON."""
    return {
        "sweeps_per_sample": SWEEPS_PER_SAMPLE,
        "curve": step.curve.values.tolist(),
        "integrated_time_sweeps": step.integrated_time._asdict(),
        "effective_sample_size_of_a_chain": step.effective_sample_size._asdict(),
        "slowest_decay_sweeps": step.slowest_decay._asdict(),
        "fitted_lags": step.window,
    }


def _cell(estimate: tuple[float, float, float]) -> str:
    value, low, high = estimate
    return f"{value:.3g} ({low:.3g} to {high:.3g})"


# --- several runs --------------------------------------------------------------------------


def compare_command(words: list[str]) -> None:
    """Draws the headline metric and the autocorrelation of several runs."""
    parser = _parser(" compare")
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--output", type=Path, default=Path("comparison.png"), help="PNG file")
    arguments = parser.parse_args(words)
    saved = [SavedModel.open(StepSource(run)) for run in arguments.runs]
    chosen = _common_headline([model.history for model in saved], arguments.runs)
    runs = [_compared(model, chosen) for model in saved]
    style = MetricStyle(chosen.label, inverted=chosen.is_distance)
    draw_comparison(runs, style, arguments.output)
    for run in runs:
        print(f"{run.name}: {run.updates_per_epoch:.3g} spin updates an epoch")
        for mode, curve in run.metric.items():
            best = curve.values.argmin() if chosen.is_distance else curve.values.argmax()
            at_best = f"{curve.values[best]:.4g} at epoch {curve.epochs[best]}"
            print(f"  {mode} {chosen.label}: best {at_best}, last {curve.values[-1]:.4g}")
    _print_what_differs(saved, chosen)
    print(f"drawn in {arguments.output}")


def _common_headline(histories: Sequence[History], runs: Sequence[Path]) -> Headline:
    """The best metric that all runs have.

    Raises:
        ValueError: there is none.
    """
    common = [
        name
        for name in histories[0].metric_names
        if all(name in history.metric_names for history in histories)
    ]
    chosen = headline(common)
    if chosen is None:
        raise ValueError(
            f"the runs {', '.join(map(str, runs))} have no image metric in common: train them "
            "with the same evaluation.extractors, or compare others"
        )
    return chosen


def _compared(model: SavedModel, chosen: Headline) -> ComparedRun:
    n_steps = model.cfg.diffusion_schedule.num_diffusion_steps
    graphs = [BaseGraph.from_arrays(read_graph(model.folder, step)) for step in range(n_steps)]
    metric = {mode: _curve(model, mode, name) for mode, name in chosen.names.items()}
    return ComparedRun(
        model.run.name,
        updates_per_epoch(model.cfg, graphs),
        dict(metric),
        _largest_autocorrelation(model.history),
    )


def _curve(model: SavedModel, mode: Mode, name: str) -> Curve:
    """A metric over the epochs, with intervals if all of them were written down."""
    epochs, values = map(np.asarray, model.history.series(name))
    rows = [_written(model, epoch, mode, name) for epoch in epochs]
    known = [(float(row["low"]), float(row["high"])) for row in rows if row is not None]
    if len(known) < len(rows):
        return Curve(epochs, values)
    low, high = np.array(known).T
    return Curve(epochs, values, (low, high))


def _written(model: SavedModel, epoch: int, mode: Mode, name: str) -> dict[str, Any] | None:
    """What the run folder says of a measurement, if it still has it."""
    file = RunFolder.open(model.run).evaluation(epoch)
    if not file.is_file():
        return None
    rows = json.loads(file.read_text(encoding="utf-8"))[mode]["measurements"]
    return next((row for row in rows if f"{mode}_{row['name']}" == name), None)


def _print_what_differs(saved: Sequence[SavedModel], chosen: Headline) -> None:
    """Distances to other real images, or of another number of images, are not the same thing."""
    mode, name = next(iter(chosen.names.items()))
    rows = [_written(model, model.history.series(name)[0][-1], mode, name) for model in saved]
    facts = [row and (row["n_images"], row["extractor"], row["reference"]) for row in rows]
    if None in facts or len(set(facts)) > 1:
        print(f"not measured in the same way, so that {chosen.label} may differ for that alone:")
        for model, row in zip(saved, rows, strict=True):
            how = (
                row and f"{row['n_images']} images against {row['reference']} ({row['extractor']})"
            )
            print(f"  {model.run.name}: {how or 'no longer written down in its folder'}")


def _largest_autocorrelation(history: History) -> Curve | None:
    measured = [
        record
        for record in history.records
        if any(value is not None for value in record.autocorrelation)
    ]
    if not measured:
        return None
    values = [np.array(record.autocorrelation, float) for record in measured]
    return Curve(np.array([record.epoch for record in measured]), np.nanmax(values, axis=1))


# --- controls ------------------------------------------------------------------------------


def controls_command(words: list[str]) -> None:
    """Measures images of known quality, and prints one table of all."""
    parser = _parser(" controls")
    parser.add_argument("dataset", nargs="?", default="fashion_mnist_10k")
    parser.add_argument("--threshold", type=float, default=0.1)
    parser.add_argument("--images", type=int, default=5120, help="of each kind, or all there are")
    parser.add_argument("--extractor", nargs="+", default=["classifier"])
    parser.add_argument("--inception-weights", type=Path)
    parser.add_argument("--data-dir")
    arguments = parser.parse_args(words)
    classes = range(dataset_facts(arguments.dataset).n_classes)
    real, wrong = (
        load_dataset(
            arguments.dataset,
            target_classes=classes,
            n_levels=1,
            pixel_threshold=threshold,
            data_dir=arguments.data_dir,
        )
        for threshold in (arguments.threshold, WRONG_THRESHOLD)
    )
    extractors = [
        named_extractor(name, arguments.dataset, arguments.inception_weights)
        for name in arguments.extractor
    ]
    suite = QualitySuite(RealImages(real, arguments.threshold), extractors, n_replicates=100)
    reports = {
        f"{control.name} ({len(control.pixels)})": suite.measure(
            control.pixels, control.labels, "clamped", np.random.default_rng(0)
        )
        for control in control_images(real, wrong, arguments.images, np.random.default_rng(0))
    }
    print(_controls_table(reports))


def _controls_table(reports: dict[str, QualityReport]) -> str:
    """A column for every control, a row for every measurement."""
    found = [report.measurements for report in reports.values()]
    names = dict.fromkeys(name for measurements in found for name in measurements)
    rows = [["", *reports], ["---"] * (len(reports) + 1)]
    for name in names:
        cells = [_cell(some[name].estimate) if name in some else "-" for some in found]
        rows.append([name, *cells])
    reference = next(iter(reports.values())).reference
    facts = "; ".join(f"{name} {value}" for name, value in reference.items())
    return "\n".join([facts, "", *map(_table_row, rows)])


def _table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _parser(command: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"python -m thrmlDenoising.evaluate{command}",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


if __name__ == "__main__":
    main()
