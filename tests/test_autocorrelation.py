"""Autocorrelation estimators on processes whose autocorrelation is known.

Errors are stated by Bartlett's formulas for the variance of estimated autocorrelations; five
and a half standard errors fail by chance with probability 4e-8 a comparison.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import int32, random_machine

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.families.dtm.autocorrelation import (
    AutocorrelationCurve,
    ProjectImage,
    Protocol,
    chain_autocovariances,
    effective_sample_size,
    integrated_time,
    measure_autocorrelation,
    replication_curve,
    sample_projections,
    stationary_curve,
)
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import Interval, LabelledImages, Rates
from thrmlDenoising.sampling import IsingMachine, Parameters, Schedule
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler

SIGMAS = 5.5


def ar1(rng: np.random.Generator, rho: float, shape: tuple[int, ...]) -> np.ndarray:
    """Stationary, of variance 1: x_t = rho x_{t-1} + sqrt(1 - rho^2) noise; time comes first."""
    x = rng.normal(size=shape)
    for now in range(1, len(x)):
        x[now] = rho * x[now - 1] + np.sqrt(1 - rho**2) * x[now]
    return x


def bartlett_error(rho: float, n_samples: int) -> float:
    """The largest standard error of any lag of an AR(1) process, estimated from one series."""
    return np.sqrt((1 + rho**2) / (1 - rho**2) / n_samples)


# --- the textbook estimator ----------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, -0.6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_stationary_curve_of_an_autoregressive_process(rho, seed):
    n_samples, n_images, n_chains, n_directions = 600, 4, 8, 5
    # A mean and a scale for every image and direction, which the estimator must remove.
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 10, (n_images, 1, n_directions))
    offset = rng.normal(0, 30, (n_images, 1, n_directions))
    x = ar1(rng, rho, (n_samples, n_images, n_chains, n_directions)) * scale + offset
    curve = stationary_curve(x).values
    assert curve.shape == (n_samples // 2 + 1,)
    assert curve[0] == pytest.approx(1)
    # Half of the pairs are left at the last lag. A series counts by its variance: these have
    # the precision of (sum of weights)^2 / sum of squared weights equal ones.
    weights = np.broadcast_to(scale**2, x.shape[1:])
    n_equal = weights.sum() ** 2 / (weights**2).sum()
    time = (1 + abs(rho)) / (1 - abs(rho))
    error = bartlett_error(rho, n_equal * n_samples / 2)
    bias = 2 * time / (n_chains * n_samples)
    wanted = rho ** np.arange(len(curve))
    assert np.abs(curve - wanted).max() < SIGMAS * error + bias
    # and a wrong time scale is seen
    if rho == 0.9:
        assert np.abs(curve - 0.8 ** np.arange(len(curve))).max() > SIGMAS * error + bias


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_autocovariances_do_not_suffer_from_the_estimated_mean(seed):
    """A mean over few slow chains follows them: uncorrected, every lag is low by its variance."""
    n_samples, n_images, n_chains, rho, offset = 100, 1500, 4, 0.95, 7.0
    x = ar1(np.random.default_rng(seed), rho, (n_samples, n_images, n_chains, 1)) + offset
    of_image = chain_autocovariances(x).mean(axis=1)
    wanted = rho ** np.arange(n_samples // 2 + 1)
    error = of_image.std(axis=0, ddof=1) / np.sqrt(n_images)
    # mean over all samples, pairs of one lag from all but a few: what that leaves is 1 / 10 of it
    time = (1 + rho) / (1 - rho)
    variance_of_mean = time / n_samples * (1 - time / 2 / n_samples) / n_chains
    allowed = SIGMAS * error + variance_of_mean / 10
    corrected = of_image.mean(axis=0)
    assert (np.abs(corrected - wanted) < allowed).all()
    # a broken twin: the correction left out
    assert (np.abs(corrected - variance_of_mean - wanted) > allowed).any()


def test_chains_stuck_in_different_places_stay_correlated():
    x = np.broadcast_to(np.random.default_rng(0).normal(size=(1, 3, 8, 4)), (40, 3, 8, 4))
    np.testing.assert_allclose(stationary_curve(x).values, 1, atol=1e-9)


def test_directions_along_which_nothing_moves_count_as_one():
    rng = np.random.default_rng(0)
    x = ar1(rng, 0.7, (200, 2, 4, 3))
    # 0.1 and 0.7 have no exact binary form: the mean of many differs from them by rounding
    constant = np.broadcast_to([0.1, 0.7], (200, 2, 4, 2))
    frozen = np.concatenate([x, constant], axis=-1)
    for estimate in (stationary_curve, replication_curve):
        wanted = (estimate(x).values * 3 + 2) / 5
        np.testing.assert_allclose(estimate(frozen).values, wanted, atol=1e-12)
        assert estimate(frozen).still == 0  # every chain moves along other directions


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_integrated_time_of_an_autoregressive_process(rho, seed):
    """(1 + rho) / (1 - rho); error by Madras and Sokal: var = 2 (2 M + 1) / n tau^2, M = 5 tau."""
    shape = (1500, 4, 16, 4)
    curve = stationary_curve(ar1(np.random.default_rng(seed), rho, shape))
    wanted = (1 + rho) / (1 - rho)
    window = 5 * wanted + 1
    error = wanted * np.sqrt(2 * (2 * window + 1) / np.prod(shape))
    # mean removed over 16 chains: every one of 2 x window lags is low by tau / n
    bias = 2 * window * wanted / (16 * 1500)
    assert abs(integrated_time(curve) - wanted) < SIGMAS * error + bias
    size = effective_sample_size(1500, curve)
    assert size == pytest.approx(1500 / max(1, integrated_time(curve)))


@pytest.mark.parametrize("estimate", [stationary_curve, replication_curve])
@pytest.mark.parametrize("states", ["one for all", "one each", "some move", "one moves once"])
def test_chains_that_never_move_forget_nothing(estimate, states):
    rng = np.random.default_rng(0)
    x = np.full((33, 2, 7, 3), 0.1)
    if states == "one each":
        x[:] = rng.normal(size=(7, 3))
    if states == "some move":
        x[:, 1, :5] = rng.normal(size=(33, 5, 3))
    if states == "one moves once":
        x[3, :, 0] = 0.2
    curve = estimate(x)
    still = {"some move": 9 / 14, "one moves once": 6 / 7}.get(states, 1)
    assert curve.still == pytest.approx(still)
    assert curve.is_frozen
    assert curve.tail >= still - 1e-9
    if still == 1:
        np.testing.assert_allclose(curve.values, 1, atol=1e-9)
        assert integrated_time(curve) == pytest.approx(33)  # all there is: 17 lags
        assert effective_sample_size(33, curve) == pytest.approx(1)


def test_integrated_time_of_an_exact_curve():
    curve = AutocorrelationCurve(0.8 ** np.arange(200.0))
    assert integrated_time(curve) == pytest.approx(9, abs=1e-3)
    short = AutocorrelationCurve(np.ones(10))  # never decays: all there is
    assert integrated_time(short) == pytest.approx(19)
    # no chain is worth more than its samples
    anti = AutocorrelationCurve((-0.5) ** np.arange(50.0))
    assert effective_sample_size(100, anti) == 100


# --- dtm-replication's estimator -----------------------------------------------------------


def replication_by_loops(x: np.ndarray) -> list[float]:
    """The definition, lag by lag and number by number."""
    n_samples, n_images, n_chains, n_directions = x.shape
    half, quarter = n_samples // 2, n_samples // 4
    curve = []
    for lag in range(n_samples // 2 + 1):
        total = 0.0
        for image in range(n_images):
            for direction in range(n_directions):
                series = x[:, image, :, direction] / x[:, image, :, direction].std()
                products = [
                    series[now, chain] * series[now + lag, chain]
                    for now in range(half)
                    for chain in range(n_chains)
                ]
                first_half = np.mean(series[:half])
                last_quarter = np.mean(series[n_samples - quarter :])
                total += np.mean(products) - first_half * last_quarter
        curve.append(total / (n_images * n_directions))
    return curve


@pytest.mark.parametrize("n_samples", [4, 5, 16, 17, 18, 19, 40])
def test_replication_curve_is_its_definition(n_samples):
    rng = np.random.default_rng(n_samples)
    x = ar1(rng, 0.8, (n_samples, 3, 4, 2)) * 3 + rng.normal(size=(3, 1, 2))
    wanted = replication_by_loops(x)
    found = replication_curve(x).values
    np.testing.assert_allclose(found, wanted, atol=1e-8)


@pytest.mark.parametrize("n_lags", [3, 16, 33, 160])
def test_the_tail_is_the_mean_of_the_last_sixteenth(n_lags):
    values = np.random.default_rng(n_lags).normal(size=n_lags) + 1
    n_tail = {3: 1, 16: 1, 33: 2, 160: 10}[n_lags]
    wanted = sum(values[n_lags - n_tail :]) / n_tail
    assert AutocorrelationCurve(values).tail == pytest.approx(max(0, wanted))
    assert AutocorrelationCurve(-np.abs(values)).tail == 0


def test_a_mixing_process_has_no_tail_and_a_stuck_one_has():
    rng = np.random.default_rng(0)
    mixing = replication_curve(ar1(rng, 0.5, (200, 8, 16, 8))).tail
    # one lag: sd about sqrt(3 / (8 x 16 x 8 x 100)) = 0.005
    assert mixing < 0.03
    stuck = np.broadcast_to(rng.normal(size=(1, 8, 16, 8)), (200, 8, 16, 8))
    # 1 + mean^2 - mean^2 for every image and direction
    assert replication_curve(stuck).tail == pytest.approx(1)


# --- measured on machines ------------------------------------------------------------------


def pair_machine(coupling: float, bias: float = 0.0) -> tuple[DiffusionStep, IsingMachine]:
    """One pixel and one hidden spin, coupled; the input is pure noise and says nothing."""
    graph = BaseGraph.untied(int32((0, 1)), int32(0, 1), int32(0), int32())
    manager = PoissonBinomialIsingGraphManager(
        GraphSpec((1, 1), 1, 0, Lattice(2, ((0, 1),), torus=False))
    )
    interval = Interval(0.0, float("inf"))
    step = DiffusionStep.build(manager, graph, ThrmlSampler, interval, Rates(1, 1), 0.0)
    return step, step.machine(Parameters(jnp.array([bias, 0.0]), jnp.array([coupling])))


def blank_images(n_images: int, n_pixels: int) -> LabelledImages:
    return LabelledImages(
        jnp.zeros((n_images, n_pixels), jnp.uint8), jnp.zeros((n_images, 0), bool)
    )


N_SWEEPS = 64


@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.slow
def test_a_slow_pair_decays_as_its_transition_matrix_says(beta):
    """With J = 2 the pixel remembers tanh(beta J)^2 of itself each sweep, lags are 4 sweeps."""
    step, machine = pair_machine(2.0)
    up = (1 + np.tanh(beta * 2.0)) / 2
    half_sweep = np.array([[up, 1 - up], [1 - up, up]])  # one spin given the other
    matrix = np.linalg.matrix_power(half_sweep @ half_sweep, 4)
    rho = matrix[0, 0] - matrix[0, 1]
    assert rho == pytest.approx(np.tanh(beta * 2.0) ** 8)
    curve = measure_autocorrelation(
        jax.random.key(0), step, machine, blank_images(64, 1), Protocol.stationary(beta), N_SWEEPS
    ).values
    # all 32 directions of one pixel are the same number up to a factor
    error = bartlett_error(rho, 64 * 16 * N_SWEEPS // 2)
    bias = 2 * (1 + rho) / (1 - rho) / (16 * N_SWEEPS)
    assert np.abs(curve - rho ** np.arange(len(curve))).max() < SIGMAS * error + bias


@pytest.mark.slow
def test_independent_spins_forget_at_once():
    step, machine = pair_machine(0.0, bias=0.3)
    curve = measure_autocorrelation(
        jax.random.key(1), step, machine, blank_images(64, 1), Protocol.stationary(1.0), N_SWEEPS
    )
    error = bartlett_error(0.0, 64 * 16 * N_SWEEPS // 2)
    assert len(curve.values) == N_SWEEPS // 2 + 1
    assert np.abs(curve.values[1:]).max() < SIGMAS * error + 2 / (16 * N_SWEEPS)
    assert integrated_time(curve) == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_the_replication_protocol_ends_at_the_end_of_the_ramp():
    """A pair that is free at the ramp's start and stuck at its end keeps its memory."""
    step, machine = pair_machine(1.0)
    tails = [
        measure_autocorrelation(
            jax.random.key(2), step, machine, blank_images(64, 1), Protocol.replication(*betas), 64
        ).tail
        for betas in ((0.1, 8.0), (8.0, 0.1))
    ]
    assert tails[0] > 0.9
    assert tails[1] < 0.1


@pytest.mark.slow
def test_projections_are_of_grey_levels_and_few_images_are_used_whole():
    n_levels, n_images = 3, 5
    lattice = Lattice(4, ((0, 1),), torus=True)
    manager = PoissonBinomialIsingGraphManager(GraphSpec((1, 2), n_levels, 1, lattice))
    graph = manager.build_graph(0)
    step = DiffusionStep.build(manager, graph, ThrmlSampler, Interval(0, 1), Rates(1, 1), 0.1)
    directions = jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    spins = jnp.array([True, False, True, True, True, True])  # levels 2 and 3
    projected = ProjectImage(step.image_nodes, manager, directions)(spins)
    np.testing.assert_allclose(projected, [2 / 3, 1, 1 / 3], atol=1e-6)

    machine = random_machine(np.random.default_rng(0), graph)
    images = LabelledImages(jnp.zeros((n_images, 2), jnp.uint8), jnp.zeros((n_images, 1), bool))
    schedule = Schedule.constant(1.0, n_warmup=2, n_samples=3, sweeps_per_sample=4)
    projections = sample_projections(jax.random.key(0), step, machine, images, schedule)
    assert projections.shape == (3, n_images, 16, 32)
    # directions lie in [-1, 1] / sqrt(2 pixels), levels / 3 in [0, 1]
    assert np.abs(projections).max() <= np.sqrt(2)
    assert projections.std() > 0.05


def test_directions_are_the_same_in_every_measurement():
    """A pixel frozen at the top level shows them; only noise and chains depend on the key."""
    step, machine = pair_machine(0.0, bias=99.0)
    schedule = Schedule.constant(1.0, n_warmup=1, n_samples=2)
    one, other = (
        sample_projections(jax.random.key(seed), step, machine, blank_images(2, 1), schedule)
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one)) == 32
