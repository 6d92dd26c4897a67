"""Stable noise, against its characteristic function, its tails and SciPy's distribution.

Every comparison raises a false alarm with chance 1e-7 (`exactness.ALARM`). Draws are independent,
so that there are as many effective samples as draws; bounds on means of numbers in [-1, 1] are
Hoeffding's.
"""

import jax
import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from scipy.special import gamma
from tiny import rest_slow

from thrmlDenoising.processes import stable

SEEDS = (0, 1, 2)
N = 400_000
FAR = np.sqrt(2 * np.log(2 / ALARM) / N)
"""How far the mean of N numbers in [-1, 1] is from its expectation by chance."""

T = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
ALPHAS = rest_slow([1.7, 0.5, 0.8, 1.0, 1.3, 1.95, 2.0])


def distance(numbers: np.ndarray, expected: np.ndarray, far: float = FAR) -> float:
    """The largest difference of characteristic functions, in units of what chance makes."""
    got = np.array([np.exp(1j * t * numbers.astype(float)).mean() for t in T])
    difference = got - expected
    return max(abs(np.real(difference)).max(), abs(np.imag(difference)).max()) / far


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("seed", rest_slow(SEEDS))
def test_symmetric_noise_has_its_characteristic_function(alpha, seed):
    numbers = np.asarray(stable.symmetric(jax.random.key(seed), alpha, (N,)))
    assert distance(numbers, np.exp(-(T**alpha))) < 1
    assert distance(1.1 * numbers, np.exp(-(T**alpha))) > 1, "the twin: another scale"
    other = alpha + 0.15 if alpha < 1.8 else alpha - 0.15
    assert distance(numbers, np.exp(-(T**other))) > 1, "the twin: another exponent"


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.0, 1.3, 1.7, 1.95, 2.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_isotropic_noise_has_no_direction_and_one_size(alpha, seed):
    vectors = np.asarray(stable.isotropic(jax.random.key(seed), alpha, (N, 2)), float)
    for direction in ((1, 0), (0.6, 0.8), (-0.6, 0.8)):
        assert distance(vectors @ np.array(direction), np.exp(-(T**alpha))) < 1
    if alpha < 2:
        along = stable.symmetric(jax.random.key(seed), alpha, (N, 2)) @ np.array([0.6, 0.8])
        by_component = np.exp(-(T**alpha) * (0.6**alpha + 0.8**alpha))
        assert distance(np.asarray(along), by_component) < 1
        if alpha < 1.9:
            assert distance(np.asarray(along), np.exp(-(T**alpha))) > 1, "the twin"


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.0, 1.3, 1.7, 1.95])
@pytest.mark.parametrize("seed", SEEDS)
def test_positive_noise_has_its_laplace_transform(alpha, seed):
    a = np.asarray(stable.positive(jax.random.key(seed), alpha, (N,)), float)
    assert (a > 0).all()
    for s in (0.1, 0.5, 2.0):
        wanted = np.exp(-((2 * s) ** (alpha / 2)))
        assert abs(np.exp(-s * a).mean() - wanted) < FAR
        assert abs(np.exp(-s * a / 2).mean() - wanted) > FAR, "the twin: S for A"


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.3, 1.7, 1.95])
@pytest.mark.parametrize("beta", [1.0, 0.5, -1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_skewed_noise_has_its_characteristic_function(alpha, beta, seed):
    numbers = np.asarray(stable.skewed(jax.random.key(seed), alpha, beta, (N,)))
    exponent = -(T**alpha) * (1 - 1j * beta * np.tan(np.pi * alpha / 2))
    assert distance(numbers, np.exp(exponent)) < 1
    if alpha < 1.9:
        assert distance(-numbers, np.exp(exponent)) > 1, "the twin: the other side"
    if alpha < 1 and abs(beta) == 1:
        assert (beta * numbers > 0).all()


def cdf(x: float, alpha: float, beta: float) -> float:
    """SciPy's, whose parameters are numbers that its annotations do not know."""
    return float(np.asarray(stats.levy_stable(alpha, beta).cdf(x)))


@pytest.mark.slow
@pytest.mark.parametrize(("alpha", "beta"), [(0.8, 0.0), (1.3, 0.0), (1.3, 1.0), (1.7, -0.5)])
@pytest.mark.parametrize("seed", SEEDS)
def test_scipy_has_the_same_distribution(alpha, beta, seed):
    n = 40_000
    numbers = np.asarray(stable.skewed(jax.random.key(seed), alpha, beta, (n,)))
    for x in (-8.0, -2.0, -0.5, 0.3, 1.0, 4.0, 20.0):
        p = cdf(x, alpha, beta)
        assert stats.binomtest(int((numbers <= x).sum()), n, p).pvalue > ALARM
    p = cdf(1.0, alpha, beta)
    assert stats.binomtest(int((numbers <= 1.2).sum()), n, p).pvalue < ALARM, "the twin"


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 1.9])
@pytest.mark.parametrize("seed", SEEDS)
def test_tails_fall_as_they_should_to_one_in_a_million(alpha, seed):
    """P(|X| > x) ~ 2 Gamma(alpha) sin(pi alpha / 2) / pi x^-alpha for large x."""
    n, n_blocks, counts = 2**22, 8, np.zeros(3, int)
    chances = np.array([1e-4, 1e-5, 1e-6])
    if alpha < 1:
        chances = chances / 10  # of which the next term of the series is smaller
    constant = 2 * float(gamma(alpha)) * np.sin(np.pi * alpha / 2) / np.pi
    limits = (constant / chances) ** (1 / alpha)
    draw = jax.jit(lambda key: stable.symmetric(key, alpha, (n,)))
    for key in jax.random.split(jax.random.key(seed), n_blocks):
        sizes = abs(np.asarray(draw(key)))
        assert np.isfinite(sizes).all()
        counts += [(sizes > limit).sum() for limit in limits]
    for count, chance in zip(counts, chances, strict=True):
        assert stats.binomtest(int(count), n * n_blocks, chance).pvalue > ALARM
    twin = stats.binomtest(int(counts[0]), n * n_blocks, 1.6 * chances[0])
    assert twin.pvalue < ALARM, "the twin"


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.7])
def test_what_is_far_out_is_as_far_as_its_chance(monkeypatch, alpha):
    """One in 2^61: the least bits that can be drawn, with W = 1, by the formula in float64."""
    far = np.array([0, 3], np.uint32), np.array([5, 7], np.uint32)
    middle = np.full(2, 2**32 - 1, np.uint32), np.zeros(2, np.uint32)
    drawn = iter([np.stack(far), np.stack(middle)])
    monkeypatch.setattr(jax.random, "bits", lambda *_: jax.numpy.asarray(next(drawn)))
    numbers = np.asarray(stable.symmetric(jax.random.key(0), alpha, (2,)), float)
    v = np.array([5.5 * 2.0**-64, 2.0**-32 + 7.5 * 2.0**-64])
    angle, w = np.pi * (0.5 - v), np.log(2)
    sizes = np.sin(alpha * angle) / np.sin(np.pi * v) ** (1 / alpha)
    sizes *= (np.cos((1 - alpha) * angle) / w) ** ((1 - alpha) / alpha)
    np.testing.assert_allclose(numbers, [-sizes[0], sizes[1]], rtol=1e-4)


@pytest.mark.parametrize("alpha", [1.95, 1.9999999, 1.99999999])
def test_skewed_noise_near_2_is_a_number_far_out(monkeypatch, alpha):
    bits = np.array([[1, 3, 2**31 + 1], [0, 2**20, 5]], np.uint32)
    monkeypatch.setattr(jax.random, "bits", lambda *_: jax.numpy.asarray(bits))
    assert np.isfinite(stable.skewed(jax.random.key(0), alpha, 1, (3,))).all()


def test_normal_noise_has_variance_2():
    numbers = np.asarray(stable.symmetric(jax.random.key(0), 2, (50_000,)))
    assert stats.kstest(numbers / np.sqrt(2), "norm").pvalue > ALARM
    assert stats.kstest(numbers, "norm").pvalue < ALARM, "the twin"
    np.testing.assert_allclose(stable.positive(jax.random.key(0), 2, (3,)), 2)
    assert (
        stats.kstest(
            np.asarray(stable.isotropic(jax.random.key(0), 2, (50_000, 1)))[:, 0] / np.sqrt(2),
            "norm",
        ).pvalue
        > ALARM
    )


@pytest.mark.slow
def test_one_vector_is_what_the_last_axes_hold():
    whole = stable.isotropic(jax.random.key(0), 0.6, (2000, 3, 4), n_axes=2)
    sizes = np.log(abs(np.asarray(whole)))
    within = sizes.std(axis=(1, 2)).mean()
    assert sizes.mean(axis=(1, 2)).std() > 1.5 * within
    rows = np.log(abs(np.asarray(stable.isotropic(jax.random.key(0), 0.6, (2000, 3, 4)))))
    assert rows.mean(axis=2).std(axis=1).mean() > 3 * sizes.mean(axis=2).std(axis=1).mean()
    numbers = stable.isotropic(jax.random.key(0), 0.6, (5,), n_axes=0)
    assert numbers.shape == (5,)


@pytest.mark.parametrize("alpha", [0.4, 2.1, float("nan"), -1])
def test_other_exponents_are_refused(alpha):
    key = jax.random.key(0)
    for draw in (stable.symmetric, stable.positive, stable.isotropic):
        with pytest.raises(ValueError, match=r"give a number from 0\.5 to 2"):
            draw(key, alpha, (3,))


def test_what_is_no_noise_is_refused():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"beta=1\.5: give a number from -1 to 1"):
        stable.skewed(key, 1.5, 1.5, (3,))
    with pytest.raises(ValueError, match=r"alpha=1 with beta=0\.5: use beta=0"):
        stable.skewed(key, 1, 0.5, (3,))
    with pytest.raises(ValueError, match=r"n_axes=2: of shape \(3,\) give 0 to 1 axes"):
        stable.isotropic(key, 1.5, (3,), n_axes=2)
