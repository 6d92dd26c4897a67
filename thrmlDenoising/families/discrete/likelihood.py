"""How many bits a pixel takes, at most, if it is written down by what a model expects.

The bound of `processes.variational`: L_T + sum_t L_{t-1}, in bits a dimension. An image is looked
at at one time in every one of a number of equal spans of time, drawn anew for each image.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from thrmlDenoising.families.discrete.generation import Backwards, blocks
from thrmlDenoising.families.discrete.trainer import REVERSE
from thrmlDenoising.processes.variational import prior_bits, step_bits


class BitsPerDim(NamedTuple):
    """The variational bound of some images, in bits a dimension.

    Attributes:
        value: mean over the images.
        standard_error: from the scatter of images, in which that of the times drawn is contained.
        prior: the part of time T, which no training changes.
        spans: the first and the last time of every span.
        by_span: what the times of each span contribute to the value.
        n_images: how many images.
    """

    value: float
    standard_error: float
    prior: float
    spans: Int[np.ndarray, "span 2"]
    by_span: Float[np.ndarray, " span"]
    n_images: int

    def __str__(self) -> str:
        return (
            f"{self.value:.4f} +- {self.standard_error:.4f} bits per dimension at most, of "
            f"{self.n_images} images"
        )


def bits_per_dim(
    key: Key[Array, ""],
    backwards: Backwards,
    pixels: UInt8[np.ndarray, "image row column"],
    labels: Int[np.ndarray, " image"],
    n_spans: int,
) -> BitsPerDim:
    """The bound of images under a model, guidance left out.

    Args:
        labels: the class of each; as many as there are classes stands for none.
        n_spans: times at which each image is looked at; with T of them nothing is drawn but noise.
    """
    n_times = backwards.process.n_steps
    edges = np.linspace(0, n_times, min(n_spans, n_times) + 1).round().astype(np.int32)
    first, width = edges[:-1] + 1, np.diff(edges)
    parts, priors = [], []
    spans = jnp.asarray(first), jnp.asarray(width)
    for block, block_key in blocks(key, len(pixels)):
        x_0, of_block = jnp.asarray(pixels[block], jnp.int32), jnp.asarray(labels[block])
        parts.append(np.asarray(_spans(backwards, block_key, x_0, of_block, spans)))
        priors.append(np.asarray(prior_bits(backwards.process, x_0).mean(axis=(1, 2))))
    of_spans, of_prior = np.concatenate(parts, axis=1), np.concatenate(priors)
    of_images = of_spans.sum(axis=0) + of_prior
    n = len(of_images)
    return BitsPerDim(
        value=float(of_images.mean()),
        standard_error=float(of_images.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        prior=float(of_prior.mean()),
        spans=np.column_stack([first, edges[1:]]),
        by_span=of_spans.mean(axis=1),
        n_images=n,
    )


@eqx.filter_jit
def _spans(
    backwards: Backwards,
    key: Key[Array, ""],
    x_0: Int[Array, "image row column"],
    labels: Int[Array, " image"],
    spans: tuple[Int[Array, " span"], Int[Array, " span"]],
) -> Float[Array, "span image"]:
    """What a span contributes: its width times the term of a time drawn from it."""

    def one(number: Int[Array, ""], first: Int[Array, ""], width: Int[Array, ""]) -> Array:
        time_key, noise_key = jax.random.split(jax.random.fold_in(key, number))
        t = first + jax.random.randint(time_key, (len(x_0),), 0, width)
        x_t = backwards.process.noise(noise_key, x_0, t)
        logits = backwards.denoiser(x_t, t, labels)
        reverse = REVERSE[backwards.reverse]
        bits = step_bits(backwards.process, x_0, x_t, t, logits, reverse)
        return width * bits.mean(axis=(1, 2))

    numbers = jnp.arange(len(spans[0]))
    return jax.lax.map(lambda span: one(*span), (numbers, *spans))
