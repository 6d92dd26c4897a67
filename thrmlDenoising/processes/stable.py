"""Stable noise: a sum of it is of its own kind, and its tails fall as a power, |x|^-(1 + alpha).

    >>> import jax
    >>> from thrmlDenoising.processes import stable
    >>> stable.symmetric(jax.random.key(0), alpha=1.7, shape=(1000, 2)).shape
    (1000, 2)

Scales are those of the characteristic function exp(-|t|^alpha): at alpha = 2 it is normal noise of
variance 2.

Power tails are right in float32 down to a chance of some 1e-19: uniform variates are drawn by their
distance from the nearer end of their range, which has 63 bits, and products are sums of logarithms.
(The normal numbers in `isotropic` end at 5.4, a chance of 1e-7; near alpha = 2 so does the noise.)
What is larger than the largest float32, 3e38, is infinite: of symmetric noise at alpha = 0.5 one in
1e19, of A in `positive`, whose square root is wanted, one in 4e9 (`log_positive` has no limit).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.stable_exponent import checked_alpha


def positive(key: Key[Array, ""], alpha: float, shape: Sequence[int]) -> Float[Array, "..."]:
    """A > 0 for which sqrt(A) z, z normal, is symmetric stable.

    E exp(-s A) = exp(-(2 s)^(alpha / 2)). A = 2 S with S stable of exponent a = alpha / 2: with U
    uniform in (0, pi) and W exponential, S = sin(a U) / sin(U)^(1/a)
    (sin((1 - a) U) / W)^((1 - a) / a) (Kanter, Annals of Probability 3, 1975). At alpha = 2 it
    is 2.

    Raises:
        ValueError: alpha is not from 0.5 to 2.
    """
    return jnp.exp(log_positive(key, alpha, shape))


def log_positive(key: Key[Array, ""], alpha: float, shape: Sequence[int]) -> Float[Array, "..."]:
    """ln A; see `positive`."""
    a = checked_alpha(alpha) / 2
    if a == 1:
        return jnp.full(tuple(shape), np.log(2), jnp.float32)
    _, log_size = _one_sided(key, a, shape)
    return np.log(2) + log_size


def isotropic(
    key: Key[Array, ""], alpha: float, shape: Sequence[int], n_axes: int = 1
) -> Float[Array, "..."]:
    """Noise without a direction, of characteristic function exp(-|t|^alpha) for vectors t.

    It is sqrt(A) z with one A for each vector: its components are large together.

    Args:
        n_axes: a vector is what the last so many axes hold, such as 3 for images of channels.

    Raises:
        ValueError: alpha is not from 0.5 to 2, or there are fewer axes.
    """
    shape = tuple(shape)
    if not 0 <= n_axes <= len(shape):
        raise ValueError(f"n_axes={shown(n_axes)}: of shape {shape} give 0 to {len(shape)} axes")
    normal_key, size_key = jax.random.split(key)
    n_before = len(shape) - n_axes
    log_a = log_positive(size_key, alpha, shape[:n_before]).reshape(
        *shape[:n_before], *[1] * n_axes
    )
    return jnp.exp(log_a / 2) * jax.random.normal(normal_key, shape)


def symmetric(key: Key[Array, ""], alpha: float, shape: Sequence[int]) -> Float[Array, "..."]:
    """Independent numbers of characteristic function exp(-|t|^alpha).

    With V uniform in (-pi/2, pi/2) and W exponential: sin(alpha V) / cos(V)^(1/alpha)
    (cos((1 - alpha) V) / W)^((1 - alpha) / alpha) (Chambers, Mallows and Stuck, Journal of the
    American Statistical Association 71, 1976).

    Raises:
        ValueError: alpha is not from 0.5 to 2.
    """
    alpha = checked_alpha(alpha)
    place, log_w = _place_and_wait(key, shape)
    off = abs(1 - alpha)
    # |V| = pi (1/2 - v); sin(y) = sin(pi - y), of which the smaller argument is the exact one
    halves = jnp.minimum(alpha * (0.5 - place.v), 1 - alpha / 2 + alpha * place.v)
    log_cos = _log_sin((1 - off) / 2 + off * place.v)
    log_size = _log_sin(halves) - _log_sin(place.v) / alpha
    log_size += (1 - alpha) / alpha * (log_cos - log_w)
    return jnp.where(place.upper, 1, -1) * jnp.exp(log_size)


def skewed(
    key: Key[Array, ""], alpha: float, beta: float, shape: Sequence[int]
) -> Float[Array, "..."]:
    """Independent numbers, as far from symmetric as beta says.

    The logarithm of their characteristic function is -|t|^alpha (1 - i beta sgn(t)
    tan(pi alpha / 2)): of `scipy.stats.levy_stable` the parametrisation S1, with location 0 and
    scale 1. At beta = 1 the heavy tail is the right one, and for alpha < 1 nothing is negative.
    Others are sums of two of these, ((1 + beta) / 2)^(1/alpha) X - ((1 - beta) / 2)^(1/alpha) X'.

    Raises:
        ValueError: alpha is not from 0.5 to 2, or 1 where beta is not 0; or beta is not from -1
            to 1.
    """
    alpha = checked_alpha(alpha)
    if not -1 <= beta <= 1:
        raise ValueError(f"beta={shown(beta)}: give a number from -1 to 1; 0 is symmetric")
    if beta == 0 or alpha == 2:
        return symmetric(key, alpha, shape)
    if alpha == 1:
        raise ValueError(
            f"alpha=1 with beta={shown(beta)}: use beta=0, or another alpha; near 1 skewed noise "
            "lies about beta tan(pi alpha / 2), which has no limit"
        )
    log_scale = -np.log(abs(np.cos(np.pi * alpha / 2))) / alpha
    total = jnp.zeros(tuple(shape))
    for part_key, sign in zip(jax.random.split(key), (1, -1), strict=True):
        share = (1 + sign * beta) / 2
        if share:
            is_positive, log_size = _one_sided(part_key, alpha, shape)
            part = jnp.exp(log_size + log_scale + np.log(share) / alpha)
            total += sign * jnp.where(is_positive, part, -part)
    return total


# --- variates that are exact at either end -------------------------------------------------


class _Place(NamedTuple):
    """A uniform number in (0, 1), by its distance v from the nearer end."""

    v: Float[Array, "..."]
    upper: Bool[Array, "..."]

    @classmethod
    def drawn(cls, key: Key[Array, ""], shape: Sequence[int]) -> "_Place":
        """One bit says which end, 63 how far from it: never 0, and at most 1/2."""
        high, low = jax.random.bits(key, (2, *shape), jnp.uint32)
        v = jnp.float32(high >> 1) * 2.0**-32 + (jnp.float32(low) + 0.5) * 2.0**-64
        return cls(v, (high & 1).astype(bool))

    def log_sin(self, factor: float) -> Float[Array, "..."]:
        """ln |sin(factor pi x)| of the number x, for factors below 2."""
        from_below = factor * jnp.where(self.upper, 1 - self.v, self.v)
        # |sin(pi y)| by the distance of y from 0, 1 or 2, each exact where it is the least
        from_one = abs((1 - factor) + factor * self.v)
        from_two = (2 - factor) + factor * self.v
        from_above = jnp.where(self.upper, jnp.minimum(from_one, from_two), abs(1 - from_below))
        return _log_sin(jnp.minimum(from_below, from_above))

    @property
    def log_exponential(self) -> Float[Array, "..."]:
        """ln W, W = -ln(1 - x)."""
        return jnp.log(jnp.where(self.upper, -jnp.log(self.v), -jnp.log1p(-self.v)))


def _place_and_wait(
    key: Key[Array, ""], shape: Sequence[int]
) -> tuple[_Place, Float[Array, "..."]]:
    """A uniform number, and the logarithm of an exponential one."""
    place_key, wait_key = jax.random.split(key)
    return _Place.drawn(place_key, shape), _Place.drawn(wait_key, shape).log_exponential


def _one_sided(
    key: Key[Array, ""], alpha: float, shape: Sequence[int]
) -> tuple[Bool[Array, "..."], Float[Array, "..."]]:
    """Sign, and ln of the size, of totally skewed noise X / |cos(pi alpha / 2)|^(-1/alpha).

    For alpha < 1 it is Kanter's S; for alpha > 1 the same formula, up to signs, is that of
    Chambers, Mallows and Stuck at beta = 1.
    """
    place, log_w = _place_and_wait(key, shape)
    x = jnp.where(place.upper, 1 - place.v, place.v)
    log_size = place.log_sin(alpha) - place.log_sin(1.0) / alpha
    log_size += (1 - alpha) / alpha * (place.log_sin(abs(1 - alpha)) - log_w)
    return (alpha * x > 1) | (alpha < 1), log_size


def _log_sin(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln sin(pi x) for 0 <= x <= 1/2."""
    return jnp.log(jnp.sin(jnp.pi * x))
