"""A logistic distribution in bins, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from thrmlDenoising.processes import truncated_logistic


@pytest.mark.parametrize("k", [2, 4, 256])
def test_truncated_logistic_is_a_difference_of_sigmoids(k):
    rng = np.random.default_rng(0)
    x = rng.integers(0, k, 50)
    shift, log_scale = rng.normal(0, 0.5, 50), rng.normal(0, 1, 50)
    loc = np.tanh(2 * x / (k - 1) - 1 + shift)[:, None]
    centre, half = 2 * np.arange(k) / (k - 1) - 1, 1 / (k - 1)
    steepness = np.exp(2 - log_scale)[:, None]
    wanted = expit((centre + half - loc) * steepness) - expit((centre - half - loc) * steepness)
    wanted /= wanted.sum(axis=1, keepdims=True)
    given = jnp.asarray(shift, jnp.float32), jnp.asarray(log_scale, jnp.float32)
    found = np.exp(truncated_logistic(jnp.asarray(x), *given, k))
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=1e-9)


@pytest.mark.slow
def test_tails_of_the_logistic_are_numbers_and_fall_with_distance():
    def log_p(log_scale):
        return truncated_logistic(jnp.array([0, 255]), jnp.zeros(2), log_scale, 256)

    steep = jnp.full(2, -4.0)
    found, slopes = log_p(steep), jax.jacobian(log_p)(steep)
    assert jnp.isfinite(found).all()
    assert jnp.isfinite(slopes).all()
    assert (jnp.diff(found[0][100:]) < 0).all()
    assert found.min() < -400  # where sigmoids of float32 are all 1


def test_logistic_of_a_mask_has_its_middle_in_the_middle():
    found = truncated_logistic(jnp.array([4]), jnp.zeros(1), jnp.zeros(1), 4)
    np.testing.assert_allclose(found, found[:, ::-1], rtol=1e-5)
