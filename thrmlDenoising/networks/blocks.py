"""What networks are built of: residual blocks, attention, halving and doubling of sides."""

from math import sqrt

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from thrmlDenoising.networks.layers import Conv, GroupNorm, Linear, Rng, dropout


class ResidualBlock(eqx.Module):
    """Norm, SiLU, convolution; the condition is added; once more the same; the input is added.

    Dropout stands before the second convolution, which is 0 at first: a new block changes nothing
    but, where that changes, the number of channels.
    """

    before: GroupNorm
    first: Conv
    told: Linear
    between: GroupNorm
    second: Conv
    shortcut: Linear | None
    rate: float = eqx.field(static=True)

    def __init__(self, rng: Rng, n_in: int, n_out: int, width: int, rate: float) -> None:
        self.before = GroupNorm(n_in)
        self.first = Conv(rng, n_in, n_out)
        self.told = Linear(rng, width, n_out)
        self.between = GroupNorm(n_out)
        self.second = Conv(rng, n_out, n_out, zero=True)
        self.shortcut = None if n_in == n_out else Linear(rng, n_in, n_out)
        self.rate = rate

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column out_channel"]:
        """The image after the block; dropout where there is a key."""
        y = self.first(jax.nn.silu(self.before(x))) + self.told(condition)
        y = self.second(dropout(jax.nn.silu(self.between(y)), self.rate, key))
        return y + (x if self.shortcut is None else self.shortcut(x))


class Attention(eqx.Module):
    """Every pixel looks at all others, once, with one head; plus the input.

    What is added is 0 at first.
    """

    norm: GroupNorm
    query_key_value: Linear
    out: Linear

    def __init__(self, rng: Rng, n: int) -> None:
        self.norm = GroupNorm(n)
        self.query_key_value = Linear(rng, n, 3 * n)
        self.out = Linear(rng, n, n, zero=True)

    def __call__(self, x: Float[Array, "row column channel"]) -> Float[Array, "row column channel"]:
        """x + softmax(q k / sqrt(channels)) v W; the softmax is float32."""
        pixels = self.norm(x).reshape(-1, x.shape[-1])
        query, key, value = jnp.split(self.query_key_value(pixels), 3, axis=-1)
        likeness = jnp.matmul(query, key.T, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(likeness / sqrt(x.shape[-1]), axis=-1).astype(x.dtype)
        return x + self.out(weights @ value).reshape(x.shape)


class Doubling(eqx.Module):
    """Each pixel becomes four equal ones, then a convolution."""

    conv: Conv

    def __init__(self, rng: Rng, n: int) -> None:
        self.conv = Conv(rng, n, n)

    def __call__(
        self, x: Float[Array, "row column channel"]
    ) -> Float[Array, "2*row 2*column channel"]:
        """The image at twice the sides."""
        return self.conv(x.repeat(2, axis=0).repeat(2, axis=1))


class Unit(eqx.Module):
    """A residual block, then attention if there is some.

    Args:
        attends: whether there is.
    """

    block: ResidualBlock
    attention: Attention | None

    def __init__(
        self, rng: Rng, n_in: int, n_out: int, width: int, rate: float, attends: bool
    ) -> None:
        self.block = ResidualBlock(rng, n_in, n_out, width, rate)
        self.attention = Attention(rng, n_out) if attends else None

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column out_channel"]:
        """The image after both; dropout where there is a key."""
        x = self.block(x, condition, key)
        return x if self.attention is None else self.attention(x)


class ReadOut(eqx.Module):
    """Norm, SiLU, and a last layer, which is 0 at first: a new network answers 0 everywhere."""

    norm: GroupNorm
    last: Conv | Linear

    def __call__(
        self, x: Float[Array, "row column channel"]
    ) -> Float[Array, "row column out_channel"]:
        """The answer of a network."""
        return self.last(jax.nn.silu(self.norm(x)))
