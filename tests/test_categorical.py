"""Categorical processes against products of one-step matrices, and against Bayes.

Frequencies are held against exact probabilities by chi-square tests with a false alarm each of
chance 1e-7 (`exactness.ALARM`).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import KINDS, SCHEDULES, SEEDS, Case, case_of
from exactness import ALARM, fit_p_value
from scipy.special import log_softmax
from scipy.stats import binomtest
from tiny import rest_slow

from thrmlDenoising.processes import Absorbing, CategoricalProcess, Uniform
from thrmlDenoising.processes.schedules import linear

ROUNDING = 3e-5
"""Relative: some hundred float32 operations, and logarithms that are rounded near -100."""

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
EVERY_K = pytest.mark.parametrize("k", [2, 4, 8])


CASES = [(kind, k) for k in (4, 2, 8) for kind in KINDS]


@pytest.fixture(params=rest_slow(CASES, len(KINDS)), ids=str, scope="module")
def case(request) -> Case:
    kind, k = request.param
    return case_of(kind, k, SCHEDULES["cosine"])


@eqx.filter_jit
def compiled(method, process: CategoricalProcess, *arguments):
    """What a method of the process gives: one program for all processes of a kind."""
    return method(process, *arguments)


def matrices(process: CategoricalProcess, s, t, times):
    """All that a process has to say of these times."""
    return (
        process.log_transition(s, t),
        process.log_cumulative(times),
        process.log_step(times[1:]),
        process.log_transition(0, 3),
    )


def assert_logs(found, wanted: np.ndarray) -> None:
    """Logarithms are those of these probabilities; nothing is NaN, and 0 is minus infinity."""
    found = np.asarray(found, np.float64)
    assert not np.isnan(found).any()
    np.testing.assert_allclose(np.exp(found), wanted, rtol=ROUNDING, atol=1e-30)
    assert np.isneginf(found[wanted == 0]).all()


def assert_products(case: Case) -> None:
    pairs = case.pairs()
    times = np.arange(case.process.n_steps + 1)
    found = compiled(matrices, case.process, *jnp.asarray(pairs.T), jnp.asarray(times))
    cumulative = case.matrices(np.stack([0 * times, times], axis=1))
    wanted = case.matrices(pairs), cumulative, case.steps, cumulative[3]
    for ours, theirs in zip(found, wanted, strict=True):
        assert_logs(ours, theirs)


@EVERY_K
@EVERY_KIND
def test_any_two_times_are_joined_by_the_product_of_their_steps(kind, k):
    for schedule in SCHEDULES.values():
        case = case_of(kind, k, schedule)
        np.testing.assert_allclose(case.steps.sum(axis=2), 1, rtol=1e-12)
        assert_products(case)


# --- posteriors ----------------------------------------------------------------------------


def every_pair_of_states(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """All (x_t, x_0), of every pair of times."""
    process = case.process
    x_t, x_0 = np.indices((process.n_states, process.n_values)).reshape(2, -1)
    shape = (len(case.pairs()), len(x_t))
    return np.broadcast_to(x_t, shape), np.broadcast_to(x_0, shape)


def bayes(case: Case) -> np.ndarray:
    """q(x_s | x_t, x_0) as (pair, x_t, x_0, x_s); 0 where x_0 cannot have become x_t."""
    pairs, k = case.pairs(), case.process.n_values
    start = case.matrices(np.stack([0 * pairs[:, 0], pairs[:, 0]], axis=1))[:, :k]
    onward = case.matrices(pairs)
    joint = np.einsum("pvs,pst->ptvs", start, onward)
    total = joint.sum(axis=-1, keepdims=True)
    return joint / np.where(total > 0, total, 1)


def assert_bayes(case: Case) -> None:
    process, pairs = case.process, case.pairs()
    x_t, x_0 = every_pair_of_states(case)
    states = jnp.asarray(x_t), jnp.asarray(x_0)
    found = compiled(type(process).posterior, process, *states, *jnp.asarray(pairs.T))
    assert_logs(found, bayes(case).reshape(found.shape))


def test_posterior_is_that_of_bayes(case):
    assert_bayes(case)


def random_logits(case: Case) -> np.ndarray:
    """Of every pair of times and every x_t."""
    process = case.process
    shape = (len(case.pairs()), process.n_states, process.n_values)
    return np.random.default_rng(1).normal(0, 2, shape)


def as_arrays(x_t: np.ndarray, logits: np.ndarray) -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(x_t), jnp.asarray(logits, jnp.float32)


def test_reverse_is_the_mean_of_posteriors_over_what_is_possible(case):
    process, pairs = case.process, case.pairs()
    logits = random_logits(case)
    x_t = np.broadcast_to(np.arange(process.n_states), logits.shape[:2])
    end = case.matrices(np.stack([0 * pairs[:, 0], pairs[:, 1]], axis=1))[:, : process.n_values]
    weights = np.exp(logits) * (end.swapaxes(1, 2) > 0)
    weights /= weights.sum(axis=-1, keepdims=True)
    wanted = np.einsum("ptv,ptvs->pts", weights, bayes(case))
    arguments = (*as_arrays(x_t, logits), *jnp.asarray(pairs.T))
    found = compiled(CategoricalProcess.reverse, process, *arguments)
    assert_logs(found, wanted)


def test_reverse_product_is_a_posterior_whose_x_0_is_random(case):
    process, pairs = case.process, case.pairs()
    logits = random_logits(case)
    x_t = np.broadcast_to(np.arange(process.n_states), logits.shape[:2])
    start = case.matrices(np.stack([0 * pairs[:, 0], pairs[:, 0]], axis=1))[:, : process.n_values]
    p_0 = np.exp(log_softmax(logits, axis=-1))
    wanted = np.einsum("ptv,pvs,pst->pts", p_0, start, case.matrices(pairs))
    wanted /= wanted.sum(axis=-1, keepdims=True)
    to_0 = pairs[:, 0] == 0
    wanted[to_0] = 0
    wanted[to_0, :, : process.n_values] = p_0[to_0]
    arguments = (*as_arrays(x_t, logits), *jnp.asarray(pairs.T))
    found = compiled(CategoricalProcess.reverse_product, process, *arguments)
    assert_logs(found, wanted)


def test_unmasked_pixels_are_known_whatever_the_logits_say():
    process = Absorbing.by_mask(3, SCHEDULES["cosine"])
    logits = jnp.asarray([[50.0, 0.0, -50.0]] * 3)
    found = process.reverse(jnp.arange(3), logits, 4, 9)
    np.testing.assert_array_equal(jnp.exp(found), np.eye(3, 4))


@EVERY_KIND
def test_gradients_of_the_reverse_step_are_numbers(kind):
    """Even where the logits are extreme and most states impossible."""
    case = case_of(kind, 4, SCHEDULES["cosine"])
    process = case.process
    x_t = jnp.arange(process.n_states)
    logits = 100 * jnp.asarray(random_logits(case)[0], jnp.float32)

    def some_of_it(logits, reverse):
        log_p = reverse(process, x_t, logits, 3, 4)
        return jnp.where(log_p > -30, log_p, 0).sum()

    for reverse in (CategoricalProcess.reverse, CategoricalProcess.reverse_product):
        gradient = jax.jit(jax.grad(some_of_it), static_argnums=1)(logits, reverse)
        assert jnp.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(), (2, 3), (2, 3, 4)])
def test_images_of_any_shape_with_times_of_any_of_their_first_axes(shape):
    process = Uniform(4, SCHEDULES["cosine"])
    rng = np.random.default_rng(0)
    x_t, x_0 = (jnp.asarray(rng.integers(0, 4, shape), jnp.uint8) for _ in range(2))
    for axes in range(len(shape) + 1):
        t = jnp.asarray(rng.integers(1, 13, shape[:axes]))
        found = compiled(Uniform.posterior, process, x_t, x_0, t - 1, t)
        each = jnp.broadcast_to(t.reshape(t.shape + (1,) * (len(shape) - axes)), shape)
        flat = (x_t.ravel(), x_0.ravel(), each.ravel() - 1, each.ravel())
        alone = compiled(Uniform.posterior, process, *flat)
        np.testing.assert_allclose(found, alone.reshape(*shape, 4), rtol=1e-6)


# --- noise that is drawn -------------------------------------------------------------------


def noise_p_value(case: Case, seed: int, wanted_steps_later: int = 0) -> float:
    """Of x_t at three times, one a chain, from every value."""
    process = case.process
    k, n = process.n_values, 3000
    times = np.array([1, 3, 7])
    clean = jnp.tile(jnp.arange(k), (len(times), n))
    arguments = (jax.random.key(seed), clean, jnp.asarray(times))
    found = compiled(CategoricalProcess.noise, process, *arguments)
    found = np.asarray(found).reshape(len(times), n, k)
    counts = [
        np.bincount(of_value, minlength=process.n_states)
        for of_time in found
        for of_value in of_time.T
    ]
    wanted = [case.matrix(0, t + wanted_steps_later)[:k] for t in times]
    return fit_p_value(np.array(counts), np.concatenate(wanted))


@EVERY_KIND
def test_noise_is_drawn_as_often_as_it_should(kind):
    case = case_of(kind, 4, SCHEDULES["linear"])
    for seed in SEEDS:
        assert noise_p_value(case, seed) > ALARM


@pytest.mark.parametrize("kind", ["uniform", "into the mask", "nearest neighbour"])
def test_noise_of_one_step_more_or_less_would_be_seen(kind):
    case = case_of(kind, 4, SCHEDULES["linear"])
    for off in (-1, 1):
        assert noise_p_value(case, 0, off) < ALARM


@EVERY_KIND
def test_generation_starts_where_noise_ends(kind):
    case = case_of(kind, 4, SCHEDULES["cosine"])
    process = case.process
    wanted = case.matrix(0, process.n_steps)[: process.n_values].mean(axis=0)
    assert_logs(process.log_prior, wanted)
    often = int(wanted.argmax())
    for seed in SEEDS:
        found = process.start(jax.random.key(seed), (40, 100))
        assert found.shape == (40, 100)
        assert binomtest(int((found == often).sum()), 4000, wanted[often]).pvalue > ALARM


# --- twins ---------------------------------------------------------------------------------


class OneStepLate(Uniform):
    def log_cumulative(self, t):
        return super().log_cumulative(jnp.maximum(jnp.asarray(t) - 1, 0))


class Transposed(Absorbing):
    def log_transition(self, s, t):
        return jnp.swapaxes(super().log_transition(s, t), -1, -2)


class WithoutItsFactor(Uniform):
    def posterior(self, x_t, x_0, s, t):
        return self.log_forward(x_0, s)


def test_wrong_processes_are_caught():
    late: Any = OneStepLate
    transposed: Any = Transposed
    without: Any = WithoutItsFactor
    schedule = linear(12, 0.7, 0.7)  # one that has mixed a step earlier, too
    uniform, absorbing = (case_of(kind, 4, schedule) for kind in ("uniform", "into the middle"))
    for check, twin in (
        (assert_products, Case(late(4, schedule), uniform.steps)),
        (assert_bayes, Case(late(4, schedule), uniform.steps)),
        (assert_products, Case(absorbing.process, absorbing.steps.swapaxes(1, 2))),
        (assert_bayes, Case(absorbing.process, absorbing.steps.swapaxes(1, 2))),
        (assert_bayes, Case(without(4, schedule), uniform.steps)),
    ):
        with pytest.raises(AssertionError):
            check(twin)
    with pytest.raises(ValueError, match="has not mixed"):
        transposed(4, schedule, 2)
    assert_products(uniform)
    assert_bayes(absorbing)
