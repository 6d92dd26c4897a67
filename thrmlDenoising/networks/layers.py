"""The layers of networks, on one image of shape (row, column, channel), the order XLA is fast at.

Parameters are drawn as float32. A layer computes in the precision of its input, into which
`Network` casts the parameters too; sums over many pixels are always float32.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

Rng = np.random.Generator
"""Draws new parameters; JAX would compile a program for every shape, for many seconds."""


def spread(rng: Rng, *shape: int, fan: float) -> Float[Array, "..."]:
    """Uniform weights of variance 1 / fan."""
    return jnp.asarray(rng.uniform(-sqrt(3 / fan), sqrt(3 / fan), shape), jnp.float32)


def constant(value: float, *shape: int) -> Float[Array, "..."]:
    """The same number everywhere, at first."""
    return jnp.asarray(np.full(shape, value, np.float32))


class Linear(eqx.Module):
    """y = x W + b along the last axis; Glorot's weights, no bias at first.

    Args:
        zero: all weights are 0 at first, so that what the layer is added to comes through alone.
    """

    weight: Float[Array, "channel out_channel"]
    bias: Float[Array, " out_channel"]

    def __init__(self, rng: Rng, n_in: int, n_out: int, zero: bool = False) -> None:
        drawn = spread(rng, n_in, n_out, fan=(n_in + n_out) / 2)
        self.weight = 0 * drawn if zero else drawn
        self.bias = constant(0, n_out)

    def __call__(self, x: Float[Array, "*axis channel"]) -> Float[Array, "*axis out_channel"]:
        """The combination of channels, at every place."""
        return x @ self.weight + self.bias


class Conv(eqx.Module):
    """A 3 x 3 convolution with zeros around the image; weights as in `Linear`.

    Args:
        stride: only every so many-th row and column is computed.
    """

    weight: Float[Array, "3 3 channel out_channel"]
    bias: Float[Array, " out_channel"]
    stride: int = eqx.field(static=True)

    def __init__(
        self, rng: Rng, n_in: int, n_out: int, stride: int = 1, zero: bool = False
    ) -> None:
        drawn = spread(rng, 3, 3, n_in, n_out, fan=9 * (n_in + n_out) / 2)
        self.weight = 0 * drawn if zero else drawn
        self.bias = constant(0, n_out)
        self.stride = stride

    def __call__(
        self, x: Float[Array, "row column channel"]
    ) -> Float[Array, "out_row out_column out_channel"]:
        """The image of the next layer; a stride of 2 halves even sides."""
        y = jax.lax.conv_general_dilated(
            x[None],
            self.weight,
            (self.stride, self.stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y[0] + self.bias


class GroupNorm(eqx.Module):
    """Takes mean and variance from each group of channels, then scales and shifts each channel.

    A group has at least 4 channels where there are as many, and there are at most 32 groups.
    """

    scale: Float[Array, " channel"]
    shift: Float[Array, " channel"]
    n_groups: int = eqx.field(static=True)

    def __init__(self, n_channels: int) -> None:
        most = min(32, max(1, n_channels // 4))
        self.n_groups = next(n for n in range(most, 0, -1) if n_channels % n == 0)
        self.scale = constant(1, n_channels)
        self.shift = constant(0, n_channels)

    def __call__(self, x: Float[Array, "row column channel"]) -> Float[Array, "row column channel"]:
        """The image with mean 0 and variance 1 in each group, before scale and shift."""
        exact = x.astype(jnp.float32)
        centred = exact - self._group_mean(exact)
        variance = self._group_mean(centred**2)
        return (centred * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype) * self.scale + self.shift

    def _group_mean(self, x: Float[Array, "row column channel"]) -> Float[Array, " channel"]:
        """Of each channel's group; pixels first, which host cores do faster than all at once."""
        of_group = x.mean((0, 1)).reshape(self.n_groups, -1).mean(1)
        return jnp.repeat(of_group, x.shape[-1] // self.n_groups)


class LayerNorm(eqx.Module):
    """Takes mean and variance of all channels of a place, then scales and shifts each."""

    scale: Float[Array, " channel"]
    shift: Float[Array, " channel"]

    def __init__(self, n_channels: int) -> None:
        self.scale = constant(1, n_channels)
        self.shift = constant(0, n_channels)

    def __call__(self, x: Float[Array, "*axis channel"]) -> Float[Array, "*axis channel"]:
        """Channels of mean 0 and variance 1, before scale and shift; both taken in float32."""
        exact = x.astype(jnp.float32)
        centred = exact - exact.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return (centred * jax.lax.rsqrt(variance + 1e-5)).astype(x.dtype) * self.scale + self.shift


def dropout(
    x: Float[Array, "*axis"], rate: float, key: Key[Array, ""] | None
) -> Float[Array, "*axis"]:
    """Each number is 0 with probability `rate`, else grows to keep the mean; none without a key."""
    if key is None or rate == 0:
        return x
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)


def endless(key: Key[Array, ""] | None) -> Iterator[Any]:
    """As many keys as are asked for; without one, None as often."""
    while True:
        key, new = (None, None) if key is None else jax.random.split(key)
        yield new
