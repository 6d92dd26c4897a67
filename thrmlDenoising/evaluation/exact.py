"""Small machines solved by enumeration: what every estimate of the library is held against."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from scipy.special import softmax

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.sampling import Clamp, IsingModel, Parameters, clamped_nodes

_MOST_FREE_SPINS = 20


class ExactDistribution(NamedTuple):
    """All states that a clamped machine can be in, and their probabilities."""

    states: Bool[np.ndarray, "state node"]
    probabilities: Float[np.ndarray, " state"]

    def node_means(self) -> Float[np.ndarray, " node"]:
        """<s_i>, spins being +-1."""
        return self.probabilities @ _signs(self.states)

    def pair_means(self, graph: BaseGraph) -> Float[np.ndarray, " edge"]:
        """<s_i s_j> over every edge."""
        spins = _signs(self.states)
        return self.probabilities @ (spins[:, graph.edges[:, 0]] * spins[:, graph.edges[:, 1]])


def energies(
    graph: BaseGraph,
    model: IsingModel,
    inputs: Bool[np.ndarray, " visible"],
    states: Bool[np.ndarray, "state node"],
) -> Float[np.ndarray, " state"]:
    """E = -sum_edges J_ij s_i s_j - sum_i h_i s_i - sum_visible w_i s_i s_in,i of every state."""
    spins = _signs(states)
    biases = np.asarray(model.parameters.biases, np.float64)[graph.bias_of_node]
    weights = np.asarray(model.parameters.weights, np.float64)[graph.weight_of_edge]
    couplings = np.asarray(model.input_couplings, np.float64)
    pairs = spins[:, graph.edges[:, 0]] * spins[:, graph.edges[:, 1]]
    return -(
        pairs @ weights
        + spins @ biases
        + spins[:, graph.visible_nodes] @ (couplings * _signs(inputs))
    )


def exact_distribution(
    graph: BaseGraph,
    model: IsingModel,
    inputs: Bool[np.ndarray, " visible"],
    beta: float,
    clamp: Clamp = "nothing",
    spins: Bool[np.ndarray, " node"] | None = None,
) -> ExactDistribution:
    """The Boltzmann distribution exp(-beta E) / Z of the free nodes, by enumeration.

    Args:
        inputs: the clamped input the machine is conditioned on.
        spins: where the clamped nodes get their values from; may be left out if none is.

    Raises:
        ValueError: more than 20 free spins, or clamped nodes without values.
    """
    clamped = clamped_nodes(graph, clamp)
    free = np.setdiff1d(np.arange(graph.n_nodes), clamped)
    if len(free) > _MOST_FREE_SPINS:
        raise ValueError(
            f"{len(free)} free spins are too many to enumerate: use a graph with at most "
            f"{_MOST_FREE_SPINS}"
        )
    if len(clamped) and spins is None:
        raise ValueError(f"clamp={clamp!r} fixes {len(clamped)} nodes: give their values as spins")
    codes = np.arange(2 ** len(free))[:, None] >> np.arange(len(free)) & 1
    states = np.zeros((len(codes), graph.n_nodes), dtype=bool)
    if spins is not None:
        states[:, clamped] = np.asarray(spins)[clamped]
    states[:, free] = codes
    energy = energies(graph, model, np.asarray(inputs), states)
    return ExactDistribution(states, softmax(-beta * energy))


def exact_kl_gradient(
    graph: BaseGraph,
    model: IsingModel,
    outputs: Bool[np.ndarray, "example visible"],
    inputs: Bool[np.ndarray, "example visible"],
    beta: float,
) -> Parameters:
    """The gradient of the mean of -log P(output | input) over the examples, by enumeration."""
    nodes, edges = np.zeros(graph.n_nodes), np.zeros(graph.n_edges)
    for output, noisier in zip(np.asarray(outputs), np.asarray(inputs), strict=True):
        spins = np.zeros(graph.n_nodes, dtype=bool)
        spins[graph.visible_nodes] = output
        positive = exact_distribution(graph, model, noisier, beta, "visible", spins)
        negative = exact_distribution(graph, model, noisier, beta)
        nodes += positive.node_means() - negative.node_means()
        edges += positive.pair_means(graph) - negative.pair_means(graph)
    scale = -beta / len(outputs)
    biases = np.bincount(graph.bias_of_node, nodes, graph.n_biases)
    weights = np.bincount(graph.weight_of_edge, edges, graph.n_weights)
    return Parameters(jnp.asarray(scale * biases), jnp.asarray(scale * weights))


def _signs(bits: Bool[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 2.0 * bits - 1.0
