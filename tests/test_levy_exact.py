"""Whole ways back with a denoiser that knows the mixture, and the steps of t-EDM.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

from functools import cache

import equinox as eqx
import numpy as np
import pytest
from exactness import ALARM
from heavy import (
    TWO,
    N,
    Wavy,
    is_normal,
    of_inverted_shares,
    one_step,
    walked,
    wavy,
)
from scipy import stats
from tiny import rest_slow

from thrmlDenoising.data.points import Mixture, point_set
from thrmlDenoising.families.levy.exact import ExactDenoiser
from thrmlDenoising.families.levy.going_back import (
    AlongPath,
    Equation,
    Flow,
    Posterior,
    StudentPosterior,
)
from thrmlDenoising.processes import Exploding, Preserving, Stable, Student

SEEDS = rest_slow((0, 1, 2))


# --- with a perfect denoiser ---------------------------------------------------------------


@cache
def known(name: str, alpha: float, n_sizes: int) -> tuple[Mixture, ExactDenoiser]:
    data = TWO if name == "two" else point_set(name)
    assert isinstance(data, Mixture)
    return data, ExactDenoiser.of(data, Stable(alpha), n_sizes)


def faults(points: np.ndarray, data: Mixture, within: float, tolerance: float) -> list[str]:
    """What is wrong with points, if it is more than the tolerance and than chance makes of them.

    Of n points the share in a set is beyond its expectation by sqrt(-ln ALARM / 2 n) with a chance
    of 1e-7 at most; so with the total variation, whose expectation is at most
    sqrt(modes / 4 n) (McDiarmid 1989).
    """
    n, n_modes, found = len(points), len(data.weights), []
    by_chance = np.sqrt(-np.log(ALARM) / (2 * n))
    distances = data.distances(points)
    if (distances.min(axis=1) < 3 * data.std).mean() < within - by_chance:
        found.append("spread")
    shares = np.bincount(distances.argmin(axis=1), minlength=n_modes) / n
    variation = 0.5 * abs(shares - data.weights).sum()
    if variation > tolerance + np.sqrt(n_modes / (4 * n)) + by_chance:
        found.append("weights")
    mode = distances.argmin(axis=1)
    heavy = data.weights.argmax()
    of_mode = (points[mode == heavy] - data.means[heavy]) / data.std
    quarters = stats.norm.cdf(of_mode[abs(of_mode).max(axis=1) < 3])
    if stats.kstest(quarters.ravel(), "uniform").statistic > 2.5 * tolerance + 2 * by_chance:
        found.append("shape")
    return found


class Inverted(Posterior):
    """The twin: every Gamma is 1 - Gamma."""

    def begin(self, key, shape):
        x, step = super().begin(key, shape)
        assert isinstance(step, AlongPath)
        return x, of_inverted_shares(step)


class Halved(Posterior):
    """The twin: every Gamma is half of it, so that too little noise is taken away."""

    def begin(self, key, shape):
        x, step = super().begin(key, shape)
        assert isinstance(step, AlongPath)
        return x, eqx.tree_at(lambda step: step.log_shares, step, step.log_shares - np.log(2))


class Deaf(Equation):
    """The twin: the score counts half."""

    def __call__(self, key, x, s, t):
        return super().__call__(key, x, s, t) * 0.5 + 0.5 * x / self.way.gamma[t]


@pytest.mark.slow
@pytest.mark.parametrize("kind", rest_slow([Flow, Posterior]))
@pytest.mark.parametrize("seed", SEEDS)
def test_who_knows_a_mixture_makes_it(kind, seed):
    alpha, n = 1.8, 2000
    data, denoiser = known("two", alpha, 50)
    parts = denoiser, Preserving(alpha, 2 / alpha).way(100, 1.5), Stable(alpha)
    assert faults(walked(kind(*parts), seed, (n, 1)), data, 0.98, 0.03) == []
    if kind is Posterior:
        assert faults(walked(Halved(*parts), seed, (n, 1)), data, 0.98, 0.03), "the twin"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Posterior, Flow])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_knows_the_grid_makes_it(kind, seed):
    """Of itself 98.9 % lie within 3 standard deviations."""
    alpha, n = 1.8, 4000
    data, denoiser = known("gmm_grid", alpha, 100)
    parts = denoiser, Preserving(alpha, 2 / alpha).way(100), Stable(alpha)
    made = walked(kind(*parts), seed, (n, 2))
    assert faults(made, data, 0.98, 0.02) == []
    if kind is Posterior:
        assert faults(walked(Inverted(*parts), seed, (n, 2)), data, 0.98, 0.02), "the twin"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_knows_a_mixture_makes_it_by_the_ordinary_equation(seed):
    alpha = 1.8
    data, denoiser = known("two", alpha, 50)
    parts = denoiser, Preserving(alpha, 1.0).way(200, 1.5), Stable(alpha)
    made = walked(Equation(*parts, is_stochastic=False), seed, (4000, 1))
    assert faults(made, data, 0.97, 0.04) == []
    twin = walked(Deaf(*parts, is_stochastic=False), seed, (4000, 1))
    assert faults(twin, data, 0.97, 0.04) != []


# --- t-EDM ---------------------------------------------------------------------------------


def student_step(nu: float, n_steps: int = 8) -> StudentPosterior:
    return StudentPosterior(Wavy(), Exploding(2.0).way(n_steps), Student(nu))


def bridge(x: np.ndarray, nu: float, t: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean and scale of the Gaussian bridge to t - 1, and A at 400 quantiles given x_t and x_0.

    With noise e of two numbers p(A | e) is proportional to p(A) exp(-|e|^2 / 2 A) / A, p(A) that of
    nu / chi^2.
    """
    way = Exploding(2.0).way(8)
    s, before = float(way.noise[t]), float(way.noise[t - 1])
    noise = wavy(x, 1.0, s)
    mean = x - (1 - (before / s) ** 2) * s * noise
    log_a = np.linspace(-12, 12, 40_001)
    a = np.exp(log_a)
    prior = nu / 2 * np.log(nu / a) - nu / a / 2  # of ln A, where nu / A is chi^2
    log_p = prior - (noise**2).sum() / (2 * a) - np.log(a)
    cdf = np.cumsum(np.exp(log_p - log_p.max()))
    places = (np.arange(400) + 0.5) / 400
    return mean, before * np.sqrt(1 - (before / s) ** 2), np.interp(places, cdf / cdf[-1], a)


@pytest.mark.parametrize("nu", rest_slow([3.0, 8.0]))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_of_t_edm_is_what_a_shared_size_makes_of_a_gaussian_bridge(nu, seed):
    x, t = np.array([0.8, -1.1]), 7
    drawn = one_step(student_step(nu), seed, np.tile(x, (N, 1)), t)
    mean, scale, sizes = bridge(x, nu, t)
    off = (drawn - mean) / scale

    def cdf(y: np.ndarray) -> np.ndarray:
        grid = np.linspace(-50, 50, 1001) * np.sqrt(np.median(sizes))
        of_grid = stats.norm.cdf(grid[:, None] / np.sqrt(sizes)).mean(axis=1)
        return np.interp(y, grid, of_grid)

    for axis in (0, 1):
        assert stats.kstest(off[:, axis], cdf).pvalue > ALARM
        assert stats.kstest(1.15 * off[:, axis], cdf).pvalue < ALARM, "the twin"
    noise = wavy(x, 1.0, float(Exploding(2.0).way(8).noise[t]))
    size = np.sqrt((nu + (noise**2).sum()) / (nu + 2))
    squares = (off**2).sum(axis=1) / 2 / size**2
    assert stats.kstest(off[:, 0] / size, stats.t(nu + 2).cdf).pvalue > ALARM
    assert stats.kstest(squares, stats.f(2, nu + 2).cdf).pvalue > ALARM
    assert stats.kstest(off[:, 0], stats.t(nu + 2).cdf).pvalue < ALARM, "the twin"


def test_with_many_degrees_of_freedom_t_edm_is_gaussian():
    x, t = np.array([0.8, -1.1]), 5
    way = Exploding(2.0).way(8)
    drawn = one_step(student_step(1e6), 0, np.tile(x, (N, 1)), t)
    share = float((way.sigma[t] / way.noise[t]) ** 2)
    mean = x - share * float(way.noise[t]) * wavy(x, 1.0, float(way.noise[t]))
    off = (drawn - mean) / (np.sqrt(share) * float(way.noise[t - 1]))
    assert is_normal(off)
    heavier = one_step(student_step(3.0), 0, np.tile(x, (N, 1)), t)
    assert not is_normal((heavier - mean) / (np.sqrt(share) * float(way.noise[t - 1]))), "the twin"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", [StudentPosterior, Flow])
def test_who_knows_a_mixture_makes_it_from_students_noise(kind, seed):
    mixture = Student(4.0)
    denoiser = ExactDenoiser.of(TWO, mixture, 100)
    made = walked(kind(denoiser, Exploding(2.0).way(60), mixture), seed, (4000, 1))
    assert faults(made, TWO, 0.97, 0.03) == []


def test_an_exact_denoiser_is_of_one_size_for_an_example():
    with pytest.raises(ValueError, match="isotropic=False has a size for every axis"):
        ExactDenoiser.of(TWO, Stable(1.8, isotropic=False))
