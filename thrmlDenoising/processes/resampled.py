"""Processes that keep a pixel or resample it: uniform and absorbing, in closed form.

Nothing grows with T but a list of alpha-bars.
"""

from typing import Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thrmlDenoising.processes.categorical import (
    CategoricalProcess,
    Times,
    log_sum,
    over_pixels,
)
from thrmlDenoising.processes.schedules import NoiseSchedule


class Kept(eqx.Module):
    """ln alpha-bar_t in two float32, so that differences of neighbours lose no digits.

    Attributes:
        high: the table, rounded.
        low: what rounding took away.
    """

    high: Float[Array, " time"]
    low: Float[Array, " time"]

    @classmethod
    def of(cls, schedule: NoiseSchedule) -> Self:
        """The table of a schedule."""
        exact = schedule.log_alpha_bar
        high = exact.astype(np.float32)
        low = np.where(np.isfinite(exact), exact, 0) - np.where(np.isfinite(high), high, 0)
        return cls(jnp.asarray(high), jnp.asarray(low, jnp.float32))

    def log_between(self, s: Times, t: Times) -> Float[Array, "*chain"]:
        """ln (alpha-bar_t / alpha-bar_s): the chance that nothing has happened from s to t."""
        s, t = jnp.asarray(s), jnp.asarray(t)
        return (self.high[t] - self.high[s]) + (self.low[t] - self.low[s])


class Resampled(CategoricalProcess):
    """A pixel is kept, or drawn from the stationary distribution pi.

    q(j | i) = alpha [i = j] + (1 - alpha) pi_j, alpha = alpha-bar_t / alpha-bar_s.

    Attributes:
        kept: ln alpha-bar.
    """

    kept: eqx.AbstractVar[Kept]

    def log_transition(self, s: Times, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_s = before)."""
        log_kept, drawn = self._log_parts(s, t)
        kept, drawn = log_kept[..., None, None], drawn[..., None, :]
        return jnp.where(np.eye(self.n_states, dtype=bool), jnp.logaddexp(kept, drawn), drawn)

    def log_spread(
        self, weights: Float[Array, "*shape value"], t: Times
    ) -> Float[Array, "*shape state"]:
        """ln sum_{x_0} exp(weight(x_0)) q(x_t | x_0), of K terms instead of K^2."""
        log_kept, drawn = self._log_parts(0, t)
        if self.n_states > self.n_values:
            none = jnp.full_like(weights[..., :1], -jnp.inf)
            weights = jnp.concatenate([weights, none], axis=-1)
        total = log_sum(weights, axis=-1)[..., None]
        drawn = drawn.reshape(*log_kept.shape, *(1,) * (weights.ndim - drawn.ndim), self.n_states)
        terms = (weights + over_pixels(log_kept, weights), total + drawn)
        return log_sum(jnp.stack(terms), axis=0)

    def _log_parts(
        self, s: Times, t: Times
    ) -> tuple[Float[Array, "*chain"], Float[Array, "*chain after"]]:
        """ln alpha, and ln (1 - alpha) pi."""
        log_kept = self.kept.log_between(s, t)
        with np.errstate(divide="ignore"):
            log_pi = np.log(self.stationary).astype(np.float32)
        return log_kept, jnp.log(-jnp.expm1(log_kept))[..., None] + log_pi


class Uniform(Resampled):
    """A pixel is kept, or becomes any of the K values with equal chances.

    D3PM uniform and multinomial diffusion (arXiv 2107.03006, 2102.05379). With K = 2 it is the
    process of `bit_flips`.

    Args:
        n_values: K.
        schedule: beta_t is the chance that step t resamples a pixel.

    Raises:
        ValueError: fewer than 2 values, or the process has not mixed at T.
    """

    kept: Kept
    n_values: int = eqx.field(static=True)
    n_states: int = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)

    def __init__(self, n_values: int, schedule: NoiseSchedule) -> None:
        self.n_values = self.n_states = checked_values(n_values)
        self.n_steps = schedule.n_steps
        self.kept = Kept.of(schedule)

    @property
    def stationary(self) -> Float[np.ndarray, " state"]:
        """All values are equally frequent."""
        return np.full(self.n_states, 1 / self.n_states)


class Absorbing(Resampled):
    """A pixel is kept until it falls into one state, where it stays (arXiv 2107.03006).

    Args:
        n_values: K.
        schedule: beta_t is the chance that step t takes a pixel.
        state: m, one of the K values, or K: a state that data are never in, the mask.

    Raises:
        ValueError: no such state, fewer than 2 values, or the process has not mixed at T.
    """

    kept: Kept
    n_values: int = eqx.field(static=True)
    n_states: int = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)
    state: int = eqx.field(static=True)

    def __init__(self, n_values: int, schedule: NoiseSchedule, state: int) -> None:
        if not 0 <= state <= checked_values(n_values):
            raise ValueError(
                f"state={state}: pixels are absorbed by one of the values 0 to {n_values - 1}, or "
                f"by the mask, {n_values}"
            )
        self.n_values, self.n_states = n_values, max(n_values, state + 1)
        self.n_steps, self.state = schedule.n_steps, state
        self.kept = Kept.of(schedule)

    @classmethod
    def by_middle(cls, n_values: int, schedule: NoiseSchedule) -> Self:
        """Pixels become grey: m = K // 2, as in D3PM on images."""
        return cls(n_values, schedule, n_values // 2)

    @classmethod
    def by_mask(cls, n_values: int, schedule: NoiseSchedule) -> Self:
        """Pixels become unknown: masked diffusion (arXiv 2406.07524, 2406.04329)."""
        return cls(n_values, schedule, n_values)

    @property
    def stationary(self) -> Float[np.ndarray, " state"]:
        """Everything is absorbed."""
        return np.eye(self.n_states)[self.state]


def checked_values(n_values: int) -> int:
    """The same number.

    Raises:
        ValueError: fewer than 2 values.
    """
    if n_values < 2:
        raise ValueError(f"n_values={n_values}: a pixel has at least 2 values, black and white")
    return n_values
