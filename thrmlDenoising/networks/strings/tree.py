"""A network of the shape of the tree that strings grow on: up to the root, and down again."""

from math import sqrt

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from thrmlDenoising.networks.layers import LayerNorm, Rng
from thrmlDenoising.networks.strings.config import Plan
from thrmlDenoising.networks.strings.layers import ScaledLinear, gelu, read_out


class Step(eqx.Module):
    """From the nodes of one level to those of the next: gelu(norm(x W)).

    Args:
        n_made: nodes that each row makes.
        fan_in: by its square root the product is divided.
    """

    linear: ScaledLinear
    norm: LayerNorm

    def __init__(self, rng: Rng, n_in: int, width: int, n_made: int, fan_in: int) -> None:
        self.linear = ScaledLinear(rng, n_in, n_made * width, divisor=sqrt(fan_in))
        self.norm = LayerNorm(width)

    def __call__(self, x: Float[Array, "row channel"]) -> Float[Array, "node width"]:
        """The nodes, those of a row one after the other."""
        return gelu(self.norm(self.linear(x).reshape(-1, len(self.norm.scale))))


class TreeNet(eqx.Module):
    """What belief propagation does, with weights in place of rules: up the tree, and down again.

    Up, a node is made of its s children: h = gelu(norm(h_children W)). Down, the s children are
    made of what came to the node from above, beside what it was on the way up:
    y_children = gelu(norm([y, h] W)). A token's answer is linear in its [y, h]. To the root nothing
    comes from above: there y is h.

    This is the network of minimal_diffusion_rhm, there called bpUnet (Favero, Sclocchi, Cagnetta,
    Frossard and Wyart: How Compositional Generalization and Creativity Improve as Diffusion Models
    are Trained, ICML 2025). As there it is not told the time, which is in the evidence that it is
    given for every token.

    Args:
        plan: its stride is s, its depth how often the network goes up.
    """

    first: ScaledLinear
    up: list[Step]
    down: list[Step]
    last: ScaledLinear
    n_children: int = eqx.field(static=True)

    def __init__(self, rng: Rng, plan: Plan, n_in: int, n_out: int) -> None:
        s, n = plan.stride, plan.width
        self.n_children = s
        self.first = ScaledLinear(rng, n_in, n)
        self.up = [Step(rng, s * n, n, n_made=1, fan_in=s * n) for _ in range(plan.depth)]
        # the fan in that the authors take for a transposed convolution; the norm undoes the excess
        self.down = [Step(rng, 2 * n, n, n_made=s, fan_in=s * 2 * n) for _ in range(plan.depth)]
        self.last = read_out(rng, 2 * n, n_out)

    def __call__(
        self, x: Float[Array, "token channel"], time: Float[Array, ""]
    ) -> Float[Array, "token out_channel"]:
        """The answer for every token; the time makes no difference."""
        h = gelu(self.first(x))
        seen = [h]
        for step in self.up:
            h = step(h.reshape(len(h) // self.n_children, -1))
            seen.append(h)
        y = h
        for step in self.down:
            y = step(jnp.concatenate([y, seen.pop()], axis=-1))
        return self.last(jnp.concatenate([y, seen.pop()], axis=-1))
