"""Denoisers that know the truth, and walks with them, for tests of heavy-tailed diffusion."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thrmlDenoising.data.points import Mixture
from thrmlDenoising.diffusion import Step, walk
from thrmlDenoising.families.levy.denoisers import SaysNoise, X
from thrmlDenoising.families.levy.going_back import Backwards
from thrmlDenoising.processes import NormalMixture, Place


class KnowsStart(eqx.Module):
    """Says the noise of an x_0 that it is told."""

    x_0: X

    def __call__(self, x: X, place: Place) -> X:
        _, g, s = place.over(x)
        return (x - g * self.x_0) / s


class KnowsMixture(eqx.Module):
    """Says E[noise | x] where data are a mixture of normal modes and noise sqrt(A) z, one A each.

    Given A all is normal, so that p(A, mode | x) is known up to a factor; over A it is summed at
    quantiles of equal weight.
    """

    means: Float[Array, "mode axis"]
    std: float
    log_weights: Float[Array, " mode"]
    sizes: Float[Array, " size"]

    @classmethod
    def of(cls, data: Mixture, noise: NormalMixture, n_sizes: int = 100) -> "KnowsMixture":
        sizes = quantiles(noise, n_sizes)
        log_weights = jnp.log(jnp.asarray(data.weights))
        return cls(jnp.asarray(data.means), data.std, log_weights, jnp.asarray(sizes))

    def __call__(self, x: X, place: Place) -> X:
        _, g, s = place.over(x)
        g, s, n_axes = g.ravel()[0], s.ravel()[0], x.shape[1]
        variance = ((g * self.std) ** 2 + s**2 * self.sizes)[:, None]  # (size, mode)
        away = x[:, None] - g * self.means
        squares = (away**2).sum(axis=2)[:, None]  # (example, 1, mode)
        log_p = self.log_weights - squares / (2 * variance) - n_axes / 2 * jnp.log(variance)
        p = jax.nn.softmax(log_p, axis=(1, 2))
        # given A and mode, what is away from g times its mean is noise by s^2 A of the variance
        share = p * (s**2 * self.sizes)[:, None] / variance
        return jnp.einsum("nk,nkd->nd", share.sum(axis=1), away) / s


def quantiles(noise: NormalMixture, n: int) -> np.ndarray:
    """Of A, at the middles of n equal shares."""
    n_draws = 1000 * n
    log_sizes = np.sort(np.asarray(noise.log_sizes(jax.random.key(0), (n_draws, 1)))[:, 0])
    return np.exp(log_sizes[500::1000])


def walked(backwards: Backwards, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Examples at the end of a way back."""
    start_key, key = jax.random.split(jax.random.key(seed))
    x, step = eqx.filter_jit(backwards.begin)(start_key, shape)
    return walked_from(step, key, x, backwards.way.n_steps)


def walked_from(step: Step, key: Array, x: Array, n_steps: int) -> np.ndarray:
    """The same, from a given start."""
    places = np.arange(n_steps, -1, -1, dtype=np.int32)
    return walk(step, key, x, places, [n_steps])[-1]


def one_step(step: Step, seed: int, x: np.ndarray, t: int) -> np.ndarray:
    """From place t to t - 1."""
    stepped = eqx.filter_jit(step)(
        jax.random.key(seed), jnp.asarray(x, jnp.float32), jnp.asarray(t - 1), jnp.asarray(t)
    )
    return np.asarray(stepped, float)


def said(denoiser: SaysNoise, x: np.ndarray, place: Place) -> np.ndarray:
    """What a denoiser says, in NumPy."""
    return np.asarray(denoiser(jnp.asarray(x, jnp.float32), place), float)
