"""A U-Net along strings, which knows where no tuple begins: filters overlap, as in images."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thrmlDenoising.networks.layers import LayerNorm, Rng
from thrmlDenoising.networks.strings.config import Plan
from thrmlDenoising.networks.strings.layers import (
    Conv,
    ScaledLinear,
    TimeEmbedding,
    gelu,
    read_out,
)


class ResidualBlock(eqx.Module):
    """Norm, GELU, convolution; the time is added; once more the same; the input is added."""

    before: LayerNorm
    first: Conv
    told: ScaledLinear
    between: LayerNorm
    second: Conv
    shortcut: ScaledLinear | None

    def __init__(self, rng: Rng, n_in: int, n_out: int, size: int) -> None:
        self.before = LayerNorm(n_in)
        self.first = Conv(rng, n_in, n_out, size)
        self.told = ScaledLinear(rng, n_out, n_out)
        self.between = LayerNorm(n_out)
        self.second = Conv(rng, n_out, n_out, size)
        self.shortcut = None if n_in == n_out else ScaledLinear(rng, n_in, n_out)

    def __call__(
        self, x: Float[Array, "token channel"], condition: Float[Array, " out_channel"]
    ) -> Float[Array, "token out_channel"]:
        """The string after the block."""
        y = self.first(gelu(self.before(x))) + self.told(condition)
        y = self.second(gelu(self.between(y)))
        return y + (x if self.shortcut is None else self.shortcut(x))


class Level(eqx.Module):
    """A block on the way down, what leads to the next level, and a block on the way up.

    Attributes:
        shorter: its windows overlap, whatever the filters of blocks do.
    """

    down: ResidualBlock
    shorter: Conv
    up: ResidualBlock

    def __init__(self, rng: Rng, plan: Plan) -> None:
        n, size, stride = plan.width, plan.filter_size, plan.stride
        self.down = ResidualBlock(rng, n, n, size)
        self.shorter = Conv(rng, n, n, max(size, stride + 1), stride)
        self.up = ResidualBlock(rng, 2 * n, n, size)


class StringUNet(eqx.Module):
    """Down the levels, a block in the middle, and up again beside what was made on the way down.

    Args:
        plan: its depth is how often the string is shortened.
    """

    time: TimeEmbedding
    first: Conv
    levels: list[Level]
    middle: ResidualBlock
    norm: LayerNorm
    last: ScaledLinear

    def __init__(self, rng: Rng, plan: Plan, n_in: int, n_out: int) -> None:
        n, size = plan.width, plan.filter_size
        self.time = TimeEmbedding(rng, n)
        self.first = Conv(rng, n_in, n, size)
        self.levels = [Level(rng, plan) for _ in range(plan.depth)]
        self.middle = ResidualBlock(rng, n, n, size)
        self.norm = LayerNorm(n)
        self.last = read_out(rng, n, n_out)

    def __call__(
        self, x: Float[Array, "token channel"], time: Float[Array, ""]
    ) -> Float[Array, "token out_channel"]:
        """The answer for every token."""
        condition = self.time(time)
        x = self.first(x)
        made = []
        for level in self.levels:
            x = level.down(x, condition)
            made.append(x)
            x = level.shorter(x)
        x = self.middle(x, condition)
        for level in reversed(self.levels):
            x = x.repeat(level.shorter.stride, axis=0)
            x = level.up(jnp.concatenate([x, made.pop()], axis=-1), condition)
        return self.last(gelu(self.norm(x)))
