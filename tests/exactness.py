"""Small machines solved by hand, and the statistics that hold samples against them.

Written from the energy

    E = - sum_edges J_ij s_i s_j - sum_i h_i s_i - sum_visible w_i s_i s_in,i

and the definition of a sweep alone: nothing here uses the library's own enumeration.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit
from scipy.stats import chi2, norm, t

from thrmlDenoising.base_graphs import (
    AbstractBaseGraphManager,
    BaseGraph,
    BinaryRepresentationGraphManager,
    BinomialIsingGraphManager,
    ConvolvedPoissonBinomialIsingGraphManager,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.families.dtm.reverse import ObserveSpins
from thrmlDenoising.sampling import (
    AbstractSampler,
    Chains,
    Clamp,
    IsingMachine,
    Parameters,
    Schedule,
    clamped_nodes,
)

ALARM = 1e-7
"""Chance that one statistical comparison of a correct program fails.

All files together make fewer than 2000 comparisons a run: less than 2e-4 for the whole."""

_SMALLEST_EXPECTATION = 10
"""Cells expected to hold fewer samples are pooled, for the chi-square tail to be right."""


class Setting(NamedTuple):
    """A machine under several conditions: each has an input and a state to start from."""

    graph: BaseGraph
    machine: IsingMachine
    clamp: Clamp
    starts: Bool[np.ndarray, "condition node"]
    inputs: Bool[np.ndarray, "condition visible"]

    @property
    def clamped(self) -> Int[np.ndarray, " clamped"]:
        return clamped_nodes(self.graph, self.clamp)

    @property
    def free(self) -> Int[np.ndarray, " free"]:
        return np.setdiff1d(np.arange(self.graph.n_nodes), self.clamped)

    def chains(self, n_per_condition: int) -> Chains:
        """All chains of condition 0, then all of condition 1, ..."""
        return Chains(
            jnp.repeat(jnp.asarray(self.starts), n_per_condition, axis=0),
            jnp.repeat(jnp.asarray(self.inputs), n_per_condition, axis=0),
        )


def observe_all(graph: BaseGraph) -> ObserveSpins:
    return ObserveSpins(jnp.arange(graph.n_nodes))


class TinyCase(NamedTuple):
    """A manager whose graphs have a 3 x 3 grid: two image bits, two labels, five hidden spins.

    The seeds leave the centre of the grid hidden: placements differ while the tables of most
    cases have equal shapes, and a sampler is compiled once for them. Tied trials are a tenth
    spin; convolved graphs have visible nodes of both colours, joined to each other.
    """

    manager: type[AbstractBaseGraphManager]
    n_pixels: int
    n_levels: int
    graph_seed: int
    image_jumps: tuple[tuple[int, int], ...] = ()

    def build_manager(self) -> AbstractBaseGraphManager:
        lattice = Lattice(3, ((0, 1), (2, 1)), torus=False)
        shape = (1, self.n_pixels)
        spec = GraphSpec(shape, self.n_levels, 2, lattice, image_jumps=self.image_jumps)
        return self.manager(spec)

    def build_graph(self) -> BaseGraph:
        return self.build_manager().build_graph(self.graph_seed)


TINY_CASES = {
    "poisson_binomial, 1 level": TinyCase(PoissonBinomialIsingGraphManager, 2, 1, 14),
    "poisson_binomial, 2 levels": TinyCase(PoissonBinomialIsingGraphManager, 1, 2, 16),
    "binary_representation, 3 levels": TinyCase(BinaryRepresentationGraphManager, 1, 3, 37),
    "binomial, 2 levels": TinyCase(BinomialIsingGraphManager, 1, 2, 14),
    "convolved": TinyCase(ConvolvedPoissonBinomialIsingGraphManager, 2, 1, 5, ((0, 1),)),
}


def int32(*numbers) -> np.ndarray:
    return np.array(numbers, dtype=np.int32)


def three_colored_graph() -> BaseGraph:
    """Three triangles in a row, neighbours sharing an edge, and a tail: degrees 1 to 4."""
    edges = int32((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (3, 4), (2, 4), (4, 5))
    colors = int32(0, 1, 2, 0, 1, 2)
    return BaseGraph.untied(edges, colors, int32(3, 0), int32(5))


def tied_graph() -> BaseGraph:
    """The same graph with three biases and four weights for six nodes and eight edges."""
    untied = three_colored_graph()
    return BaseGraph(
        untied.edges,
        untied.colors,
        untied.image_nodes,
        untied.label_nodes,
        bias_of_node=int32(0, 1, 1, 0, 2, 2),
        weight_of_edge=int32(3, 0, 0, 1, 2, 2, 2, 1),
    )


def random_machine(rng: np.random.Generator, graph: BaseGraph, scale: float = 0.5) -> IsingMachine:
    n_visible = len(graph.visible_nodes)
    return IsingMachine(
        Parameters(
            jnp.asarray(rng.normal(0, scale, graph.n_biases), jnp.float32),
            jnp.asarray(rng.normal(0, scale, graph.n_weights), jnp.float32),
        ),
        jnp.asarray(rng.uniform(0.3, 1.0, n_visible), jnp.float32),
    )


def random_setting(
    seed: int, graph: BaseGraph, clamp: Clamp = "nothing", n_conditions: int = 3
) -> Setting:
    rng = np.random.default_rng(seed)
    return Setting(
        graph,
        random_machine(rng, graph),
        clamp,
        starts=rng.random((n_conditions, graph.n_nodes)) < 0.5,
        inputs=rng.random((n_conditions, len(graph.visible_nodes))) < 0.5,
    )


# --- exact distributions -------------------------------------------------------------------


def all_states(setting: Setting, condition: int) -> Bool[np.ndarray, "state node"]:
    """State number c has bit k of c at the k-th free node, and clamped nodes as they started."""
    n_free = len(setting.free)
    states = np.tile(setting.starts[condition], (2**n_free, 1))
    states[:, setting.free] = np.arange(2**n_free)[:, None] >> np.arange(n_free) & 1
    return states


def state_numbers(
    setting: Setting, spins: Bool[np.ndarray, "*batch node"]
) -> Int[np.ndarray, "*batch"]:
    return spins[..., setting.free] @ (1 << np.arange(len(setting.free)))


def _dense(
    setting: Setting, condition: int
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, "node node"]]:
    """The field that does not depend on other spins, and the symmetric coupling matrix."""
    graph, (parameters, input_couplings) = setting.graph, setting.machine
    field = np.asarray(parameters.biases, float)[graph.bias_of_node]
    signs = 2.0 * setting.inputs[condition] - 1
    field[graph.visible_nodes] += np.asarray(input_couplings, float) * signs
    matrix = np.zeros((graph.n_nodes, graph.n_nodes))
    weights = np.asarray(parameters.weights, float)[graph.weight_of_edge]
    matrix[graph.edges[:, 0], graph.edges[:, 1]] = weights
    return field, matrix + matrix.T


def boltzmann(setting: Setting, condition: int, beta: float) -> Float[np.ndarray, " state"]:
    """exp(-beta E) / Z over `all_states`."""
    field, matrix = _dense(setting, condition)
    spins = 2.0 * all_states(setting, condition) - 1
    minus_energy = spins @ field + 0.5 * ((spins @ matrix) * spins).sum(axis=1)
    weights = np.exp(beta * (minus_energy - minus_energy.max()))
    return weights / weights.sum()


def start_at(setting: Setting, condition: int) -> Float[np.ndarray, " state"]:
    """All probability on the state the condition starts from."""
    probabilities = np.zeros(2 ** len(setting.free))
    probabilities[state_numbers(setting, setting.starts[condition])] = 1
    return probabilities


def sweep(
    setting: Setting, condition: int, beta: float, probabilities: Float[np.ndarray, " state"]
) -> Float[np.ndarray, " state"]:
    """The exact distribution one sweep later.

    The new spins of a colour depend on the other colours only: the distribution becomes the
    marginal of the others times the conditionals sigmoid(2 beta s_i f_i).
    """
    field, matrix = _dense(setting, condition)
    spins = 2.0 * all_states(setting, condition) - 1
    conditionals = expit(2 * beta * spins * (spins @ matrix + field))
    numbers = np.arange(len(spins))
    for color in range(setting.graph.n_colors):
        moving = np.flatnonzero(setting.graph.colors[setting.free] == color)
        others = numbers & ~np.sum(1 << moving, dtype=int)
        marginal = np.bincount(others, probabilities, len(spins))[others]
        probabilities = marginal * conditionals[:, setting.free[moving]].prod(axis=1)
    return probabilities


def sweeps(
    setting: Setting, condition: int, betas: Sequence[float] | np.ndarray
) -> list[Float[np.ndarray, " state"]]:
    """The exact distribution after each sweep of a run that begins at the condition's start."""
    distributions = [start_at(setting, condition)]
    for beta in betas:
        distributions.append(sweep(setting, condition, float(beta), distributions[-1]))
    return distributions[1:]


def each_condition(setting: Setting) -> range:
    return range(len(setting.starts))


def expected_means(
    setting: Setting, condition: int, probabilities: Float[np.ndarray, " state"]
) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " edge"]]:
    """<s_i> and <s_i s_j> over nodes and edges."""
    spins = 2.0 * all_states(setting, condition) - 1
    edges = setting.graph.edges
    return probabilities @ spins, probabilities @ (spins[:, edges[:, 0]] * spins[:, edges[:, 1]])


# --- samples -------------------------------------------------------------------------------


def observe(
    sampler: AbstractSampler, setting: Setting, schedule: Schedule, seed: int, n_chains: int
) -> Bool[np.ndarray, "sample condition chain node"]:
    """All spins of independent chains, `n_chains` for each condition."""
    observed = sampler.observe(
        jax.random.key(seed),
        setting.machine,
        setting.chains(n_chains),
        schedule,
        setting.clamp,
        observe_all(setting.graph),
    )
    shape = (schedule.n_samples, len(setting.starts), n_chains, setting.graph.n_nodes)
    return np.asarray(observed).reshape(shape)


def chain_means(
    spins: Bool[np.ndarray, "sample *chain node"], graph: BaseGraph
) -> Float[np.ndarray, "*chain node_or_edge"]:
    """Every chain's own averages of s_i, then of s_i s_j."""
    signs = 2.0 * spins - 1
    pairs = signs[..., graph.edges[:, 0]] * signs[..., graph.edges[:, 1]]
    return np.concatenate([signs.mean(axis=0), pairs.mean(axis=0)], axis=-1)


# --- statistics ----------------------------------------------------------------------------


def fit_p_value(
    counts: Int[np.ndarray, "condition state"], probabilities: Sequence[np.ndarray] | np.ndarray
) -> float:
    """Pearson's chi-square test of independent samples against whole distributions.

    In each condition the rarest cells are pooled until they, too, expect enough samples.
    """
    statistic, freedom = 0.0, 0
    for observed, wanted in zip(counts, probabilities, strict=True):
        order = np.argsort(wanted)
        expected = observed.sum() * wanted[order]
        before = np.cumsum(expected) - expected
        pooled = (expected < _SMALLEST_EXPECTATION) | (before < _SMALLEST_EXPECTATION)
        groups = np.cumsum(~pooled)
        observed_of_group = np.bincount(groups, observed[order])
        expected_of_group = np.bincount(groups, expected)
        statistic += ((observed_of_group - expected_of_group) ** 2 / expected_of_group).sum()
        freedom += groups[-1]
    return float(chi2.sf(statistic, freedom))


def samples_p_value(
    setting: Setting,
    spins: Bool[np.ndarray, "condition chain node"],
    probabilities: Sequence[np.ndarray] | np.ndarray,
) -> float:
    """`fit_p_value` of one state per chain."""
    numbers = state_numbers(setting, spins)
    counts = np.stack([np.bincount(row, minlength=len(probabilities[0])) for row in numbers])
    return fit_p_value(counts, probabilities)


def sign_errors(
    means: Float[np.ndarray, "*quantity"], n_independent: int
) -> Float[np.ndarray, "*quantity"]:
    """Standard errors of averages of independent values +-1 with these expectations."""
    return np.sqrt(np.maximum(1 - means**2, 0) / n_independent)


def means_p_value(
    differences: Float[np.ndarray, " quantity"],
    standard_errors: Float[np.ndarray, " quantity"],
    n_chains: int,
) -> float:
    """The chance of a largest |difference / error| like this, were all true differences zero.

    Student's t with as many degrees of freedom as chains less one, Bonferroni over quantities.
    A quantity that never varies must agree to rounding.
    """
    scores = np.abs(differences) / np.maximum(standard_errors, 1e-6)
    return float(min(1.0, len(scores) * 2 * t.sf(scores.max(), n_chains - 1)))


def scores_p_value(scores: np.ndarray) -> float:
    """The chance of a largest |score| like this among so many standard normal ones."""
    return float(min(1.0, scores.size * 2 * norm.sf(np.abs(scores).max())))
