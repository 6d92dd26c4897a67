"""The library's own enumeration, on machines small enough for pen and paper.

Larger ones are held against the independent enumeration of `exactness`, here and in
`test_samplers`, and the gradient against finite differences, here and in `test_gradient`.
"""

import doctest
import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from exactness import (
    Setting,
    all_states,
    boltzmann,
    int32,
    random_setting,
    sweep,
    three_colored_graph,
    tied_graph,
)

from thrmlDenoising.base_graphs import BaseGraph, Lattice
from thrmlDenoising.sampling import IsingMachine, Parameters
from thrmlDenoising.sampling import exact as exact_module
from thrmlDenoising.sampling.exact import (
    energies,
    exact_distribution,
    exact_kl,
    exact_kl_gradient,
    kl_divergence,
    second_eigenvalue,
    state_numbers,
    transition_matrix,
)

H, J, W, BETA = 0.3, -0.7, 0.5, 0.9


@pytest.fixture
def pair() -> tuple[BaseGraph, IsingMachine]:
    """A visible spin with a field and an input, and a hidden one with none of its own."""
    graph = BaseGraph.untied(int32((0, 1)), int32(0, 1), int32(0), int32())
    return graph, IsingMachine(Parameters(jnp.array([H, 0.0]), jnp.array([J])), jnp.array([W]))


def test_energies_of_a_pair(pair):
    graph, machine = pair
    states = np.array(list(itertools.product([False, True], repeat=2)))
    for bit, input_spin in ((True, 1), (False, -1)):
        found = energies(graph, machine, np.array([bit]), states)
        wanted = [
            -(J * s * z + H * s + W * s * input_spin)
            for s, z in itertools.product([-1, 1], repeat=2)
        ]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_distribution_of_a_pair(pair):
    """Summed over the hidden spin, the visible one feels beta (h + w s_in) alone."""
    graph, machine = pair
    for bit, input_spin in ((True, 1), (False, -1)):
        exact = exact_distribution(graph, machine, np.array([bit]), BETA)
        mean = math.tanh(BETA * (H + W * input_spin))
        np.testing.assert_allclose(exact.node_means()[0], mean, rtol=1e-6)
        np.testing.assert_allclose(exact.node_means()[1], mean * math.tanh(BETA * J), rtol=1e-6)
        np.testing.assert_allclose(exact.pair_means(graph), [math.tanh(BETA * J)], rtol=1e-6)


def test_clamped_spins_stay_and_free_ones_feel_them(pair):
    graph, machine = pair
    for bit, spin in ((True, 1), (False, -1)):
        spins = np.array([bit, False])
        exact = exact_distribution(graph, machine, np.array([True]), BETA, "visible", spins)
        assert len(exact.states) == 2
        assert (exact.states[:, 0] == bit).all()
        wanted = [spin, math.tanh(BETA * J * spin)]
        np.testing.assert_allclose(exact.node_means(), wanted, rtol=1e-6)


def test_gradient_of_a_pair(pair):
    """-log P(s | s_in) = -beta s (h + w s_in) + log 2 cosh(beta (h + w s_in))."""
    graph, machine = pair
    outputs, inputs = np.array([[True], [True], [False]]), np.array([[True], [False], [False]])
    gradient = exact_kl_gradient(graph, machine, outputs, inputs, BETA)
    signs = zip(2 * outputs[:, 0] - 1, 2 * inputs[:, 0] - 1, strict=True)
    slopes = [-BETA * (s - math.tanh(BETA * (H + W * s_in))) for s, s_in in signs]
    np.testing.assert_allclose(gradient.biases[0], np.mean(slopes), rtol=1e-5)
    # The hidden spin has no field: P(s) does not depend on J, and summing it out multiplies
    # the slope of the visible bias by tanh(beta J) to give that of the hidden one.
    np.testing.assert_allclose(gradient.weights, [0], atol=1e-6)
    hidden = np.mean(slopes) * math.tanh(BETA * J)
    np.testing.assert_allclose(gradient.biases[1], hidden, rtol=1e-5)


def test_tied_parameters_are_the_same_machine_written_shorter():
    tied, untied = tied_graph(), three_colored_graph()
    setting = random_setting(0, tied)
    parameters = setting.machine.parameters
    longer = Parameters(
        parameters.biases[tied.bias_of_node], parameters.weights[tied.weight_of_edge]
    )
    full_machine = setting.machine._replace(parameters=longer)
    for noisier in setting.inputs:
        short = exact_distribution(tied, setting.machine, noisier, BETA)
        long = exact_distribution(untied, full_machine, noisier, BETA)
        np.testing.assert_allclose(short.probabilities, long.probabilities, rtol=1e-12)
    outputs = setting.starts[:, tied.visible_nodes]
    short = exact_kl_gradient(tied, setting.machine, outputs, setting.inputs, BETA)
    long = exact_kl_gradient(untied, full_machine, outputs, setting.inputs, BETA)
    for number in range(tied.n_weights):
        total = np.asarray(long.weights)[tied.weight_of_edge == number].sum()
        np.testing.assert_allclose(short.weights[number], total, atol=1e-6)
    for number in range(tied.n_biases):
        total = np.asarray(long.biases)[tied.bias_of_node == number].sum()
        np.testing.assert_allclose(short.biases[number], total, atol=1e-6)


def test_strong_fields_do_not_overflow(pair):
    graph, machine = pair
    strong = machine._replace(parameters=Parameters(jnp.array([1e4, 0.0]), jnp.array([0.0])))
    exact = exact_distribution(graph, strong, np.array([True]), 1.0)
    np.testing.assert_allclose(exact.node_means(), [1, 0], atol=1e-12)


def test_machines_too_large_to_enumerate_are_refused():
    lattice = Lattice(6, ((0, 1),), torus=True)
    graph = BaseGraph.untied(lattice.edges(), lattice.colors(), int32(0, 2), int32())
    setting = random_setting(0, graph, n_conditions=1)
    with pytest.raises(ValueError, match=r"36 free spins are too many .* at most 20"):
        exact_distribution(graph, setting.machine, setting.inputs[0], 1.0)


def test_clamped_nodes_need_values(pair):
    graph, machine = pair
    with pytest.raises(ValueError, match=r"clamp='visible' fixes 1 nodes: give their values"):
        exact_distribution(graph, machine, np.array([True]), BETA, "visible")


def test_the_example_of_the_module_runs():
    result = doctest.testmod(exact_module)
    assert result.attempted > 5
    assert not result.failed


# --- marginals and divergences -------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("nodes", [[3], [0, 3], [3, 0], [5, 1, 2]])
def test_marginals_sum_out_the_rest(seed, nodes):
    setting = random_setting(seed, three_colored_graph())
    exact = exact_distribution(setting.graph, setting.machine, setting.inputs[0], BETA)
    states, weights = all_states(setting, 0), boltzmann(setting, 0, BETA)
    # first node of the list fastest
    wanted = [
        weights[(states[:, nodes] == joint[::-1]).all(axis=1)].sum()
        for joint in itertools.product([False, True], repeat=len(nodes))
    ]
    np.testing.assert_allclose(exact.marginal(np.array(nodes)), wanted, rtol=1e-6)


def test_the_marginal_of_clamped_nodes_is_certain(pair):
    graph, machine = pair
    spins = np.array([True, False])
    exact = exact_distribution(graph, machine, np.array([True]), BETA, "visible", spins)
    np.testing.assert_allclose(exact.marginal(graph.visible_nodes), [0, 1], rtol=1e-12)


def test_numbers_of_joint_states_count_from_the_first_bit():
    bits = np.array([[[True, False, False]], [[False, True, True]]])
    np.testing.assert_array_equal(state_numbers(bits), [[1], [6]])


def test_divergence_of_two_coins():
    p, q = 0.3, 0.6
    wanted = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert kl_divergence(np.array([p, 1 - p]), np.array([q, 1 - q])) == pytest.approx(wanted)
    assert kl_divergence(np.array([p, 1 - p]), np.array([p, 1 - p])) == 0
    certain = np.array([0.0, 1.0])
    assert kl_divergence(certain, np.array([0.5, 0.5])) == pytest.approx(math.log(2))
    assert kl_divergence(np.array([0.5, 0.5]), certain) == np.inf


@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.5], [1.0], r"p has shape \(2,\) and q \(1,\)"),
        ([0.5, 0.6], [0.5, 0.5], r"p sums to 1.1"),
        ([0.5, 0.5], [1.5, -0.5], r"q sums to 1 and its least value is -0.5"),
        ([0.5, 0.5], [np.nan, 0.5], r"q sums to nan"),
    ],
)
def test_only_distributions_have_a_divergence(p, q, message):
    with pytest.raises(ValueError, match=message):
        kl_divergence(np.array(p), np.array(q))


def test_kl_of_examples_of_a_pair(pair):
    """Of three examples with input +1 two are up, and the one with input -1 is down."""
    graph, machine = pair
    outputs = np.array([[True], [False], [True], [False]])
    inputs = np.array([[True], [True], [True], [False]])
    up = [1 / (1 + math.exp(-2 * BETA * (H + W * s_in))) for s_in in (1, -1)]
    wanted = 2 * math.log(2 / 3 / up[0]) + math.log(1 / 3 / (1 - up[0])) - math.log(1 - up[1])
    assert exact_kl(graph, machine, outputs, inputs, BETA) == pytest.approx(wanted / 4, rel=1e-6)


def test_examples_that_a_machine_explains_have_no_divergence():
    graph = three_colored_graph()
    silent = IsingMachine(Parameters(jnp.zeros(6), jnp.zeros(8)), jnp.zeros(3))
    outputs = np.array(list(itertools.product([False, True], repeat=3)))
    assert exact_kl(graph, silent, outputs, np.zeros_like(outputs), BETA) == pytest.approx(0)
    one = exact_kl(graph, silent, outputs[:1], outputs[:1], BETA)
    assert one == pytest.approx(3 * math.log(2))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_gradient_is_the_slope_of_the_divergence(seed):
    setting = random_setting(seed, tied_graph(), n_conditions=5)
    graph, inputs = setting.graph, setting.inputs[[0, 0, 1, 1, 1]]
    outputs = setting.starts[:, graph.visible_nodes]
    biases, weights = (np.asarray(group, float) for group in setting.machine.parameters)
    point = np.concatenate([biases, weights])

    def kl(parameters: np.ndarray) -> float:
        in_64_bits: Any = np.split(parameters, [len(biases)])
        machine = setting.machine._replace(parameters=Parameters(*in_64_bits))
        return exact_kl(graph, machine, outputs, inputs, BETA)

    step = 1e-5
    slopes = [(kl(point + d) - kl(point - d)) / (2 * step) for d in step * np.eye(len(point))]
    right, wrong = (
        np.concatenate(exact_kl_gradient(graph, setting.machine, outputs, inputs, beta))
        for beta in (BETA, 1.05 * BETA)
    )
    np.testing.assert_allclose(right, slopes, atol=1e-5)
    assert not np.allclose(wrong, slopes, atol=1e-3)


def test_examples_and_inputs_come_in_pairs(pair):
    graph, machine = pair
    for function in (exact_kl, exact_kl_gradient):
        with pytest.raises(ValueError, match=r"outputs of shape \(2, 1\) and inputs of .*\(1, 1\)"):
            function(graph, machine, np.ones((2, 1), bool), np.ones((1, 1), bool), BETA)
        with pytest.raises(ValueError, match="at least one example"):
            function(graph, machine, np.ones((0, 1), bool), np.ones((0, 1), bool), BETA)


# --- the chain -----------------------------------------------------------------------------


def sweep_matrix(setting: Setting, beta: float) -> np.ndarray:
    """One sweep from every state of condition 0, independent of the library's enumeration."""
    n_states = 2 ** len(setting.free)
    return np.stack([sweep(setting, 0, beta, start) for start in np.eye(n_states)])


def ladder() -> BaseGraph:
    """Two colours; the visible spins are of the first."""
    edges = int32((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 3), (2, 5))
    return BaseGraph.untied(edges, int32(0, 1, 0, 1, 0, 1), int32(0, 2), int32(4))


SMALL_GRAPHS = {
    "two colours": ladder(),
    "three colours": three_colored_graph(),
    "tied": tied_graph(),
}


@pytest.mark.parametrize("name", SMALL_GRAPHS)
@pytest.mark.parametrize("clamp", ["nothing", "labels", "visible"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sweep_and_its_eigenvalue_are_those_of_an_independent_enumeration(name, clamp, seed):
    setting = random_setting(seed, SMALL_GRAPHS[name], clamp)
    at = setting.graph, setting.machine, setting.inputs[0], BETA, clamp, setting.starts[0]
    matrix, wanted = transition_matrix(*at), sweep_matrix(setting, BETA)
    np.testing.assert_allclose(matrix, wanted, atol=1e-6)
    stationary = exact_distribution(*at).probabilities
    np.testing.assert_allclose(stationary @ matrix, stationary, atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-12)

    moduli = np.sort(np.abs(np.linalg.eigvals(wanted)))
    assert second_eigenvalue(*at) == pytest.approx(moduli[-2], abs=1e-6)
    # another temperature and another order of the colours are seen
    assert np.abs(transition_matrix(*at[:3], 0.95 * BETA, *at[4:]) - wanted).max() > 1e-3
    if clamp == "nothing":
        graph = setting.graph
        last_first = graph.n_colors - 1 - graph.colors
        other = BaseGraph(**graph.to_arrays() | {"colors": last_first.astype(np.int32)})
        assert np.abs(transition_matrix(other, *at[1:]) - wanted).max() > 1e-3


def test_a_pair_forgets_at_a_known_rate(pair):
    """Without fields each spin copies tanh(beta J) of the other: twice that in a sweep."""
    graph, machine = pair
    free = IsingMachine(Parameters(jnp.zeros(2), machine.parameters.weights), jnp.zeros(1))
    found = second_eigenvalue(graph, free, np.array([True]), BETA)
    assert found == pytest.approx(math.tanh(BETA * J) ** 2, rel=1e-6)


def test_spins_of_one_colour_forget_at_once(pair):
    graph, machine = pair
    clamped = "visible", np.array([True, False])
    assert second_eigenvalue(graph, machine, np.array([True]), BETA, *clamped) == 0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_colours_have_real_eigenvalues_from_0_to_1(seed):
    setting = random_setting(seed, SMALL_GRAPHS["two colours"])
    matrix = sweep_matrix(setting, BETA)
    weights = boltzmann(setting, 0, BETA)
    flow = weights[:, None] * matrix
    assert np.abs(flow - flow.T).max() > 1e-4  # a sweep is not reversible
    # Zero has Jordan blocks, which rounding spreads by its square root.
    eigenvalues = np.linalg.eigvals(matrix)
    assert np.abs(eigenvalues.imag).max() < 1e-4
    assert eigenvalues.real.min() > -1e-4
    assert eigenvalues.real.max() < 1 + 1e-9


def test_machines_too_large_for_a_matrix_are_refused():
    lattice = Lattice(4, ((0, 1),), torus=True)
    graph = BaseGraph.untied(lattice.edges(), lattice.colors(), int32(0, 2), int32())
    setting = random_setting(0, graph, n_conditions=1)
    for function in (transition_matrix, second_eigenvalue):
        with pytest.raises(ValueError, match=r"16 free spins are too many .* at most 12"):
            function(graph, setting.machine, setting.inputs[0], 1.0)
