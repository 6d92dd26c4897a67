"""Where visible nodes stand: every placement on every manager that uses the lattice."""

import numpy as np
import pytest

from thrmlDenoising import DTM, make_cfg
from thrmlDenoising.base_graphs import (
    MANAGERS,
    PLACEMENTS,
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)

pytestmark = pytest.mark.filterwarnings("ignore:no pixels are joined")

LATTICE = Lattice(20, ((0, 1), (4, 1)), torus=True)


def spec(placement: str, n_levels: int = 1, n_labels: int = 12) -> GraphSpec:
    return GraphSpec((6, 8), n_levels, n_labels, LATTICE, placement)


def binary_graph(placement: str, seed: int = 0) -> BaseGraph:
    return PoissonBinomialIsingGraphManager(spec(placement)).build_graph(seed)


def pixel_distances(
    graph: BaseGraph, row_step: int, column_step: int, side: int = LATTICE.side, shape=(6, 8)
) -> np.ndarray:
    """Grid distances on the torus between every pixel and the one so far from it in the image."""
    places = np.stack(np.divmod(graph.image_nodes, side), axis=-1).reshape(*shape, 2)
    far = places[row_step:, column_step:]
    near = places[: shape[0] - row_step, : shape[1] - column_step]
    steps = np.abs(far - near)
    return np.hypot(*np.moveaxis(np.minimum(steps, side - steps), -1, 0))


@pytest.mark.parametrize("placement", [*PLACEMENTS])
@pytest.mark.parametrize("manager", [*MANAGERS])
def test_every_bit_has_a_place_of_its_own_and_of_its_color(manager, placement):
    n_levels = 3
    built = MANAGERS[manager](spec(placement, n_levels))
    graph = built.build_graph(7)  # which refuses nodes with two roles
    assert len(graph.image_nodes) == built.n_image_bits
    assert len(graph.label_nodes) == 12
    rows, columns = np.indices((6, 8))
    both_colors = manager.startswith("convolved")
    wanted = (rows + columns) % 2 if both_colors else np.zeros((6, 8), int)
    wanted = np.repeat(wanted.ravel(), built.n_image_bits // 48)
    np.testing.assert_array_equal(graph.colors[graph.image_nodes], wanted)
    assert graph.colors[graph.label_nodes].sum() == (6 if both_colors else 0)


@pytest.mark.parametrize("placement", [*PLACEMENTS])
def test_no_colour_is_too_full(placement):
    """All 18 even places of a 6 x 6 grid taken: 15 pixels and 3 labels."""
    lattice = Lattice(6, ((0, 1),), torus=True)
    full = GraphSpec((3, 5), 1, 3, lattice, placement)
    graph = PoissonBinomialIsingGraphManager(full).build_graph(0)
    assert set(graph.visible_nodes) == set(np.flatnonzero(lattice.colors() == 0))


def test_scattered_bits_stand_in_raster_order_at_places_that_depend_on_the_seed():
    graph, other = binary_graph("scattered"), binary_graph("scattered", seed=1)
    for nodes in (graph.image_nodes, graph.label_nodes):
        assert (np.diff(nodes) > 0).all()
        assert nodes.dtype == np.int32
    assert (graph.image_nodes != other.image_nodes).any()


def test_every_scattered_place_is_equally_likely():
    """3000 graphs, 2 pixels and 2 labels on 8 places: each 750 times, sd 23.7; 6 sd allowed."""
    small = GraphSpec((1, 2), 1, 2, Lattice(4, ((0, 1),), torus=True))
    manager = PoissonBinomialIsingGraphManager(small)
    graphs = [manager.build_graph(seed) for seed in range(3000)]
    places = np.flatnonzero(graphs[0].colors == 0)
    for drawn in ([g.image_nodes for g in graphs], [g.label_nodes for g in graphs]):
        counts = np.bincount(np.concatenate(drawn), minlength=16)[places]
        assert np.abs(counts - 750).max() < 6 * np.sqrt(3000 * 0.25 * 0.75)


def test_raster_takes_the_first_places_without_gaps():
    graph = binary_graph("raster")
    even = np.flatnonzero(graph.colors == 0)
    np.testing.assert_array_equal(graph.image_nodes, even[:48])
    np.testing.assert_array_equal(graph.label_nodes, even[48:60])


def test_local_keeps_neighbours_near_in_both_directions():
    """6 x 8 pixels on 20 x 20 nodes: a pixel is a cell of 3.3 x 2.5 nodes.

    It may be off by half a cell, and by a node for the colour, either way.
    """
    graph = binary_graph("local")
    assert pixel_distances(graph, 0, 1).max() <= np.hypot(2.5 + 2, 3.4)
    assert pixel_distances(graph, 1, 0).max() <= np.hypot(3.4 + 3.4, 2)
    assert pixel_distances(graph, 3, 4).min() > pixel_distances(graph, 1, 1).max()
    labels = [binary_graph("local", seed).label_nodes for seed in (0, 1)]
    assert (labels[0] != labels[1]).any()
    np.testing.assert_array_equal(graph.image_nodes, binary_graph("local", seed=1).image_nodes)


@pytest.mark.parametrize("side", [44, 60, 70, 80])
def test_local_is_nearer_than_the_others(side):
    """On grids that 28 rows and columns do not divide as well as on those they do."""
    lattice = Lattice(side, ((0, 1),), torus=True)

    def farthest(placement: str) -> float:
        """Mean distance to the neighbour in the row or in the column, whichever is larger."""
        graph = PoissonBinomialIsingGraphManager(
            GraphSpec((28, 28), 1, 90, lattice, placement)
        ).build_graph(0)
        steps = ((0, 1), (1, 0))
        return max(pixel_distances(graph, *step, side, (28, 28)).mean() for step in steps)

    assert farthest("local") < 2 * side / 28  # nodes from a pixel to the next, and as many again
    assert farthest("local") < min(farthest("scattered"), farthest("raster"))


@pytest.mark.parametrize("placement", [*PLACEMENTS])
def test_the_config_chooses_the_placement(placement):
    cfg = make_cfg(graph=dict(graph_preset_architecture=44_12, placement=placement))
    nodes = DTM(cfg).steps[0].graph.image_nodes
    even = np.flatnonzero(cfg.graph.lattice.colors() == 0)
    if placement == "raster":
        np.testing.assert_array_equal(nodes, even[:784])
    else:
        assert (nodes != even[:784]).any()


def test_unknown_placements_are_refused():
    with pytest.raises(ValueError, match=r"graph.placement must be one of 'scattered', 'raster'"):
        make_cfg(graph=dict(placement="random"))
