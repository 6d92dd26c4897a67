"""One seed in, a key for every purpose out."""

from typing import Literal, get_args

import jax
from jaxtyping import Array, Key

Purpose = Literal[
    "parameters", "training", "autocorrelation", "evaluation", "animation", "sample", "mixing"
]


def purpose_key(seed: int, purpose: Purpose, *numbers: int) -> Key[Array, ""]:
    """The key of a purpose, and within it of a step or an epoch.

    What is drawn for one purpose does not depend on what was drawn for another, so evaluating
    more or less often leaves training as it is.
    """
    key = jax.random.key(seed)
    for number in (get_args(Purpose).index(purpose), *numbers):
        key = jax.random.fold_in(key, number)
    return key
