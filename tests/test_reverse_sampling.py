"""What the exact denoiser generates, all steps and in strides.

A step draws pixels by themselves. So one pixel, or pixels that know nothing of each other, come
out as in data whatever the strides; others do in the limit of many steps only.
Frequencies are held against exact probabilities with a false alarm each of chance 1e-7.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import SEEDS
from discrete_toys import FAST, Toy, toy_of
from exactness import ALARM, fit_p_value
from tiny import rest_slow

from thrmlDenoising.processes.schedules import jsd


def generated(toy: Toy, seed: int, n: int, times: list[int]) -> np.ndarray:
    """How often each image was drawn, going back through these times with the exact denoiser."""
    key, start_key = jax.random.split(jax.random.key(seed))
    n_states, n_pixels = toy.process.n_states, toy.noisy.shape[1]
    place = n_states ** np.arange(n_pixels)[::-1]
    x = toy.process.start(start_key, (n, n_pixels))
    for t, s in pairwise(times):
        key, step_key = jax.random.split(key)
        logits = toy.logits(t)[x @ place]
        x = jax.random.categorical(step_key, toy.process.reverse(x, logits, s, t))
    k = toy.process.n_values
    return np.bincount(np.asarray(x) @ k ** np.arange(n_pixels)[::-1], minlength=k**n_pixels)


EVERY_STEP, STRIDES = [6, 5, 4, 3, 2, 1, 0], [6, 3, 2, 0]


@pytest.mark.parametrize("times", [EVERY_STEP, STRIDES], ids=["ancestral", "strided"])
@pytest.mark.parametrize("kind", rest_slow(FAST, 2))
def test_one_pixel_is_drawn_exactly_in_any_strides(kind, times):
    toy = toy_of(kind, 4, 1, jsd(6))
    for seed in SEEDS:
        counts = generated(toy, seed, 8000, times)
        assert fit_p_value(counts[None], toy.p_0[None]) > ALARM


def independent(k: int) -> np.ndarray:
    one, other = np.random.default_rng(0).dirichlet(np.ones(k), 2)
    return np.outer(one, other).ravel()


def test_independent_pixels_are_drawn_exactly_in_any_strides():
    toy = toy_of("uniform", 3, 2, jsd(6), independent(3))
    for seed in SEEDS:
        counts = generated(toy, seed, 8000, STRIDES)
        assert fit_p_value(counts[None], toy.p_0[None]) > ALARM


def of_the_chain(toy: Toy, times: list[int]) -> np.ndarray:
    """The exact distribution of what is generated, by enumeration."""
    log_p = np.asarray(toy.process.log_prior, np.float64)
    p = np.exp(log_p)[toy.noisy].prod(axis=-1)
    for t, s in pairwise(times):
        step = np.exp(toy.process.reverse(jnp.asarray(toy.noisy), toy.logits(t), s, t))
        p = p @ np.stack([step[:, i, toy.noisy[:, i]] for i in range(toy.noisy.shape[1])]).prod(
            axis=0
        )
    return p[(toy.noisy < toy.process.n_values).all(axis=-1)]


COPIES = np.eye(3).ravel() / 3
"""Two pixels of 3 values that are always equal."""


@pytest.mark.parametrize("kind", ["uniform", "into the mask", "into the middle"])
def test_pixels_that_know_each_other_are_drawn_ever_better_in_more_steps(kind):
    """A step draws pixels by themselves, so that the data are met in the limit of many only."""
    distances = []
    for n_steps in (1, 8, 64):
        toy = toy_of(kind, 3, 2, jsd(n_steps), COPIES)
        found = of_the_chain(toy, list(range(n_steps, -1, -1)))
        distances.append(0.5 * abs(found - COPIES).sum())
    assert distances[0] == pytest.approx(2 / 3, abs=1e-4)  # one step: as if independent
    assert distances[0] > 3 * distances[1] > 9 * distances[2]
    assert distances[2] < 0.03


@pytest.mark.parametrize("times", [EVERY_STEP, STRIDES], ids=["ancestral", "strided"])
@pytest.mark.parametrize("kind", ["uniform", "into the mask"])
def test_what_is_drawn_is_what_the_chain_says_and_not_the_data(kind, times):
    toy = toy_of(kind, 3, 2, jsd(6), np.full(9, 0.02) + 0.82 * COPIES)
    exact = of_the_chain(toy, times)
    assert exact.sum() == pytest.approx(1, abs=1e-5)
    counts = np.zeros(9, int)
    for seed in SEEDS:
        counts = generated(toy, seed, 8000, times)
        assert fit_p_value(counts[None], exact[None] / exact.sum()) > ALARM
    assert fit_p_value(counts[None], toy.p_0[None]) < ALARM
