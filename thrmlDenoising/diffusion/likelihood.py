"""How many bits a variable takes, at most, if it is written down by what a model expects.

The bound of `processes.variational`: L_T + sum_t L_{t-1}, in bits a dimension. An example is looked
at at one time in every one of a number of equal spans of time, drawn anew for each.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, Key

from thrmlDenoising.diffusion.categorical import REVERSE, Denoiser
from thrmlDenoising.diffusion.going_back import blocks
from thrmlDenoising.processes import CategoricalProcess
from thrmlDenoising.processes.variational import prior_bits, step_bits


class BitsPerDim(NamedTuple):
    """The variational bound of some examples, in bits a dimension.

    Attributes:
        value: mean over the examples.
        standard_error: from their scatter, in which that of the times drawn is contained.
        prior: the part of time T, which no training changes.
        spans: the first and the last time of every span.
        by_span: what the times of each span contribute to the value.
        n_examples: how many they are.
    """

    value: float
    standard_error: float
    prior: float
    spans: Int[np.ndarray, "span 2"]
    by_span: Float[np.ndarray, " span"]
    n_examples: int

    def __str__(self) -> str:
        return (
            f"{self.value:.4f} +- {self.standard_error:.4f} bits per dimension at most, of "
            f"{self.n_examples} examples"
        )


def bits_per_dim(
    key: Key[Array, ""],
    process: CategoricalProcess,
    reverse: str,
    denoiser_of: Callable[[slice], Denoiser],
    x_0: Integer[np.ndarray, " example *shape"],
    n_spans: int,
) -> BitsPerDim:
    """The bound of examples under a model.

    Args:
        reverse: one of `REVERSE`.
        denoiser_of: what says of a block of the examples what they were.
        n_spans: times at which each example is looked at; with T of them nothing is drawn but
            noise.
    """
    edges = np.linspace(0, process.n_steps, min(n_spans, process.n_steps) + 1)
    edges = edges.round().astype(np.int32)
    first, width = edges[:-1] + 1, np.diff(edges)
    parts, priors = [], []
    spans = jnp.asarray(first), jnp.asarray(width)
    for block, block_key in blocks(key, len(x_0)):
        some = jnp.asarray(x_0[block], jnp.int32)
        known = process, reverse, denoiser_of(block)
        parts.append(np.asarray(_spans(known, block_key, some, spans)))
        priors.append(np.asarray(_of_examples(prior_bits(process, some))))
    of_spans, of_prior = np.concatenate(parts, axis=1), np.concatenate(priors)
    of_examples = of_spans.sum(axis=0) + of_prior
    n = len(of_examples)
    return BitsPerDim(
        value=float(of_examples.mean()),
        standard_error=float(of_examples.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        prior=float(of_prior.mean()),
        spans=np.column_stack([first, edges[1:]]),
        by_span=of_spans.mean(axis=1),
        n_examples=n,
    )


@eqx.filter_jit
def _spans(
    known: tuple[CategoricalProcess, str, Denoiser],
    key: Key[Array, ""],
    x_0: Int[Array, " example *shape"],
    spans: tuple[Int[Array, " span"], Int[Array, " span"]],
) -> Float[Array, "span example"]:
    """What a span contributes: its width times the term of a time drawn from it."""
    process, reverse, denoiser = known

    def one(number: Int[Array, ""], first: Int[Array, ""], width: Int[Array, ""]) -> Array:
        time_key, noise_key = jax.random.split(jax.random.fold_in(key, number))
        t = first + jax.random.randint(time_key, (len(x_0),), 0, width)
        x_t = process.noise(noise_key, x_0, t)
        bits = step_bits(process, x_0, x_t, t, denoiser(x_t, t), REVERSE[reverse])
        return width * _of_examples(bits)

    numbers = jnp.arange(len(spans[0]))
    return jax.lax.map(lambda span: one(*span), (numbers, *spans))


def _of_examples(bits: Float[Array, " example *shape"]) -> Float[Array, " example"]:
    """The mean over the variables of each."""
    return bits.mean(axis=tuple(range(1, bits.ndim)))
