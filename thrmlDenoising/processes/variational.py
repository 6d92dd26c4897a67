"""What is minimised in training to reverse a categorical process, in bits and without a model.

The negative logarithm of what a model says of an image is at most (arXiv 2107.03006, D3PM)

    KL(q(x_T | x_0) || p(x_T)) + sum_{t=1}^{T} E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)),

with x_t from q(x_t | x_0); the term of t = 1 is -log2 p(x_0 | x_1). All functions give the terms of
every pixel by itself: their mean over pixels is in bits a dimension, and T times the mean of
`step_bits` over times drawn uniformly from 1 .. T is the sum. Models are known by their logits of
x_0 only.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from thrmlDenoising.processes.categorical import CategoricalProcess, Times, over_pixels
from thrmlDenoising.processes.resampled import Absorbing

Reverse = Callable[
    [CategoricalProcess, Integer[Array, "*shape"], Float[Array, "*shape value"], Times, Times],
    Float[Array, "*shape state"],
]
"""ln p(x_s | x_t) from logits: `CategoricalProcess.reverse`, or `reverse_product` as in D3PM."""


def step_bits(
    process: CategoricalProcess,
    x_0: Integer[Array, "*shape"],
    x_t: Integer[Array, "*shape"],
    t: Times,
    logits: Float[Array, "*shape value"],
    reverse: Reverse = CategoricalProcess.reverse,
) -> Float[Array, "*shape"]:
    """KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)); with t = 1 it is -log2 p(x_0 | x_1).

    Args:
        logits: what the model says of x_0, seeing x_t.
    """
    s = jnp.asarray(t) - 1
    return kl_bits(process.posterior(x_t, x_0, s, t), reverse(process, x_t, logits, s, t))


def prior_bits(
    process: CategoricalProcess, x_0: Integer[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """KL(q(x_T | x_0) || p(x_T)), which no training changes."""
    return kl_bits(process.log_forward(x_0, process.n_steps), process.log_prior)


def cross_entropy_bits(
    x_0: Integer[Array, "*shape"], logits: Float[Array, "*shape value"]
) -> Float[Array, "*shape"]:
    """-log2 p(x_0 | x_t)."""
    log_p = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(log_p, x_0.astype(jnp.int32)[..., None], axis=-1)
    return -chosen[..., 0] / np.log(2)


def hybrid_bits(
    process: CategoricalProcess,
    x_0: Integer[Array, "*shape"],
    x_t: Integer[Array, "*shape"],
    t: Times,
    logits: Float[Array, "*shape value"],
    weight: float,
    reverse: Reverse = CategoricalProcess.reverse,
) -> Float[Array, "*shape"]:
    """`step_bits` + weight `cross_entropy_bits`: the hybrid loss, lambda being the weight."""
    bound = step_bits(process, x_0, x_t, t, logits, reverse)
    return bound + weight * cross_entropy_bits(x_0, logits)


def masked_bits(
    process: Absorbing,
    x_0: Integer[Array, "*shape"],
    x_t: Integer[Array, "*shape"],
    t: Times,
    logits: Float[Array, "*shape value"],
) -> Float[Array, "*shape"]:
    """(abar_{t-1} - abar_t) / (1 - abar_t) [x_t is masked] (-log2 p(x_0 | x_t)).

    All that is left of `step_bits` if pixels are masked (arXiv 2406.07524, MDLM; 2406.04329, MD4):
    a weighted cross-entropy, and no matrix.

    Raises:
        ValueError: pixels are absorbed by a value that data have.
    """
    if process.state < process.n_values:
        raise ValueError(
            f"pixels are absorbed by {process.state}, one of their {process.n_values} values: "
            "without a mask the bound is no weighted cross-entropy. Use Absorbing.by_mask, or "
            "step_bits"
        )
    kept, t = process.kept, jnp.asarray(t)
    unmasked_now = jnp.exp(kept.log_between(0, t - 1)) * -jnp.expm1(kept.log_between(t - 1, t))
    weight = unmasked_now / -jnp.expm1(kept.log_between(0, t))
    is_masked = x_t == process.state
    return over_pixels(weight, x_t) * is_masked * cross_entropy_bits(x_0, logits)


def kl_bits(
    log_q: Float[Array, "*shape state"], log_p: Float[Array, "*#shape state"]
) -> Float[Array, "*shape"]:
    """sum_x q(x) log2 (q(x) / p(x)); infinite if q has states that p never has."""
    possible = log_q > -jnp.inf
    # both branches, and so the gradients, are numbers where q is 0
    log_ratio = jnp.where(possible, log_q, 0) - jnp.where(possible, log_p, 0)
    return (jnp.exp(log_q) * log_ratio).sum(axis=-1) / np.log(2)
