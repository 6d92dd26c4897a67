"""Mixing times of processes whose modes are known, and of a machine solved by enumeration.

An estimate may miss the truth by 5.5 times the standard error that its interval states; were
errors normal, that would happen once in 26 million comparisons.
How often 95 % intervals miss is tested by repeated simulation: a choice of window, and errors
from a few hundred chains, may cost some of the 95 %, but not more than 5 %.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, int32
from scipy.signal import lfilter
from scipy.stats import binom

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.families.dtm import mixing
from thrmlDenoising.families.dtm.autocorrelation import (
    SWEEPS_PER_SAMPLE,
    chain_autocovariances,
    stationary_curve,
)
from thrmlDenoising.families.dtm.mixing import Mixing, estimate_mixing, measure_mixing
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import Interval, LabelledImages, Rates
from thrmlDenoising.quality.bootstrap import Estimate
from thrmlDenoising.sampling import IsingMachine, Parameters
from thrmlDenoising.sampling.exact import second_eigenvalue
from thrmlDenoising.sampling.xla.sampler import XlaSampler

SIGMAS = 5.5
SEEDS = [0, 1, 2]
SHAPE = (200, 8, 16, 2)
"""Samples, images, chains, directions."""
N_SIMULATIONS = 40
MODES = {
    "one mode": {0.8: 1.0},
    "one slow mode": {0.97: 1.0},
    "slow mode of half the variance": {0.5: 0.5, 0.95: 0.5},
    "slow mode of a tenth of the variance": {0.3: 0.9, 0.95: 0.1},
}
"""Variances by the factor that a mode falls by from sample to sample."""


def sum_of_modes(
    rng: np.random.Generator, modes: dict[float, float], shape: tuple[int, ...] = SHAPE
) -> np.ndarray:
    """Stationary, of autocorrelation sum_j variance_j factor_j^lag; means and scales differ."""
    x = np.zeros(shape)
    for factor, variance in modes.items():
        noise = rng.normal(size=shape)
        noise[1:] *= np.sqrt(1 - factor**2)
        x += np.sqrt(variance) * lfilter([1], [1, -factor], noise, axis=0)
    of_direction = (1, shape[1], 1, shape[3])
    return x * rng.uniform(0.5, 2, of_direction) + rng.normal(0, 30, of_direction)


def two_states(rng: np.random.Generator, up: float, down: float) -> np.ndarray:
    """A chain that goes up and down with these probabilities: eigenvalues 1 and 1 - up - down."""
    draws = rng.random(SHAPE)
    x = np.empty(SHAPE)
    x[0] = draws[0] < up / (up + down)
    for now in range(1, len(x)):
        x[now] = np.where(x[now - 1], draws[now] >= down, draws[now] < up)
    return x


def slowest_time(factor: float) -> float:
    """The time constant in sweeps of a mode that falls by this factor a sample."""
    return -SWEEPS_PER_SAMPLE / np.log(factor)


def total_time(modes: dict[float, float]) -> float:
    """4 (1 + 2 sum_k rho_k), in sweeps."""
    return SWEEPS_PER_SAMPLE * sum(v * (1 + f) / (1 - f) for f, v in modes.items())


def errors_off(estimate: Estimate, truth: float) -> float:
    """How many standard errors, as the interval states them, the truth is away."""
    return abs(truth - estimate.value) / ((estimate.high - estimate.low) / (2 * 1.96))


# --- processes -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("seed", SEEDS)
def test_known_modes(name, seed):
    modes = MODES[name]
    rng = np.random.default_rng(seed)
    x = sum_of_modes(rng, modes)
    found = estimate_mixing(rng, x)
    # Times may be infinite by chance; the factor and the sample size then are 1 and 0.
    assert errors_off(found.decay_per_sweep, max(modes) ** (1 / SWEEPS_PER_SAMPLE)) < SIGMAS
    n_effective = len(x) * SWEEPS_PER_SAMPLE / total_time(modes)
    assert errors_off(found.effective_sample_size, n_effective) < SIGMAS
    np.testing.assert_array_equal(found.curve.values, stationary_curve(x).values)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("up", "down"), [(0.02, 0.06), (0.2, 0.1)])
def test_a_chain_of_two_states(up, down, seed):
    rng = np.random.default_rng(seed)
    found = estimate_mixing(rng, two_states(rng, up, down))
    factor = 1 - up - down
    assert errors_off(found.slowest_decay, slowest_time(factor)) < SIGMAS
    assert errors_off(found.integrated_time, total_time({factor: 1.0})) < SIGMAS
    np.testing.assert_allclose(found.decay_per_sweep, np.exp(-1 / np.array(found.slowest_decay)))


@pytest.mark.parametrize("seed", SEEDS)
def test_standard_errors_of_the_curve(seed):
    """The mean square score of independent series is 1; 200 x few lags tell it to a fifth."""
    rng = np.random.default_rng(seed)
    runs = [estimate_mixing(rng, sum_of_modes(rng, {0.8: 1.0}, (60, 4, 8, 1))) for _ in range(200)]
    lags = [1, 3, 8]
    values = np.array([run.curve.values[lags] for run in runs])
    stated = np.array([run.standard_errors[lags] for run in runs])
    scores = ((values - values.mean(axis=0)) ** 2).mean(axis=0) / (stated**2).mean(axis=0)
    # sd of a variance from 200 values: 10 %; of what 32 chains state, averaged: 2 %
    assert (np.abs(scores - 1) < SIGMAS * 0.1).all()


def misses(modes: dict[float, float], n_simulations: int = N_SIMULATIONS) -> tuple[int, int]:
    """How many intervals of the slowest decay, and of the integrated time, miss the truth."""
    rng = np.random.default_rng(0)
    slowest, total = slowest_time(max(modes)), total_time(modes)
    missed = np.zeros(2, int)
    for _ in range(n_simulations):
        found = estimate_mixing(rng, sum_of_modes(rng, modes))
        missed[0] += not found.slowest_decay.low <= slowest <= found.slowest_decay.high
        missed[1] += not found.integrated_time.low <= total <= found.integrated_time.high
    return int(missed[0]), int(missed[1])


def too_many(n_missed: int, n_simulations: int = N_SIMULATIONS) -> bool:
    """Whether intervals that miss 10 times in 100 hardly ever miss so often."""
    return bool(binom.sf(n_missed - 1, n_simulations, 0.1) < ALARM)


@pytest.mark.parametrize("name", MODES)
def test_intervals_cover(name):
    assert not any(too_many(n_missed) for n_missed in misses(MODES[name]))


def test_a_window_that_starts_too_early_is_noticed(monkeypatch):
    """A broken twin: the line goes through fast modes as well."""
    monkeypatch.setattr(
        mixing, "_first_straight", lambda logs, *_: np.zeros(len(logs), dtype=np.int64)
    )
    n_missed, _ = misses(MODES["slow mode of half the variance"], 20)
    assert too_many(n_missed, 20)


def test_samples_taken_for_sweeps_are_noticed(monkeypatch):
    monkeypatch.setattr(mixing, "SWEEPS_PER_SAMPLE", 1)
    assert all(too_many(n_missed, 20) for n_missed in misses(MODES["one mode"], 20))


def test_a_mean_that_was_not_subtracted_is_noticed(monkeypatch):
    """A broken twin: what never changes counts as memory."""

    def with_means(x: np.ndarray) -> np.ndarray:
        means = (x.mean(axis=(0, 2)) ** 2).sum(axis=-1)
        return chain_autocovariances(x) + means[:, None, None]

    monkeypatch.setattr(mixing, "chain_autocovariances", with_means)
    assert all(too_many(n_missed, 20) for n_missed in misses(MODES["one mode"], 20))


# --- when there is nothing to fit ----------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, 0.01])
@pytest.mark.parametrize("seed", SEEDS)
def test_chains_that_forget_at_once_have_an_upper_bound(factor, seed):
    rng = np.random.default_rng(seed)
    found = estimate_mixing(rng, sum_of_modes(rng, {factor: 1.0}))
    assert found.window is None
    assert np.isnan(found.slowest_decay.value)
    assert found.slowest_decay.low == 0
    # rho_1 = exp(-4 / tau): known to about 1 / sqrt(200 x 8 x 16 x 2) = 0.0044 either way
    largest = factor + (SIGMAS + 1.96) * 0.0044
    assert 0 <= found.slowest_decay.high < slowest_time(largest)
    assert errors_off(found.integrated_time, total_time({factor: 1.0})) < SIGMAS
    assert found.effective_sample_size.value <= SHAPE[0]


@pytest.mark.parametrize("n_states", [1, 8])
def test_chains_that_never_move_never_forget(n_states):
    rng = np.random.default_rng(0)
    states = rng.normal(size=(1, 3, n_states, 4))
    found = estimate_mixing(rng, np.broadcast_to(states, (40, 3, 8, 4)))
    np.testing.assert_allclose(found.curve.values, 1)
    assert found.curve.still == 1
    assert found.slowest_decay == (np.inf, np.inf, np.inf)
    assert found.integrated_time == (np.inf, np.inf, np.inf)
    assert found.effective_sample_size == (0, 0, 0)
    assert found.decay_per_sweep == (1, 1, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_chains_slower_than_the_run_have_a_lower_bound(seed):
    """The run has 200 samples, a mode of it 1000; it cannot be told from one that never decays."""
    rng = np.random.default_rng(seed)
    found = estimate_mixing(rng, sum_of_modes(rng, {0.999: 1.0}))
    assert found.slowest_decay.high == found.integrated_time.high == np.inf
    assert found.effective_sample_size.low == 0
    assert found.decay_per_sweep.high == 1
    low, truth = found.slowest_decay.low, slowest_time(0.999)
    assert SWEEPS_PER_SAMPLE * SHAPE[0] / 2 < low < 2 * truth


@pytest.mark.parametrize("shape", [(3, 2, 16, 4), (20, 2, 1, 4)])
def test_too_little_is_refused(shape):
    with pytest.raises(ValueError, match=rf"{shape[0]} samples of {shape[2]} chains .* at least 4"):
        estimate_mixing(np.random.default_rng(0), np.zeros(shape))


def test_the_same_resamples_give_the_same_intervals():
    x = sum_of_modes(np.random.default_rng(0), {0.8: 1.0}, (40, 2, 8, 2))
    one, same, other = (estimate_mixing(np.random.default_rng(seed), x) for seed in (0, 0, 1))
    assert one.slowest_decay == same.slowest_decay
    assert one.slowest_decay != other.slowest_decay
    np.testing.assert_array_equal(one.curve.values, other.curve.values)


# --- a machine -----------------------------------------------------------------------------


def magnet() -> tuple[BaseGraph, DiffusionStep, IsingMachine]:
    """Nine coupled spins that turn over together; the input is pure noise and says nothing."""
    lattice = Lattice(3, ((0, 1),), torus=False)
    graph = BaseGraph.untied(lattice.edges(), lattice.colors(), int32(0, 4), int32())
    manager = PoissonBinomialIsingGraphManager(GraphSpec((1, 2), 1, 0, lattice))
    pure_noise = Interval(0.0, float("inf"))
    step = DiffusionStep.build(manager, graph, XlaSampler, pure_noise, Rates(1, 1), 0.0)
    couplings = jnp.linspace(0.5, 0.7, graph.n_edges)
    return graph, step, step.machine(Parameters(jnp.zeros(9), couplings))


def measured(seed: int, beta: float, n_samples: int) -> Mixing:
    _, step, machine = magnet()
    images = LabelledImages(jnp.zeros((64, 2), jnp.uint8), jnp.zeros((64, 0), bool))
    return measure_mixing(jax.random.key(seed), step, machine, images, beta, n_samples)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_machine_decays_as_its_second_eigenvalue_says(seed):
    graph, _, machine = magnet()
    right, hotter = (second_eigenvalue(graph, machine, np.zeros(2, bool), b) for b in (1.0, 0.9))
    found = measured(seed, 1.0, n_samples=100)
    assert found.window is not None
    assert errors_off(found.decay_per_sweep, right) < SIGMAS
    assert errors_off(found.slowest_decay, -1 / np.log(right)) < SIGMAS
    # no machine a little hotter would do, nor this one if a sample was taken for a sweep
    assert found.slowest_decay.low > max(-1 / np.log(hotter), -1 / np.log(right**4))
