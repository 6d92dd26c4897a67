"""A network shaped like the tree that strings come from: up to the root, and down again.

Each level up makes one node of the s below it, each level down makes s of one, next to what was
seen there on the way up: what belief propagation does, with weights in place of rules.
"""

from math import sqrt

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thrmlDenoising.networks.layers import Rng


def _gaussian(rng: Rng, n_in: int, n_out: int, scale: float) -> Float[Array, "channel out_channel"]:
    return jnp.asarray(scale * rng.normal(size=(n_in, n_out)), jnp.float32)


class ChannelNorm(eqx.Module):
    """The channels of a node with mean 0 and variance 1, then scaled and shifted."""

    scale: Float[Array, " channel"]
    shift: Float[Array, " channel"]

    def __init__(self, n: int) -> None:
        self.scale, self.shift = jnp.ones(n), jnp.zeros(n)

    def __call__(self, x: Float[Array, "node channel"]) -> Float[Array, "node channel"]:
        """Node by node."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + 1e-5) * self.scale + self.shift


class TreeNet(eqx.Module):
    """Logits of every token, from what is known of each (the bpUnet of minimal-diffusion-rhm).

    Weights are normal, of variance 1 / fan in, but of the read-out 1 / fan in squared; there is no
    bias.

    Args:
        n_symbols: v.
        tuple_size: s.
        n_layers: L.
        width: channels of every node.
    """

    first: Float[Array, "symbol width"]
    up: list[Float[Array, "tuple width"]]
    up_norms: list[ChannelNorm]
    down: list[Float[Array, "twice tuple"]]
    down_norms: list[ChannelNorm]
    read_out: Float[Array, "twice symbol"]
    tuple_size: int = eqx.field(static=True)

    def __init__(
        self, rng: Rng, n_symbols: int, tuple_size: int, n_layers: int, width: int
    ) -> None:
        s = self.tuple_size = tuple_size
        self.first = _gaussian(rng, n_symbols, width, 1 / sqrt(n_symbols))
        self.up = [_gaussian(rng, s * width, width, 1 / sqrt(s * width)) for _ in range(n_layers)]
        self.up_norms = [ChannelNorm(width) for _ in range(n_layers)]
        # the root has nothing beside it yet
        ins = [width] + [2 * width] * (n_layers - 1)
        self.down = [_gaussian(rng, n, s * width, 1 / sqrt(n)) for n in ins]
        self.down_norms = [ChannelNorm(width) for _ in range(n_layers)]
        self.read_out = _gaussian(rng, 2 * width, n_symbols, 1 / (2 * width))

    def __call__(self, x: Float[Array, "token symbol"]) -> Float[Array, "token symbol"]:
        """Up, and down again."""
        x = jax.nn.gelu(x @ self.first)
        seen = [x]
        for weight, norm in zip(self.up, self.up_norms, strict=True):
            tuples = seen[-1].reshape(len(seen[-1]) // self.tuple_size, -1)
            seen.append(jax.nn.gelu(norm(tuples @ weight)))
        x = seen.pop()
        for weight, norm in zip(self.down, self.down_norms, strict=True):
            children = (x @ weight).reshape(self.tuple_size * len(x), -1)
            x = jnp.concatenate([jax.nn.gelu(norm(children)), seen.pop()], axis=-1)
        return x @ self.read_out
