"""One seed in, a key for every purpose out."""

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32

Purpose = Literal[
    "parameters",
    "training",
    "autocorrelation",
    "evaluation",
    "animation",
    "sample",
    "mixing",
    "likelihood",
]
"""What randomness is for. A new one comes last: the others keep their keys."""

UserKey = Key[Array, ""] | UInt32[Array, "word"] | UInt32[np.ndarray, " word"]
"""A key of any generator, or in the old form of an array of words."""

_LEGACY_GENERATORS = {(2,): "threefry2x32", (4,): "rbg"}
"""By the shape of a key that is an array of words."""


def seed_key(seed: int) -> Key[Array, ""]:
    """The key that everything random of a model comes from."""
    # The words of jax.random.key(seed), which jax_random_seed_offset would change.
    return key_of_words(np.array([0, seed], np.uint32))


def key_for(key: Key[Array, ""], purpose: Purpose, *numbers: int) -> Key[Array, ""]:
    """The key of a purpose, and within it of a part or an epoch.

    What is drawn for one purpose does not depend on what was drawn for another, so evaluating
    more or less often leaves training as it is.
    """
    for number in (get_args(Purpose).index(purpose), *numbers):
        key = jax.random.fold_in(key, number)
    return key


def purpose_key(seed: int, purpose: Purpose, *numbers: int) -> Key[Array, ""]:
    """The key of a purpose that comes from a seed."""
    return key_for(seed_key(seed), purpose, *numbers)


def key_of_words(words: UInt32[np.ndarray, "2"] | UInt32[Array, "2"]) -> Key[Array, ""]:
    """A key of the library's generator, whichever generator JAX is set to."""
    return jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")


def checked_key(key: Any) -> Key[Array, ""]:
    """A user's key as JAX wants it.

    Raises:
        ValueError: it is something else.
    """
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
        return key
    if dtype == np.uint32 and shape in _LEGACY_GENERATORS:
        return jax.random.wrap_key_data(key, impl=_LEGACY_GENERATORS[shape])
    given = type(key).__name__ if dtype is None else f"an array {shape} of {dtype}"
    raise ValueError(f"key is {given}, which is no random key: give one, such as jax.random.key(0)")
