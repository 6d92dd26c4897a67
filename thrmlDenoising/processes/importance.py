"""Which times to train on: often those where there is much to lose."""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

_FORGETTING = 0.1
_ENOUGH_VISITS = 10
_UNIFORM_SHARE = 0.01
"""So that no time is given up whose terms have been 0 for a while."""


class TimeImportance(eqx.Module):
    """Times drawn with p_t ~ sqrt(E L_t^2), as in multinomial diffusion (arXiv 2102.05379).

    The mean of L_t / p_t is the sum of all L_t whatever p is; with this p it varies least. Until
    every time has been seen more than 10 times, all are drawn equally often. Immutable.

    Attributes:
        squares: a moving average of L_t^2, of t = 1 .. T.
        visits: how often each has been seen.

    Example:
        >>> TimeImportance.new(4).chances
        Array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """

    squares: Float[Array, " step"]
    visits: Int[Array, " step"]

    @classmethod
    def new(cls, n_steps: int) -> Self:
        """Nothing is known yet."""
        return cls(jnp.zeros(n_steps), jnp.zeros(n_steps, jnp.int32))

    @property
    def chances(self) -> Float[Array, " step"]:
        """p_t of t = 1 .. T."""
        roots = jnp.sqrt(self.squares)
        total = roots.sum()
        uniform = jnp.full_like(roots, 1 / roots.size)
        known = (self.visits > _ENOUGH_VISITS).all() & (total > 0)
        important = jnp.where(known, roots / jnp.where(known, total, 1), uniform)
        return (1 - _UNIFORM_SHARE) * important + _UNIFORM_SHARE * uniform

    def draw(self, key: Key[Array, ""], n: int) -> Int[Array, " image"]:
        """Times of n images."""
        return 1 + jax.random.categorical(key, jnp.log(self.chances), shape=(n,))

    def sum_of_steps(
        self, t: Int[Array, " image"], terms: Float[Array, " image"]
    ) -> Float[Array, " image"]:
        """L_t / p_t: in the mean over drawn times the sum of all L_t."""
        return terms / self.chances[t - 1]

    def seen(self, t: Int[Array, " image"], terms: Float[Array, " image"]) -> Self:
        """What is known after these L_t, too."""
        visits = jnp.zeros_like(self.visits).at[t - 1].add(1)
        sums = jnp.zeros_like(self.squares).at[t - 1].add(jax.lax.stop_gradient(terms) ** 2)
        old = jnp.where(self.visits > 0, self.squares, sums / jnp.maximum(visits, 1))
        moved = (1 - _FORGETTING) * old + _FORGETTING * sums / jnp.maximum(visits, 1)
        squares = jnp.where(visits > 0, moved, self.squares)
        return type(self)(squares, self.visits + visits)
