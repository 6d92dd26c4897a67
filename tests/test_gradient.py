"""What an update of a step is made of: where its negative chains start, and its gradient.

The gradient, penalty included, is held against enumeration and finite differences.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import (
    ALARM,
    TINY_CASES,
    Setting,
    all_states,
    boltzmann,
    each_condition,
    expected_means,
    means_p_value,
    random_setting,
    samples_p_value,
    start_at,
    sweep,
    tied_graph,
)
from scipy.stats import binomtest
from tiny import rest_slow

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.families.dtm.gradient import (
    PENALTY_ESTIMATORS,
    batch_mean_correlation,
    kl_gradient,
    per_condition_correlation,
)
from thrmlDenoising.families.dtm.negative_start import NEGATIVE_STARTS, Batch, Memory
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import Interval, Rates
from thrmlDenoising.sampling import Chains, IsingMachine, Moments, Parameters, Schedule
from thrmlDenoising.sampling.exact import exact_kl_gradient
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler

BETA = 0.8
N_CHAINS = 2048
SCHEDULE = Schedule.constant(BETA, n_warmup=50, n_samples=4, sweeps_per_sample=4)
SEEDS = (0, 1, 2)
GRAPHS = {
    "tied": tied_graph,
    "untied": TINY_CASES["poisson_binomial, 1 level"].build_graph,
    "tied trials": TINY_CASES["binomial, 2 levels"].build_graph,
    "both colours visible": TINY_CASES["convolved"].build_graph,
}


@pytest.fixture(scope="module", params=rest_slow(GRAPHS))
def graph(request) -> BaseGraph:
    return GRAPHS[request.param]()


def build_step(graph: BaseGraph) -> DiffusionStep:
    lattice = Lattice(3, ((0, 1),), torus=False)
    n_pixels, n_labels = len(graph.image_nodes), len(graph.label_nodes)
    manager = PoissonBinomialIsingGraphManager(GraphSpec((1, n_pixels), 1, n_labels, lattice))
    return DiffusionStep.build(manager, graph, ThrmlSampler, Interval(0, 1), Rates(1, 1), 0.0)


@pytest.fixture(scope="module")
def step(graph) -> DiffusionStep:
    return build_step(graph)


def both_phases(seed: int, graph: BaseGraph) -> tuple[Setting, Setting]:
    """Three examples: outputs are the visible part of the starts, inputs the conditions."""
    negative = random_setting(seed, graph)
    return negative._replace(clamp="visible"), negative


def exact_moments(setting: Setting) -> Moments:
    """What infinitely many samples give, one chain a condition."""
    means = [
        expected_means(setting, condition, boltzmann(setting, condition, BETA))
        for condition in each_condition(setting)
    ]
    nodes, pairs = (np.stack(part) for part in zip(*means, strict=True))
    return Moments(
        jnp.asarray(nodes), jnp.asarray(pairs.mean(axis=0)), jnp.zeros(nodes.shape, bool)
    )


def exact_gradient(setting: Setting, machine: IsingMachine | None = None) -> Parameters:
    outputs = setting.starts[:, setting.graph.visible_nodes]
    machine = machine or setting.machine
    return exact_kl_gradient(setting.graph, machine, outputs, setting.inputs, BETA)


def mean_surprise(setting: Setting, biases: np.ndarray, weights: np.ndarray) -> float:
    """Mean of -log P(output | input), by enumeration in double precision."""
    machine = IsingMachine(Parameters(biases, weights), setting.machine.input_couplings)  # pyright: ignore[reportArgumentType]
    setting = setting._replace(machine=machine, clamp="nothing")
    visible = setting.graph.visible_nodes
    n_nodes = setting.graph.n_nodes
    states = (np.arange(2**n_nodes)[:, None] >> np.arange(n_nodes) & 1).astype(bool)
    surprises = []
    for condition in each_condition(setting):
        matches = (states[:, visible] == setting.starts[condition, visible]).all(axis=1)
        surprises.append(-np.log(boltzmann(setting, condition, BETA)[matches].sum()))
    return float(np.mean(surprises))


def numerical_gradient(setting: Setting) -> np.ndarray:
    """Central differences; the error is of order 1e-10."""
    biases, weights = (np.asarray(p, float) for p in setting.machine.parameters)
    values = np.concatenate([biases, weights])
    step_size, slopes = 1e-5, []
    for number in range(len(values)):
        ends = []
        for sign in (-1, 1):
            moved = values.copy()
            moved[number] += sign * step_size
            ends.append(mean_surprise(setting, *np.split(moved, [len(biases)])))
        slopes.append((ends[1] - ends[0]) / (2 * step_size))
    return np.array(slopes)


@pytest.mark.parametrize("seed", SEEDS)
def test_exact_gradient_is_the_slope_of_the_surprise(graph, seed):
    _, setting = both_phases(seed, graph)
    exact = np.concatenate(list(exact_gradient(setting)))
    numerical = numerical_gradient(setting)
    # single precision of the result against slopes of order 0.1 to 1
    np.testing.assert_allclose(exact, numerical, atol=1e-6)
    assert np.abs(numerical).max() > 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_of_exact_moments_is_exact(graph, step, seed):
    """No statistics: signs, beta, and sums over tied nodes and edges."""
    positive, negative = (exact_moments(setting) for setting in both_phases(seed, graph))
    setting = both_phases(seed, graph)[1]
    no_penalty = jnp.zeros(graph.n_edges)
    parameters = setting.machine.parameters
    found = kl_gradient(step, parameters, positive, negative, BETA, no_penalty)
    wanted = exact_gradient(setting)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, wanted)


def swapped_phases(step, parameters, positive, negative, beta, extra_pairs) -> Parameters:
    return kl_gradient(step, parameters, negative, positive, beta, extra_pairs)


def beta_forgotten(step, parameters, positive, negative, beta, extra_pairs) -> Parameters:
    return kl_gradient(step, parameters, positive, negative, 1.0, extra_pairs)


def gradient_variance(setting: Setting) -> np.ndarray:
    """Of one phase and one sample a condition, for each parameter: the exact variance."""
    graph = setting.graph
    total = np.zeros(graph.n_biases + graph.n_weights)
    for condition in each_condition(setting):
        exact = boltzmann(setting, condition, BETA)
        signs = 2.0 * all_states(setting, condition) - 1
        pairs = signs[:, graph.edges[:, 0]] * signs[:, graph.edges[:, 1]]
        biases = signs @ np.eye(graph.n_biases)[graph.bias_of_node]
        weights = pairs @ np.eye(graph.n_weights)[graph.weight_of_edge]
        slopes = np.concatenate([biases, weights], axis=1)
        total += np.maximum(exact @ slopes**2 - (exact @ slopes) ** 2, 0)
    return total / len(setting.starts) ** 2


def gradient_p_value(
    step: DiffusionStep, graph: BaseGraph, seed: int, estimate: Callable[..., Parameters]
) -> float:
    """The gradient of sampled moments against enumeration.

    A chain's average varies no more than a single sample would: errors are at most those of one
    exact sample a chain.
    """
    settings = both_phases(seed, graph)
    moments = [
        step.sampler.moments(
            jax.random.key(10 * seed + number),
            setting.machine,
            setting.chains(N_CHAINS),
            SCHEDULE,
            setting.clamp,
        )
        for number, setting in enumerate(settings)
    ]
    setting = settings[1]
    found = estimate(step, setting.machine.parameters, *moments, BETA, jnp.zeros(graph.n_edges))
    difference = np.concatenate(list(found)) - np.concatenate(list(exact_gradient(setting)))
    variance = sum(gradient_variance(setting) for setting in settings) / N_CHAINS
    return means_p_value(difference, BETA * np.sqrt(variance), N_CHAINS)


@pytest.mark.slow
def test_gradient_of_sampled_moments(graph, step):
    for seed in SEEDS:
        assert gradient_p_value(step, graph, seed, kl_gradient) > ALARM


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [swapped_phases, beta_forgotten])
def test_a_wrong_gradient_is_caught(graph, step, mistake):
    assert gradient_p_value(step, graph, 0, mistake) < ALARM


# --- the total-correlation penalty -----------------------------------------------------------


def test_per_condition_penalty_of_exact_moments(graph, step):
    """<s_i><s_j> - <s_i s_j> for each input, then averaged."""
    _, setting = both_phases(0, graph)
    ends = graph.edges.T
    wanted = []
    for condition in each_condition(setting):
        means, pairs = expected_means(setting, condition, boltzmann(setting, condition, BETA))
        wanted.append(means[ends[0]] * means[ends[1]] - pairs)
    found = per_condition_correlation(step, exact_moments(setting))
    np.testing.assert_allclose(found, np.mean(wanted, axis=0), atol=1e-6)


def test_batch_mean_penalty_averages_before_the_product(graph, step):
    rng = np.random.default_rng(0)
    spins = rng.uniform(-1, 1, (5, graph.n_nodes))
    pairs = rng.uniform(-1, 1, graph.n_edges)
    moments = Moments(jnp.asarray(spins), jnp.asarray(pairs), jnp.zeros(spins.shape, bool))
    wanted = []
    for edge, (i, j) in enumerate(graph.edges):
        mean_i = sum(row[i] for row in spins) / 5
        mean_j = sum(row[j] for row in spins) / 5
        wanted.append(mean_i * mean_j - pairs[edge])
    np.testing.assert_allclose(batch_mean_correlation(step, moments), wanted, atol=1e-6)
    # The two differ wherever means vary between conditions.
    assert np.abs(per_condition_correlation(step, moments) - np.array(wanted)).max() > 0.05


def test_both_estimators_agree_under_a_single_input(graph, step):
    moments = exact_moments(random_setting(0, graph, n_conditions=1))
    found = [estimate(step, moments) for estimate in PENALTY_ESTIMATORS.values()]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.slow
def test_the_penalty_of_sampled_moments():
    """From n independent samples a chain, the estimate is (1 - 1/n) times the exact value."""
    graph = GRAPHS["untied"]()
    step = build_step(graph)
    setting = random_setting(4, graph)
    n_samples, apart, n_groups, n_chains = 4, 40, 30, 40
    schedule = Schedule.constant(BETA, 80, n_samples, apart)
    wanted = []
    for condition in each_condition(setting):
        exact = boltzmann(setting, condition, BETA)
        # samples so far apart that the first tells nothing about the next
        later = start_at(setting, condition)
        for _ in range(apart):
            later = sweep(setting, condition, BETA, later)
        assert np.abs(later - exact).sum() < 1e-4
        means, pairs = expected_means(setting, condition, exact)
        ends = graph.edges.T
        wanted.append((1 - 1 / n_samples) * (means[ends[0]] * means[ends[1]] - pairs))
    found = []
    for group in range(n_groups):
        moments = step.sampler.moments(
            jax.random.key(group), setting.machine, setting.chains(n_chains), schedule, "nothing"
        )
        found.append(np.asarray(per_condition_correlation(step, moments)))
    errors = np.std(found, axis=0, ddof=1) / np.sqrt(n_groups)
    difference = np.mean(found, axis=0) - np.mean(wanted, axis=0)
    assert means_p_value(difference, errors, n_groups) > ALARM
    assert means_p_value(np.mean(found, axis=0), errors, n_groups) < ALARM


def test_the_penalty_joins_the_difference_of_the_phases(graph, step):
    """Lambda (<s_i><s_j> - <s_i s_j>) is added to (pos - neg) of the weights, before -beta."""
    positive, negative = (exact_moments(setting) for setting in both_phases(0, graph))
    parameters = random_setting(0, graph).machine.parameters
    penalty = jnp.linspace(-1, 1, graph.n_edges)
    plain, penalised = (
        kl_gradient(step, parameters, positive, negative, BETA, extra)
        for extra in (jnp.zeros(graph.n_edges), penalty)
    )
    np.testing.assert_array_equal(penalised.biases, plain.biases)
    added = np.zeros(graph.n_weights)
    for edge, weight in enumerate(graph.weight_of_edge):
        added[weight] += -BETA * float(penalty[edge])
    np.testing.assert_allclose(penalised.weights - plain.weights, added, atol=1e-6)


def test_descending_the_penalty_lowers_a_positive_correlation(graph, step):
    """A direction test: with equal phases only the penalty is left."""
    strong = random_setting(0, graph)
    ferromagnet = strong.machine.parameters._replace(weights=jnp.full(graph.n_weights, 0.6))
    machine = strong.machine._replace(parameters=ferromagnet)
    negative = exact_moments(strong._replace(machine=machine))
    penalty = per_condition_correlation(step, negative)
    gradient = kl_gradient(step, ferromagnet, negative, negative, BETA, penalty)
    assert (gradient.weights > 0).all()  # so that descending makes weights smaller


# --- where the negative chains start -------------------------------------------------------


class Start(NamedTuple):
    """A batch of three of eight training examples, and a step with biases that decide alone."""

    step: DiffusionStep
    parameters: Parameters
    batch: Batch

    def chains(self, name: str, memory: Memory) -> Chains:
        start, key = NEGATIVE_STARTS[name], jax.random.key(0)
        return start.chains(key, self.step, self.parameters, SCHEDULE, self.batch, memory)

    @property
    def fresh_spins(self) -> np.ndarray:
        return np.asarray(self.parameters.biases)[self.step.bias_of_node] > 0


@pytest.fixture
def start(graph, step) -> Start:
    rng = np.random.default_rng(0)
    biases = jnp.asarray(rng.choice([-99.0, 99.0], graph.n_biases))
    shape = (3, len(graph.visible_nodes))
    batch = Batch(
        jnp.array([6, 0, 3]),
        jnp.asarray(rng.random(shape) < 0.5),
        jnp.asarray(rng.random(shape) < 0.5),
    )
    return Start(step, Parameters(biases, jnp.zeros(graph.n_weights)), batch)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fresh", "data"])
def test_starts_without_memory(graph, start, name):
    memory = NEGATIVE_STARTS[name].init(jax.random.key(0), 8, graph.n_nodes)
    chains = start.chains(name, memory)
    wanted = np.tile(start.fresh_spins, (3, 1))
    if name == "data":
        wanted[:, graph.visible_nodes] = start.batch.outputs
    np.testing.assert_array_equal(chains.spins, wanted)
    np.testing.assert_array_equal(chains.inputs, start.batch.inputs)
    remembered = NEGATIVE_STARTS[name].remember(memory, start.batch, chains.spins)
    assert memory.size == remembered.size == 0


@pytest.mark.slow
def test_a_start_from_the_data_has_hidden_spins_that_know_it(graph, step):
    """They follow P(hidden | data, input) exactly, as the positive phase leaves them."""
    setting, _ = both_phases(0, graph)
    chains = setting.chains(N_CHAINS)
    visible = np.asarray(chains.spins)[:, graph.visible_nodes]
    batch = Batch(jnp.arange(len(visible)), jnp.asarray(visible), chains.inputs)
    start = Start(step, setting.machine.parameters, batch)
    spins = np.asarray(start.chains("data", jnp.zeros((0, 0), jnp.uint8)).spins)
    np.testing.assert_array_equal(spins[:, graph.visible_nodes], visible)
    exact = [boltzmann(setting, condition, BETA) for condition in each_condition(setting)]
    assert samples_p_value(setting, spins.reshape(3, N_CHAINS, -1), exact) > ALARM


def test_persistent_chains_go_on_where_their_example_ended(graph, start):
    """Six or nine nodes: no multiple of the eight spins in a byte."""
    persistent = NEGATIVE_STARTS["persistent"]
    before = persistent.init(jax.random.key(0), 8, graph.n_nodes)
    last = jnp.asarray(np.random.default_rng(1).random((3, graph.n_nodes)) < 0.5)
    memory = persistent.remember(before, start.batch, last)
    chains = start.chains("persistent", memory)
    np.testing.assert_array_equal(chains.spins, last)
    assert chains.spins.dtype == bool
    np.testing.assert_array_equal(chains.inputs, start.batch.inputs)
    # the same examples in another order, with others between them
    moved = start.batch._replace(examples=jnp.array([3, 5, 6]))
    again = start._replace(batch=moved).chains("persistent", memory).spins
    np.testing.assert_array_equal(again[0], last[2])
    np.testing.assert_array_equal(again[2], last[0])
    # nobody else's chain has changed
    others = np.array([1, 2, 4, 5, 7])
    np.testing.assert_array_equal(np.asarray(memory)[others], np.asarray(before)[others])


def test_persistent_chains_begin_as_fair_coins(graph, start):
    n_examples = 4000
    memory = NEGATIVE_STARTS["persistent"].init(jax.random.key(0), n_examples, graph.n_nodes)
    everyone = start.batch._replace(examples=jnp.arange(n_examples))
    spins = start._replace(batch=everyone).chains("persistent", memory).spins
    for node in np.asarray(spins).T:
        assert binomtest(int(node.sum()), n_examples).pvalue > ALARM
