"""Times are drawn as often as they matter, and what is estimated does not depend on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import SEEDS
from exactness import ALARM, fit_p_value, scores_p_value

from thrmlDenoising.processes import TimeImportance

TERMS = np.array([8.0, 4.0, 2.0, 1.0, 0.0])


def experienced(visits: int = 11) -> TimeImportance:
    importance = TimeImportance.new(5)
    for _ in range(visits):
        importance = importance.seen(jnp.arange(1, 6), jnp.asarray(TERMS, jnp.float32))
    return importance


def test_all_times_are_equal_until_each_was_seen_often():
    np.testing.assert_allclose(TimeImportance.new(5).chances, 0.2, rtol=1e-6)
    np.testing.assert_allclose(experienced(10).chances, 0.2, rtol=1e-6)
    np.testing.assert_allclose(
        experienced(11).chances, 0.99 * TERMS / TERMS.sum() + 0.002, rtol=1e-5
    )


def test_times_that_lose_nothing_are_equal():
    importance = TimeImportance.new(2)
    for _ in range(20):
        importance = importance.seen(jnp.array([1, 2]), jnp.zeros(2))
    np.testing.assert_allclose(importance.chances, 0.5, rtol=1e-6)


def test_a_batch_counts_each_time_once_and_forgets_slowly():
    importance = TimeImportance.new(3).seen(jnp.array([1, 1, 3]), jnp.array([1.0, 3.0, 2.0]))
    np.testing.assert_allclose(importance.squares, [5, 0, 4], rtol=1e-6)
    np.testing.assert_array_equal(importance.visits, [2, 0, 1])
    later = importance.seen(jnp.array([3]), jnp.array([0.0]))
    np.testing.assert_allclose(later.squares, [5, 0, 3.6], rtol=1e-6)


def test_draws_and_sums():
    importance = experienced()
    wanted = np.asarray(importance.chances, np.float64)
    for seed in SEEDS:
        t = importance.draw(jax.random.key(seed), 20_000)
        counts = np.bincount(np.asarray(t) - 1, minlength=5)
        assert fit_p_value(counts[None], wanted[None] / wanted.sum()) > ALARM
        terms = jnp.asarray(TERMS)[t - 1]

        def p_value(found: jax.Array) -> float:
            error = found.std() / np.sqrt(found.size)
            return scores_p_value(np.asarray((found.mean() - TERMS.sum()) / error))

        assert p_value(importance.sum_of_steps(t, terms)) > ALARM
        assert p_value(terms * 5) < ALARM  # as if all had been drawn equally often


def test_important_times_make_the_sum_vary_less():
    p = np.asarray(experienced().chances)
    assert p @ (TERMS / p) ** 2 < 0.6 * 5 * (TERMS**2).sum()
    assert p @ (TERMS / p) == pytest.approx(TERMS.sum(), rel=1e-6)
