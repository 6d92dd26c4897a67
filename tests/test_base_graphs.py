"""Lattices, presets, placement, encodings, and what users get wrong about them."""

import re
from collections import Counter
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import int32, three_colored_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from thrmlDenoising.base_graphs import (
    MANAGERS,
    AbstractBaseGraphManager,
    BaseGraph,
    BinaryRepresentationGraphManager,
    BinomialIsingGraphManager,
    ConvolvedPoissonBinomialIsingGraphManager,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
    check_encoding,
    parse_preset,
    preset_names,
    resolve_manager,
)

pytestmark = pytest.mark.filterwarnings("ignore:no pixels are joined")

SMALL = Lattice(4, ((0, 1),), torus=False)

odd_rules = st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda rule: sum(rule) % 2)


def neighbours(lattice: Lattice, x: int, y: int) -> set[int]:
    """The definition: (x+a, y+b), (x-b, y+a), (x-a, y-b), (x+b, y-a), node (x, y) = x L + y."""
    found = set()
    for a, b in lattice.rules:
        for far_x, far_y in ((x + a, y + b), (x - b, y + a), (x - a, y - b), (x + b, y - a)):
            if lattice.torus:
                found.add(far_x % lattice.side * lattice.side + far_y % lattice.side)
            elif 0 <= far_x < lattice.side and 0 <= far_y < lattice.side:
                found.add(far_x * lattice.side + far_y)
    return found


# --- lattices ------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.lists(odd_rules, min_size=1, max_size=3), st.booleans())
def test_edges_are_those_of_the_definition(side, rules, torus):
    lattice = Lattice(2 * side if torus else side, tuple(rules), torus)
    lattice.check()
    edges, colors = lattice.edges(), lattice.colors()
    wanted = {
        (min(node, far), max(node, far))
        for node in range(lattice.n_nodes)
        for far in neighbours(lattice, *divmod(node, lattice.side))
    }
    assert {tuple(edge) for edge in edges.tolist()} == wanted
    assert len(edges) == len(wanted)  # each once
    assert (colors[edges[:, 0]] != colors[edges[:, 1]]).all()
    assert edges.dtype == colors.dtype == np.int32


def test_colors_are_a_chessboard():
    colors = Lattice(4, ((0, 1),), torus=True).colors().reshape(4, 4)
    np.testing.assert_array_equal(colors, [[0, 1, 0, 1], [1, 0, 1, 0]] * 2)


def test_without_a_torus_nothing_wraps():
    """A 3 x 3 grid: 4 corners of degree 2, 4 sides of degree 3, a centre of degree 4."""
    edges = Lattice(3, ((0, 1),), torus=False).edges()
    degrees = np.bincount(edges.ravel()).reshape(3, 3)
    np.testing.assert_array_equal(degrees, [[2, 3, 2], [3, 4, 3], [2, 3, 2]])
    assert len(Lattice(3, ((4, 1),), torus=False).edges()) == 0


@pytest.mark.parametrize(
    ("lattice", "words"),
    [
        (Lattice(61, ((0, 1),), True), r"side=61 with torus=True .* use an even side"),
        (Lattice(8, ((0, 1), (2, 4)), True), r"\[\(2, 4\)\].*a \+ b must be odd"),
        (Lattice(0, ((0, 1),), False), "side=0"),
    ],
)
def test_lattices_that_cannot_be_colored_are_refused(lattice, words):
    with pytest.raises(ValueError, match=words):
        lattice.check()
    with pytest.raises(ValueError, match=words):
        PoissonBinomialIsingGraphManager(GraphSpec((1, 1), 1, 0, lattice))


# --- presets -------------------------------------------------------------------------------

SHORT = [(0, 1), (4, 1), (10, 9), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35)]
LONG = [(0, 1), (6, 1), (12, 5), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35), (34, 29)]
LONG += [(47, 20), (4, 5), (2, 9), (1, 14), (17, 8), (8, 21)]
LONG += [(11, 26), (21, 24), (31, 18), (23, 34)]
LONG_PRESETS = {"70_36", "70_52", "60_40", "60_44", "120_36"}
LONG_PRESETS |= {"80_24", "80_36", "80_48", "80_60", "100_40", "100_60", "100_76"}
LONG_PRESETS |= {"60_24", "90_36", "90_44", "108_60", "120_24", "120_72", "180_36", "180_72"}
SHORT_PRESETS = {"3_4", "4_4", "6_4", "8_8", "20_8", "42_8", "70_24", "60_32", "140_12", "150_12"}
SHORT_PRESETS |= {f"{side}_{d}" for side in (44, 50, 60, 70, 80, 90) for d in (8, 12, 16, 20)}
REPLICATION_PRESETS = [name for name in preset_names() if not name.endswith("_paper")]


def test_the_presets_are_the_published_ones():
    assert set(REPLICATION_PRESETS) == SHORT_PRESETS | LONG_PRESETS
    assert len(preset_names()) == len(set(preset_names()))
    for name in REPLICATION_PRESETS:
        side, degree = map(int, name.split("_"))
        rules = (LONG if name in LONG_PRESETS else SHORT)[: degree // 4]
        assert parse_preset(name) == (side, tuple(rules), degree, ())


def test_the_papers_own_tables_stand_beside_them():
    paper = {name for name in preset_names() if name.endswith("_paper")}
    assert paper == {f"{side}_16_paper" for side in (44, 50, 60, 70, 80, 90)}
    assert parse_preset("70_16_paper").rules == ((0, 1), (4, 1), (8, 7), (14, 9))
    assert parse_preset("70_16").rules == ((0, 1), (4, 1), (10, 9), (11, 14))


def test_a_third_number_joins_pixels():
    plain = parse_preset(70_36)
    for n, jumps in enumerate([((0, 1),), ((0, 1), (1, 2)), ((0, 1), (1, 2), (2, 1))], start=1):
        assert parse_preset(f"70_36_{n}") == plain._replace(image_jumps=jumps)
    assert parse_preset(70_36_1) == parse_preset(70361) == parse_preset("70_36_1")
    # Degree 24 is of another family on 70 than on 60, 80 and 120.
    assert parse_preset(60_24_1).rules == parse_preset(120_24_1).rules == tuple(LONG[:6])
    assert parse_preset(70_24_1).rules == tuple(SHORT[:6])
    with pytest.raises(ValueError, match="unknown graph preset '70_36_5'"):
        parse_preset("70_36_5")


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.slow
def test_every_node_of_a_preset_has_its_degree(name):
    preset = parse_preset(name)
    torus = preset.side % 2 == 0
    lattice = Lattice(preset.side, preset.rules, torus)
    lattice.check()
    edges = lattice.edges()
    degrees = np.bincount(edges.ravel(), minlength=lattice.n_nodes)
    if torus:
        assert set(degrees) == {preset.degree}
        assert len(edges) == lattice.n_nodes * preset.degree // 2
    else:
        assert name == "3_4"
        assert degrees.max() == preset.degree


def test_ints_name_presets_without_ambiguity():
    names = [*REPLICATION_PRESETS]
    names += [f"{name}_{n}" for name in REPLICATION_PRESETS for n in (1, 2, 3, 4)]
    numbers = Counter(int(name.replace("_", "")) for name in names)
    assert max(numbers.values()) == 1
    for name in names:
        assert parse_preset(int(name)) == parse_preset(name)
    assert parse_preset(60_12) == parse_preset(6012) == parse_preset("60_12")
    assert parse_preset(6_4) == parse_preset(64) == parse_preset("6_4")


@pytest.mark.parametrize("unknown", [61_12, "60_13", "60-12", "", 60])
def test_unknown_presets_are_refused_with_the_known_ones(unknown):
    with pytest.raises(ValueError, match=re.escape(f"{unknown!r}") + r".*44_12.*connection_rules"):
        parse_preset(unknown)


# --- fitting an image onto a lattice --------------------------------------------------------


def test_too_many_visible_nodes_are_refused():
    lattice = Lattice(4, ((0, 1),), torus=True)
    with pytest.raises(ValueError, match=r"7 pixels .* 2 label nodes want 9 .* places for 8"):
        PoissonBinomialIsingGraphManager(GraphSpec((1, 7), 1, 2, lattice))


def test_odd_sides_offer_the_larger_color():
    lattice = Lattice(3, ((0, 1),), torus=False)  # five even places, four odd ones
    graph = PoissonBinomialIsingGraphManager(GraphSpec((1, 5), 1, 0, lattice)).build_graph(0)
    np.testing.assert_array_equal(graph.image_nodes, [0, 2, 4, 6, 8])
    with pytest.raises(ValueError, match="places for 5"):
        PoissonBinomialIsingGraphManager(GraphSpec((1, 6), 1, 0, lattice))


@pytest.mark.parametrize("manager_type", [*MANAGERS.values()])
def test_a_seed_is_a_graph(manager_type):
    lattice = Lattice(12, ((0, 1),), torus=True)
    manager = manager_type(GraphSpec((5, 6), 1, 5, lattice))
    one, same, other = (manager.build_graph(seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.visible_nodes, same.visible_nodes)
    assert (one.visible_nodes != other.visible_nodes).any()
    np.testing.assert_array_equal(one.edges, same.edges)


# --- encodings -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:binary_representation")
@pytest.mark.parametrize("n_levels", [1, 2, 3, 5, 7, 8, 255])
@pytest.mark.parametrize("manager_type", [*MANAGERS.values()])
def test_decoding_undoes_encoding_at_every_level(manager_type, n_levels):
    lattice = Lattice(80, ((0, 1),), torus=False)
    manager = manager_type(GraphSpec((2, 3), n_levels, 0, lattice))
    levels = np.arange(n_levels + 1, dtype=np.uint8)
    pixels = np.stack([np.roll(np.resize(levels, 6), k) for k in range(n_levels + 1)])
    pixels[:, 0] = levels
    bits = jax.jit(manager.encode)(pixels)
    assert bits.shape == (n_levels + 1, manager.n_image_bits)
    assert bits.dtype == bool
    decoded = jax.jit(manager.decode)(bits)
    assert decoded.dtype == jnp.uint8
    np.testing.assert_array_equal(decoded, pixels)
    np.testing.assert_array_equal(manager.decode(bits[0]), pixels[0])  # and without a batch
    check_encoding(manager)


def test_thermometer_codes_never_have_a_one_after_a_zero():
    manager = PoissonBinomialIsingGraphManager(GraphSpec((1, 1), 5, 0, SMALL))
    codes = np.asarray(manager.encode(np.arange(6)[:, None])).astype(int)
    assert (np.diff(codes, axis=1) <= 0).all()
    np.testing.assert_array_equal(codes.sum(axis=1), np.arange(6))


def test_poisson_binomial_counts_ones_wherever_they_stand():
    manager = PoissonBinomialIsingGraphManager(GraphSpec((1, 2), 3, 0, SMALL))
    bits = jnp.array([[0, 1, 1, 1, 0, 0]], bool)
    np.testing.assert_array_equal(manager.decode(bits), [[2, 1]])


@pytest.mark.filterwarnings("ignore:binary_representation")
def test_binary_digits_stand_lowest_first_and_unused_codes_are_the_top_level():
    manager = BinaryRepresentationGraphManager(GraphSpec((1, 2), 5, 0, SMALL))
    np.testing.assert_array_equal(manager.encode(np.array([4, 3])), [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(manager.decode(jnp.array([1, 1, 1, 0, 1, 1], bool)), [5, 5])


@pytest.mark.parametrize(("n_levels", "n_bits", "n_wasted"), [(2, 2, 1), (4, 3, 3), (10, 4, 5)])
def test_wasted_codes_are_counted_in_a_warning(n_levels, n_bits, n_wasted):
    spec = GraphSpec((1, 2), n_levels, 0, SMALL)
    with pytest.warns(UserWarning, match=rf"wastes {n_wasted} of its {2**n_bits} states"):
        manager = BinaryRepresentationGraphManager(spec)
    assert manager.n_image_bits == 2 * n_bits
    decoded = manager.decode(jnp.ones((1, 2 * n_bits), bool))
    np.testing.assert_array_equal(decoded, [[n_levels, n_levels]])


@pytest.mark.parametrize("n_levels", [1, 3, 7])
def test_nothing_is_warned_about_where_no_code_is_wasted(n_levels, recwarn):
    BinaryRepresentationGraphManager(GraphSpec((1, 2), n_levels, 0, SMALL))
    assert not recwarn.list


# --- managers by name ----------------------------------------------------------------------


def test_managers_are_found_by_full_name_short_name_and_class():
    for name, wanted in (
        ("poisson_binomial_ising_graph_manager", PoissonBinomialIsingGraphManager),
        ("poisson_binomial", PoissonBinomialIsingGraphManager),
        ("binary_representation_graph_manager", BinaryRepresentationGraphManager),
        ("binary_representation_ising_graph_manager", BinaryRepresentationGraphManager),
        (
            "convolved_poisson_binomial_ising_graph_manager",
            ConvolvedPoissonBinomialIsingGraphManager,
        ),
        ("binary_representation", BinaryRepresentationGraphManager),
        ("binomial_ising_graph_manager", BinomialIsingGraphManager),
        ("binomial", BinomialIsingGraphManager),
        ("convolved_poisson_binomial", ConvolvedPoissonBinomialIsingGraphManager),
        (BinaryRepresentationGraphManager, BinaryRepresentationGraphManager),
    ):
        assert resolve_manager(name) is wanted
    with pytest.raises(ValueError, match="did you mean 'poisson_binomial'"):
        resolve_manager("poison_binomial")
    with pytest.raises(ValueError, match="int is no base-graph manager"):
        resolve_manager(int)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="class of the user's own: give yours"):
        resolve_manager("custom_base_graph_manager")


def test_a_manager_written_for_dtm_replication_is_told_what_to_write():
    class Theirs(AbstractBaseGraphManager):
        def make_base_graph(self, key, graph_preset_arch, n_image_pixels, n_label_nodes, torus):
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"Theirs is written for.*encode, decode and build_graph"):
        resolve_manager(Theirs)


# --- graphs built by hand ------------------------------------------------------------------


def test_a_graph_survives_being_saved():
    graph = three_colored_graph()
    again = BaseGraph.from_arrays(graph.to_arrays())
    for name, array in graph.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])
    with pytest.raises(ValueError, match=r"lacks the arrays .*colors"):
        BaseGraph.from_arrays({"edges": graph.edges})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": int32(0, 1, 2)}, r"shape \(3,\)"),
        ({"edges": int32((0, 1), (0, 6))}, r"edge \(0, 6\) names a node outside 0..5"),
        ({"colors": int32(0, 1, 2, 0, 1, -1)}, "colors .* without gaps"),
        ({"colors": int32(0, 1, 4, 0, 1, 4)}, "colors .* without gaps"),
        ({"colors": np.array([0, 1, 2, 0, 1, 2])}, "colors has dtype int64: use int32"),
        ({"colors": np.zeros((6, 1), np.int32)}, r"colors has shape \(6, 1\)"),
        ({"label_nodes": np.array(5, np.int32)}, r"label_nodes has shape \(\)"),
        ({"label_nodes": np.array([5.0])}, "label_nodes has dtype float64: use int32"),
        ({"edges": int32((0, 1), (-1, 2))}, "a node outside 0..5"),
        ({"edges": int32((0, 1), (0, 3))}, "two nodes of colour 0 .1 such edges"),
        ({"edges": int32((0, 1), (2, 2))}, "two nodes of colour 2"),
        ({"edges": int32((0, 1), (1, 2), (1, 0))}, "an edge stands twice"),
        ({"bias_of_node": int32(0, 1, 2)}, "bias_of_node has 3 entries, the graph needs 6"),
        ({"bias_of_node": int32(0, 1, 1, 3, 3, 3)}, "bias_of_node .* without gaps"),
        ({"weight_of_edge": int32(*range(1, 9))}, "weight_of_edge .* without gaps"),
        ({"weight_of_edge": int32(-1, *range(7))}, "weight_of_edge .* without gaps"),
        ({"image_nodes": int32(3, 6)}, "outside 0..5"),
        ({"image_nodes": int32(3, 3)}, "two roles"),
        ({"label_nodes": int32(3)}, "two roles"),
    ],
)
def test_impossible_graphs_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(three_colored_graph(), **changes)


def test_a_visible_node_without_an_edge_is_refused():
    edges, colors = int32((0, 1)), int32(0, 1, 0)
    with pytest.raises(ValueError, match="visible node 2 has no edge"):
        BaseGraph.untied(edges, colors, int32(2), int32())
    assert BaseGraph.untied(edges, colors, int32(0), int32()).n_nodes == 3  # hidden: allowed


def test_tied_numbers_are_counted_once():
    graph = replace(
        three_colored_graph(),
        bias_of_node=int32(0, 0, 1, 1, 0, 2),
        weight_of_edge=int32(1, 0, 0, 1, 0, 0, 0, 0),
    )
    assert (graph.n_biases, graph.n_weights, graph.n_colors) == (3, 2, 3)


def test_a_graph_has_nodes():
    nothing = int32()
    with pytest.raises(ValueError, match="at least one node"):
        BaseGraph.untied(nothing.reshape(0, 2), nothing, nothing, nothing)
