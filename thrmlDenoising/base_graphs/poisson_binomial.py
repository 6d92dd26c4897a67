"""A grey pixel as separate trials: its level is how many of them are 1."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer

from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager, Pixels


class PoissonBinomialIsingGraphManager(AbstractBaseGraphManager):
    """Each pixel of n levels is n separate nodes with biases and weights of their own.

    Given its neighbours, a pixel is a sum of n independent Bernoulli trials of different
    probabilities: a Poisson-binomial variable. Level k is encoded by its first k trials.
    """

    name = "poisson_binomial_ising_graph_manager"

    @classmethod
    def bits_per_pixel(cls, n_levels: int) -> int:
        """One trial per level above 0."""
        return n_levels

    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """Level k becomes k ones followed by n - k zeros."""
        trials = jnp.asarray(pixels)[..., None] > jnp.arange(self.n_levels)
        return trials.reshape(*pixels.shape[:-1], -1)

    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """Counts the ones of every pixel, wherever they stand."""
        trials = bits.reshape(*bits.shape[:-1], self.n_pixels, self.n_levels)
        return trials.sum(axis=-1, dtype=jnp.uint8)
