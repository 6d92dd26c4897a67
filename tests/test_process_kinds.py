"""Processes against others, against published values, and what is no process."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from discrete import SCHEDULES, SEEDS
from exactness import ALARM
from scipy.stats import binomtest

from thrmlDenoising.processes import (
    Absorbing,
    ByDistance,
    LabelledImages,
    NearestNeighbour,
    NoiseSchedule,
    Rates,
    Uniform,
    add_noise,
    flip_probabilities,
    time_grid,
)
from thrmlDenoising.processes.kernels import gaussian_steps
from thrmlDenoising.processes.levels import walk_on_a_ring
from thrmlDenoising.processes.schedules import cosine, jsd, linear, of_intervals

# --- the same process twice ----------------------------------------------------------------

RATE = 20.0


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_bits_that_flip_are_the_uniform_process_of_two_values(kind):
    grid = time_grid(kind, 10)
    process = Uniform(2, of_intervals(grid, RATE))
    times = [0.0, *(interval.end for interval in grid)]
    for s in range(10):
        for t in range(s + 1, 11):
            flip = flip_probabilities(Rates(RATE, 0.0), times[t] - times[s]).image
            wanted = [[1 - flip, flip], [flip, 1 - flip]]
            np.testing.assert_allclose(jnp.exp(process.log_transition(s, t)), wanted, rtol=2e-6)


def test_both_draw_the_same_noise():
    grid = time_grid("log", 4)
    process = Uniform(2, of_intervals(grid, 1.5))
    bits = jnp.zeros((4000, 4), jnp.uint8)
    flips = flip_probabilities(Rates(1.5, 0.0), grid[1].end)
    flip = -np.expm1(-1.5 * grid[1].end) / 2
    for seed in SEEDS:
        key = jax.random.key(seed)
        clean = LabelledImages(bits, jnp.zeros((4000, 0), bool))
        for drawn in (add_noise(key, clean, 1, flips).pixels, process.noise(key, bits, 2)):
            assert binomtest(int(drawn.sum()), bits.size, flip).pvalue > ALARM


def test_neighbours_of_two_levels_are_uniform():
    one, other = (kind(2, SCHEDULES["jsd"]) for kind in (NearestNeighbour, Uniform))
    for s, t in ((0, 1), (3, 4), (2, 11), (0, 12), (5, 12)):
        np.testing.assert_allclose(
            jnp.exp(one.log_transition(s, t)), jnp.exp(other.log_transition(s, t)), rtol=1e-5
        )


# --- digits --------------------------------------------------------------------------------


def test_small_steps_late_in_time_keep_their_digits():
    """ln alpha-bar is -10 there and a step 1e-4: a difference of float32 has 2 digits."""
    betas = np.concatenate([[1 - np.exp(-12.0)], np.full(1000, 3e-6)])
    schedule = NoiseSchedule("late", betas)
    process = Uniform(4, schedule)
    found = np.exp(np.asarray(process.log_step(np.arange(2, 1002)))[:, 0, 1])
    np.testing.assert_allclose(found, 3e-6 / 4, rtol=1e-5)
    table = schedule.log_alpha_bar.astype(np.float32)
    rounded = -np.expm1(table[2:] - table[1:-1]) / 4
    assert abs(rounded / (3e-6 / 4) - 1).max() > 0.05


@pytest.mark.parametrize("n_values", [2, 5, 64])
def test_a_walk_on_a_ring_is_exact_before_and_after_it_has_been_around(n_values):
    """Against the power series of a short walk, walked again and again: positive terms alone."""
    slowest = 1 - np.cos(np.pi / n_values)
    times = np.array([1e-3, 0.5, 0.999, 1.001, 20]) / slowest
    far = np.minimum(np.arange(2 * n_values), 2 * n_values - np.arange(2 * n_values))
    step = np.zeros(2 * n_values)
    step[[1, -1]] += 0.5
    for time, found in zip(times, walk_on_a_ring(n_values, times), strict=True):
        halvings = max(0, int(np.ceil(np.log2(time))))
        term = wanted = np.eye(2 * n_values)[0] * np.exp(-time / 2**halvings)
        for n in range(1, 40):
            term = around(term, step) * time / 2**halvings / n
            wanted = wanted + term
        for _ in range(halvings):
            wanted = around(wanted, wanted)
        some = wanted[: n_values + 1] > 1e-40  # what the series reaches
        np.testing.assert_allclose(
            found[far][: n_values + 1][some], wanted[: n_values + 1][some], rtol=1e-9
        )
    np.testing.assert_allclose(walk_on_a_ring(4, np.array([np.inf])), 1 / 8, rtol=1e-12)


def around(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The convolution of two distributions on a ring, of positive terms alone."""
    place = np.arange(len(one))
    return other[place[:, None] - place] @ one


# --- published values ----------------------------------------------------------------------

PUBLISHED = linear(1000, 1e-4, 0.02)


def test_published_gaussian_step():
    step = gaussian_steps(256, PUBLISHED.betas[:1])[0]
    n = np.arange(256)
    weights = np.exp(-4 * n**2 / (255**2 * 1e-4))
    np.testing.assert_allclose(step, weights / (2 * weights.sum() - 1), rtol=1e-9, atol=1e-300)
    assert step[1] == pytest.approx(0.2392, abs=5e-5)
    assert 1 - 2 * step[1:].sum() == pytest.approx(0.4425, abs=5e-5)
    assert 1 - step[1:].sum() == pytest.approx(0.7213, abs=5e-5)


@pytest.mark.slow
def test_published_gaussian_process():
    process = ByDistance.gaussian(256, PUBLISHED)
    step = np.exp(process.log_step(1))
    assert step[[128, 128, 0], [128, 129, 0]] == pytest.approx([0.4425, 0.2392, 0.7213], abs=5e-5)
    middle = np.exp(process.log_cumulative(np.array([10, 100, 500, 1000]))[:, 128, 128])
    assert middle == pytest.approx([0.10161, 0.01343, 0.00392, 0.00391], abs=5e-6)
    last = np.exp(np.asarray(process.log_cumulative(1000), np.float64))
    prior = (last * np.log2(last * 256)).sum(axis=1)
    assert prior.max() == pytest.approx(6.6e-6, abs=1e-7)


@pytest.mark.parametrize("k", [2, 3, 4, 8, 16])
def test_gaussian_steps_mix_few_levels_as_fast_as_256(k):
    """What is left of the slowest mode with 256 levels is .00214; an unscaled beta leaves all."""
    process = ByDistance.gaussian(k, PUBLISHED)
    last = np.exp(np.asarray(process.log_cumulative(1000), np.float64))
    assert np.sort(np.linalg.eigvalsh((last + last.T) / 2))[-2] == pytest.approx(0.0021, abs=1e-4)
    if k < 8:
        unscaled = np.exp(-4 / ((k - 1) ** 2 * PUBLISHED.betas))
        assert unscaled.sum() < 1e-6


# --- what is refused -----------------------------------------------------------------------


def test_a_process_that_has_not_mixed_is_refused_with_numbers():
    schedule = linear(10, 0.01, 0.1)
    left = schedule.alpha_bar[-1]
    with pytest.raises(ValueError, match=rf"10 steps .* from state 0 it is {left * 3 / 4:.4g} .*"):
        Uniform(4, schedule)
    with pytest.raises(ValueError, match=rf"{left:.4g} from its stationary .* at most 0.005"):
        Absorbing.by_mask(4, schedule)
    for build in (
        lambda: ByDistance.gaussian(4, jsd(50)),
        lambda: ByDistance.banded(8, cosine(1000), 1),
        lambda: NearestNeighbour(8, schedule),
    ):
        with pytest.raises(ValueError, match="Take more steps or larger betas: linear from"):
            build()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda s: Uniform(1, s), "n_values=1: a pixel has at least 2 values"),
        (lambda s: NearestNeighbour(0, s), "n_values=0"),
        (lambda s: ByDistance.gaussian(1, s), "n_values=1"),
        (lambda s: Absorbing(4, s, 5), "state=5: .* 0 to 3, or by the mask, 4"),
        (lambda s: Absorbing(4, s, -1), "state=-1"),
        (lambda s: ByDistance.banded(4, s, 0), "width=0: with 4 values a band is 1 to 3"),
        (lambda s: ByDistance.banded(4, s, 4), "width=4"),
    ],
)
def test_what_is_no_process_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build(SCHEDULES["jsd"])
