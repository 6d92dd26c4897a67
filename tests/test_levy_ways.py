"""Ways back from heavy-tailed noise: each step against its formula, and whole ways with denoisers
that know the truth.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`); bounds on
means of numbers in [-1, 1] are Hoeffding's.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from heavy import (
    TWO,
    KnowsStart,
    N,
    T,
    Wavy,
    column,
    distance,
    far,
    is_normal,
    means_apart,
    of_inverted_shares,
    one_step,
    walked_from,
    wavy,
)
from scipy import stats
from tiny import rest_slow

from thrmlDenoising.families.levy.exact import ExactDenoiser
from thrmlDenoising.families.levy.going_back import (
    AlongPath,
    Equation,
    Flow,
    Posterior,
    path_of_sizes,
)
from thrmlDenoising.processes import Exploding, Preserving, Stable, Way

SEEDS = rest_slow((0, 1, 2))


# --- alpha = 2: DDPM and DDIM --------------------------------------------------------------

COSINE = Preserving(2.0, 1.0)
NORMAL = Stable(2.0)
X_T = np.linspace(-3, 3, 8).reshape(4, 2)


def abar_of(n_steps: int) -> np.ndarray:
    """Of a cosine whose clock ends at .9946."""
    t = 0.9946 * np.arange(n_steps + 1) / n_steps
    cosine = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    return cosine / cosine[0]


def ddpm(x: np.ndarray, t: int, abar: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean and standard deviation of a step of DDPM (Ho et al. 2020) on x / sqrt(2).

    Noise here has the variance 2, so that data of scale 1 there are of sqrt(2).
    """
    z = wavy(x, np.sqrt(abar[t]), np.sqrt(1 - abar[t])) / np.sqrt(2)
    x = x / np.sqrt(2)
    alpha = abar[t] / abar[t - 1]
    mean = (x - (1 - alpha) / np.sqrt(1 - abar[t]) * z) / np.sqrt(alpha)
    return mean, np.sqrt((1 - abar[t - 1]) / (1 - abar[t]) * (1 - alpha))


def along_normal_path(n: int, n_steps: int = 10, n_axes: int = 1) -> AlongPath:
    begun = Posterior(Wavy(), COSINE.way(n_steps), NORMAL).begin(jax.random.key(0), (n, n_axes))
    step = begun[1]
    assert isinstance(step, AlongPath)
    return step


@pytest.mark.parametrize("t", rest_slow([5, 1, 2, 10]))
def test_at_alpha_2_the_posterior_is_that_of_ddpm(t):
    abar, step = abar_of(10), along_normal_path(4, n_axes=2)
    (mean, _), (other, _) = ddpm(X_T, t, abar), ddpm(0.3 - X_T, t, abar)
    wanted = np.sqrt(2) * (mean - other)
    np.testing.assert_allclose(means_apart(step, X_T, 0.3 - X_T, t), wanted, atol=3e-5)
    drawn = one_step(along_normal_path(N), 1, column(0.7), t) / np.sqrt(2)
    mean, std = ddpm(column(0.7), t, abar)
    if t == 1:
        np.testing.assert_allclose(drawn, mean, atol=1e-5)
        return
    assert is_normal((drawn - mean) / std)
    assert not is_normal((drawn - mean) / (1.15 * std)), "the twin"


def ddim(x: np.ndarray, n_steps: int) -> np.ndarray:
    """x_0 by DDIM (Song et al. 2020), without noise, on x / sqrt(2)."""
    abar = abar_of(n_steps)
    for t in range(n_steps, 0, -1):
        z = wavy(x, np.sqrt(abar[t]), np.sqrt(1 - abar[t])) / np.sqrt(2)
        start = (x / np.sqrt(2) - np.sqrt(1 - abar[t]) * z) / np.sqrt(abar[t])
        x = np.sqrt(2) * (np.sqrt(abar[t - 1]) * start + np.sqrt(1 - abar[t - 1]) * z)
    return x


@pytest.mark.parametrize("n_steps", [3, 40])
def test_at_alpha_2_the_flow_is_ddim(n_steps):
    """All the way: the ends differ by 1e-3 at most, which is rounding that steps have spread."""
    flow = Flow(Wavy(), COSINE.way(n_steps), NORMAL)
    ours = walked_from(flow, jax.random.key(0), jnp.asarray(X_T), n_steps)
    np.testing.assert_allclose(ours, ddim(X_T, n_steps), rtol=1e-3, atol=1e-3)
    assert abs(ours - ddim(X_T + 0.01, n_steps)).max() > 5e-3, "the twin"


@pytest.mark.parametrize("eta", rest_slow([0.5, 1.0]))
def test_at_alpha_2_the_noisy_flow_is_that_of_ddim(eta):
    """x_s = sqrt(abar_s) x_0 + sqrt(1 - abar_s - sigma^2) z + sigma z', sigma = eta sqrt(1 -
    abar_s).
    """
    t, abar = 6, abar_of(10)
    flow = Flow(Wavy(), COSINE.way(10), NORMAL, eta=eta)

    def mean(x: np.ndarray) -> np.ndarray:
        z = wavy(x, np.sqrt(abar[t]), np.sqrt(1 - abar[t])) / np.sqrt(2)
        start = (x / np.sqrt(2) - np.sqrt(1 - abar[t]) * z) / np.sqrt(abar[t])
        left = np.sqrt((1 - abar[t - 1]) * (1 - eta**2))
        return np.sqrt(2) * (np.sqrt(abar[t - 1]) * start + left * z)

    apart = means_apart(flow, X_T, 0.3 - X_T, t)
    np.testing.assert_allclose(apart, mean(X_T) - mean(0.3 - X_T), atol=3e-5)
    added = (one_step(flow, 1, column(0.7), t) - mean(column(0.7))) / np.sqrt(2)
    sigma = eta * np.sqrt(1 - abar[t - 1])
    assert is_normal(added / sigma)
    assert not is_normal(added / (1.15 * sigma)), "the twin"
    last = one_step(flow, 2, X_T, 1)
    np.testing.assert_allclose(last, one_step(flow, 3, X_T, 1), atol=1e-6, err_msg="x_0 is free")


# --- LIM -----------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", rest_slow([1.7, 2.0]))
def test_steps_of_lim_are_what_is_known_of_it(alpha):
    """With r = a_s / a_t and f = -noise / alpha: r x + alpha (r - 1) sigma^(1 - alpha) f, and
    r x + alpha^2 (r - 1) sigma^(1 - alpha) f with noise of scale (r^alpha - 1)^(1 / alpha).
    """
    n_steps, t = 12, 7
    angle = (0.9946 * np.arange(n_steps + 1) / n_steps + 0.008) / 1.008 * np.pi / 2
    a = np.cos(angle) / np.cos(0.008 / 1.008 * np.pi / 2)
    sigma, r = (1 - a[t] ** alpha) ** (1 / alpha), a[t - 1] / a[t]
    way = Preserving(alpha, 1.0).way(n_steps)

    def mean(x: np.ndarray, factor: float) -> np.ndarray:
        f = -wavy(x, a[t], sigma) / alpha
        return r * x + factor * (r - 1) * sigma ** (1 - alpha) * f

    ode = Equation(Wavy(), way, Stable(alpha), is_stochastic=False)
    np.testing.assert_allclose(one_step(ode, 0, X_T, t), mean(X_T, alpha), atol=2e-5)
    sde = Equation(Wavy(), way, Stable(alpha))
    wanted = mean(X_T, alpha**2) - mean(-X_T, alpha**2)
    np.testing.assert_allclose(means_apart(sde, X_T, -X_T, t), wanted, atol=3e-5)
    added = one_step(sde, 1, column(0.7), t) - mean(column(0.7), alpha**2)
    scale = (r**alpha - 1) ** (1 / alpha)
    assert distance(added[:, 0] / scale, np.exp(-(T**alpha))) < 1
    assert distance(1.3 * added[:, 0] / scale, np.exp(-(T**alpha))) > 1, "the twin"
    a_step = one_step(sde, 2, X_T, 1)
    np.testing.assert_array_equal(a_step, one_step(sde, 3, X_T, 1), "the last step is free")


@pytest.mark.parametrize("alpha", rest_slow([1.7, 2.0]))
def test_the_ordinary_equation_and_the_flow_meet_where_steps_are_small(alpha):
    """They are one flow, by two rules: with four times the steps they are four times as near."""
    denoiser = ExactDenoiser.of(TWO, Stable(alpha), 20)
    x = jnp.linspace(-2, 2, 21)[:, None]
    apart = []
    for n_steps in (50, 200):
        parts = denoiser, Preserving(alpha, 1.0).way(n_steps), Stable(alpha)
        ways = Flow(*parts), Equation(*parts, is_stochastic=False)
        ends = [walked_from(way, jax.random.key(0), x, n_steps) for way in ways]
        apart.append(abs(ends[0] - ends[1]).mean())
    assert apart[0] > 2.5 * apart[1]
    assert apart[1] < 0.02


def test_at_alpha_2_small_steps_of_the_stochastic_equation_are_those_of_ddpm():
    n_steps, t = 1000, 500
    abar = abar_of(n_steps)
    sde = Equation(Wavy(), COSINE.way(n_steps), NORMAL)
    means = [np.sqrt(2) * ddpm(x, t, abar)[0] - x for x in (X_T, -X_T)]
    drift = means_apart(sde, X_T, -X_T, t) - 2 * X_T
    np.testing.assert_allclose(drift, means[0] - means[1], rtol=0.02, atol=2e-5)
    mean = one_step(sde, 0, X_T, t) - one_step(sde, 0, -X_T, t)
    assert abs(mean).max() > 1
    scale = float(sde.way.sigma[t] / sde.way.gamma[t])
    assert scale == pytest.approx(ddpm(X_T, t, abar)[1], rel=0.01)


# --- the path of sizes ---------------------------------------------------------------------


def path(way: Way, mixture: Stable, seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    spreads, shares = path_of_sizes(way, mixture, jax.random.key(seed), shape)
    return np.asarray(spreads, float), np.asarray(shares, float)


@pytest.mark.parametrize("n_steps", rest_slow([6, 1, 2, 50]))
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("isotropic", rest_slow([True, False]))
def test_the_path_leads_to_noise_of_any_number_of_steps(n_steps, seed, isotropic):
    alpha, n = 1.6, 40_000
    for fading in (Preserving(alpha, 2 / alpha), Exploding(alpha)):
        way = fading.way(n_steps)
        shape = (n, 1) if isotropic else (n // 2, 2)
        spreads, _ = path(way, Stable(alpha, isotropic), seed, shape)
        z = np.random.default_rng(seed).standard_normal(n)
        for t in {n_steps, (n_steps + 1) // 2}:
            noise = np.exp(spreads[t].ravel() / 2) * z / float(way.noise[t])
            assert distance(noise, np.exp(-(T**alpha))) < 1
            assert distance(1.2 * noise, np.exp(-(T**alpha))) > 1, "the twin"


def test_spreads_and_shares_are_of_one_path():
    """Gamma_t = 1 - gamma_t^2 Sigma_{t-1} / Sigma_t; so Sigma_t Gamma_t / sigma_t^2 are sizes, one
    a step, which know nothing of each other.
    """
    alpha, n_steps, n = 1.7, 5, 20_000
    way = Preserving(alpha, 2 / alpha).way(n_steps, 1.5)
    spreads, shares = path(way, Stable(alpha), 0, (n, 1))
    assert np.isneginf(spreads[0]).all()
    gamma, sigma = np.asarray(way.gamma, float), np.asarray(way.sigma, float)
    before = gamma[1:, None, None] ** 2 * np.exp(spreads[:-1] - spreads[1:])
    np.testing.assert_allclose(np.exp(shares[1:]), 1 - before, atol=1e-5)
    np.testing.assert_array_equal(shares[1], 0)
    sizes = np.exp(shares[1:] + spreads[1:])[..., 0] / sigma[1:, None] ** 2
    for of_step in sizes:
        for c in (0.1, 0.5, 2.0):
            transform = np.exp(-c * of_step).mean()
            assert abs(transform - np.exp(-((2 * c) ** (alpha / 2)))) < far(n)
    _, alike = stats.spearmanr(sizes.T)
    pairs = np.asarray(alike)[np.triu_indices(n_steps, 1)]
    assert pairs.min() * len(pairs) > ALARM


class Apart(Posterior):
    """The twin: x_T is drawn by itself, as if the path were another's."""

    def begin(self, key, shape):
        (_, step), (x, _) = (super(Apart, self).begin(of, shape) for of in jax.random.split(key))
        return x, step


@pytest.mark.parametrize("seed", SEEDS)
def test_where_the_way_begins_is_where_its_path_leads(seed):
    alpha, n = 1.4, 20_000
    parts = Wavy(), Preserving(alpha, 2 / alpha).way(5), Stable(alpha)
    found = []
    for kind in (Posterior, Apart):
        x, step = kind(*parts).begin(jax.random.key(seed), (n, 1))
        assert isinstance(step, AlongPath)
        last = np.asarray(step.log_spreads[-1], float)
        x = np.asarray(x, float)
        _, p_value = stats.spearmanr(np.log(abs(x))[:, 0], last[:, 0])
        found.append((is_normal(x * np.exp(-last / 2)), np.asarray(p_value) < ALARM))
        assert distance(x[:, 0] / float(step.way.noise[-1]), np.exp(-(T**alpha))) < 1
    assert found == [(True, True), (False, False)], "the twin is of the right law, but apart"


def of_shuffled_sizes(step: AlongPath) -> AlongPath:
    """The twin: spreads are those of another example."""
    order = np.roll(np.arange(step.log_spreads.shape[1]), 1)
    return eqx.tree_at(lambda step: step.log_spreads, step, step.log_spreads[:, order])


@pytest.mark.slow
@pytest.mark.parametrize("isotropic", rest_slow([True, False]))
@pytest.mark.parametrize("seed", SEEDS)
def test_who_knows_x_0_passes_where_its_noise_was(isotropic, seed):
    """Given x_0 and the sizes, x_k is g_k x_0 + sqrt(Sigma_k) z, and x_T goes with it as a later
    place does; the end is x_0.
    """
    alpha, n_steps, k, n = 1.6, 8, 3, 3000
    way = Preserving(alpha, 2 / alpha).way(n_steps)
    x_0 = jax.random.normal(jax.random.key(seed + 10), (n, 2))
    posterior = Posterior(KnowsStart(x_0), way, Stable(alpha, isotropic))
    noise, step = posterior.begin(jax.random.key(seed), (n, 2))
    assert isinstance(step, AlongPath)
    x_t = noise + way.signal[-1] * x_0
    key = jax.random.key(seed + 20)
    end = walked_from(step, key, x_t, n_steps)
    np.testing.assert_allclose(end, x_0, atol=1e-5)

    def passed(step: AlongPath) -> tuple[bool, bool]:
        """Whether places k are right, and how x_T differs from what they lead to."""
        x_k = x_t
        for t in range(n_steps, k, -1):
            x_k = jnp.asarray(one_step(step, seed + t, np.asarray(x_k), t))
        there = np.asarray(x_k - way.signal[k] * x_0, float)
        spreads = np.exp(np.asarray(posterior_spreads, float))
        left = float(way.signal[-1] / way.signal[k])
        further = np.asarray(noise, float) - left * there
        z = further / np.sqrt(spreads[-1] - left**2 * spreads[k])
        return is_normal(there / np.sqrt(spreads[k])), is_normal(z)

    posterior_spreads = step.log_spreads
    assert passed(step) == (True, True)
    assert False in passed(of_shuffled_sizes(step)), "the twin"
    assert False in passed(of_inverted_shares(step)), "the twin"
