"""Noise that is added: what it does to numbers, and what is known of it on the way back.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy.stats import kstest, norm

from thrmlDenoising.processes import Gaussian, schedules

SEEDS = (0, 1, 2)
SCHEDULE = schedules.linear(40, 0.01, 0.5)
PROCESS = Gaussian(SCHEDULE)
ABAR = SCHEDULE.alpha_bar


@pytest.mark.parametrize("t", [1, 12, 40])
@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_normal_around_what_is_left(t, seed):
    x_0 = jnp.full((4000,), 1.5)
    x_t = np.asarray(PROCESS.noise(jax.random.key(seed), x_0[None], jnp.array([t])))[0]
    law = norm(1.5 * np.sqrt(ABAR[t]), np.sqrt(1 - ABAR[t]))
    assert kstest(x_t, law.cdf).pvalue > ALARM
    wrong = norm(1.5 * np.sqrt(ABAR[t - 1]), np.sqrt(1 - ABAR[t - 1] + 1e-9))
    if t == 1:
        assert kstest(x_t, wrong.cdf).pvalue < ALARM, "the twin, a time too early"


@pytest.mark.parametrize(("s", "t"), [(0, 1), (11, 12), (5, 30), (0, 40), (39, 40)])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_bridge_leads_to_where_the_process_was(s, t, seed):
    """x_s from x_t and x_0, over all x_t, is x_s from x_0; and goes with x_t as it should."""
    keys = jax.random.split(jax.random.key(seed))
    x_0 = jnp.full((1, 4000), 0.7)
    x_t = PROCESS.noise(keys[0], x_0, jnp.array([t]))
    x_s = np.asarray(PROCESS.bridge(keys[1], x_t, x_0, jnp.array([s]), jnp.array([t])))[0]
    if s == 0:
        np.testing.assert_allclose(x_s, 0.7, atol=2e-6)
        return
    assert kstest(x_s, norm(0.7 * np.sqrt(ABAR[s]), np.sqrt(1 - ABAR[s])).cdf).pvalue > ALARM
    residual = (np.asarray(x_t)[0] - np.sqrt(ABAR[t] / ABAR[s]) * x_s) / np.sqrt(
        1 - ABAR[t] / ABAR[s]
    )
    assert kstest(residual, norm.cdf).pvalue > ALARM


def test_what_was_added_and_what_it_was_added_to_follow_from_each_other():
    x_0 = jax.random.normal(jax.random.key(0), (3, 5))
    t = jnp.array([1, 20, 40])
    x_t = PROCESS.noise(jax.random.key(1), x_0, t)
    z = PROCESS.added(x_t, x_0, t)
    np.testing.assert_allclose(PROCESS.start_of(x_t, z, t)[:2], x_0[:2], atol=1e-4)
    by_hand = (np.asarray(x_t[1]) - np.sqrt(ABAR[20]) * x_0[1]) / np.sqrt(1 - ABAR[20])
    np.testing.assert_allclose(z[1], by_hand, rtol=1e-5)


def test_sharpness_is_that_of_densities():
    points, x = np.array([[0.6, 0.8], [1.0, 0.0]]), np.array([0.3, -0.4])
    for t in (1, 17, 40):
        log_p = norm.logpdf(x, np.sqrt(ABAR[t]) * points, np.sqrt(1 - ABAR[t]))
        wanted = np.subtract(*log_p.sum(axis=1))
        found = float(PROCESS.sharpness(t)) * np.subtract(*(points @ x))
        assert found == pytest.approx(wanted, rel=1e-4)


def test_a_process_that_has_not_mixed_is_refused():
    with pytest.raises(ValueError, match=r"after its 40 steps the process has not mixed.* 0\.1"):
        Gaussian(schedules.linear(40, 0.01, 0.1))
