"""The library's own enumeration, on machines small enough for pen and paper.

Larger ones are held against an independent enumeration in `test_samplers` and, for the
gradient, against finite differences in `test_gradient`.
"""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from exactness import int32, random_setting, three_colored_graph, tied_graph

from thrmlDenoising.base_graphs import BaseGraph, Lattice
from thrmlDenoising.evaluation.exact import energies, exact_distribution, exact_kl_gradient
from thrmlDenoising.sampling import IsingModel, Parameters

H, J, W, BETA = 0.3, -0.7, 0.5, 0.9


@pytest.fixture
def pair() -> tuple[BaseGraph, IsingModel]:
    """A visible spin with a field and an input, and a hidden one with none of its own."""
    graph = BaseGraph.untied(int32((0, 1)), int32(0, 1), int32(0), int32())
    return graph, IsingModel(Parameters(jnp.array([H, 0.0]), jnp.array([J])), jnp.array([W]))


def test_energies_of_a_pair(pair):
    graph, model = pair
    states = np.array(list(itertools.product([False, True], repeat=2)))
    for bit, input_spin in ((True, 1), (False, -1)):
        found = energies(graph, model, np.array([bit]), states)
        wanted = [
            -(J * s * z + H * s + W * s * input_spin)
            for s, z in itertools.product([-1, 1], repeat=2)
        ]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_distribution_of_a_pair(pair):
    """Summed over the hidden spin, the visible one feels beta (h + w s_in) alone."""
    graph, model = pair
    for bit, input_spin in ((True, 1), (False, -1)):
        exact = exact_distribution(graph, model, np.array([bit]), BETA)
        mean = math.tanh(BETA * (H + W * input_spin))
        np.testing.assert_allclose(exact.node_means()[0], mean, rtol=1e-6)
        np.testing.assert_allclose(exact.node_means()[1], mean * math.tanh(BETA * J), rtol=1e-6)
        np.testing.assert_allclose(exact.pair_means(graph), [math.tanh(BETA * J)], rtol=1e-6)


def test_clamped_spins_stay_and_free_ones_feel_them(pair):
    graph, model = pair
    for bit, spin in ((True, 1), (False, -1)):
        spins = np.array([bit, False])
        exact = exact_distribution(graph, model, np.array([True]), BETA, "visible", spins)
        assert len(exact.states) == 2
        assert (exact.states[:, 0] == bit).all()
        wanted = [spin, math.tanh(BETA * J * spin)]
        np.testing.assert_allclose(exact.node_means(), wanted, rtol=1e-6)


def test_gradient_of_a_pair(pair):
    """-log P(s | s_in) = -beta s (h + w s_in) + log 2 cosh(beta (h + w s_in))."""
    graph, model = pair
    outputs, inputs = np.array([[True], [True], [False]]), np.array([[True], [False], [False]])
    gradient = exact_kl_gradient(graph, model, outputs, inputs, BETA)
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
    parameters = setting.model.parameters
    longer = Parameters(
        parameters.biases[tied.bias_of_node], parameters.weights[tied.weight_of_edge]
    )
    full_model = setting.model._replace(parameters=longer)
    for noisier in setting.inputs:
        short = exact_distribution(tied, setting.model, noisier, BETA)
        long = exact_distribution(untied, full_model, noisier, BETA)
        np.testing.assert_allclose(short.probabilities, long.probabilities, rtol=1e-12)
    outputs = setting.starts[:, tied.visible_nodes]
    short = exact_kl_gradient(tied, setting.model, outputs, setting.inputs, BETA)
    long = exact_kl_gradient(untied, full_model, outputs, setting.inputs, BETA)
    for number in range(tied.n_weights):
        total = np.asarray(long.weights)[tied.weight_of_edge == number].sum()
        np.testing.assert_allclose(short.weights[number], total, atol=1e-6)
    for number in range(tied.n_biases):
        total = np.asarray(long.biases)[tied.bias_of_node == number].sum()
        np.testing.assert_allclose(short.biases[number], total, atol=1e-6)


def test_strong_fields_do_not_overflow(pair):
    graph, model = pair
    strong = model._replace(parameters=Parameters(jnp.array([1e4, 0.0]), jnp.array([0.0])))
    exact = exact_distribution(graph, strong, np.array([True]), 1.0)
    np.testing.assert_allclose(exact.node_means(), [1, 0], atol=1e-12)


def test_machines_too_large_to_enumerate_are_refused():
    lattice = Lattice(6, ((0, 1),), torus=True)
    graph = BaseGraph.untied(lattice.edges(), lattice.colors(), int32(0, 2), int32())
    setting = random_setting(0, graph, n_conditions=1)
    with pytest.raises(ValueError, match=r"36 free spins are too many .* at most 20"):
        exact_distribution(graph, setting.model, setting.inputs[0], 1.0)


def test_clamped_nodes_need_values(pair):
    graph, model = pair
    with pytest.raises(ValueError, match=r"clamp='visible' fixes 1 nodes: give their values"):
        exact_distribution(graph, model, np.array([True]), BETA, "visible")
