"""Averages of parameters, against what they are in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thrmlDenoising.networks import averaged, share_kept

DECAY, N = 0.8, 60
PATH = np.random.default_rng(0).normal(size=(N + 1, 3))
"""The parameters from the first ones on."""


def followed(decay=DECAY):
    average = {"weight": jnp.asarray(PATH[0], jnp.float32), "n": jnp.asarray(0)}
    step = jax.jit(averaged)
    for n, now in enumerate(PATH[1:]):
        parameters = {"weight": jnp.asarray(now, jnp.float32), "n": jnp.asarray(n)}
        average = step(average, parameters, decay, n)
    return average


def closed_form(decay=DECAY):
    """Each update's parameters weigh (1 - d_n) times the product of all later d."""
    kept = np.array([1, *(min(decay, (1 + n) / (10 + n)) for n in range(N))])
    later = np.append(np.cumprod(kept[::-1])[::-1][1:], 1)
    weights = np.append(1, 1 - kept[1:]) * later
    assert weights.sum() == pytest.approx(1)
    return weights @ PATH


def test_the_average_is_the_weighted_sum_of_all_parameters():
    np.testing.assert_allclose(followed()["weight"], closed_form(), rtol=1e-5)


def test_an_average_that_is_never_applied_would_be_seen():
    for never in (PATH[0], PATH[-1], PATH.mean(axis=0)):
        assert np.abs(never - closed_form()).max() > 0.05


def test_few_updates_forget_the_start_whatever_the_decay():
    assert float(share_kept(0.9999, 0)) == pytest.approx(0.1)
    assert float(share_kept(0.9999, 10**6)) == pytest.approx(0.9999)
    np.testing.assert_allclose(followed(0.9999)["weight"], closed_form(0.9999), rtol=1e-5)


def test_without_decay_it_is_the_latest():
    np.testing.assert_allclose(followed(0.0)["weight"], PATH[-1], rtol=1e-6)


def test_what_is_no_float_is_that_of_now_and_types_stay():
    average = followed()
    assert int(average["n"]) == N - 1
    assert average["weight"].dtype == jnp.float32
