"""All there is to measure of one checkpoint."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from thrmlDenoising import __version__
from thrmlDenoising.config import Config
from thrmlDenoising.evaluate.opening import (
    add_run_options,
    replaced,
    saved_run,
    settings,
    trained_model,
)
from thrmlDenoising.evaluate.text import parser
from thrmlDenoising.runs import RunFolder
from thrmlDenoising.support.files import check_can_be_written, write_json
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.paths import user_path


def checkpoint_command(words: list[str]) -> None:
    """Measures all there is of a checkpoint; prints it, and writes it as JSON into the run."""
    given = _parse(words)
    saved = saved_run(given)
    model, state = trained_model(saved, _changed(saved.cfg, given))
    epoch = state.epoch
    output = given.output or _place_in(RunFolder.open(given.run), epoch)
    check_can_be_written(output, "--output")
    content: dict[str, Any] = {"thrmlDenoising": __version__, "epoch": epoch}
    for mode, report in model.reports(state, given.n):
        print(f"\n## {mode} {model.makes} of epoch {epoch}\n\n{report}", flush=True)
        content[mode] = report.to_dict()
        write_json(output, content)  # should what follows fail, this is kept
    for finding in model.findings(state):
        print(f"\n## {finding.title}\n\n{finding.text}", flush=True)
        content[finding.key] = finding.content
        write_json(output, content)
    print(f"\nwritten to {output}")


def _place_in(run: RunFolder, epoch: int) -> Path:
    """The file in the run folder.

    Raises:
        OSError: its folder is a link, which leads elsewhere.
    """
    run.refuse_links()
    return run.full_evaluation(epoch)


def _parse(words: list[str]) -> Namespace:
    arguments = parser("")
    add_run_options(arguments)
    arguments.add_argument(
        "--n",
        "--images-per-class",
        dest="n",
        type=int,
        help="how many are generated, of images for each class; as the config says if left out",
    )
    arguments.add_argument("--extractors", nargs="+", help="those of the config")
    arguments.add_argument("--inception-weights", help="file with the weights of FID's network")
    arguments.add_argument("--data-dir", help="folder with the full data sets on this machine")
    arguments.add_argument(
        "--output", type=user_path, help="evaluations/epochN_full.json if left out"
    )
    return parse_trusting(arguments, words)


def _changed(cfg: Config, given: Namespace) -> Config:
    """The config with what the command line says.

    Raises:
        ValueError: it says something twice, or see `settings` and `replaced`.
    """
    said = {
        "data.data_dir": given.data_dir,
        "evaluation.extractors": given.extractors,
        "evaluation.inception_weights": given.inception_weights,
    }
    options = {name: value for name, value in said.items() if value is not None}
    changes = settings(cfg, given.set)
    if twice := options.keys() & changes:
        raise ValueError(f"--set {min(twice)} and an option of its own: give one of them")
    return replaced(cfg, options | changes)
