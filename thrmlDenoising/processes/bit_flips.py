"""The forward process: bits that are resampled at random until nothing is left of the data.

In time t a bit is resampled uniformly with probability 1 - exp(-r t), so it flips with
probability (1 - exp(-r t)) / 2: the continuous-time Markov chain of the paper's forward process
(arXiv 2510.23972).
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Key, UInt8


class Rates(NamedTuple):
    """How fast bits are resampled, per unit of time."""

    image: float
    label: float


class Flips(NamedTuple):
    """The chance that a bit has changed, for bits of images and of labels."""

    image: Float[ArrayLike, ""]
    label: Float[ArrayLike, ""]


class Interval(NamedTuple):
    """A stretch of forward time, from the less noisy end to the noisier (perhaps infinite) one."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        """How long it is."""
        return self.end - self.start

    def widened(self, offset: float) -> "Interval":
        """The interval that training sees: from start (1 - offset) to end (1 + offset)."""
        return Interval(self.start * (1 - offset), self.end * (1 + offset))


class LabelledImages(NamedTuple):
    """Images and their label nodes, clean or at some time of the forward process."""

    pixels: UInt8[Array, "image pixel"]
    labels: Bool[Array, "image label_node"]

    def __repr__(self) -> str:
        """Types and shapes, as of any arrays; no array leaves its device for it."""
        return eqx.tree_pformat(self)


def time_grid(kind: Literal["linear", "log"], n_steps: int) -> list[Interval]:
    """T intervals: `linear` t_i = i / T, `log` t_i = -ln(1 - i / T).

    The last time of `log` is infinite: that step's input is pure noise, and with T = 1 the model
    is a monolithic EBM.

    Raises:
        ValueError: fewer than 1 step.

    Example:
        >>> time_grid("linear", 2)
        [Interval(start=0.0, end=0.5), Interval(start=0.5, end=1.0)]
    """
    if n_steps < 1:
        raise ValueError(f"n_steps={n_steps}: a chain needs at least 1 step")
    fraction = np.arange(n_steps + 1) / n_steps
    with np.errstate(divide="ignore"):
        times = {"linear": fraction, "log": 0.0 - np.log1p(-fraction)}[kind]
    return [Interval(float(start), float(end)) for start, end in pairwise(times)]


def input_coupling(rate: float, duration: float) -> float:
    """The coupling w = -1/2 ln tanh(rate duration / 2) between a bit and its noisier self.

    With it, exp(w s s_in) is proportional to the probability that s became s_in.

    Raises:
        ValueError: no noise at all: the coupling would be infinite.
    """
    exponent = rate * duration / 2
    if not exponent > 0:
        raise ValueError(f"rate {rate} over a time of {duration} adds no noise: use a rate above 0")
    return -0.5 * float(np.log(np.tanh(exponent)))


def flip_probabilities(rates: Rates, duration: float) -> Flips:
    """The chance (1 - exp(-rate duration)) / 2 that a bit has changed in this time.

    At a rate of 0 none ever does, not even in infinite time.
    """
    return Flips(*(-0.5 * float(np.expm1(-rate * duration)) if rate else 0.0 for rate in rates))


def flip_bits(
    key: Key[Array, ""], bits: Bool[Array, "*shape"], chance: Float[ArrayLike, ""]
) -> Bool[Array, "*shape"]:
    """Flips every bit with this chance."""
    return bits ^ jax.random.bernoulli(key, jnp.asarray(chance, jnp.float32), bits.shape)


def add_noise(
    key: Key[Array, ""], clean: LabelledImages, n_levels: int, flips: Flips
) -> LabelledImages:
    """Noise on images of grey levels 0..n_levels and on their labels.

    A pixel of level k is n_levels bits of which k are 1; each is flipped by itself, and the
    ones are counted again.
    """
    pixel_key, label_key = jax.random.split(key)
    pixels = jnp.asarray(clean.pixels)
    trial = jax.lax.broadcasted_iota(pixels.dtype, (*pixels.shape, n_levels), pixels.ndim)
    trials = pixels[..., None] > trial
    return LabelledImages(
        flip_bits(pixel_key, trials, flips.image).sum(axis=-1, dtype=jnp.uint8),
        flip_bits(label_key, clean.labels, flips.label),
    )


def pure_noise(
    key: Key[Array, ""], n_images: int, n_pixels: int, n_levels: int, n_label_nodes: int
) -> LabelledImages:
    """Where the forward process ends and generation starts: every bit is a fair coin."""
    nothing = LabelledImages(
        jnp.zeros((n_images, n_pixels), jnp.uint8), jnp.zeros((n_images, n_label_nodes), bool)
    )
    return add_noise(key, nothing, n_levels, Flips(0.5, 0.5))
