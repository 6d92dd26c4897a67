"""How data fade, against formulas written down again; and noise as a mixture of normal noises.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`); bounds on
means of numbers in [-1, 1] are Hoeffding's.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from scipy.integrate import quad
from tiny import rest_slow

from thrmlDenoising.processes import (
    Exploding,
    Fading,
    Preserving,
    Stable,
    Student,
    mixed_noise,
    noise_of_sizes,
)

SEEDS = rest_slow((0, 1, 2))
FADINGS = [
    Preserving(1.7, 2 / 1.7),
    Preserving(1.7, 1.0),
    Preserving(2.0, 1.0),
    Exploding(1.8),
    Exploding(2.0),
]
PRESERVING = FADINGS[:3]
EXPLODING = FADINGS[3:]
N_STEPS = (1, 2, 7, 100)
FLOAT32 = 2e-6


def float64(way) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(of, float) for of in (way.u, way.signal, way.noise, way.gamma))


# --- g and s -------------------------------------------------------------------------------


@pytest.mark.parametrize("fading", PRESERVING, ids=str)
def test_stable_data_of_scale_1_keep_it(fading):
    u = np.linspace(0, 1, 1001)
    g, s = fading.signal(u), fading.noise(u)
    np.testing.assert_allclose(g**fading.alpha + s**fading.alpha, 1, rtol=1e-14)
    assert (np.diff(g) < 0).all()
    assert (np.diff(s) > 0).all()
    assert g[0] == 1
    assert s[0] == 0
    assert 0 < g[-1] < 0.03, "a trace is left"


@pytest.mark.parametrize("n_steps", N_STEPS)
def test_at_alpha_2_it_is_the_cosine_of_ddpm(n_steps):
    """abar of Nichol and Dhariwal, cos^2((t / T + .008) / 1.008 pi / 2) over that of t = 0."""
    t = 0.9946 * np.arange(n_steps + 1) / n_steps
    cosine = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    abar = cosine / cosine[0]
    way = Preserving(2.0, 1.0).way(n_steps)
    np.testing.assert_allclose(way.signal, np.sqrt(abar), rtol=FLOAT32)
    np.testing.assert_allclose(way.noise, np.sqrt(1 - abar), rtol=FLOAT32)
    np.testing.assert_allclose(way.gamma[1:], np.sqrt(abar[1:] / abar[:-1]), rtol=FLOAT32)
    np.testing.assert_allclose(way.sigma[1:], np.sqrt(1 - abar[1:] / abar[:-1]), rtol=FLOAT32)
    twin = np.sqrt(abar) ** 1.01
    assert not np.allclose(way.signal, twin, rtol=FLOAT32), "the twin"


def test_dlpm_and_lim_fade_by_their_powers_of_a_cosine():
    """c^(1/alpha) with c = cos^2, and a(t) = cos(...) / cos(...), both of the clock's end .9946."""
    alpha, u = 1.7, np.linspace(0, 1, 50)
    angle = (0.9946 * u + 0.008) / 1.008 * np.pi / 2
    a = np.cos(angle) / np.cos(0.008 / 1.008 * np.pi / 2)
    lim, dlpm = Preserving(alpha, 1.0), Preserving(alpha, 2 / alpha)
    np.testing.assert_allclose(lim.signal(u), a, rtol=1e-13)
    np.testing.assert_allclose(lim.noise(u[1:]), (1 - a[1:] ** alpha) ** (1 / alpha), rtol=1e-9)
    np.testing.assert_allclose(dlpm.signal(u), (a**2) ** (1 / alpha), rtol=1e-13)
    steps = dlpm.way(49)
    gamma = (a[1:] ** 2 / a[:-1] ** 2) ** (1 / alpha)
    np.testing.assert_allclose(steps.gamma[1:], gamma, rtol=FLOAT32)
    sigma = (1 - gamma**alpha) ** (1 / alpha)
    np.testing.assert_allclose(steps.sigma[1:], sigma, rtol=FLOAT32)


@pytest.mark.parametrize("fading", EXPLODING, ids=str)
@pytest.mark.parametrize("n", [2, 18, 100])
def test_exploding_noise_is_that_of_karras(fading, n):
    """sigma_i = (max^(1/7) + i / (n - 1) (min^(1/7) - max^(1/7)))^7, i = 0 at the noisy end."""
    i = np.arange(n)
    first, last = 80 ** (1 / 7), 0.002 ** (1 / 7)
    sigma = (first + i / (n - 1) * (last - first)) ** 7
    way = fading.way(n)
    np.testing.assert_allclose(way.noise[1:], sigma[::-1], rtol=FLOAT32)
    assert way.noise[0] == 0
    np.testing.assert_array_equal(way.signal, 1)
    added = np.diff(np.append(0, sigma[::-1] ** fading.alpha)) ** (1 / fading.alpha)
    np.testing.assert_allclose(way.sigma[1:], added, rtol=1e-5)


def test_one_step_of_exploding_noise_comes_from_its_most():
    assert Exploding(2.0).way(1).noise.tolist() == [0, 80]


# --- ways ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fading", FADINGS, ids=str)
@pytest.mark.parametrize("spacing", [1.0, 1.5])
@pytest.mark.parametrize("n_steps", N_STEPS)
def test_steps_lead_to_what_times_say(fading, spacing, n_steps):
    """Signals multiply, noises of scales a and b make one of (a^alpha + b^alpha)^(1/alpha)."""
    way = fading.way(n_steps, spacing)
    assert way.n_steps == n_steps
    g, s = 1.0, 0.0
    for k in range(1, n_steps + 1):
        gamma, sigma = float(way.gamma[k]), float(way.sigma[k])
        g, s = gamma * g, (sigma**fading.alpha + (gamma * s) ** fading.alpha) ** (1 / fading.alpha)
        assert g == pytest.approx(float(way.signal[k]), rel=1e-5)
        assert s == pytest.approx(float(way.noise[k]), rel=1e-5)
    assert float(way.u[-1]) == 1
    assert g == pytest.approx(float(fading.signal(np.ones(1))[0]), rel=1e-5)
    assert s == pytest.approx(float(fading.noise(np.ones(1))[0]), rel=1e-5)


@pytest.mark.parametrize("fading", FADINGS, ids=str)
def test_places_are_those_of_their_times(fading):
    for spacing in (0.5, 1.0, 2.0):
        way = fading.way(10, spacing)
        even = np.append(0, fading.times(10))
        np.testing.assert_allclose(way.u, even**spacing, rtol=FLOAT32)
        u = even[1:] ** spacing
        np.testing.assert_allclose(way.signal[1:], fading.signal(u), rtol=FLOAT32)
        np.testing.assert_allclose(way.noise[1:], fading.noise(u), rtol=FLOAT32)
        assert (float(way.signal[0]), float(way.noise[0])) == (1, 0)
    crowded, even = (fading.way(10, spacing).u[4] for spacing in (1.5, 1.0))
    assert crowded < even, "steps crowd near data"


@pytest.mark.parametrize("fading", FADINGS, ids=str)
@pytest.mark.parametrize("spacing", [1.0, 1.5])
def test_a_score_counts_for_an_integral(fading, spacing):
    """beta exp(int b), with b and beta by finite differences of g and s: g'/g = -b, and s^alpha
    grows by beta - alpha b s^alpha.
    """
    way, h = fading.way(6, spacing), 1e-6

    def g(u: float) -> float:
        return float(fading.signal(np.array([u]))[0])

    def power(u: float) -> float:
        return float(fading.noise(np.array([u]))[0] ** fading.alpha)

    def pulled(u: float, earlier: float) -> float:
        b = -(np.log(g(u + h)) - np.log(g(u - h))) / (2 * h)
        beta = (power(u + h) - power(u - h)) / (2 * h) + fading.alpha * b * power(u)
        return beta * g(earlier) / g(u)

    places = np.append(0, fading.times(6)) ** spacing
    first = 2 if isinstance(fading, Exploding) else 1  # the first step there leaves u = 0 alone
    for k in range(first, 7):
        earlier, later = places[k - 1], places[k]
        wanted = quad(pulled, max(earlier, 2 * h), later, args=(earlier,), epsrel=1e-7)[0]
        assert float(way.pull[k]) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("fading", [Preserving(1.7, 1.0), Exploding(1.8)], ids=str)
def test_a_place_has_as_many_axes_as_examples(fading):
    way = fading.way(5)
    x = jnp.zeros((3, 4, 2))
    each, one = way.at(jnp.array([1, 3, 5])), way.at(jnp.array(2))
    assert [of.shape for of in each.over(x)] == [(3, 1, 1)] * 3
    assert [of.shape for of in one.over(x)] == [(1, 1, 1)] * 3
    np.testing.assert_array_equal(each.signal, way.signal[np.array([1, 3, 5])])
    np.testing.assert_array_equal(one.noise, way.noise[2])


@pytest.mark.parametrize("alpha", [1.0, 0.5, 2.1, float("nan")])
def test_other_exponents_are_refused(alpha):
    for make in (lambda: Preserving(alpha, 1.0), lambda: Exploding(alpha)):
        with pytest.raises(ValueError, match=r"alpha=.*give a number above 1, to 2"):
            make()


@pytest.mark.parametrize(("n_steps", "spacing"), [(0, 1.0), (3, 0.0), (3, -1.0), (3, float("nan"))])
def test_ways_without_steps_or_of_no_spacing_are_refused(n_steps, spacing):
    message = rf"n_steps={n_steps} and spacing={spacing}: give at least 1 step, and a power above"
    with pytest.raises(ValueError, match=message):
        Exploding(2.0).way(n_steps, spacing)


def test_a_fading_is_a_fading():
    assert all(isinstance(fading, Fading) for fading in FADINGS)


# --- noise of random sizes -----------------------------------------------------------------

N = 100_000
FAR = np.sqrt(2 * np.log(2 / ALARM) / N)
"""How far the mean of N numbers in [-1, 1] is from its expectation by chance."""
T = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.5])


def drawn(mixture, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(mixed_noise(mixture, jax.random.key(seed), shape), float)


def distance(numbers: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of characteristic functions, in units of what chance makes."""
    got = np.array([np.cos(t * numbers).mean() for t in T])
    return float(abs(got - expected).max() / FAR)


@pytest.mark.parametrize("nu", rest_slow([5.0, 2.5, 40.0]))
@pytest.mark.parametrize("seed", SEEDS)
def test_students_noise_is_scipys(nu, seed):
    noise = drawn(Student(nu), seed, (40_000, 2))
    for axis in (0, 1):
        assert stats.kstest(noise[:, axis], stats.t(nu).cdf).pvalue > ALARM
        assert stats.kstest(1.1 * noise[:, axis], stats.t(nu).cdf).pvalue < ALARM, "the twin"
    squares = (noise**2).sum(axis=1) / 2
    assert stats.kstest(squares, stats.f(2, nu).cdf).pvalue > ALARM, "sizes are shared"
    if nu < 10:
        alone = stats.t(nu).rvs((40_000, 2), random_state=seed)
        of_alone = (alone**2).sum(axis=1) / 2
        assert stats.kstest(of_alone, stats.f(2, nu).cdf).pvalue < ALARM, "the twin"


@pytest.mark.parametrize("alpha", rest_slow([1.7, 1.2, 2.0]))
@pytest.mark.parametrize("seed", SEEDS)
def test_stable_noise_has_its_characteristic_function(alpha, seed):
    along = np.array([0.6, 0.8])
    for isotropic in (True, False):
        noise = drawn(Stable(alpha, isotropic), seed, (N, 2))
        assert distance(noise[:, 0], np.exp(-(T**alpha))) < 1
        assert distance(1.1 * noise[:, 0], np.exp(-(T**alpha))) > 1, "the twin"
        scale = 1 if isotropic else (along**alpha).sum()
        assert distance(noise @ along, np.exp(-scale * T**alpha)) < 1
        if alpha < 1.9:
            other = (along**alpha).sum() if isotropic else 1
            assert distance(noise @ along, np.exp(-other * T**alpha)) > 1, "the twin"


def test_sizes_are_of_an_example_or_of_each_number():
    key, shape = jax.random.key(0), (4, 3, 2)

    def sizes(mixture):
        return jax.eval_shape(lambda: mixture.log_sizes(key, shape))

    assert sizes(Stable(1.7)).shape == sizes(Student(4.0)).shape == (4, 1, 1)
    assert sizes(Stable(1.7, isotropic=False)).shape == shape
    noise = jax.eval_shape(lambda: noise_of_sizes(key, jnp.zeros((4, 1, 1)), shape))
    assert noise.shape == shape


def test_mixtures_are_what_they_say():
    assert Stable(1.7) == Stable(1.7, True) != Stable(1.7, False)
    assert hash(Student(5.0)) == hash(Student(5.0))
    for nu in (2.0, 1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"nu=.*give a finite number above 2"):
            Student(nu)


@pytest.mark.parametrize("alpha", [1.01, 1.5, 2.0])
def test_steps_add_noise_or_are_refused(alpha):
    for fading in (Preserving(alpha, 2 / alpha), Preserving(alpha, 1.0), Exploding(alpha)):
        for n_steps in (1, 2, 1000):
            way = fading.way(n_steps, 1.5)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(way))
            assert (way.sigma[1:] > 0).all()
            assert (way.noise[1:] > 0).all()
    with pytest.raises(ValueError, match=r"n_steps=100 with spacing=10\.0: .* a spacing nearer"):
        Preserving(alpha, 2 / alpha).way(100, 10.0)
