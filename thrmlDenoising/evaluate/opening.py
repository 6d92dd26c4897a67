"""A checkpoint as a command asks for it: of what run and epoch, and with what changed."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from thrmlDenoising.config import Config
from thrmlDenoising.config.yaml_text import parse_value
from thrmlDenoising.families import family_of_run
from thrmlDenoising.support.hints import did_you_mean, shown
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import Model, SavedRun, Source, State

C = TypeVar("C", bound=Config)


def add_run_options(arguments: ArgumentParser) -> None:
    """Adds the run, `--epoch` and `--set`, for `saved_run` and `settings`."""
    arguments.add_argument("run", type=user_path, help="run folder")
    arguments.add_argument("--epoch", type=int, help="the last complete one if left out")
    arguments.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        help="fields of the config that do not touch what was trained, in YAML",
    )


def saved_run(given: Namespace) -> SavedRun:
    """The checkpoint that is asked for.

    Raises:
        ValueError: see `SavedRun.open`.
    """
    return SavedRun.open(family_of_run(given.run), Source.of(given.run, given.epoch))


def trained_model(saved: SavedRun, cfg: Config) -> tuple[Model, State]:
    """The model of a checkpoint, with another config, and its state.

    Raises:
        CheckpointError: it is damaged.
    """
    model = saved.model_type.read_static(saved._replace(cfg=cfg))
    return model, model.read_state(saved)


def settings(cfg: Config, words: Sequence[str]) -> dict[str, Any]:
    """What `--set` says, by "section.field".

    Raises:
        ValueError: a word is none of `section.field=value`, or its field is not one of those that
            may be changed of a trained model.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"--set {shown(word)}: write section.field=value")
        _check_may_be_set(cfg, name)
        if name in found:
            raise ValueError(f"--set {name} is given more than once")
        try:
            found[name] = parse_value(value)
        except ValueError as error:
            raise ValueError(f"--set {shown(word)}: {error}") from error
    return found


def replaced(cfg: C, changes: Mapping[str, Any]) -> C:
    """A copy with some fields changed, by "section.field", all at once.

    Raises:
        ValueError: see `Config.replace`.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        section, _, field = name.partition(".")
        sections.setdefault(section, {})[field] = value
    return cfg.replace(**sections)


def _check_may_be_set(cfg: Config, name: str) -> None:
    allowed = sorted(cfg.free_to_change)
    if name in allowed:
        return
    listed = f"--set takes {', '.join(allowed)}"
    if name in cfg.flat():
        raise ValueError(f"--set {name}: the model was trained with it, and it stays. {listed}")
    raise ValueError(f"--set {shown(name)}: no such field{did_you_mean(name, allowed)} {listed}")
