"""Averages of parameters over training: smoother than the last ones, and better to sample with."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, PyTree


def share_kept(decay: Float[ArrayLike, ""], n_before: Int[ArrayLike, ""]) -> Float[Array, ""]:
    """min(decay, (1 + n) / (10 + n)): an average over few updates forgets its start soon."""
    n = jnp.asarray(n_before, jnp.float32)
    return jnp.minimum(decay, (1 + n) / (10 + n))


def averaged(
    average: PyTree, parameters: PyTree, decay: Float[ArrayLike, ""], n_before: Int[ArrayLike, ""]
) -> PyTree:
    """d average + (1 - d) parameters, d = `share_kept`; whatever is no float is that of now.

    Args:
        average: so far; at first the parameters that training starts from.
        parameters: after the latest update.
        decay: the share that an average keeps at an update, of at least 0 and below 1.
        n_before: how many updates it has followed.
    """
    new = 1 - share_kept(decay, n_before)

    def follow(old: Array, now: Array) -> Array:
        return old + new * (now - old) if eqx.is_inexact_array(now) else now

    return jax.tree.map(follow, average, parameters)
