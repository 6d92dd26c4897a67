"""The layers of networks on strings, which are of shape (token, channel).

Weights are drawn with variance 1 and products are scaled, not weights: so the learning rate of Adam
is in units of a weight in every layer, whatever the width.
"""

from math import sqrt

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thrmlDenoising.networks.embedding import sinusoidal
from thrmlDenoising.networks.layers import Rng


def gelu(x: Float[Array, "*axis"]) -> Float[Array, "*axis"]:
    """x times the probability that a standard normal number is below it, without approximation."""
    return jax.nn.gelu(x, approximate=False)


class ScaledLinear(eqx.Module):
    """y = x W / divisor along the last axis, W ~ N(0, 1) at first; there is no bias.

    Args:
        divisor: None is the square root of n_in, with which y has the variance of x.
    """

    weight: Float[Array, "channel out_channel"]
    divisor: float = eqx.field(static=True)

    def __init__(self, rng: Rng, n_in: int, n_out: int, divisor: float | None = None) -> None:
        self.weight = jnp.asarray(rng.standard_normal((n_in, n_out), np.float32))
        self.divisor = sqrt(n_in) if divisor is None else divisor

    def __call__(self, x: Float[Array, "*axis channel"]) -> Float[Array, "*axis out_channel"]:
        """The combination of channels, at every place."""
        return x @ self.weight / self.divisor


def read_out(rng: Rng, n_in: int, n_out: int) -> ScaledLinear:
    """A last layer, of which a new network's answers are small: of variance 1 / n_in."""
    return ScaledLinear(rng, n_in, n_out, divisor=n_in)


class TimeEmbedding(eqx.Module):
    """The time as a vector, which every block of a network is given."""

    inner: ScaledLinear
    outer: ScaledLinear

    def __init__(self, rng: Rng, width: int) -> None:
        self.inner = ScaledLinear(rng, 2 * width, width)
        self.outer = ScaledLinear(rng, width, width)

    def __call__(self, time: Float[Array, ""]) -> Float[Array, " width"]:
        """gelu(MLP(sinusoidal(time)))."""
        waves = sinusoidal(time, len(self.inner.weight)).astype(self.inner.weight.dtype)
        return gelu(self.outer(gelu(self.inner(waves))))


class Conv(eqx.Module):
    """Looks at windows of tokens, with zeros around the string: a product of matrices.

    Args:
        size: tokens of a window, at least `stride`; what cannot be seen on both sides alike is seen
            behind.
        stride: from one window to the next; it divides the number of tokens.
    """

    linear: ScaledLinear
    size: int = eqx.field(static=True)
    stride: int = eqx.field(static=True)

    def __init__(self, rng: Rng, n_in: int, n_out: int, size: int, stride: int = 1) -> None:
        self.linear = ScaledLinear(rng, size * n_in, n_out)
        self.size, self.stride = size, stride

    def __call__(
        self, x: Float[Array, "token channel"]
    ) -> Float[Array, "token//{self.stride} out_channel"]:
        """The string of the next layer."""
        around = self.size - self.stride
        padded = jnp.pad(x, ((around // 2, around - around // 2), (0, 0)))
        last = len(x) - self.stride + 1
        # slices, not indices: their gradients are sums, where those of indices are scattered
        seen = [padded[at : at + last : self.stride] for at in range(self.size)]
        return self.linear(jnp.concatenate(seen, axis=-1))
