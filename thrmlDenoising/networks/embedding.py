"""What a network is told besides the image: the time, and the class if there is one."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from thrmlDenoising.networks.layers import Linear, Rng, spread

FASTEST = 1000.0
"""The rate of the fastest sine of an embedding, where the whole process takes the time 1."""
RANGE_OF_RATES = 10_000.0
"""How many times slower the slowest is."""


def checked_time(time: Float[ArrayLike, ""] | Int[ArrayLike, ""]) -> Float[Array, ""]:
    """A time as networks take it, from 0 to 1.

    Raises:
        ValueError: it is an integer, such as the number of a step.
    """
    time = jnp.asarray(time)
    if not jnp.issubdtype(time.dtype, jnp.floating):
        raise ValueError(
            f"a network's time runs from 0 to 1, it cannot be of type {time.dtype}: divide "
            "the number of the step by that of all steps"
        )
    return time


def sinusoidal(time: Float[Array, ""], n: int) -> Float[Array, " {n}"]:
    """sin(r t), then cos(r t), at n / 2 rates r in equal ratios; n is even.

    The rates run from 1000, which tells 1000 steps apart, to 10,000 times less, as in DDPM.
    """
    rates = FASTEST * RANGE_OF_RATES ** -jnp.linspace(0, 1, n // 2)
    angles = jnp.asarray(time, jnp.float32) * rates
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)])


class ClassEmbedding(eqx.Module):
    """A vector for each class, and one more for "no class", the last."""

    table: Float[Array, "label_class width"]

    def __init__(self, rng: Rng, n_classes: int, width: int) -> None:
        self.table = spread(rng, n_classes + 1, width, fan=1)

    @property
    def no_class(self) -> int:
        """The label that says that there is none."""
        return len(self.table) - 1

    def __call__(self, label: Int[Array, ""]) -> Float[Array, " width"]:
        """The vector of a class; NaN for a label that is none, as no array can be refused there."""
        known = (label >= 0) & (label <= self.no_class)
        return jnp.where(known, self.table[label], jnp.nan)


class Condition(eqx.Module):
    """Time and class as one vector, which every block of a network is given.

    Args:
        n_periods: of which the sine and the cosine is taken.
        width: of the vector.
    """

    inner: Linear
    outer: Linear
    classes: ClassEmbedding
    n_periods: int = eqx.field(static=True)

    def __init__(self, rng: Rng, n_periods: int, width: int, n_classes: int) -> None:
        self.n_periods = n_periods
        self.inner = Linear(rng, 2 * n_periods, width)
        self.outer = Linear(rng, width, width)
        self.classes = ClassEmbedding(rng, n_classes, width)

    def __call__(self, time: Float[Array, ""], label: Int[Array, ""]) -> Float[Array, " width"]:
        """silu(MLP(sinusoidal(time)) + class)."""
        waves = sinusoidal(time, 2 * self.n_periods).astype(self.inner.weight.dtype)
        return jax.nn.silu(self.outer(jax.nn.silu(self.inner(waves))) + self.classes(label))
