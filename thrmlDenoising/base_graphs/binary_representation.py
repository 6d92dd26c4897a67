"""A grey pixel as the binary digits of its level."""

import warnings
from functools import cached_property

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Integer

from thrmlDenoising.base_graphs.lattice_manager import LatticeGraphManager
from thrmlDenoising.base_graphs.manager import Pixels
from thrmlDenoising.base_graphs.spec import GraphSpec


class BinaryRepresentationGraphManager(LatticeGraphManager):
    """Each pixel of n levels is the ceil(log2(n + 1)) bits of its level, lowest first.

    Few nodes, and a pixel can have any distribution over its levels that its bits, independent
    given their neighbours, allow: two peaks far apart too. What it cannot do: neighbouring levels
    can differ in every bit (3 is 011, 4 is 100), which independent bits cannot follow, so greys
    between are often far off. Where n + 1 is no power of two some codes lie above the top level;
    a machine still visits them, and `decode` reads them as the top level.

    Warns:
        UserWarning: n + 1 is no power of two; says how many codes are wasted.
    """

    def __init__(self, spec: GraphSpec) -> None:
        super().__init__(spec)
        n_codes = 2 ** spec.n_levels.bit_length()
        n_wasted = n_codes - (spec.n_levels + 1)
        if n_wasted:
            warnings.warn(
                f"binary_representation with graph.grayscale_levels={spec.n_levels} wastes "
                f"{n_wasted} of its {n_codes} states: they are read as the top level, which so "
                f"gets too likely. graph.grayscale_levels={n_codes // 2 - 1} or {n_codes - 1} "
                "waste none",
                stacklevel=2,
            )

    @cached_property
    def n_image_bits(self) -> int:
        """As many binary digits as the top level needs."""
        return self.n_pixels * self.n_levels.bit_length()

    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """The binary digits of every level, lowest first."""
        levels = jnp.asarray(pixels, jnp.int32)
        digits = (levels[..., None] >> self._digits(levels.ndim)) & 1
        return digits.astype(bool).reshape(*levels.shape[:-1], -1)

    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """The number the digits write; unused codes above the top level count as the top level."""
        digits = bits.reshape(*bits.shape[:-1], self.n_pixels, -1).astype(jnp.int32)
        levels = (digits << self._digits(bits.ndim)).sum(axis=-1)
        return jnp.minimum(levels, self.n_levels).astype(jnp.uint8)

    def _digits(self, n_axes: int) -> Int32[Array, "..."]:
        """The number of each digit, after so many axes of length 1."""
        numbers = jnp.arange(self.n_levels.bit_length(), dtype=jnp.int32)
        return numbers.reshape(*[1] * n_axes, -1)
