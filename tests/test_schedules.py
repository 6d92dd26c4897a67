"""Noise schedules against their definitions and their published values."""

import numpy as np
import pytest
from discrete import SCHEDULES

from thrmlDenoising.processes import NoiseSchedule, time_grid
from thrmlDenoising.processes.schedules import (
    cosine,
    cosine_squared,
    jsd,
    linear,
    multinomial,
    of_intervals,
)


def test_published_values_of_a_thousand_steps():
    schedule = cosine(1000)
    assert schedule.betas[0] == pytest.approx(2.064e-5, abs=5e-9)
    assert schedule.betas[-1] == pytest.approx(0.999, rel=1e-12)
    assert schedule.alpha_bar[500] == pytest.approx(0.70274, abs=5e-6)
    assert schedule.alpha_bar[-1] == pytest.approx(1.558e-6, abs=5e-10)
    assert multinomial(1000).alpha_bar[-1] == pytest.approx(4.93e-5, abs=5e-8)


@pytest.mark.parametrize(("schedule", "power"), [(cosine, 1), (cosine_squared, 2)])
def test_cosine_is_the_cosine_until_it_is_clipped(schedule, power):
    found = schedule(1000)
    angle = (np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2
    wanted = (np.cos(angle) / np.cos(angle[0])) ** power
    clipped = found.betas >= 0.999
    assert clipped.any()
    until = clipped.argmax() + 1
    np.testing.assert_allclose(found.alpha_bar[:until], wanted[:until], rtol=1e-10)
    assert (found.betas <= 0.999).all()


def test_multinomial_is_the_cosine_clipped_before_its_root():
    ratios = 1 - multinomial(100).betas
    np.testing.assert_allclose(ratios[:-1], 1 - cosine(100).betas[:-1], rtol=1e-12)
    assert ratios[-1] == pytest.approx(0.001**0.5, rel=1e-12)


def test_jsd_takes_as_much_in_every_step():
    schedule = jsd(8)
    np.testing.assert_allclose(schedule.alpha_bar, 1 - np.arange(9) / 8, rtol=1e-14, atol=0)
    assert np.isneginf(schedule.log_alpha_bar[-1])


def test_linear():
    np.testing.assert_allclose(linear(3, 0.1, 0.5).betas, [0.1, 0.3, 0.5], rtol=1e-15)


@pytest.mark.parametrize("kind", ["linear", "log"])
def test_bits_that_are_resampled_at_a_rate(kind):
    grid = time_grid(kind, 7)
    schedule = of_intervals(grid, 0.8)
    ends = np.array([interval.end for interval in grid])
    np.testing.assert_allclose(schedule.alpha_bar[1:], np.exp(-0.8 * ends), rtol=1e-14)


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_alpha_bar_is_the_product_of_all_that_is_kept(schedule):
    assert schedule.n_steps == 12
    product = np.cumprod(np.concatenate([[1], 1 - schedule.betas]))
    np.testing.assert_allclose(schedule.alpha_bar, product, rtol=1e-13)
    assert (np.diff(schedule.alpha_bar) < 0).all()


@pytest.mark.parametrize("name", ["betas", "log_alpha_bar"])
def test_tables_cannot_be_changed(name):
    given = np.array([0.1, 0.9])
    schedule = NoiseSchedule("mine", given)
    with pytest.raises(ValueError, match="read-only"):
        getattr(schedule, name)[0] = 0.5
    given[0] = 0.5
    assert schedule.betas[0] == 0.1
    assert schedule.betas.dtype == np.float64


def test_it_says_what_it_is():
    wanted = "NoiseSchedule('jsd', n_steps=4, beta_1=0.25, beta_T=1, alpha_bar_T=0)"
    assert repr(jsd(4)) == wanted


@pytest.mark.parametrize("schedule", [cosine, cosine_squared, multinomial, jsd])
def test_one_step_is_enough_and_none_is_not(schedule):
    assert schedule(1).n_steps == 1
    with pytest.raises(ValueError, match="n_steps=0: a process needs at least 1 step"):
        schedule(0)


@pytest.mark.parametrize(
    ("betas", "message"),
    [
        ([0.5, 1.0, 0.5], r"beta_2 of the schedule 'mine' with 3 steps is 1: .* only the last"),
        ([0.5, 0.0], "beta_2 .* is 0: betas are above 0 and below 1"),
        ([-0.1, 0.5], "beta_1 .* is -0.1"),
        ([0.5, 1.5], "beta_2 .* is 1.5"),
        ([0.5, np.nan], "beta_2 .* is nan"),
        ([], r"betas of shape \(0,\): give one number for every step"),
        ([[0.5]], r"betas of shape \(1, 1\)"),
    ],
)
def test_what_is_no_schedule_is_refused(betas, message):
    with pytest.raises(ValueError, match=message):
        NoiseSchedule("mine", np.array(betas))


def test_a_rate_of_0_is_refused():
    with pytest.raises(ValueError, match=r"beta_1 of the schedule 'intervals' .* is 0"):
        of_intervals(time_grid("linear", 2), 0.0)
