"""The command line of a train.py: an experiment at one of its scales."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from thrmlDenoising.experiments.experiment import Experiment, Experiments, Run
from thrmlDenoising.experiments.training import Places, train_all
from thrmlDenoising.support.cache import keep_compiled_programs
from thrmlDenoising.support.command_line import exits_in_words
from thrmlDenoising.support.files import check_can_hold_files
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.paths import user_path

RUNS = Path("model_logging_and_saving/figures")
"""Where run folders are kept, if the user says nothing else."""


def train_command(
    folder: Path,
    scales: Mapping[str, Experiment] | Mapping[str, Experiments],
    argv: Sequence[str] | None = None,
    afterwards: Callable[[Sequence[Run], Places], None] | None = None,
) -> None:
    """Trains what is not finished of a scale.

    Args:
        folder: of the figure; tables go to the folder in it that is named after the scale.
        afterwards: called when all runs of the scale are finished, for what a figure shows besides
            tables of runs.
    """
    parser = argparse.ArgumentParser(description=f"Trains what {folder.name} shows.")
    parser.add_argument("--scale", choices=scales, required=True)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (default: 1)")
    parser.add_argument("--only", nargs="+", metavar="RUN", help="these, such as DTM_seed0")
    parser.add_argument(
        "--runs", type=user_path, default=RUNS, help=f"run folders (default: {RUNS})"
    )
    with exits_in_words(lambda: "interrupted; the same command goes on with what is saved"):
        keep_compiled_programs()
        given = parse_trusting(parser, argv)
        runs = scales[given.scale].runs()
        names = [run.name for run in runs]
        if unknown := set(given.only or names) - set(names):
            parser.error(f"--only {', '.join(sorted(unknown))}: the runs are {', '.join(names)}")
        places = Places(folder / given.scale, given.runs / folder.name / given.scale)
        if not all(map(places.is_finished, runs)):
            check_can_hold_files(places.runs, "--runs")
            check_can_hold_files(places.tables, "the tables of this figure:")
        chosen = [run for run in runs if run.name in (given.only or names)]
        train_all(chosen, places, given.jobs, given.trust)
        if afterwards and all(map(places.is_finished, runs)):
            afterwards(runs, places)
