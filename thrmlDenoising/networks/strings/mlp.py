"""A network that knows of no order among tokens: all of a string at once."""

import equinox as eqx
from jaxtyping import Array, Float

from thrmlDenoising.networks.layers import LayerNorm, Rng
from thrmlDenoising.networks.strings.config import Plan
from thrmlDenoising.networks.strings.layers import (
    ScaledLinear,
    TimeEmbedding,
    gelu,
    read_out,
)


class Hidden(eqx.Module):
    """A layer, which is told the time: gelu(norm(x W + time V))."""

    linear: ScaledLinear
    told: ScaledLinear
    norm: LayerNorm

    def __init__(self, rng: Rng, n_in: int, width: int) -> None:
        self.linear = ScaledLinear(rng, n_in, width)
        self.told = ScaledLinear(rng, width, width)
        self.norm = LayerNorm(width)

    def __call__(
        self, x: Float[Array, " channel"], condition: Float[Array, " width"]
    ) -> Float[Array, " width"]:
        """The next layer."""
        return gelu(self.norm(self.linear(x) + self.told(condition)))


class StringMLP(eqx.Module):
    """Hidden layers on all channels of all tokens as one vector.

    Args:
        plan: its depth is the number of hidden layers.
    """

    time: TimeEmbedding
    hidden: list[Hidden]
    last: ScaledLinear

    def __init__(self, rng: Rng, plan: Plan, n_in: int, n_out: int) -> None:
        n = plan.width
        self.time = TimeEmbedding(rng, n)
        sizes = [plan.n_tokens * n_in, *[n] * (plan.depth - 1)]
        self.hidden = [Hidden(rng, size, n) for size in sizes]
        self.last = read_out(rng, n, plan.n_tokens * n_out)

    def __call__(
        self, x: Float[Array, "token channel"], time: Float[Array, ""]
    ) -> Float[Array, "token out_channel"]:
        """The answer for every token."""
        condition, y = self.time(time), x.reshape(-1)
        for layer in self.hidden:
            y = layer(y, condition)
        return self.last(y).reshape(len(x), -1)
