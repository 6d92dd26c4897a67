"""All there is to measure of one checkpoint."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from thrmlDenoising import __version__
from thrmlDenoising.config import Config
from thrmlDenoising.evaluate.text import parser
from thrmlDenoising.families import family_of_run
from thrmlDenoising.runs import RunFolder
from thrmlDenoising.support.files import check_can_be_written, write_json
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import SavedRun, Source


def checkpoint_command(words: list[str]) -> None:
    """Measures all there is of a checkpoint; prints it, and writes it as JSON into the run."""
    given = _parse(words)
    model_type = family_of_run(given.run)
    saved = SavedRun.open(model_type, Source.of(given.run, given.epoch))
    model = model_type.read_static(saved._replace(cfg=_changed(saved.cfg, given)))
    state = model.read_state(saved)
    epoch = saved.checkpoint.epoch
    output = given.output or _place_in(RunFolder.open(given.run), epoch)
    check_can_be_written(output, "--output")
    content: dict[str, Any] = {"thrmlDenoising": __version__, "epoch": epoch}
    for mode, report in model.reports(state, given.images_per_class):
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
    arguments.add_argument("run", type=user_path, help="run folder")
    arguments.add_argument("--epoch", type=int, help="the last complete one if left out")
    arguments.add_argument(
        "--images-per-class", type=int, help="or strings in all; as the config says if left out"
    )
    arguments.add_argument("--extractors", nargs="+", help="those of the config")
    arguments.add_argument("--inception-weights", help="file with the weights of FID's network")
    arguments.add_argument("--data-dir", help="folder with the full data sets on this machine")
    arguments.add_argument(
        "--output", type=user_path, help="evaluations/epochN_full.json if left out"
    )
    return parse_trusting(arguments, words)


def _changed(cfg: Config, given: Namespace) -> Config:
    """The config with what the command line says."""
    said = {
        "data": {"data_dir": given.data_dir},
        "evaluation": {
            "extractors": given.extractors,
            "inception_weights": given.inception_weights,
        },
    }
    changes = {
        section: {name: value for name, value in fields.items() if value is not None}
        for section, fields in said.items()
    }
    return cfg.replace(**{section: fields for section, fields in changes.items() if fields})
