"""Processes that know grey levels as ordered: a step leads to near levels rather than far ones.

Their matrices from s to t are products of one-step matrices. They have no negative numbers, so the
products lose no digits; the matrices from 0, which training needs at every step, are exact in
float64 before they are tables.
"""

import abc
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import ive

from thrmlDenoising.processes.categorical import CategoricalProcess, Times
from thrmlDenoising.processes.kernels import banded_steps, gaussian_steps
from thrmlDenoising.processes.resampled import checked_values
from thrmlDenoising.processes.schedules import NoiseSchedule


class OrderedLevels(CategoricalProcess):
    """Steps between K grey levels, as often up from i to j as down from j to i."""

    @property
    def stationary(self) -> Float[np.ndarray, " state"]:
        """All levels are equally frequent, for the matrices are symmetric."""
        return np.full(self.n_values, 1 / self.n_values)

    @abc.abstractmethod
    def log_step(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_{t-1} = before), the logarithm of Q_t, 1 <= t <= T."""

    @abc.abstractmethod
    def log_cumulative(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_0 = before), the logarithm of Qbar_t, 0 <= t <= T."""

    def log_transition(self, s: Times, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_s = before): t - s - 1 products of matrices."""
        product = jnp.vectorize(self._log_product, signature="(),()->(k,k)")
        return product(jnp.asarray(s), jnp.asarray(t))

    def _log_product(self, s: Int[Array, ""], t: Int[Array, ""]) -> Float[Array, "before after"]:
        first = self.log_step(s + 1)

        def one_more(u: Int[Array, ""], product: Float[Array, "k k"]) -> Float[Array, "k k"]:
            return jnp.matmul(product, jnp.exp(self.log_step(u)), precision="highest")

        product = jax.lax.fori_loop(s + 2, t + 1, one_more, jnp.exp(first))
        return jnp.where(t == s + 1, first, jnp.log(product))  # logarithms reach further down


class ByDistance(OrderedLevels):
    """A step from level i to another, j, has a probability that depends on |i - j| alone.

    Attributes:
        log_moved: ln Q_t(i, j) of every distance |i - j|; that of 0 is not used.
        log_stayed: ln Q_t(i, i) = ln (1 - sum_j Q_t(i, j)), of every level.
        log_cumulated: ln Qbar_t. These have no closed form: a table of (T + 1) K^2 numbers, which
            are 260 MB for 256 levels and 1000 steps.
    """

    log_moved: Float[Array, "step distance"]
    log_stayed: Float[Array, "step level"]
    log_cumulated: Float[Array, "time before after"]
    n_values: int = eqx.field(static=True)
    n_states: int = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)

    def __init__(self, moved: Float[np.ndarray, "step distance"]) -> None:
        self.n_steps, self.n_values = moved.shape
        self.n_states = self.n_values
        distances = _distances(self.n_values)
        stayed = np.empty(moved.shape)
        cumulated = np.empty((self.n_steps + 1, self.n_values, self.n_values), np.float32)
        product = np.eye(self.n_values)
        with np.errstate(divide="ignore"):
            cumulated[0] = np.log(product)
            for t, row in enumerate(moved):
                step = row[distances]
                np.fill_diagonal(step, 0)
                stayed[t] = 1 - step.sum(axis=1)
                np.fill_diagonal(step, stayed[t])
                product = product @ step
                cumulated[t + 1] = np.log(product)
            self.log_moved = jnp.asarray(np.log(moved), jnp.float32)
            self.log_stayed = jnp.asarray(np.log(stayed), jnp.float32)
        self.log_cumulated = jnp.asarray(cumulated)

    def log_step(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_{t-1} = before)."""
        step = jnp.asarray(t) - 1
        moved = self.log_moved[step][..., _distances(self.n_values)]
        stayed = self.log_stayed[step][..., None]
        return jnp.where(np.eye(self.n_values, dtype=bool), stayed, moved)

    def log_cumulative(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_0 = before)."""
        return self.log_cumulated[jnp.asarray(t)]

    @classmethod
    def gaussian(cls, n_values: int, schedule: NoiseSchedule) -> Self:
        """Discretised Gaussian steps, whose width grows with the square root of beta_t.

        See `gaussian_steps`: with 256 levels that of D3PM; with fewer it mixes as fast.

        Raises:
            ValueError: fewer than 2 values, or the process has not mixed at T.
        """
        return cls(gaussian_steps(checked_values(n_values), schedule.betas))

    @classmethod
    def banded(cls, n_values: int, schedule: NoiseSchedule, width: int) -> Self:
        """Equal steps to all levels that are at most `width` away: see `banded_steps`.

        Raises:
            ValueError: fewer than 2 values, a band that is empty, or the process has not mixed.
        """
        return cls(banded_steps(checked_values(n_values), schedule.betas, width))


class NearestNeighbour(OrderedLevels):
    """A random walk in continuous time: at rate 1/2 each a level up and down, if there is one.

    Qbar_t = exp(tau_t G), and G has the eigenvectors cos(pi k (i + 1/2) / K) with the eigenvalues
    cos(pi k / K) - 1, so that with the walk c of `walk_on_a_ring`

        q(x_t = j | x_s = i) = c(i - j) + c(i + j + 1),    tau = tau_t - tau_s,

    the second term being what the ends reflect. The clock tau_t = -ln alpha-bar_t / (1 - cos(pi /
    K)) lets the slowest mode fall as alpha-bar_t; with K = 2 the process is `Uniform`.

    Args:
        n_values: K.
        schedule: its alpha-bar is what is left of the slowest mode.

    Attributes:
        log_steps: ln c(0), ..., ln c(K) of every single step.
        log_ring: the same from time 0 to t.

    Raises:
        ValueError: fewer than 2 values, or the process has not mixed at T.
    """

    log_steps: Float[Array, "step distance"]
    log_ring: Float[Array, "time distance"]
    n_values: int = eqx.field(static=True)
    n_states: int = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)

    def __init__(self, n_values: int, schedule: NoiseSchedule) -> None:
        self.n_values = self.n_states = checked_values(n_values)
        self.n_steps = schedule.n_steps
        with np.errstate(divide="ignore"):
            single = -np.log1p(-schedule.betas)
            tables = [
                np.log(walk_on_a_ring(n_values, falls / (1 - np.cos(np.pi / n_values))))
                for falls in (single, -schedule.log_alpha_bar)
            ]
        self.log_steps, self.log_ring = (jnp.asarray(table, jnp.float32) for table in tables)

    def log_step(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_{t-1} = before)."""
        return self._reflected(self.log_steps[jnp.asarray(t) - 1])

    def log_cumulative(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_0 = before)."""
        return self._reflected(self.log_ring[jnp.asarray(t)])

    def _reflected(
        self, log_ring: Float[Array, "*chain distance"]
    ) -> Float[Array, "*chain before after"]:
        k = self.n_values
        level = np.arange(k)
        past_an_end = level[:, None] + level + 1
        reflected = log_ring[..., np.minimum(past_an_end, 2 * k - past_an_end)]
        return jnp.logaddexp(log_ring[..., _distances(k)], reflected)


def walk_on_a_ring(
    n_values: int, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "time distance"]:
    """c(n), n = 0 .. K: how far a walk with rates 1/2 has come on a ring of 2 K places.

    c(n) = 1 / (2 K) sum_k exp(-tau (1 - cos(pi k / K))) cos(pi k n / K) is exact once it has been
    everywhere; before, where this sum cancels, the sum of exp(-tau) I_{|n + 2 K m|}(tau) over all
    m is, the walk on a line being wound up.
    """
    place, tau = np.arange(n_values + 1), np.asarray(times, np.float64)[:, None]
    mode = np.arange(2 * n_values)
    speed = 1 - np.cos(np.pi * mode / n_values)
    with np.errstate(invalid="ignore"):  # infinitely long at speed 0
        left = np.exp(-np.where(speed > 0, tau * speed, 0))
    late = left @ np.cos(np.pi * np.outer(mode, place) / n_values) / (2 * n_values)
    is_late = tau * speed[1] > 1
    early = np.where(is_late, 1, tau)
    on_line = sum(ive(abs(place + 2 * n_values * turn), early) for turn in range(-3, 4))
    return np.where(is_late, late, on_line)


def _distances(n_values: int) -> Int[np.ndarray, "before after"]:
    level = np.arange(n_values)
    return abs(level[:, None] - level)
