"""Pictures of graphs: what they mark, where nodes stand, and what a class pulls at."""

from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from exactness import int32
from PIL import Image
from tiny import tiny_cfg

from thrmlDenoising import DTM
from thrmlDenoising.base_graphs import (
    MANAGERS,
    AbstractBaseGraphManager,
    BaseGraph,
    BinaryRepresentationGraphManager,
    BinomialIsingGraphManager,
    ConvolvedPoissonBinomialIsingGraphManager,
    GraphSpec,
    Lattice,
    LatticeGraphManager,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.plots import draw_graph, draw_weights
from thrmlDenoising.plots.graphs import (
    degrees_of,
    layout_of,
    lines_between,
    neighbours_of,
    roles_of,
)
from thrmlDenoising.plots.weights import bit_shares, class_pulls, pixel_biases, pixel_strengths

RULES = ((0, 1), (2, 1))


@dataclass
class Step:
    """As much of a step as the pictures ask for."""

    graph: BaseGraph
    weights: np.ndarray
    biases: np.ndarray
    manager: AbstractBaseGraphManager


class OwnManager(PoissonBinomialIsingGraphManager):
    """Every visible node is joined to every one of five hidden: no lattice at all."""

    def build_graph(self, seed):
        n_bits = self.n_image_bits
        n_visible = n_bits + self.n_label_nodes
        visible, hidden = np.indices((n_visible, 5)).reshape(2, -1)
        return BaseGraph.untied(
            np.stack([visible, n_visible + hidden], axis=1).astype(np.int32),
            np.repeat(int32(0, 1), (n_visible, 5)),
            np.arange(n_bits, dtype=np.int32),
            np.arange(n_bits, n_visible, dtype=np.int32),
        )


class MajorityManager(LatticeGraphManager):
    """A pixel is on if two of its three bits are."""

    def encode(self, pixels):
        return jnp.repeat(jnp.asarray(pixels) > 0, 3, axis=-1)

    def decode(self, bits):
        votes = bits.reshape(*bits.shape[:-1], self.n_pixels, 3).sum(axis=-1)
        return (votes >= 2).astype(jnp.uint8)


ALL_MANAGERS = {**MANAGERS, "own": OwnManager, "majority": MajorityManager}
LEVELS = {"majority": 1}


def spec_of(manager, shape=(2, 3), n_levels=3, n_label_nodes=4, side=8, torus=True):
    jumps = ((0, 1),) if manager.takes_image_jumps else ()
    lattice = Lattice(side, RULES, torus)
    return GraphSpec(shape, n_levels, n_label_nodes, lattice, image_jumps=jumps)


def random_step(manager: AbstractBaseGraphManager, seed: int = 0, scale: float = 0.3) -> Step:
    rng, graph = np.random.default_rng(seed), manager.build_graph(seed)
    weights = rng.normal(0, scale, graph.n_weights)[graph.weight_of_edge]
    biases = rng.normal(0, scale, graph.n_biases)[graph.bias_of_node]
    return Step(graph, weights, biases, manager)


def coupling_matrix(step: Step) -> np.ndarray:
    couplings = np.zeros((step.graph.n_nodes, step.graph.n_nodes))
    for (a, b), weight in zip(step.graph.edges, step.weights, strict=True):
        couplings[a, b] = couplings[b, a] = weight
    return couplings


def ring_places(figure) -> set[tuple[int, int]]:
    """The (row, column) of every hollow ring in the picture of the grid."""
    rings = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert len(rings) == 1
    return {(int(y), int(x)) for x, y in rings[0].get_xydata()}


def rule_places(row, column, side, torus):
    """Where the neighbours of a node stand, from what a connection rule says."""
    ways = [w for a, b in RULES for w in ((a, b), (-b, a), (-a, -b), (b, -a))]
    far = [(row + x, column + y) for x, y in ways]
    inside = [(x, y) for x, y in far if 0 <= x < side and 0 <= y < side]
    return {(x % side, y % side) for x, y in far} if torus else set(inside)


# ---------------------------------------------------------------------- the grid


@pytest.mark.parametrize("torus", [True, False])
@pytest.mark.parametrize("node", [0, 27, 63])
def test_the_rings_stand_on_the_neighbours_that_the_rules_name(torus, node):
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager, torus=torus)))
    row, column = divmod(node, 8)
    assert ring_places(draw_graph(step, node)) == rule_places(row, column, 8, torus)


@pytest.mark.parametrize("name", ALL_MANAGERS)
def test_the_rings_stand_on_the_neighbours_in_the_edge_list(name):
    manager = ALL_MANAGERS[name]
    step = random_step(manager(spec_of(manager, n_levels=LEVELS.get(name, 3))))
    edges = step.graph.edges.tolist()
    joined = [
        {b for a, b in edges if a == node} | {a for a, b in edges if b == node}
        for node in range(step.graph.n_nodes)
    ]
    for node, others in enumerate(joined):
        assert neighbours_of(step.graph, np.array([node])).tolist() == sorted(others)
    last = step.graph.n_nodes - 1
    places = layout_of(step.graph, step.manager.lattice).places.tolist()
    assert ring_places(draw_graph(step, last)) == {tuple(places[node]) for node in joined[last]}


@pytest.mark.parametrize("seed", range(3))
def test_a_line_across_the_border_of_a_torus_is_two_stubs(seed):
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager, side=10)), seed)
    layout = layout_of(step.graph, step.manager.lattice)
    rng = np.random.default_rng(seed)
    node, others = int(rng.integers(100)), rng.permutation(100)[:40]
    inside, wrapping = lines_between(layout, node, others)
    assert len(inside) + len(wrapping) / 2 == len(others)
    both = np.concatenate([inside, wrapping])
    assert (abs(both[:, 1] - both[:, 0]) <= 5).all(), "nothing crosses the whole picture"
    is_outside = ((wrapping[:, 1] < 0) | (wrapping[:, 1] > 9)).any(axis=1)
    assert is_outside.all()
    ends = np.concatenate([inside[:, 1], wrapping[: len(wrapping) // 2, 1]]) % 10
    reached = {tuple(end) for end in ends.astype(int).tolist()}
    assert reached == {divmod(other, 10) for other in others.tolist()}


def test_the_border_of_a_grid_is_never_crossed():
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager, torus=False)))
    layout = layout_of(step.graph, step.manager.lattice)
    inside, wrapping = lines_between(layout, 0, np.arange(1, 64))
    assert (len(inside), len(wrapping)) == (63, 0)


def test_all_trials_of_a_pixel_stand_in_its_cell():
    step = random_step(BinomialIsingGraphManager(spec_of(BinomialIsingGraphManager)))
    layout = layout_of(step.graph, step.manager.lattice)
    cells = layout.places[step.graph.image_nodes].reshape(6, 3, 2)
    assert (cells == cells[:, :1]).all()
    assert len(np.unique(cells[:, 0], axis=0)) == 6
    np.testing.assert_array_equal(layout.places[:64], np.stack(np.divmod(np.arange(64), 8), 1))


def test_a_graph_without_a_lattice_is_laid_out_by_number():
    step = random_step(OwnManager(spec_of(OwnManager)))
    layout = layout_of(step.graph, step.manager.lattice)
    assert step.graph.n_nodes == 18 + 4 + 5
    assert (layout.shape, layout.is_torus) == ((5, 6), False)
    assert layout.places[26].tolist() == [4, 2]


def test_roles_and_degrees():
    step = random_step(OwnManager(spec_of(OwnManager)))
    np.testing.assert_array_equal(roles_of(step.graph), np.repeat([0, 1, 2], [18, 4, 5]))
    np.testing.assert_array_equal(degrees_of(step.graph), np.repeat([5, 22], [22, 5]))


# ---------------------------------------------------------------------- the weights


def brute_force_pulls(step: Step, n_classes: int, bit_values: list[float], direct: bool = True):
    """The sum over spots, hidden nodes and bits, as it stands in the docstring."""
    couplings, graph = coupling_matrix(step), step.graph
    hidden = set(range(graph.n_nodes)) - set(graph.visible_nodes.tolist())
    pulls = np.zeros((n_classes, step.manager.n_pixels))
    for number, label in enumerate(graph.label_nodes):
        for bit, node in enumerate(graph.image_nodes):
            pixel, digit = divmod(bit, len(bit_values))
            pull = sum(couplings[label, h] * couplings[h, node] for h in hidden)
            pull += couplings[label, node] if direct else 0
            pulls[number % n_classes, pixel] += bit_values[digit] * pull
    return pulls / sum(bit_values)


BIT_VALUES = [
    (PoissonBinomialIsingGraphManager, 3, [1, 1, 1]),
    (BinomialIsingGraphManager, 3, [1, 1, 1]),
    (BinaryRepresentationGraphManager, 7, [1, 2, 4]),
    (ConvolvedPoissonBinomialIsingGraphManager, 2, [1, 1]),
    (OwnManager, 1, [1]),
    (MajorityManager, 1, [1, 1, 1]),  # no bit alone decides: all count the same
]


@pytest.mark.parametrize(("manager", "n_levels", "bit_values"), BIT_VALUES)
@pytest.mark.parametrize("seed", range(3))
def test_pulls_are_sums_over_labels_and_hidden_nodes(manager, n_levels, bit_values, seed):
    step = random_step(manager(spec_of(manager, n_levels=n_levels, n_label_nodes=6)), seed)
    expected = brute_force_pulls(step, 2, bit_values)
    np.testing.assert_allclose(class_pulls(step, 2), expected, rtol=1e-9, atol=1e-12)
    wrong_order = brute_force_pulls(step, 3, bit_values)
    assert not np.allclose(class_pulls(step, 2), wrong_order[:2])


@pytest.mark.parametrize("seed", range(3))
def test_edges_between_labels_and_pixels_count(seed):
    manager = ConvolvedPoissonBinomialIsingGraphManager
    step = random_step(manager(spec_of(manager, n_levels=1, n_label_nodes=20)), seed)
    without = brute_force_pulls(step, 2, [1], direct=False)
    assert not np.allclose(class_pulls(step, 2), without), "a lost direct term would be noticed"


def exact_means(step: Step, n_classes: int) -> np.ndarray:
    """<s_i> of every image bit with the labels of a class on and everything else free."""
    couplings, graph = coupling_matrix(step), step.graph
    states = np.array(list(product((-1, 1), repeat=graph.n_nodes)))
    odds = np.exp(np.einsum("si,ij,sj->s", states, couplings, states) / 2)
    means = []
    for k in range(n_classes):
        is_on = (states[:, graph.label_nodes[k::n_classes]] == 1).all(axis=1)
        means.append(np.average(states[is_on][:, graph.image_nodes], axis=0, weights=odds[is_on]))
    return np.array(means)


@pytest.mark.parametrize("seed", range(3))
def test_pulls_are_what_weak_weights_do_to_the_mean(seed):
    """Where labels and pixels share a colour, the next order is the fourth: 16 times less."""
    manager = PoissonBinomialIsingGraphManager
    step = random_step(manager(spec_of(manager, (1, 2), 1, 2, side=3, torus=False)), seed)
    step.biases[:] = 0

    def error(scale):
        scaled = Step(step.graph, scale * step.weights, step.biases, step.manager)
        return abs(class_pulls(scaled, 2) - exact_means(scaled, 2)).max()

    assert 0 < error(0.1) < error(0.2) / 8
    assert abs(class_pulls(step, 2)).max() > 0


@pytest.mark.parametrize(("manager", "n_levels", "bit_values"), BIT_VALUES)
def test_a_bit_counts_as_the_level_it_makes(manager, n_levels, bit_values):
    step = random_step(manager(spec_of(manager, n_levels=n_levels)))
    shares = np.array(bit_values) / sum(bit_values)
    np.testing.assert_allclose(bit_shares(step), np.tile(shares, (6, 1)))
    bits = step.biases[step.graph.image_nodes].reshape(6, -1)
    np.testing.assert_allclose(pixel_biases(step), bits @ shares)
    strengths = abs(coupling_matrix(step)).sum(axis=1)[step.graph.image_nodes].reshape(6, -1)
    np.testing.assert_allclose(pixel_strengths(step), strengths @ shares)


# ---------------------------------------------------------------------- the figures


def assert_fits(figure):
    """Nothing written leaves the page or covers other titles, and the page fits a notebook."""
    assert figure.get_size_inches()[0] <= 12
    figure.set_dpi(100)
    figure.canvas.draw()
    texts = [axes.title for axes in figure.axes if axes.title.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for number, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        assert box.count_overlaps(boxes[:number]) == 0


@pytest.mark.parametrize("name", ALL_MANAGERS)
def test_every_manager_is_drawn(tmp_path, name):
    manager = ALL_MANAGERS[name]
    n_levels = LEVELS.get(name, 3)
    step = random_step(manager(spec_of(manager, (5, 4), n_levels, 6, side=16)))
    assert_fits(draw_graph(step, path=tmp_path / "new" / "graph.png"))
    assert_fits(draw_weights(step, ["sneaker", "bag", "boot"], tmp_path / "weights.png"))
    for file in ("new/graph.png", "weights.png"):
        assert np.asarray(Image.open(tmp_path / file).convert("L")).std() > 0


@pytest.mark.parametrize("n_label_nodes", [0, 4])
def test_a_picture_for_every_class_of_a_labelled_model(n_label_nodes):
    manager = PoissonBinomialIsingGraphManager
    step = random_step(manager(spec_of(manager, n_label_nodes=n_label_nodes)))
    figure = draw_weights(step, ["bag", "boot"])
    titles = {axes.get_title() for axes in figure.axes} - {""}
    assert titles == ({"bag", "boot"} if n_label_nodes else set())
    assert draw_weights(step).axes, "names can be left out"


def test_steps_of_a_model_are_drawn_untrained_too():
    dtm = DTM(tiny_cfg())
    figure = draw_graph(dtm.steps[0])
    assert any("untrained" in axes.get_title() for axes in figure.axes)
    shown = draw_weights(dtm.steps[1], ["a", "b", "c"])
    assert shown._repr_png_().startswith(b"\x89PNG")  # which a notebook asks for


@pytest.mark.parametrize("node", [-1, 64])
def test_a_node_that_does_not_exist_is_named_with_those_that_do(node):
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager)))
    with pytest.raises(ValueError, match=rf"node={node}: .* 0\.\.63"):
        draw_graph(step, node)


@pytest.mark.parametrize("n_classes", [0, 3, 8])
def test_class_names_have_to_fit_the_labels(n_classes):
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager)))
    with pytest.raises(ValueError, match=f"{n_classes} classes for 4 label nodes"):
        class_pulls(step, n_classes)


@pytest.mark.parametrize("draw", [draw_graph, draw_weights])
@pytest.mark.parametrize("name", ["weights", "biases"])
def test_a_diverged_step_is_named_as_such(draw, name):
    step = random_step(PoissonBinomialIsingGraphManager(spec_of(OwnManager)))
    getattr(step, name)[3] = np.nan
    with pytest.raises(ValueError, match=f"1 of the {name} are not finite"):
        draw(step)
