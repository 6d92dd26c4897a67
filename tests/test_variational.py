"""The bound on toys that are small enough to write down all of it, in bits.

Images are all of K^D; chances are exact, in float64, from `discrete.Case.matrix`. The exact
denoiser says p(x_0 of a pixel | all pixels of x_t), which is what no network can beat.
"""

from functools import cached_property
from itertools import pairwise, product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import KINDS, SCHEDULES, SEEDS, Case, case_of
from exactness import ALARM, fit_p_value
from scipy.special import expit

from thrmlDenoising.processes import (
    Absorbing,
    CategoricalProcess,
    Uniform,
    cross_entropy_bits,
    hybrid_bits,
    kl_bits,
    masked_bits,
    prior_bits,
    step_bits,
    truncated_logistic,
)
from thrmlDenoising.processes.schedules import cosine, jsd, linear

SCHEDULE = linear(6, 0.3, 0.95)
ROUNDING = 1e-4  # bits, of a sum over steps in float32


class Toy:
    """Data of D pixels with K values and a process that they go through."""

    def __init__(self, case: Case, p_0: np.ndarray, n_pixels: int) -> None:
        self.case, self.process, self.p_0 = case, case.process, p_0
        k, n = self.process.n_values, self.process.n_states
        self.clean = np.array(list(product(range(k), repeat=n_pixels)))
        self.noisy = np.array(list(product(range(n), repeat=n_pixels)))

    def chances(self, s: int, t: int) -> np.ndarray:
        """q(x_t | x_s) of whole images."""
        matrix = self.case.matrix(s, t)
        before = self.clean if s == 0 else self.noisy
        return matrix[before[:, None], self.noisy].prod(axis=-1)

    def of_pixels(self, p: np.ndarray, images: np.ndarray, n: int) -> np.ndarray:
        """What distributions over images say of their single pixels."""
        return p @ np.eye(n)[images].reshape(len(images), -1)

    def denoised(self, t: int) -> np.ndarray:
        """p(x_0 | x_t) of images, (x_t, x_0); anything where x_t cannot be."""
        joint = (self.p_0[:, None] * self.chances(0, t)).T
        total = joint.sum(axis=1, keepdims=True)
        return np.where(total > 0, joint, 1) / np.where(total > 0, total, joint.shape[1])

    def logits(self, t: int) -> jax.Array:
        """What the exact denoiser says of every pixel of every x_t."""
        k = self.process.n_values
        p = self.of_pixels(self.denoised(t), self.clean, k).reshape(*self.noisy.shape, k)
        with np.errstate(divide="ignore"):
            return jnp.asarray(np.log(p), jnp.float32)

    def pairs(self) -> tuple[jax.Array, jax.Array]:
        """x_0 and x_t of all pairs, (x_0, x_t, pixel)."""
        shape = (len(self.clean), *self.noisy.shape)
        clean = np.broadcast_to(self.clean[:, None], shape)
        return jnp.asarray(clean), jnp.asarray(np.broadcast_to(self.noisy, shape))

    def mean(self, terms: jax.Array, t: int) -> float:
        """The expectation of terms of (x_0, x_t, pixel), summed over pixels."""
        weights = self.p_0[:, None] * self.chances(0, t)
        total = np.asarray(terms, np.float64).sum(axis=-1)
        return float((weights * np.where(weights > 0, total, 0)).sum())

    def terms(self, t: int, reverse=CategoricalProcess.reverse) -> jax.Array:
        clean, noisy = self.pairs()
        logits = jnp.broadcast_to(self.logits(t), (len(clean), *self.logits(t).shape))
        return _step_bits(self.process, clean, noisy, jnp.asarray(t), logits, reverse)

    def bound(self, reverse=CategoricalProcess.reverse) -> float:
        """The library's bound with the exact denoiser."""
        prior = prior_bits(self.process, jnp.asarray(self.clean)).sum(axis=-1)
        steps = [self.mean(self.terms(t, reverse), t) for t in range(1, self.process.n_steps + 1)]
        return float(self.p_0 @ np.asarray(prior)) + sum(steps)

    @cached_property
    def entropy(self) -> float:
        return bits(self.p_0, 1)

    def written_bound(self) -> float:
        """H(x_0) + KL(q(x_T) || p(x_T)) + what pixels know of each other, in every step.

        With the exact denoiser the bound misses the entropy by what a step that draws pixels
        by themselves cannot say: KL(q(x_s | x_t) || prod_pixel q(x_s of the pixel | x_t)).
        """
        n_steps, n = self.process.n_steps, self.process.n_states
        prior = self.case.matrix(0, n_steps)[: self.process.n_values].mean(axis=0)
        start = prior[self.noisy].prod(axis=-1)
        found = self.p_0 @ self.chances(0, n_steps)
        total = self.entropy + bits(found, found / np.where(start > 0, start, 1))
        for t in range(1, n_steps + 1):
            images, states = (self.clean, self.process.n_values) if t == 1 else (self.noisy, n)
            p_s = self.p_0 if t == 1 else self.p_0 @ self.chances(0, t - 1)
            joint = p_s[:, None] * self.chances(t - 1, t)
            p_t = joint.sum(axis=0)
            given = (joint / np.where(p_t > 0, p_t, 1)).T
            pixels = self.of_pixels(given, images, states).reshape(len(p_t), -1, states)
            alone = np.stack([pixels[:, i, images[:, i]] for i in range(images.shape[1])]).prod(
                axis=0
            )
            ratio = given / np.where(alone > 0, alone, 1)
            total += bits(joint.T, ratio)
        return total


def bits(p: np.ndarray, ratio) -> float:
    """sum p log2 ratio; the entropy of p, if the ratio is 1: then -sum p log2 p."""
    if np.isscalar(ratio):
        return -bits(p, p)
    some = p > 0
    return float((p[some] * np.log2(ratio[some])).sum())


@eqx.filter_jit
def _step_bits(process, clean, noisy, t, logits, reverse):
    return step_bits(process, clean, noisy, t, logits, reverse)


def toy_of(kind: str, k: int, n_pixels: int, schedule=SCHEDULE, p_0=None) -> Toy:
    random = np.random.default_rng(k).dirichlet(np.full(k**n_pixels, 0.5))
    return Toy(case_of(kind, k, schedule), random if p_0 is None else p_0, n_pixels)


FAST = [kind for kind, written in KINDS.items() if not written.slow]


@pytest.fixture(params=[(kind, k) for kind in FAST for k in (2, 3)], ids=str, scope="module")
def toy(request) -> Toy:
    return toy_of(*request.param, n_pixels=2)


# --- the bound -----------------------------------------------------------------------------


def test_bound_of_the_exact_denoiser_is_the_exact_bound(toy):
    assert toy.bound() == pytest.approx(toy.written_bound(), abs=ROUNDING)
    assert toy.written_bound() > toy.entropy + 0.01


@pytest.mark.parametrize("kind", FAST)
def test_bound_of_one_pixel_is_its_entropy(kind):
    """But for what is left of it at T."""
    toy = toy_of(kind, 4, 1, jsd(6))
    assert toy.bound() == pytest.approx(toy.entropy, abs=ROUNDING)


def test_bound_of_many_steps_is_nearer_to_the_entropy():
    """Absorbed one by one, pixels have known each other; all at once, never."""
    gaps = []
    for n_steps in (1, 4, 32):
        toy = toy_of("into the mask", 2, 2, jsd(n_steps))
        gaps.append(toy.bound() - toy.entropy)
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2] > 0


def test_the_denoiser_of_the_other_pixels_is_that_of_the_product():
    """p(x_0 | other pixels of x_t) in `reverse_product` is p(x_0 | x_t) in `reverse`."""
    toy = toy_of("uniform", 3, 2)
    process, noisy = toy.process, jnp.asarray(toy.noisy)
    for s, t in ((1, 2), (2, 5)):
        of_others = toy.logits(t) - process.log_evidence(noisy, t)
        np.testing.assert_allclose(
            jnp.exp(process.reverse_product(noisy, of_others, s, t)),
            jnp.exp(process.reverse(noisy, toy.logits(t), s, t)),
            atol=1e-5,
        )
    # so that with p(x_0 | x_t) itself, the product's bound is not the exact one
    assert toy.bound(CategoricalProcess.reverse_product) > toy.written_bound() + 0.1


class OneStepLate(Uniform):
    def log_cumulative(self, t):
        return super().log_cumulative(jnp.maximum(jnp.asarray(t) - 1, 0))


def test_wrong_processes_have_another_bound():
    schedule = linear(6, 0.8, 0.8)  # one that has mixed a step earlier, too
    toy = toy_of("uniform", 3, 2, schedule)
    assert toy.bound() == pytest.approx(toy.written_bound(), abs=ROUNDING)
    build: Any = OneStepLate
    toy.process = build(3, schedule)
    assert toy.bound() != pytest.approx(toy.written_bound(), abs=0.01)


# --- losses --------------------------------------------------------------------------------


def test_first_step_is_the_likelihood():
    toy = toy_of("uniform", 3, 2)
    clean, noisy = toy.pairs()
    logits = jax.random.normal(jax.random.key(0), (*clean.shape, 3))
    found = step_bits(toy.process, clean, noisy, 1, logits)
    np.testing.assert_allclose(found, cross_entropy_bits(clean, logits), rtol=1e-5, atol=1e-6)


def assert_hybrid(hybrid) -> None:
    toy = toy_of("uniform", 3, 2)
    clean, noisy = toy.pairs()
    logits = jax.random.normal(jax.random.key(0), (*clean.shape, 3))
    p = np.asarray(jax.nn.softmax(logits), np.float64)
    cross_entropy = -np.log2(np.take_along_axis(p, np.asarray(clean)[..., None], -1)[..., 0])
    start, step, end = (toy.case.matrix(*pair) for pair in ((0, 2), (2, 3), (0, 3)))
    posterior = start[:, None] * step.T[None] / end[..., None]  # (x_0, x_t, x_s)
    truth = posterior[clean, noisy]
    model = np.einsum("...v,v...s->...s", p, posterior[:, noisy])
    kl = (truth * np.log2(truth / model)).sum(axis=-1)
    found = hybrid(toy.process, clean, noisy, 3, logits, 0.3)
    np.testing.assert_allclose(found, kl + 0.3 * cross_entropy, rtol=1e-4, atol=1e-5)


def test_hybrid_is_both():
    assert_hybrid(hybrid_bits)


def without_kl(process, x_0, x_t, t, logits, weight):
    return weight * cross_entropy_bits(x_0, logits)


def without_cross_entropy(process, x_0, x_t, t, logits, weight):
    return step_bits(process, x_0, x_t, t, logits)


@pytest.mark.parametrize("twin", [without_kl, without_cross_entropy])
def test_hybrid_that_is_not_both_would_be_seen(twin):
    with pytest.raises(AssertionError):
        assert_hybrid(twin)


@pytest.mark.parametrize("schedule", ["cosine", "jsd"])
def test_masked_cross_entropy_is_the_bound(schedule):
    """Of every pixel; and so in expectation, which is the exact bound."""
    toy = toy_of("into the mask", 3, 2, SCHEDULES[schedule])
    assert isinstance(toy.process, Absorbing)
    clean, noisy = toy.pairs()
    steps = 0.0
    for t in range(1, 13):
        logits = jnp.broadcast_to(toy.logits(t), (*clean.shape, 3))
        found = masked_bits(toy.process, clean, noisy, t, logits)
        can_be = (noisy == clean) | (noisy == 3)
        wanted = step_bits(toy.process, clean, noisy, t, logits)
        sure = np.asarray(can_be & jnp.isfinite(wanted))
        np.testing.assert_allclose(found[sure], wanted[sure], rtol=1e-4, atol=1e-6)
        steps += toy.mean(found, t)
    prior = prior_bits(toy.process, jnp.asarray(toy.clean)).sum(axis=-1)
    assert steps + toy.p_0 @ np.asarray(prior) == pytest.approx(toy.written_bound(), abs=ROUNDING)


def test_masked_cross_entropy_has_one_time_a_chain():
    process = Absorbing.by_mask(3, cosine(12))
    x_0, x_t = jnp.array([[0, 1, 2]] * 2), jnp.array([[0, 3, 3]] * 2)
    logits = jax.random.normal(jax.random.key(0), (2, 3, 3))
    t = jnp.array([3, 9])
    np.testing.assert_allclose(
        masked_bits(process, x_0, x_t, t, logits),
        step_bits(process, x_0, x_t, t, logits),
        rtol=1e-5,
        atol=1e-6,
    )


def test_masked_cross_entropy_without_a_mask_is_refused():
    process = Absorbing.by_middle(3, cosine(12))
    with pytest.raises(ValueError, match=r"absorbed by 1, one of their 3 values: .* no weighted"):
        masked_bits(process, jnp.zeros(2, int), jnp.zeros(2, int), 1, jnp.zeros((2, 3)))


def test_kl_of_what_cannot_be():
    log = jnp.log(jnp.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]))
    assert kl_bits(log[0], log[0]) == 0
    assert kl_bits(log[2], log[0]) == pytest.approx(1)
    assert kl_bits(log[0], log[1]) == np.inf


@pytest.mark.parametrize("kind", FAST)
def test_gradients_of_the_bound_are_numbers(kind):
    toy = toy_of(kind, 3, 2)
    clean, noisy = toy.pairs()
    for scale in (1.0, 100.0):
        logits = scale * jax.random.normal(jax.random.key(0), (*clean.shape, 3))
        for t in (1, 4):
            can_be = jnp.asarray(toy.chances(0, t)[..., None] > 0)

            def loss(logits, t=t, can_be=can_be):
                terms = hybrid_bits(toy.process, clean, noisy, t, logits, 0.1)
                return jnp.where(can_be, terms, 0).sum()

            value, gradient = jax.jit(jax.value_and_grad(loss))(logits)
            assert jnp.isfinite(value)
            assert jnp.isfinite(gradient).all()


# --- sampling ------------------------------------------------------------------------------


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
@pytest.mark.parametrize("kind", FAST)
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


# --- logistic outputs ----------------------------------------------------------------------


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
