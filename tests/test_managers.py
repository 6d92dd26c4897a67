"""What sets the managers apart: tied trials, edges within the image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy.stats import binom, chisquare
from tiny import FAST_SAMPLERS, rest_slow

from thrmlDenoising import make_cfg
from thrmlDenoising.base_graphs import (
    BinomialIsingGraphManager,
    ConvolvedPoissonBinomialIsingGraphManager,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.families.dtm.reverse import ObserveSpins
from thrmlDenoising.sampling import Chains, IsingMachine, Parameters, Schedule, sampler_type

pytestmark = pytest.mark.filterwarnings("ignore:no pixels are joined")

LATTICE = Lattice(8, ((0, 1), (4, 1)), torus=True)
SPEC = GraphSpec((3, 4), 3, 4, LATTICE)
SAMPLERS = [*FAST_SAMPLERS, "thrml"]


# --- binomial ------------------------------------------------------------------------------


def test_trials_of_a_pixel_share_everything():
    graph = BinomialIsingGraphManager(SPEC).build_graph(0)
    binary = PoissonBinomialIsingGraphManager(GraphSpec((3, 4), 1, 4, LATTICE)).build_graph(0)
    assert graph.n_nodes == 64 + 12 * 2
    assert (graph.n_biases, graph.n_weights) == (binary.n_biases, binary.n_weights)
    np.testing.assert_array_equal(graph.label_nodes, binary.label_nodes)
    weight = {
        (int(a), int(b)): int(number)
        for (a, b), number in zip(graph.edges, graph.weight_of_edge, strict=True)
    }
    weight |= {(b, a): number for (a, b), number in weight.items()}
    neighbours = [
        {(b, number) for (a, b), number in weight.items() if a == node}
        for node in range(graph.n_nodes)
    ]
    for pixel, trials in enumerate(graph.image_nodes.reshape(12, 3)):
        assert trials[0] == binary.image_nodes[pixel]
        assert len(set(graph.bias_of_node[trials])) == 1
        assert neighbours[trials[0]] == neighbours[trials[1]] == neighbours[trials[2]]
        assert len(neighbours[trials[0]]) == 8
    # Everything that is no image node is joined as before.
    others = np.setdiff1d(np.arange(64), graph.image_nodes)
    among = [tuple(edge) for edge in binary.edges.tolist() if np.isin(edge, others).all()]
    assert among == [tuple(edge) for edge in graph.edges.tolist() if np.isin(edge, others).all()]


def test_one_level_is_the_untied_graph():
    spec = GraphSpec((3, 4), 1, 4, LATTICE)
    tied = BinomialIsingGraphManager(spec).build_graph(3).to_arrays()
    untied = PoissonBinomialIsingGraphManager(spec).build_graph(3).to_arrays()
    for name, array in untied.items():
        np.testing.assert_array_equal(tied[name], array)


def one_pixel_counts(sampler: str, seed: int, input_level: int, coupling: float):
    """Levels of pixel 0 one half-sweep from fixed neighbours, and P(up) of a trial given them.

    A first sweep from the same state: image nodes are updated first, from hidden spins that are
    the same in all chains.
    """
    manager = BinomialIsingGraphManager(SPEC)
    graph = manager.build_graph(seed)
    rng = np.random.default_rng(seed)
    biases, weights = rng.normal(0, 0.3, graph.n_biases), rng.normal(0, 0.3, graph.n_weights)
    parameters = Parameters(jnp.asarray(biases, jnp.float32), jnp.asarray(weights, jnp.float32))
    n_chains, n_visible = 4096, len(graph.visible_nodes)
    start = rng.random(graph.n_nodes) < 0.5
    pixels = np.full((1, 12), input_level, np.uint8)
    inputs = np.concatenate([np.asarray(manager.encode(pixels))[0], np.zeros(4, bool)])
    sampled = (
        sampler_type(sampler)
        .from_graph(graph)
        .observe(
            jax.random.key(seed),
            IsingMachine(parameters, jnp.full(n_visible, coupling, jnp.float32)),
            Chains(
                jnp.tile(jnp.asarray(start), (n_chains, 1)),
                jnp.tile(jnp.asarray(inputs), (n_chains, 1)),
            ),
            Schedule.constant(1.0, 1, 1, 1),
            "nothing",
            ObserveSpins(jnp.asarray(graph.image_nodes)),
        )
    )
    levels = np.asarray(manager.decode(jnp.asarray(sampled[-1])))[:, 0]
    trial = graph.image_nodes[0]
    field = biases[graph.bias_of_node[trial]]
    for (a, b), number in zip(graph.edges, graph.weight_of_edge, strict=True):
        if trial in (a, b):
            field += weights[number] * (2.0 * start[b if a == trial else a] - 1)
    up, down = (1 / (1 + np.exp(-2 * (field + sign * coupling))) for sign in (1, -1))
    return levels, up, down


def misfit(levels: np.ndarray, probabilities: np.ndarray) -> float:
    """p-value of levels 0..3 against these probabilities."""
    counts = np.bincount(levels, minlength=4)
    return chisquare(counts, counts.sum() * probabilities).pvalue


@pytest.mark.parametrize("seed", rest_slow([0, 1, 2]))
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_given_its_neighbours_a_pixel_is_binomial(sampler, seed):
    """Binomial(n, sigmoid(2 beta f)) in closed form; with other odds the test must fail."""
    levels, up, _ = one_pixel_counts(sampler, seed, input_level=0, coupling=0.0)
    assert misfit(levels, binom.pmf(np.arange(4), 3, up)) > ALARM
    assert misfit(levels, binom.pmf(np.arange(4), 3, up + (0.15 if up < 0.5 else -0.15))) < ALARM


@pytest.mark.parametrize("seed", rest_slow([0, 1, 2]))
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_given_an_input_a_pixel_is_a_sum_of_two_binomials(sampler, seed):
    """2 of 3 trials of the input up: Binomial(2, p+) + Binomial(1, p-)."""
    levels, up, down = one_pixel_counts(sampler, seed, input_level=2, coupling=0.5)
    exact = np.convolve(binom.pmf([0, 1, 2], 2, up), binom.pmf([0, 1], 1, down))
    assert misfit(levels, exact) > ALARM
    exchanged = np.convolve(binom.pmf([0, 1, 2], 2, down), binom.pmf([0, 1], 1, up))
    assert misfit(levels, exchanged) < ALARM


# --- convolved -----------------------------------------------------------------------------


def convolved(jumps: tuple[tuple[int, int], ...], n_levels: int = 2) -> set[tuple[int, ...]]:
    """Pairs (pixel, trial, pixel, trial) that an edge joins, of a graph without lattice rules."""
    lattice = Lattice(8, ((0, 1),), torus=True)
    spec = GraphSpec((3, 4), n_levels, 4, lattice, image_jumps=jumps)
    graph = ConvolvedPoissonBinomialIsingGraphManager(spec).build_graph(0)
    plain = ConvolvedPoissonBinomialIsingGraphManager(
        GraphSpec((3, 4), n_levels, 4, lattice)
    ).build_graph(0)
    added = {tuple(edge) for edge in graph.edges.tolist()}
    kept = {tuple(edge) for edge in plain.edges.tolist()}
    assert kept == {tuple(edge) for edge in lattice.edges().tolist()}
    assert kept <= added
    bit = {int(node): divmod(number, n_levels) for number, node in enumerate(graph.image_nodes)}
    joined = {(*bit[a], *bit[b]) for a, b in added if a in bit and b in bit}
    return joined | {(*last, *first) for *first, x, y in joined for last in [(x, y)]}


@pytest.mark.parametrize("jumps", [((0, 1),), ((1, 2),), ((0, 1), (2, 1))])
def test_image_neighbours_are_joined_trial_by_trial(jumps):
    lattice_alone = convolved(())
    wanted = set()
    for pixel in range(12):
        row, column = divmod(pixel, 4)
        for a, b in jumps:
            for far_row, far_column in (
                (row + a, column + b),
                (row - b, column + a),
                (row - a, column - b),
                (row + b, column - a),
            ):
                if 0 <= far_row < 3 and 0 <= far_column < 4:  # no wrap
                    far = 4 * far_row + far_column
                    wanted |= {(pixel, trial, far, trial) for trial in range(2)}
    assert convolved(jumps) - lattice_alone == wanted - lattice_alone


def test_jumps_that_join_nothing_are_told():
    with pytest.warns(UserWarning, match="no pixels are joined: give graph.image_jumps"):
        ConvolvedPoissonBinomialIsingGraphManager(SPEC)
    too_long = GraphSpec((3, 4), 1, 4, LATTICE, image_jumps=((0, 1), (0, 5)))
    with pytest.raises(ValueError, match=r"image jump \(0, 5\) leads out of every image"):
        ConvolvedPoissonBinomialIsingGraphManager(too_long)


def test_label_spots_are_split_between_the_colors():
    """Four spots of five classes: every class has two spots on each colour."""
    spec = GraphSpec((3, 4), 1, 20, LATTICE)
    graph = ConvolvedPoissonBinomialIsingGraphManager(spec).build_graph(0)
    colors = graph.colors[graph.label_nodes].reshape(4, 5)
    np.testing.assert_array_equal(colors.sum(axis=0), [2] * 5)


def test_presets_and_rules_say_which_pixels_are_joined():
    def graph_cfg(**fields):
        return make_cfg(graph=dict(base_graph_manager="convolved_poisson_binomial", **fields)).graph

    assert graph_cfg(graph_preset_architecture=60_12_2).jumps == ((0, 1), (1, 2))
    assert graph_cfg(graph_preset_architecture=60_12, image_jumps=((0, 3),)).jumps == ((0, 3),)
    own = dict(side=60, connection_rules=((0, 1), (4, 1)))
    assert graph_cfg(**own, image_jumps=((0, 1),)).jumps == ((0, 1),)
    assert graph_cfg(**own).jumps == ()
    with pytest.raises(ValueError, match="has image jumps of its own: give one"):
        graph_cfg(graph_preset_architecture=60_12_1, image_jumps=((0, 1),))
    with pytest.raises(
        ValueError, match=r"graph.image_jumps: \[\(1, 1\)\] join pixels of one colour"
    ):
        graph_cfg(image_jumps=((1, 1),))


@pytest.mark.parametrize(
    "fields", [{"graph_preset_architecture": 60_12_1}, {"image_jumps": ((0, 1),)}]
)
@pytest.mark.parametrize("manager", ["binomial", "poisson_binomial", "binary_representation"])
def test_other_managers_refuse_image_jumps(manager, fields):
    with pytest.raises(ValueError, match="joins no pixels of the image"):
        make_cfg(graph=dict(base_graph_manager=manager, **fields))
