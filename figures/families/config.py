"""Families side by side: clothes and digits in black and white, made in as many seconds.

At the laptop's scale every model sees 10,000 clothes or 60,000 digits, in epochs such that all
train for a minute to a minute and a half on two cores, but for the control, which has learnt all it
can after one. The DTM on clothes is the short run.
"""

from collections.abc import Mapping
from typing import NamedTuple

from figures.settings import PUBLISHED
from thrmlDenoising import DTMConfig
from thrmlDenoising.config import Config
from thrmlDenoising.experiments import Changes, Experiment, Experiments
from thrmlDenoising.families.discrete import DiscreteConfig
from thrmlDenoising.families.independent import IndependentConfig
from training_script import SHORT_RUN

NOISE: Mapping[str, Changes] = {
    "uniform": dict(process=dict(kind="uniform")),
    "absorbing": dict(process=dict(kind="absorbing")),
    "masked": dict(process=dict(kind="masked")),
    "multinomial": dict(
        process=dict(kind="uniform", schedule="multinomial"),
        loss=dict(kind="bound", times="importance"),
    ),
}
"""Discrete diffusion: D3PM with two kinds of noise, masked diffusion, and Hoogeboom's."""


class Scale(NamedTuple):
    """The models of a scale, and how long they are trained.

    Attributes:
        data: names of data sets, by the first word of the variants.
        epochs: of the DTM, of networks and of the control, on each data set.
        n_evaluations: on the way, evenly spread.
        changes: what all share.
    """

    dtm: DTMConfig
    network: DiscreteConfig
    data: Mapping[str, str]
    epochs: Mapping[str, tuple[int, int, int]]
    n_evaluations: int
    changes: Changes
    seeds: tuple[int, ...]

    def experiments(self) -> Experiments:
        """Of every family on every data set."""
        members = []
        for name in self.data:
            of_dtm, of_network, of_control = self.epochs[name]
            members += [
                self._experiment(self.dtm, {"DTM": {}}, name, of_dtm),
                self._experiment(self.network, NOISE, name, of_network),
                self._experiment(IndependentConfig(), {"independent": {}}, name, of_control),
            ]
        return Experiments(tuple(members))

    def _experiment(
        self, cfg: Config, variants: Mapping[str, Changes], name: str, n_epochs: int
    ) -> Experiment:
        data = dict(dataset_name=self.data[name])
        named = {f"{name}_{variant}": {**some, "data": data} for variant, some in variants.items()}
        evaluate_every = max(1, n_epochs // self.n_evaluations)
        return Experiment(cfg.replace(**self.changes), named, n_epochs, evaluate_every, self.seeds)


LAPTOP = Scale(
    dtm=SHORT_RUN,
    network=DiscreteConfig.named("fashion_mnist_binary"),
    data={"clothes": "fashion_mnist_10k", "digits": "mnist"},
    epochs={"clothes": (4, 8, 1), "digits": (1, 2, 1)},
    n_evaluations=2,
    changes=dict(
        exp=dict(generate_gif=False),
        generation=dict(fid_images_per_digit=100),
        evaluation=dict(bootstrap_replicates=20),
    ),
    seeds=(0, 1, 2),
)
PAPER = Scale(
    dtm=PUBLISHED,
    network=DiscreteConfig().replace(
        process=dict(n_timesteps=1000),
        network=dict(kind="unet", channels=128, dropout=0.1),
        optim=dict(learning_rate=2e-4, average_decay=0.9999),
        generation=dict(n_steps=None),
    ),
    data={"clothes": "fashion_mnist", "digits": "mnist"},
    epochs={"clothes": (150, 150, 1), "digits": (150, 150, 1)},
    n_evaluations=30,
    changes=dict(
        exp=dict(generate_gif=False),
        generation=dict(fid_images_per_digit=512),
        evaluation=dict(extractors=("classifier", "inception")),
    ),
    seeds=(0,),
)
SCALES = {"laptop": LAPTOP.experiments(), "paper": PAPER.experiments()}
