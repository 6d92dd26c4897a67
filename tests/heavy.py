"""Small configs, denoisers, walks and comparisons, for tests of heavy-tailed diffusion."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from exactness import ALARM
from jaxtyping import Array
from scipy import stats

from thrmlDenoising.data.points import Mixture
from thrmlDenoising.diffusion import Step, walk
from thrmlDenoising.families.levy import LevyConfig, make_cfg
from thrmlDenoising.families.levy.denoisers import SaysNoise, X
from thrmlDenoising.families.levy.going_back import AlongPath, Backwards
from thrmlDenoising.processes import Place

TWO = Mixture(np.array([[-1.0], [1.0]]), std=0.3, weights=np.array([0.3, 0.7]))
N = 20_000
"""Examples of a comparison."""
T = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
"""Where characteristic functions are compared."""


class KnowsStart(eqx.Module):
    """Says the noise of an x_0 that it is told."""

    x_0: X

    def __call__(self, x: X, place: Place) -> X:
        _, g, s = place.over(x)
        return (x - g * self.x_0) / s


def tiny_cfg(**sections: Any) -> LevyConfig:
    return make_cfg(
        exp=dict(descriptor="tiny", generate_gif=False),
        data=dict(name="gmm_2", n_train=64, n_test=200),
        noise=dict(n_timesteps=6),
        mlp=dict(width=8, n_blocks=1, time_width=4),
        optim=dict(batch_size=32, learning_rate=0.01, n_warmup_updates=2, average_decay=0.9),
        generation=dict(n_judged=40),
        evaluation=dict(bootstrap_replicates=20),
    ).replace(**sections)


def image_cfg(**sections: Any) -> LevyConfig:
    return make_cfg(
        exp=dict(descriptor="tiny", generate_gif=False, n_drawn=4),
        data=dict(name="fashion_mnist_10k", target_classes=(0, 1)),
        noise=dict(n_timesteps=4),
        network=dict(channels=8, multipliers=(1,), n_blocks=1, attention_levels=()),
        optim=dict(batch_size=500, n_warmup_updates=1),
        generation=dict(n_judged=60),
        evaluation=dict(bootstrap_replicates=20),
    ).replace(**sections)


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


class Wavy(eqx.Module):
    """Says anything; the same in JAX and NumPy."""

    def __call__(self, x: X, place: Place) -> X:
        _, g, s = place.over(x)
        return jnp.sin(2 * x) + 0.3 * g * x - s


def wavy(x: np.ndarray, g: float, s: float) -> np.ndarray:
    return np.sin(2 * x) + 0.3 * g * x - s


def far(n: int) -> float:
    """How far the mean of n numbers in [-1, 1] is from its expectation by chance."""
    return float(np.sqrt(2 * np.log(2 / ALARM) / n))


def distance(numbers: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of characteristic functions, in units of what chance makes."""
    got = np.array([np.cos(t * numbers).mean() for t in T])
    return float(abs(got - expected).max() / far(len(numbers)))


def is_normal(numbers: np.ndarray) -> bool:
    return bool(stats.kstest(numbers.ravel(), "norm").pvalue > ALARM)


def column(value: float) -> np.ndarray:
    return np.full((N, 1), value)


def means_apart(step, x: np.ndarray, other: np.ndarray, t: int) -> np.ndarray:
    """How far two means are from each other; what is added, by the same key, is the same."""
    return one_step(step, 0, x, t) - one_step(step, 0, other, t)


def of_inverted_shares(step: AlongPath) -> AlongPath:
    """The twin: 1 - Gamma in the place of Gamma."""
    shares = jnp.log(-jnp.expm1(step.log_shares))
    return eqx.tree_at(lambda step: step.log_shares, step, jnp.maximum(shares, -30))
