"""What a command line says about a training."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import tyro

import thrmlDenoising.train
from thrmlDenoising.config import Config
from thrmlDenoising.families import FAMILIES, family, family_of_run
from thrmlDenoising.support.imports import add_trust_option, trust
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import SavedRun, Source

C = TypeVar("C", bound=Config)


@dataclass
class Arguments(Generic[C]):
    """Trains a model into a run folder; a YAML file with its config may come first."""

    cfg: Annotated[C, tyro.conf.arg(name=""), tyro.conf.FlagConversionOff]
    epochs: int = 50
    """How many epochs to train, or, with --resume, how many more."""
    evaluate_every: int = 5
    """Epochs between two evaluations, which generate, judge and draw images; 0
    trains without evaluating."""
    resume: Path | None = None
    """Run folder to go on with, from its last complete checkpoint."""
    output_dir: Path = Path("model_logging_and_saving")
    """Where the run folder is made; a resumed run stays where it is."""
    config: str | None = None
    """YAML file to begin with, or the name of a config that comes with the
    family."""
    trust: tuple[str, ...] = ()
    """Modules to import: their code runs, and the config may name what is in them."""


def parse(words: Sequence[str], default: Arguments[C], command: str | None = None) -> Arguments[C]:
    """Arguments of a family; the YAML file, or the resumed run's, is the default.

    Args:
        default: what the words leave out; its config is of the family.
        command: what the help calls it; the script's name if left out.

    Raises:
        ValueError: the YAML file, or the run, is of another family, or a value is wrong.
    """
    known = _known_first(words)
    trust(known.trust)
    cfg = default.cfg
    if _begin_with_a_name(words):
        cfg, words = type(cfg).load(words[0]), words[1:]
    elif known.config:
        cfg = _named_or_loaded(type(cfg), known.config)
    elif known.resume:
        cfg = SavedRun.open(family(cfg.family), Source(known.resume)).cfg
    default = replace(default, cfg=cfg)
    return tyro.cli(Arguments[type(cfg)], prog=command, args=words, default=default)


def parse_any(words: Sequence[str]) -> Arguments:
    """Arguments of the family that the first word names, or else of the run to resume.

    Raises:
        ValueError: there is no such family, none is named, or see `parse`.
    """
    if _begin_with_a_name(words):
        model_type, words = family(words[0]), words[1:]
    elif run := _known_first(words).resume:
        model_type = family_of_run(run)
    elif {"-h", "--help"}.intersection(words):
        print(f"{thrmlDenoising.train.__doc__}\nfamilies: {', '.join(FAMILIES)}")
        sys.exit()
    else:
        raise ValueError(f"name a family first, one of {', '.join(FAMILIES)}, or --resume RUN")
    cfg = model_type.config_type()
    return parse(words, Arguments(cfg), f"python -m thrmlDenoising.train {cfg.family}")


def _named_or_loaded(config_type: type[C], name: str) -> C:
    """A config that comes with the family; of a file, where none has the name."""
    is_file = "/" in name or name.endswith((".yaml", ".yml"))
    return config_type.load(name) if is_file else config_type.named(name)


def _begin_with_a_name(words: Sequence[str]) -> bool:
    return bool(words) and not words[0].startswith("-")


def _known_first(words: Sequence[str]) -> argparse.Namespace:
    """What has to be known before the options of a family are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", type=user_path)
    parser.add_argument("--config")
    add_trust_option(parser)
    return parser.parse_known_args(words)[0]
