"""A grey pixel as the binary digits of its level."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer

from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager, Pixels


class BinaryRepresentationGraphManager(AbstractBaseGraphManager):
    """Each pixel of n levels is the ceil(log2(n + 1)) bits of its level, lowest first.

    Few nodes, but neighbouring levels can differ in every bit. Where n + 1 is no power of two
    some codes lie above the top level; a machine can still visit them, and `decode` reads them
    as the top level.
    """

    name = "binary_representation_graph_manager"

    @classmethod
    def bits_per_pixel(cls, n_levels: int) -> int:
        """As many binary digits as the top level needs."""
        return n_levels.bit_length()

    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """The binary digits of every level, lowest first."""
        shifts = jnp.arange(self.bits_per_pixel(self.n_levels))
        digits = (jnp.asarray(pixels, jnp.int32)[..., None] >> shifts) & 1
        return digits.astype(bool).reshape(*pixels.shape[:-1], -1)

    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """The number the digits write; unused codes above the top level count as the top level."""
        n_bits = self.bits_per_pixel(self.n_levels)
        digits = bits.reshape(*bits.shape[:-1], self.n_pixels, n_bits)
        levels = (digits * 2 ** jnp.arange(n_bits)).sum(axis=-1)
        return jnp.minimum(levels, self.n_levels).astype(jnp.uint8)
