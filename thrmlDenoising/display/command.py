"""A checkpoint at work: what it makes, in a few numbers and in pictures."""

import argparse
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import thrmlDenoising.display
from thrmlDenoising.config import Config
from thrmlDenoising.evaluate.opening import (
    add_run_options,
    replaced,
    saved_run,
    settings,
    trained_model,
)
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.runs import RunFolder
from thrmlDenoising.support.files import check_can_hold_files, refuse_linked_folders
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.markdown import table
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import SavedRun
from thrmlDenoising.training.results import Draw


def display_command(words: list[str]) -> None:
    """Generates, prints what was measured, and draws pictures and animations of the family."""
    given = _parse(words)
    saved = saved_run(given)
    model, state = trained_model(saved, _changed(saved, given))
    output = given.output or _place_in(RunFolder.open(given.run), state.epoch)
    check_can_hold_files(output, "--output")
    evaluation = model.evaluate(state)
    print(f"\n## {model.makes} of epoch {state.epoch}\n\n{_in_short(evaluation.reports)}")
    drawn = {**evaluation.pictures, **model.animations(state)}
    if not drawn:
        print("\nnothing is drawn: by its config there are neither pictures nor animations")
    print()
    for name, draw in drawn.items():
        _draw(output / name, draw)


def _parse(words: list[str]) -> Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m thrmlDenoising.display",
        description=thrmlDenoising.display.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_options(arguments)
    arguments.add_argument(
        "--n", type=int, help="how many are generated, of images for each class; as the config says"
    )
    arguments.add_argument(
        "--output", type=user_path, help="folder; display_epochN in the run if left out"
    )
    return parse_trusting(arguments, words)


def _changed(saved: SavedRun, given: Namespace) -> Config:
    """The config with what the command line says: first how many, which `--set` goes on from."""
    cfg = saved.cfg if given.n is None else saved.model_type.judging(saved.cfg, given.n)
    return replaced(cfg, settings(cfg, given.set))


def _place_in(run: RunFolder, epoch: int) -> Path:
    """The folder in the run.

    Raises:
        OSError: it, or a folder in it, is a link, which leads elsewhere.
    """
    run.refuse_links()
    place = run.display(epoch)
    if place.is_dir():
        refuse_linked_folders(place)
    return place


def _in_short(reports: Mapping[str, QualityReport]) -> str:
    """All measurements in one table, and what was not measured."""
    rows = [("measurement", "value", "95 % interval")]
    notes = []
    for mode, report in reports.items():
        for name, found in report.measurements.items():
            value, low, high = found.estimate
            rows.append((f"{mode}_{name}", f"{value:.4g}", f"{low:.4g} to {high:.4g}"))
        notes += [f"not measured: {note}" for note in report.notes]
    return "\n".join([table(rows), *dict.fromkeys(notes)])


def _draw(path: Path, draw: Draw) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(path)
    print(f"written to {path}", flush=True)
