"""Small machines solved by enumeration: what every estimate of the library is held against.

All 2^n states of n free spins are written down: exact, but n must be small. In a notebook:

>>> import numpy as np
>>> from thrmlDenoising.base_graphs import GraphSpec, Lattice, PoissonBinomialIsingGraphManager
>>> from thrmlDenoising.sampling.exact import exact_distribution, second_eigenvalue
>>> from thrmlDenoising.sampling import IsingMachine, Parameters
>>> lattice = Lattice(3, ((0, 1),), torus=False)
>>> spec = GraphSpec(image_shape=(1, 2), n_levels=1, n_label_nodes=1, lattice=lattice)
>>> graph = PoissonBinomialIsingGraphManager(spec).build_graph(seed=0)
>>> rng = np.random.default_rng(0)
>>> parameters = Parameters(rng.normal(size=graph.n_biases), rng.normal(size=graph.n_weights))
>>> machine = IsingMachine(parameters, input_couplings=np.full(len(graph.visible_nodes), 0.5))
>>> noisy = np.array([True, False, True])  # two image bits and one label bit
>>> exact = exact_distribution(graph, machine, noisy, beta=1.0)
>>> exact.marginal(graph.image_nodes).shape  # P(0, 0), P(1, 0), P(0, 1), P(1, 1)
(4,)
>>> cold, hot = (second_eigenvalue(graph, machine, noisy, beta) for beta in (1.0, 0.1))
>>> hot < cold < 1  # the hotter, the sooner a chain forgets
True
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import rel_entr, softmax

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.sampling import Clamp, IsingMachine, Parameters, clamped_nodes, free_nodes

_MOST_FREE_SPINS = 20
_MOST_FREE_SPINS_OF_A_MATRIX = 12
"""4096 states, and 128 MB of transition probabilities between them."""


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

    def marginal(self, nodes: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, " joint_state"]:
        """The probability of every joint state of some nodes, the rest summed out.

        Joint state number c has bit k of c at `nodes[k]`: see `state_numbers`.
        """
        numbers = state_numbers(self.states[:, nodes])
        return np.bincount(numbers, self.probabilities, 2 ** len(nodes))


def state_numbers(bits: Bool[np.ndarray, "*batch bit"]) -> Int[np.ndarray, "*batch"]:
    """The number sum_k bit_k 2^k of joint states: where they stand in a marginal."""
    return bits @ (1 << np.arange(bits.shape[-1]))


def energies(
    graph: BaseGraph,
    machine: IsingMachine,
    inputs: Bool[np.ndarray, " visible"],
    states: Bool[np.ndarray, "state node"],
) -> Float[np.ndarray, " state"]:
    """E = -sum_edges J_ij s_i s_j - sum_i h_i s_i - sum_visible w_i s_i s_in,i of every state."""
    spins = _signs(states)
    biases = np.asarray(machine.parameters.biases, np.float64)[graph.bias_of_node]
    weights = np.asarray(machine.parameters.weights, np.float64)[graph.weight_of_edge]
    couplings = np.asarray(machine.input_couplings, np.float64)
    pairs = spins[:, graph.edges[:, 0]] * spins[:, graph.edges[:, 1]]
    return -(
        pairs @ weights
        + spins @ biases
        + spins[:, graph.visible_nodes] @ (couplings * _signs(inputs))
    )


def exact_distribution(
    graph: BaseGraph,
    machine: IsingMachine,
    inputs: Bool[np.ndarray, " visible"],
    beta: float,
    clamp: Clamp = "nothing",
    spins: Bool[np.ndarray, " node"] | None = None,
) -> ExactDistribution:
    """The Boltzmann distribution exp(-beta E) / Z of the free nodes, by enumeration.

    State number c has bit k of c at the k-th free node.

    Args:
        inputs: the clamped input the machine is conditioned on.
        spins: where the clamped nodes get their values from; may be left out if none is.

    Raises:
        ValueError: more than 20 free spins, or clamped nodes without values.
    """
    states = _all_states(graph, clamp, spins, _MOST_FREE_SPINS)
    energy = energies(graph, machine, np.asarray(inputs), states)
    return ExactDistribution(states, softmax(-beta * energy))


def _all_states(
    graph: BaseGraph, clamp: Clamp, spins: Bool[np.ndarray, " node"] | None, most: int
) -> Bool[np.ndarray, "state node"]:
    clamped, free = clamped_nodes(graph, clamp), free_nodes(graph, clamp)
    if len(free) > most:
        raise ValueError(
            f"{len(free)} free spins are too many to enumerate: use a graph with at most {most}"
        )
    if len(clamped) and spins is None:
        raise ValueError(f"clamp={clamp!r} fixes {len(clamped)} nodes: give their values as spins")
    states = np.zeros((2 ** len(free), graph.n_nodes), dtype=bool)
    if spins is not None:
        states[:, clamped] = np.asarray(spins)[clamped]
    states[:, free] = np.arange(len(states))[:, None] >> np.arange(len(free)) & 1
    return states


# --- what training minimises ---------------------------------------------------------------


def kl_divergence(p: Float[np.ndarray, " state"], q: Float[np.ndarray, " state"]) -> float:
    """KL(p || q) = sum_x p(x) ln p(x) / q(x) in nats; infinite if p has states that q never has.

    Raises:
        ValueError: not two distributions over equally many states.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    if p.ndim != 1 or p.shape != q.shape:
        raise ValueError(
            f"p has shape {p.shape} and q {q.shape}: give two distributions over the same states"
        )
    for name, values in (("p", p), ("q", q)):
        if (values < 0).any() or not np.isclose(values.sum(), 1):
            raise ValueError(
                f"{name} sums to {values.sum():.6g} and its least value is {values.min():.6g}: "
                "probabilities are not negative and sum to 1"
            )
    return float(rel_entr(p, q).sum())


def exact_kl(
    graph: BaseGraph,
    machine: IsingMachine,
    outputs: Bool[np.ndarray, "example visible"],
    inputs: Bool[np.ndarray, "example visible"],
    beta: float,
) -> float:
    """The KL divergence of examples to a step's P(output | input), in nats.

    KL = sum_in q(in) KL(q(out | in) || P(out | in)), where q counts the examples. It is the mean
    of -ln P(output | input) less the entropy q(out | in) has by itself, so that 0 is perfect; its
    gradient is `exact_kl_gradient`.

    Raises:
        ValueError: no examples, or more than 20 free spins.
    """
    outputs, inputs = _checked_examples(outputs, inputs)
    total = 0.0
    for noisier in np.unique(inputs, axis=0):
        p = exact_distribution(graph, machine, noisier, beta).marginal(graph.visible_nodes)
        seen = state_numbers(outputs[(inputs == noisier).all(axis=1)])
        q = np.bincount(seen, minlength=len(p)) / len(seen)
        total += len(seen) * kl_divergence(q, p)
    return total / len(outputs)


def exact_kl_gradient(
    graph: BaseGraph,
    machine: IsingMachine,
    outputs: Bool[np.ndarray, "example visible"],
    inputs: Bool[np.ndarray, "example visible"],
    beta: float,
) -> Parameters:
    """The gradient of the mean of -log P(output | input) over the examples, by enumeration.

    Raises:
        ValueError: no examples, or more than 20 free spins.
    """
    outputs, inputs = _checked_examples(outputs, inputs)
    nodes, edges = np.zeros(graph.n_nodes), np.zeros(graph.n_edges)
    for output, noisier in zip(outputs, inputs, strict=True):
        spins = np.zeros(graph.n_nodes, dtype=bool)
        spins[graph.visible_nodes] = output
        positive = exact_distribution(graph, machine, noisier, beta, "visible", spins)
        negative = exact_distribution(graph, machine, noisier, beta)
        nodes += positive.node_means() - negative.node_means()
        edges += positive.pair_means(graph) - negative.pair_means(graph)
    scale = -beta / len(outputs)
    biases = np.bincount(graph.bias_of_node, nodes, graph.n_biases)
    weights = np.bincount(graph.weight_of_edge, edges, graph.n_weights)
    return Parameters(*(jnp.asarray(scale * leaf, jnp.float32) for leaf in (biases, weights)))


def _checked_examples(
    outputs: Bool[np.ndarray, "example visible"], inputs: Bool[np.ndarray, "example visible"]
) -> tuple[Bool[np.ndarray, "example visible"], Bool[np.ndarray, "example visible"]]:
    outputs, inputs = np.asarray(outputs), np.asarray(inputs)
    if not len(outputs) or outputs.shape != inputs.shape:
        raise ValueError(
            f"outputs of shape {outputs.shape} and inputs of shape {inputs.shape}: give at least "
            "one example, and one input for every output"
        )
    return outputs, inputs


# --- the chain -----------------------------------------------------------------------------


def transition_matrix(
    graph: BaseGraph,
    machine: IsingMachine,
    inputs: Bool[np.ndarray, " visible"],
    beta: float,
    clamp: Clamp = "nothing",
    spins: Bool[np.ndarray, " node"] | None = None,
) -> Float[np.ndarray, "before after"]:
    """The probability of every state after one block-Gibbs sweep, given the state before.

    A sweep draws the free spins of colour 0, then 1, ... from their conditionals. Arguments and
    states are as in `exact_distribution`, whose probabilities p are stationary: p @ matrix == p.

    Raises:
        ValueError: more than 12 free spins, or clamped nodes without values.
    """
    states = _all_states(graph, clamp, spins, _MOST_FREE_SPINS_OF_A_MATRIX)
    logits = -beta * energies(graph, machine, np.asarray(inputs), states)
    colors = graph.colors[free_nodes(graph, clamp)]
    return _sweep(np.eye(len(states)), logits, colors, np.arange(graph.n_colors))


def second_eigenvalue(
    graph: BaseGraph,
    machine: IsingMachine,
    inputs: Bool[np.ndarray, " visible"],
    beta: float,
    clamp: Clamp = "nothing",
    spins: Bool[np.ndarray, " node"] | None = None,
) -> float:
    """The second largest modulus of the eigenvalues of `transition_matrix`, of the same arguments.

    The slowest mode of the chain falls by this factor a sweep: its time constant is
    -1 / ln(value) sweeps. It is 0 if one sweep forgets everything.

    With two colours a sweep is not reversible, yet all its eigenvalues are real and lie in
    [0, 1]: the spins of one colour, looked at once a sweep, are a chain of their own, and its
    operator is a conditional expectation times its adjoint. So the autocorrelation of a function
    of one colour, such as an image, is sum_j a_j lambda_j^lag with no negative a_j: it falls, at
    an ever slower rate. Of a function of both colours a_j may be negative, and with more than
    two colours eigenvalues may be complex.

    Raises:
        ValueError: more than 12 free spins, or clamped nodes without values.
    """
    states = _all_states(graph, clamp, spins, _MOST_FREE_SPINS_OF_A_MATRIX)
    logits = -beta * energies(graph, machine, np.asarray(inputs), states)
    free = free_nodes(graph, clamp)
    colors = graph.colors[free]
    # A product of matrices keeps its non-zero eigenvalues when its factors are rotated, and what
    # a sweep draws first is forgotten: begun at the largest colour, it is a chain of the others.
    largest = np.bincount(colors, minlength=graph.n_colors).argmax()
    order = np.roll(np.arange(graph.n_colors), -largest)
    of_others = state_numbers(states[:, free[colors != largest]])
    members = np.eye(of_others.max() + 1)[of_others]
    matrix = _sweep(members.T / members.sum(axis=0)[:, None], logits, colors, order) @ members
    moduli = np.sort(np.abs(np.linalg.eigvals(matrix)))
    return float(moduli[-2]) if len(moduli) > 1 else 0.0


def _sweep(
    probabilities: Float[np.ndarray, "row state"],
    logits: Float[np.ndarray, " state"],
    colors: Int[np.ndarray, " free"],
    order: Int[np.ndarray, " color"],
) -> Float[np.ndarray, "row state"]:
    """Every row's distribution after the free spins of each colour were drawn, in this order.

    Drawing a colour, the rest r fixed, turns p(s_color, r) into P(s_color | r) sum p(., r).
    """
    cube = (2,) * len(colors)  # one axis for each free spin, the first spin's last
    logits, rows = logits.reshape(cube), probabilities.reshape(-1, *cube)
    for color in order:
        axes = len(cube) - 1 - np.flatnonzero(colors == color)
        if len(axes):
            conditional = softmax(logits, axis=tuple(axes))
            rows = rows.sum(axis=tuple(axes + 1), keepdims=True) * conditional
    return rows.reshape(probabilities.shape)


def _signs(bits: Bool[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 2.0 * bits - 1.0
