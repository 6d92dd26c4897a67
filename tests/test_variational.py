"""The bound on toys against the exact one, and the losses that it is made of."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import SCHEDULES
from discrete_toys import FAST, ROUNDING, Toy, toy_of
from tiny import rest_slow

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
)
from thrmlDenoising.processes.schedules import cosine, jsd, linear

CASES = [(kind, k) for k in (3, 2) for kind in FAST]


@pytest.fixture(params=rest_slow(CASES, len(FAST)), ids=str, scope="module")
def toy(request) -> Toy:
    return toy_of(*request.param, n_pixels=2)


# --- the bound -----------------------------------------------------------------------------


def test_bound_of_the_exact_denoiser_is_the_exact_bound(toy):
    assert toy.bound() == pytest.approx(toy.written_bound(), abs=ROUNDING)
    assert toy.written_bound() > toy.entropy + 0.01


@pytest.mark.parametrize("kind", rest_slow(FAST))
def test_bound_of_one_pixel_is_its_entropy(kind):
    """But for what is left of it at T."""
    toy = toy_of(kind, 4, 1, jsd(6))
    assert toy.bound() == pytest.approx(toy.entropy, abs=ROUNDING)


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize("kind", rest_slow(FAST))
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
