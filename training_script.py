"""Trains a Denoising Thermodynamic Model and leaves a run folder.

python training_script.py                                   # SHORT_RUN below
python training_script.py my_config.yaml --exp.seed 7       # a YAML file, then overrides
python training_script.py my_config.yaml --trust my_graphs  # which may name classes of that module
python training_script.py --resume model_logging_and_saving/short_20261121_120000
"""

from thrmlDenoising.support.command_line import exits_in_words, quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import argparse
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.runs import complete_epochs
from thrmlDenoising.support.files import check_can_hold_files
from thrmlDenoising.support.imports import add_trust_option, trust
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import SavedRun, Source

SHORT_RUN = make_cfg(
    exp=dict(descriptor="short"),
    graph=dict(graph_preset_architecture=60_12, placement="local", num_label_spots=18),
    sampling=dict(batch_size=100, n_samples=20, steps_per_sample=4, steps_warmup=100),
    generation=dict(fid_images_per_digit=100, steps_warmup=120),
    diffusion_schedule=dict(num_diffusion_steps=2),
    optim=dict(step_learning_rates=(0.01,), n_epochs_for_lrd=4),
)


@dataclass
class Arguments:
    """Trains a Denoising Thermodynamic Model; a YAML file may come first."""

    epochs: int = 4
    """How many epochs to train, or, with --resume, how many more."""
    evaluate_every: int = 2
    """Epochs between two evaluations, which generate, judge and draw images; 0
    trains without evaluating."""
    resume: Path | None = None
    """Run folder to go on with, from its last complete checkpoint."""
    output_dir: Path = Path("model_logging_and_saving")
    """Where the run folder is made; a resumed run stays where it is."""
    trust: tuple[str, ...] = ()
    """Modules to import: their code runs, and the config may name what is in them."""
    cfg: Annotated[DTMConfig, tyro.conf.arg(name="")] = field(default_factory=lambda: SHORT_RUN)


def parse(argv: list[str]) -> Arguments:
    """Arguments from the command line; the YAML file, or the resumed run's, is the default."""
    default = Arguments()
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--resume", type=user_path)
    add_trust_option(first)
    known, _ = first.parse_known_args(argv)
    trust(known.trust)
    if argv and not argv[0].startswith("-"):
        default.cfg = DTMConfig.load(argv[0])
        argv = argv[1:]
    elif known.resume:
        default.cfg = SavedRun.open(DTMModel, Source(known.resume)).cfg
    return tyro.cli(Arguments, args=argv, default=default, config=(tyro.conf.FlagConversionOff,))


def main() -> None:
    """Parses, trains, and says where to look."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("thrmlDenoising").setLevel(logging.INFO)
    dtm = None

    def interrupted() -> str:
        saved = complete_epochs(dtm.model_saving_path) if dtm else []
        hint = f"\ngo on with --resume {dtm.logging_and_saving_dir}" if dtm and saved else ""
        return f"interrupted; complete checkpoints: {saved}{hint}"

    with exits_in_words(interrupted):
        arguments = parse(sys.argv[1:])
        if arguments.resume is None:
            check_can_hold_files(user_path(arguments.output_dir), "--output-dir")
        dtm = DTM(arguments.cfg, base_dir=arguments.output_dir)
        dtm.train(arguments.epochs, arguments.evaluate_every, arguments.resume)
        print(f"run folder: {dtm.logging_and_saving_dir}")
        print(f"images: {dtm.logging_and_saving_dir / 'images'}")


if __name__ == "__main__":
    main()
