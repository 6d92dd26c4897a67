"""Trains a Denoising Thermodynamic Model and leaves a run folder.

python training_script.py                                   # SHORT_RUN below
python training_script.py my_config.yaml --exp.seed 7       # a YAML file, then overrides
python training_script.py my_config.yaml --trust my_graphs  # which may name classes of that module
python training_script.py --resume model_logging_and_saving/short_20261121_120000

`python -m thrmlDenoising.train` trains models of any family.
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import sys
from collections.abc import Sequence

from thrmlDenoising import DTMConfig, make_cfg
from thrmlDenoising.train.arguments import Arguments
from thrmlDenoising.train.arguments import parse as parse_words
from thrmlDenoising.train.command import train

SHORT_RUN = make_cfg(
    exp=dict(descriptor="short"),
    graph=dict(graph_preset_architecture=60_12, placement="local", num_label_spots=18),
    sampling=dict(batch_size=100, n_samples=20, steps_per_sample=4, steps_warmup=100),
    generation=dict(fid_images_per_digit=100, steps_warmup=120),
    diffusion_schedule=dict(num_diffusion_steps=2),
    optim=dict(step_learning_rates=(0.01,), n_epochs_for_lrd=4),
)


def parse(words: Sequence[str]) -> Arguments[DTMConfig]:
    """Arguments from the command line; what they leave out is the short run."""
    return parse_words(words, Arguments(SHORT_RUN, epochs=4, evaluate_every=2))


def main() -> None:
    """Parses, trains, and says where to look."""
    train(lambda: parse(sys.argv[1:]))


if __name__ == "__main__":
    main()
