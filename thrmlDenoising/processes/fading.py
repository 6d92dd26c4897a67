"""How data fade into noise in continuous time: x_u = g(u) x_0 + s(u) noise, u from 0 to 1.

Noise of exponent alpha adds up as s^alpha does: of two independent ones of scales a and b the sum
has the scale (a^alpha + b^alpha)^(1/alpha). So from a time to a later one the signal shrinks by
gamma, the quotient of their g, and noise of scale sigma is added, sigma^alpha = s(later)^alpha -
gamma^alpha s(earlier)^alpha. At alpha = 2 the squares are half of variances, as noise has two.

Time has no steps: `Fading.way` divides it into as many as are wanted, in training or later.
"""

import abc
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from thrmlDenoising.support.hints import shown

_OFFSET = 0.008
LAST = 0.9946
"""Of the clock of a cosine, where it ends: at 1 nothing would be left of data, and no step back
could bring it forth. LIM ends there too."""

_SMALLEST, _LARGEST, _RHO = 0.002, 80.0, 7.0
"""Of exploding noise (Karras et al. 2022, arXiv 2206.00364, table 1)."""

Times = Float[np.ndarray, "*time"]


class Place(NamedTuple):
    """Where between data and noise examples are: all at one place, or each at its own.

    Attributes:
        u: the time.
        signal: g.
        noise: s.
    """

    u: Float[Array, "*example"]
    signal: Float[Array, "*example"]
    noise: Float[Array, "*example"]

    def over(self, x: Float[Array, " example *axis"]) -> "Place":
        """The same, with as many axes as examples have, to be multiplied with them."""
        return Place(*(jnp.reshape(of, of.shape + (1,) * (x.ndim - of.ndim)) for of in self))


class Way(eqx.Module):
    """The places k = 0 .. n of a way from data to noise in n steps; step k leads to place k.

    Attributes:
        u: times, 0 of data themselves.
        signal: g.
        noise: s.
        gamma: what is left of the signal after step k; step 0 is none.
        sigma: the scale of the noise that step k adds.
        pull: what a score counts for in a step back, see `Fading.pull`.
        alpha: the exponent by which noise adds up.
    """

    u: Float[Array, " place"]
    signal: Float[Array, " place"]
    noise: Float[Array, " place"]
    gamma: Float[Array, " place"]
    sigma: Float[Array, " place"]
    pull: Float[Array, " place"]
    alpha: float = eqx.field(static=True)

    @property
    def n_steps(self) -> int:
        """n."""
        return len(self.u) - 1

    def at(self, k: Int[Array, "*example"]) -> Place:
        """Place k, or one for each example."""
        return Place(self.u[k], self.signal[k], self.noise[k])


@dataclass(frozen=True)
class Fading(abc.ABC):
    """How signal and noise depend on time, in NumPy and float64.

    Attributes:
        alpha: the exponent by which noise adds up: above 1, to 2.

    Raises:
        ValueError: alpha is out of range.
    """

    alpha: float

    def __post_init__(self) -> None:
        if not 1 < self.alpha <= 2:
            raise ValueError(
                f"alpha={shown(self.alpha)}: give a number above 1, to 2; at 1 and below noise has "
                "no mean that could be learnt"
            )

    @abc.abstractmethod
    def signal(self, u: Times) -> Times:
        """g(u)."""

    @abc.abstractmethod
    def noise(self, u: Times) -> Times:
        """s(u)."""

    @abc.abstractmethod
    def times(self, n_steps: int) -> Float[np.ndarray, " step"]:
        """The times to which n steps lead, evenly spread, the last one 1."""

    @abc.abstractmethod
    def pull(
        self, signals: Float[np.ndarray, "2 step"], noises: Float[np.ndarray, "2 step"]
    ) -> Float[np.ndarray, " step"]:
        """What a score counts for between two times, the earlier ones first.

        Noise being added as in dx = -b x du + beta^(1/alpha) dL, it is the integral of
        beta exp(integral of b from the earlier time).
        """

    def way(self, n_steps: int, spacing: float = 1.0) -> Way:
        """The way from data to noise in n steps.

        Args:
            spacing: a power of evenly spread times: above 1 steps crowd near data.

        Raises:
            ValueError: no step, a spacing that is not above 0, or one with which the first steps
                are too small to add noise.
        """
        if n_steps < 1 or not spacing > 0:
            raise ValueError(
                f"n_steps={n_steps} and spacing={spacing}: give at least 1 step, and a power above "
                "0"
            )
        u = np.append(0.0, self.times(n_steps)) ** spacing
        signal, noise = self.signal(u), self.noise(u)
        signal[0], noise[0] = 1, 0
        signals, noises = np.stack([signal[:-1], signal[1:]]), np.stack([noise[:-1], noise[1:]])
        gamma = signals[1] / signals[0]
        added = noises[1] ** self.alpha - (gamma * noises[0]) ** self.alpha
        if not (added > 0).all():
            raise ValueError(
                f"n_steps={n_steps} with spacing={spacing}: the first steps are too small to add "
                "noise. Use fewer, or a spacing nearer to 1"
            )
        sigma, pull = added ** (1 / self.alpha), self.pull(signals, noises)
        steps = np.append(1, gamma), np.append(0, sigma), np.append(0, pull)
        arrays = (jnp.asarray(of, jnp.float32) for of in (u, signal, noise, *steps))
        return Way(*arrays, alpha=self.alpha)


@dataclass(frozen=True)
class Preserving(Fading):
    """g falls as a power of a cosine and s^alpha = 1 - g^alpha: stable data of scale 1 keep it.

    With c the cosine of a clock that runs from .008 / 1.008 to .9946 of a right angle, g = (c(u) /
    c(0))^power: a power of 2 / alpha is DLPM's (arXiv 2407.18609), 1 is LIM's (OpenReview
    0Wp3VHX0Gm); at alpha = 2 they are the same.

    Attributes:
        power: of the cosine, above 0.
    """

    power: float

    def signal(self, u: Times) -> Times:
        """See `Fading`."""
        c = np.cos((LAST * np.asarray(u) + _OFFSET) / (1 + _OFFSET) * np.pi / 2)
        return (c / np.cos(_OFFSET / (1 + _OFFSET) * np.pi / 2)) ** self.power

    def noise(self, u: Times) -> Times:
        """See `Fading`."""
        return (-np.expm1(self.alpha * np.log(self.signal(u)))) ** (1 / self.alpha)

    def times(self, n_steps: int) -> Float[np.ndarray, " step"]:
        """Equal steps."""
        return np.arange(1, n_steps + 1) / n_steps

    def pull(
        self, signals: Float[np.ndarray, "2 step"], noises: Float[np.ndarray, "2 step"]
    ) -> Float[np.ndarray, " step"]:
        """alpha (1 / gamma - 1), as b = beta / alpha."""
        return self.alpha * (signals[0] / signals[1] - 1)


@dataclass(frozen=True)
class Exploding(Fading):
    """The signal stays, and s grows from .002 to 80, its seventh root evenly in u.

    With evenly spread times, a spacing of 1, these are EDM's (arXiv 2206.00364).
    """

    def signal(self, u: Times) -> Times:
        """See `Fading`."""
        return np.ones_like(u)

    def noise(self, u: Times) -> Times:
        """See `Fading`."""
        first, last = _SMALLEST ** (1 / _RHO), _LARGEST ** (1 / _RHO)
        return (first + np.asarray(u) * (last - first)) ** _RHO

    def times(self, n_steps: int) -> Float[np.ndarray, " step"]:
        """From 0, the least noise, to 1; one step leads to 1."""
        return np.linspace(1, 0, n_steps)[::-1]

    def pull(
        self, signals: Float[np.ndarray, "2 step"], noises: Float[np.ndarray, "2 step"]
    ) -> Float[np.ndarray, " step"]:
        """The growth of s^alpha, as b = 0."""
        return noises[1] ** self.alpha - noises[0] ** self.alpha
