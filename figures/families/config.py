"""Families side by side: clothes and digits in black and white, made in as many seconds.

Every model sees 10,000 clothes or 60,000 digits; epochs are such that all train for some two to
three minutes on two cores, but for the control, which has learnt all it can after one.
"""

from collections.abc import Mapping

from thrmlDenoising.config import Config
from thrmlDenoising.experiments import Changes, Experiment, Experiments
from thrmlDenoising.families.discrete import DiscreteConfig
from thrmlDenoising.families.independent import IndependentConfig
from training_script import SHORT_RUN

SEEDS = (0, 1, 2)
DATA_SETS: Mapping[str, str] = {"clothes": "fashion_mnist_10k", "digits": "mnist"}
"""By the first word of a variant."""
N_IMAGES = {"clothes": 10_000, "digits": 60_000}
N_CLOTHES = {"DTM": 12, "network": 6}
"""Epochs on clothes; on digits there are as many updates."""

SHARED: Changes = dict(
    exp=dict(generate_gif=False),
    generation=dict(fid_images_per_digit=100),
    evaluation=dict(bootstrap_replicates=20),
)
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


def experiment(cfg: Config, variants: Mapping[str, Changes], data: str, epochs: int) -> Experiment:
    """Variants of a family on a data set, evaluated three times on the way.

    Args:
        epochs: on clothes.
    """
    n = max(1, round(epochs * N_IMAGES["clothes"] / N_IMAGES[data]))
    named = {
        f"{data}_{name}": {**changes, "data": dict(dataset_name=DATA_SETS[data])}
        for name, changes in variants.items()
    }
    return Experiment(cfg.replace(**SHARED), named, n, max(1, n // 3), SEEDS)


def together(data_sets: tuple[str, ...]) -> Experiments:
    """All families on these data sets."""
    dtm = SHORT_RUN.replace(optim=dict(n_epochs_for_lrd=N_CLOTHES["DTM"]))
    discrete = DiscreteConfig.named("fashion_mnist_binary")
    return Experiments(
        tuple(
            member
            for data in data_sets
            for member in (
                experiment(dtm, {"DTM": {}}, data, N_CLOTHES["DTM"]),
                experiment(discrete, NOISE, data, N_CLOTHES["network"]),
                experiment(IndependentConfig(), {"independent": {}}, data, 1),
            )
        )
    )


SCALES = {"laptop": together(("clothes", "digits"))}
