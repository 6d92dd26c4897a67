"""A network for points: a vector and a time in, a vector out."""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from thrmlDenoising.config import Section
from thrmlDenoising.networks.config import Channels, Few
from thrmlDenoising.networks.layers import LayerNorm, Linear, Rng


@dataclass(frozen=True)
class PointNetworkConfig(Section, name="mlp"):
    """The network for points."""

    width: Channels = 64
    """Numbers of every layer: 1 to 4096."""

    n_blocks: Few = 4
    """Residual blocks: 1 to 64."""

    time_width: Channels = 32
    """Numbers that the time is told in: 1 to 4096."""


class Block(eqx.Module):
    """x + W silu(norm(V x + U time))."""

    inner: Linear
    told: Linear
    norm: LayerNorm
    outer: Linear

    def __init__(self, rng: Rng, width: int, time_width: int) -> None:
        self.inner = Linear(rng, width, width)
        self.told = Linear(rng, time_width, width)
        self.norm = LayerNorm(width)
        self.outer = Linear(rng, width, width)

    def __call__(
        self, x: Float[Array, "*point width"], told: Float[Array, "*point time_width"]
    ) -> Float[Array, "*point width"]:
        """The next layer."""
        return x + self.outer(jax.nn.silu(self.norm(self.inner(x) + self.told(told))))


class PointNetwork(eqx.Module):
    """Residual blocks between two linear maps; the answer is 0 until it has been trained."""

    first: Linear
    norm: LayerNorm
    time: Linear
    blocks: list[Block]
    last: Linear

    def __init__(self, rng: Rng, cfg: PointNetworkConfig, n_axes: int) -> None:
        self.first = Linear(rng, n_axes, cfg.width)
        self.norm = LayerNorm(cfg.width)
        self.time = Linear(rng, 1, cfg.time_width)
        self.blocks = [Block(rng, cfg.width, cfg.time_width) for _ in range(cfg.n_blocks)]
        self.last = Linear(rng, cfg.width, n_axes, zero=True)

    def __call__(
        self, x: Float[Array, "*point axis"], time: Float[Array, "*point"]
    ) -> Float[Array, "*point axis"]:
        """The answer; times run from 0 to 1."""
        told = jax.nn.silu(self.time(time[..., None]))
        y = jax.nn.silu(self.norm(self.first(x)))
        for block in self.blocks:
            y = block(y, told)
        return self.last(y)


def build_point_network(cfg: PointNetworkConfig, key: Key[Array, ""], n_axes: int) -> PointNetwork:
    """A new network, as its config says."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return PointNetwork(rng, cfg, n_axes)
