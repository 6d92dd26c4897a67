"""The forward process against its closed forms.

Empirical frequencies are held against exact probabilities by binomial or chi-square tests that
raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, TINY_CASES, fit_p_value
from scipy.stats import binom, binomtest

from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import (
    Flips,
    Interval,
    LabelledImages,
    Rates,
    add_noise,
    flip_probabilities,
    input_coupling,
    pure_noise,
    time_grid,
)
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler

SEEDS = (0, 1, 2)


def level_transitions(n_levels: int, flip: float) -> np.ndarray:
    """P(k -> k'): of the k ones some stay, of the n - k zeros some become ones."""
    rows = [
        np.convolve(
            binom.pmf(np.arange(k + 1), k, 1 - flip),
            binom.pmf(np.arange(n_levels - k + 1), n_levels - k, flip),
        )
        for k in range(n_levels + 1)
    ]
    return np.stack(rows)


# --- closed forms --------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "duration"), [(0.8, 0.5), (0.2, 2.0), (1.0, 1e-9), (2.0, 30.0)])
def test_a_bit_keeps_its_value_with_chance_one_plus_exp_over_two(rate, duration):
    flips = flip_probabilities(Rates(rate, 3 * rate), duration)
    assert 1 - flips.image == pytest.approx((1 + math.exp(-rate * duration)) / 2, rel=1e-14)
    assert flips.label == pytest.approx((1 - math.exp(-3 * rate * duration)) / 2, rel=1e-6)


def test_limits_of_the_flip_probability():
    assert flip_probabilities(Rates(0.8, 0.2), 0.0) == (0.0, 0.0)
    assert flip_probabilities(Rates(0.8, 0.2), math.inf) == (0.5, 0.5)
    # small times: rate times duration over two, without cancellation
    assert flip_probabilities(Rates(1.0, 1.0), 1e-12).image == pytest.approx(5e-13, rel=1e-9)


def test_linear_and_log_grids():
    assert time_grid("linear", 4) == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
    log = time_grid("log", 4)
    wanted = [0, -math.log(0.75), -math.log(0.5), -math.log(0.25), math.inf]
    np.testing.assert_allclose([log[0].start, *(step.end for step in log)], wanted, rtol=1e-14)
    for earlier, later in pairwise(log):
        assert earlier.end == later.start
    assert time_grid("log", 1) == [(0, math.inf)]
    assert time_grid("linear", 1) == [(0, 1)]


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_a_chain_without_steps_is_refused(kind):
    with pytest.raises(ValueError, match="n_steps=0"):
        time_grid(kind, 0)


def test_widened_intervals():
    assert Interval(0.5, 2.0).widened(0.1) == pytest.approx((0.45, 2.2))
    assert Interval(0.5, 2.0).widened(0.0) == (0.5, 2.0)
    assert Interval(0.0, math.inf).widened(0.15) == (0.0, math.inf)
    assert Interval(0.5, 2.0).duration == 1.5


@pytest.mark.parametrize(("rate", "duration"), [(0.8, 0.1), (0.2, 1.5), (0.9, 4.0)])
def test_the_input_coupling_is_the_noise_seen_backwards(rate, duration):
    """exp(w s s') / (its sum over s') is the chance that s became s'."""
    coupling = input_coupling(rate, duration)
    flip = (1 - math.exp(-rate * duration)) / 2
    same, changed = math.exp(coupling), math.exp(-coupling)
    assert same / (same + changed) == pytest.approx(1 - flip, rel=1e-12)
    assert coupling > 0


def test_pure_noise_is_not_coupled_and_no_noise_is_refused():
    assert input_coupling(0.8, math.inf) == 0
    for rate, duration in ((0.0, 1.0), (1.0, 0.0), (1.0, -1.0), (math.nan, 1.0)):
        with pytest.raises(ValueError, match=r"adds no noise: use a rate above 0"):
            input_coupling(rate, duration)


# --- noise that is drawn -------------------------------------------------------------------


def test_flip_frequencies_of_pixels_and_labels():
    n_images, n_bits = 5000, 8
    clean = LabelledImages(
        jnp.tile(jnp.arange(n_bits, dtype=jnp.uint8) % 2, (n_images, 1)),
        jnp.tile(jnp.arange(n_bits) % 2 == 0, (n_images, 1)),
    )
    chances = (0.13, 0.31)
    for seed in SEEDS:
        noised = add_noise(jax.random.key(seed), clean, 1, Flips(*chances))
        for chance, before, after in zip(chances, clean, noised, strict=True):
            changed = np.asarray(before) != np.asarray(after)
            for bit in range(n_bits):
                found = int(changed[:, bit].sum())
                assert binomtest(found, n_images, chance).pvalue > ALARM
            # bits flip independently of each other: number of flips per image is binomial
            counts = np.bincount(changed.sum(axis=1), minlength=n_bits + 1)
            wanted = binom.pmf(np.arange(n_bits + 1), n_bits, chance)
            assert fit_p_value(counts[None], wanted[None]) > ALARM


def level_counts(found: np.ndarray, n_levels: int) -> np.ndarray:
    """How often each pixel had each level."""
    return np.stack([np.bincount(pixel, minlength=n_levels + 1) for pixel in found.T])


@pytest.mark.parametrize("n_levels", [1, 3, 7])
def test_every_level_goes_to_every_level_as_often_as_it_should(n_levels):
    pixels = jnp.tile(jnp.arange(n_levels + 1, dtype=jnp.uint8), (8000, 1))
    clean = LabelledImages(pixels, jnp.zeros((8000, 0), bool))
    counts = np.empty(0)
    for seed in SEEDS:
        noised = np.asarray(
            add_noise(jax.random.key(seed), clean, n_levels, Flips(0.2, 0.0)).pixels
        )
        assert noised.dtype == np.uint8
        counts = level_counts(noised, n_levels)
        assert fit_p_value(counts, level_transitions(n_levels, 0.2)) > ALARM
    # a wrong noise is caught: levels flipped as wholes, or a little more often
    assert fit_p_value(counts, level_transitions(n_levels, 0.23)) < ALARM


def test_pure_noise_is_a_fair_coin_for_every_trial():
    for seed in SEEDS:
        noise = pure_noise(jax.random.key(seed), 6000, 4, 3, 5)
        assert noise.pixels.shape == (6000, 4)
        assert noise.labels.shape == (6000, 5)
        wanted = np.tile(binom.pmf(np.arange(4), 3, 0.5), (4, 1))
        assert fit_p_value(level_counts(np.asarray(noise.pixels), 3), wanted) > ALARM
        for label in np.asarray(noise.labels).T:
            assert binomtest(int(label.sum()), 6000).pvalue > ALARM


def test_noise_depends_on_the_key_alone():
    clean = LabelledImages(jnp.zeros((50, 9), jnp.uint8), jnp.zeros((50, 9), bool))
    one, same, other = (
        add_noise(jax.random.key(seed), clean, 1, Flips(0.5, 0.5)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.pixels, same.pixels)
    np.testing.assert_array_equal(one.labels, same.labels)
    assert (one.pixels != other.pixels).any()
    # labels do not copy the pixels' coins
    assert (np.asarray(one.pixels) != np.asarray(one.labels)).any()


# --- a step --------------------------------------------------------------------------------

RATES, INTERVAL, OFFSET = Rates(0.9, 0.4), Interval(0.4, 1.0), 0.15


@pytest.fixture(scope="module", params=TINY_CASES)
def step(request) -> DiffusionStep:
    case = TINY_CASES[request.param]
    return DiffusionStep.build(
        case.build_manager(), case.build_graph(), ThrmlSampler, INTERVAL, RATES, OFFSET
    )


def flip_chance(rate: float, time: float) -> float:
    return (1 - math.exp(-rate * time)) / 2


def test_couplings_use_the_interval_itself_and_noise_the_widened_one(step):
    wanted = [-0.5 * math.log(math.tanh(rate * (1.0 - 0.4) / 2)) for rate in RATES]
    np.testing.assert_allclose(step.input_couplings, np.repeat(wanted, 2), rtol=1e-6)
    start, end = 0.4 * 0.85, 1.0 * 1.15
    for flips, time in (
        (step.to_output, start),
        (step.to_input, end - start),
        (step.data_to_input, end),
    ):
        assert float(flips.image) == pytest.approx(flip_chance(0.9, time), rel=1e-6)
        assert float(flips.label) == pytest.approx(flip_chance(0.4, time), rel=1e-6)


def test_the_last_step_of_the_log_grid_sees_pure_noise():
    case = TINY_CASES["poisson_binomial, 1 level"]
    (interval,) = time_grid("log", 1)
    step = DiffusionStep.build(
        case.build_manager(), case.build_graph(), ThrmlSampler, interval, RATES, OFFSET
    )
    np.testing.assert_array_equal(step.input_couplings, np.zeros(4))
    np.testing.assert_array_equal(step.to_output.image, 0.0)
    np.testing.assert_array_equal(step.to_input.image, 0.5)


def tiny_images(step: DiffusionStep, n_images: int) -> LabelledImages:
    """Images of the top level, with one label bit set."""
    manager = step.manager
    pixels = jnp.full((n_images, manager.n_pixels), manager.n_levels, jnp.uint8)
    return LabelledImages(pixels, jnp.tile(jnp.array([True, False]), (n_images, 1)))


def test_encoding_a_step_is_undone_by_decoding(step):
    n_levels, n_pixels = step.manager.n_levels, step.manager.n_pixels
    levels = np.arange(n_levels + 1, dtype=np.uint8)
    pixels = np.stack([np.resize(np.roll(levels, k), n_pixels) for k in range(n_levels + 1)])
    labels = np.arange(2 * len(pixels)).reshape(-1, 2) % 3 == 0
    visible = step.encode(LabelledImages(jnp.asarray(pixels), jnp.asarray(labels)))
    assert visible.shape == (len(pixels), len(step.visible_nodes))
    again = step.decode(visible)
    np.testing.assert_array_equal(again.pixels, pixels)
    np.testing.assert_array_equal(again.labels, labels)


@pytest.mark.slow
def test_two_stages_of_noise_are_one(step):
    """To the output and on to the input, or to the input at once: the same exact distribution."""
    n_images = 8000
    clean = tiny_images(step, n_images)
    n_levels = step.manager.n_levels
    at_output = level_transitions(n_levels, flip_chance(0.9, 0.4 * 0.85))[n_levels]
    at_input = level_transitions(n_levels, flip_chance(0.9, 1.15))[n_levels]
    label_chances = {"output": flip_chance(0.4, 0.4 * 0.85), "input": flip_chance(0.4, 1.15)}
    for seed in SEEDS:
        key = jax.random.key(seed)
        output, noisier = (step.decode(visible) for visible in step.noisy_pair(key, clean))
        direct = step.decode(step.noisy_input(key, clean))
        for found, wanted, stage in (
            (output, at_output, "output"),
            (noisier, at_input, "input"),
            (direct, at_input, "input"),
        ):
            counts = level_counts(np.asarray(found.pixels), n_levels)
            assert fit_p_value(counts, np.tile(wanted, (len(counts), 1))) > ALARM
            for bit, was in zip(np.asarray(found.labels).T, (True, False), strict=True):
                changed = int((bit != was).sum())
                assert binomtest(changed, n_images, label_chances[stage]).pvalue > ALARM


def test_the_input_of_a_pair_is_noised_from_its_output(step):
    """The joint distribution of output and input levels is a chain, not two draws."""
    n_images, n_levels = 8000, step.manager.n_levels
    first = level_transitions(n_levels, flip_chance(0.9, 0.4 * 0.85))[n_levels]
    second = level_transitions(n_levels, flip_chance(0.9, 1.15 - 0.4 * 0.85))
    joint = (first[:, None] * second).ravel()
    output, noisier = (
        np.asarray(step.decode(visible).pixels)[:, 0]
        for visible in step.noisy_pair(jax.random.key(0), tiny_images(step, n_images))
    )
    numbers = output.astype(int) * (n_levels + 1) + noisier
    counts = np.bincount(numbers, minlength=len(joint))[None]
    assert fit_p_value(counts, joint[None]) > ALARM
    independent = np.outer(first, first @ second).ravel()
    assert fit_p_value(counts, independent[None]) < ALARM


def test_models_never_see_a_one_after_a_zero():
    case = TINY_CASES["poisson_binomial, 2 levels"]
    step = DiffusionStep.build(
        case.build_manager(), case.build_graph(), ThrmlSampler, INTERVAL, RATES, OFFSET
    )
    clean = tiny_images(step, 2000)
    for visible in (
        *step.noisy_pair(jax.random.key(0), clean),
        step.noisy_input(jax.random.key(1), clean),
    ):
        codes = np.asarray(visible)[:, :2].astype(int)
        assert (np.diff(codes, axis=1) <= 0).all()
        assert len(np.unique(codes, axis=0)) == 3  # all three levels do occur
