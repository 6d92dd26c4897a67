"""A grey pixel as separate trials: its level is how many of them are 1."""

from functools import cached_property

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer

from thrmlDenoising.base_graphs.lattice_manager import LatticeGraphManager
from thrmlDenoising.base_graphs.manager import Pixels


class PoissonBinomialIsingGraphManager(LatticeGraphManager):
    """Each pixel of n levels is n separate nodes with biases and weights of their own.

    Given its neighbours, a pixel is a sum of n independent Bernoulli trials of different
    probabilities: a Poisson-binomial variable. Level k is encoded by its first k trials.

    What it costs: n places for each pixel, so that grids grow with the number of levels. What it
    cannot do: the neighbours given, a pixel's distribution has one peak, and codes in which a 1
    follows a 0 are read as if the trials were sorted, so the machine spends many states on one
    level.
    """

    @cached_property
    def n_image_bits(self) -> int:
        """One trial for each level above 0."""
        return self.n_pixels * self.n_levels

    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """Level k becomes k ones followed by n - k zeros."""
        levels = jnp.asarray(pixels)
        trial = jax.lax.broadcasted_iota(levels.dtype, (*levels.shape, self.n_levels), levels.ndim)
        return (levels[..., None] > trial).reshape(*levels.shape[:-1], -1)

    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """Counts the ones of every pixel, wherever they stand."""
        trials = bits.reshape(*bits.shape[:-1], self.n_pixels, self.n_levels)
        return trials.sum(axis=-1, dtype=jnp.uint8)
