"""Pictures of a step's graph: where its nodes stand, who is joined to whom, degrees, parameters."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, BaseGraph, Lattice
from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import line_style, our_style, plain, save_png
from thrmlDenoising.support.paths import user_path

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from thrmlDenoising.plots.shown_figure import ShownFigure

_ROLES = ("image", "label", "hidden")
_DARK, _MARK, _LABEL, _IMAGE = (line_style(index)["color"] for index in (0, 1, 2, 4))
_ROLE_COLOURS = (_IMAGE, _LABEL, "0.84")
_ROLE_LINES = (_IMAGE, _LABEL, "0.5")
"""The same for lines, where the faint grey of hidden cells would be lost."""


@runtime_checkable
class DrawnStep(Protocol):
    """What the pictures ask of a step of a model: `dtm.steps[0]` is one."""

    @property
    def graph(self) -> BaseGraph:
        """Its Ising machine's structure."""
        ...

    @property
    def weights(self) -> Float[np.ndarray, " edge"]:
        """The weight of every edge of the graph."""
        ...

    @property
    def biases(self) -> Float[np.ndarray, " node"]:
        """The bias of every node of the graph."""
        ...

    @property
    def manager(self) -> AbstractBaseGraphManager:
        """The manager that built the graph."""
        ...


class Layout(NamedTuple):
    """Where nodes are drawn: the (row, column) of each, in a grid of `shape`.

    Attributes:
        is_torus: what leaves the grid on one side comes in on the other.
    """

    places: Int[np.ndarray, "node 2"]
    shape: tuple[int, int]
    is_torus: bool


@our_style()
def draw_graph(
    step: DrawnStep, node: int | None = None, path: str | Path | None = None
) -> "ShownFigure":
    """Draws the graph of a step and its parameters; see `layout_of` for where nodes stand.

    - Large: every node by its role, and one node with its neighbours. Lines that leave a torus
      on one side and come in on the other are dashed.
    - The image: which pixels that node's edges lead to, and which its neighbours' edges.
    - Degrees: what share of the nodes of a role has how many edges.
    - Weights, of the edges at the nodes of each role (an edge between two roles counts in both),
      and biases, with a logarithmic number of them upwards.

    Args:
        node: the node to highlight; the first bit of the central pixel if left out.
        path: also write a PNG there.

    Raises:
        ValueError: there is no such node, or a parameter is not finite.
    """
    from thrmlDenoising.plots.shown_figure import ShownFigure  # which imports matplotlib

    graph = step.graph
    check_finite(step)
    node = central_node(step) if node is None else node
    if not 0 <= node < graph.n_nodes:
        raise ValueError(f"node={node}: the nodes of this graph are 0..{graph.n_nodes - 1}")
    figure = ShownFigure(figsize=(12, 6.4))
    figure.set_layout_engine("constrained", w_pad=0.1)
    panels = figure.subplot_mosaic(
        [["grid", "image", "degrees"], ["grid", "weights", "biases"]], width_ratios=(2.1, 1, 1)
    )
    _draw_grid(panels["grid"], step, node)
    _draw_pixels(panels["image"], step, node)
    _draw_degrees(panels["degrees"], graph)
    _draw_parameters(panels["weights"], panels["biases"], step)
    if path is not None:
        save_png(figure, user_path(path))
    return figure


def roles_of(graph: BaseGraph) -> Int[np.ndarray, " node"]:
    """0 for image nodes, 1 for label nodes, 2 for hidden nodes."""
    roles = np.full(graph.n_nodes, _ROLES.index("hidden"))
    roles[graph.image_nodes] = _ROLES.index("image")
    roles[graph.label_nodes] = _ROLES.index("label")
    return roles


def layout_of(graph: BaseGraph, lattice: Lattice) -> Layout:
    """Node x L + y of an L x L lattice stands in row x, column y.

    Nodes from L * L on that share the bias of one on the lattice (the further trials of a grey
    pixel) stand where that one stands. A graph without such an order, as a manager of one's own
    may build it, is laid out by node number in ceil(sqrt(nodes)) columns, and not as a torus.
    """
    numbers = np.arange(graph.n_nodes)
    _, first_of_bias = np.unique(graph.bias_of_node, return_index=True)
    is_on_lattice = numbers < lattice.n_nodes
    cells = np.where(is_on_lattice, numbers, first_of_bias[graph.bias_of_node])
    if graph.n_nodes >= lattice.n_nodes and (cells < lattice.n_nodes).all():
        shape, is_torus = (lattice.side, lattice.side), lattice.torus
    else:
        n_columns = int(np.ceil(np.sqrt(graph.n_nodes)))
        cells, is_torus = numbers, False
        shape = (-(-graph.n_nodes // n_columns), n_columns)
    return Layout(np.stack(np.divmod(cells, shape[1]), axis=1), shape, is_torus)


def central_node(step: DrawnStep) -> int:
    """The node of the first bit of the pixel in the middle of the image."""
    rows, columns = step.manager.image_shape
    central_pixel = rows // 2 * columns + columns // 2
    return int(step.graph.image_nodes[central_pixel * bits_per_pixel(step)])


def bits_per_pixel(step: DrawnStep) -> int:
    """How many image bits a pixel has."""
    return len(step.graph.image_nodes) // step.manager.n_pixels


def degrees_of(graph: BaseGraph) -> Int[np.ndarray, " node"]:
    """How many edges every node has."""
    return np.bincount(graph.edges.ravel(), minlength=graph.n_nodes)


def neighbours_of(graph: BaseGraph, nodes: Int[np.ndarray, " n"]) -> Int[np.ndarray, " neighbour"]:
    """Every node that an edge joins to one of `nodes`, once, in ascending order."""
    near, far = np.concatenate([graph.edges, graph.edges[:, ::-1]]).T
    return np.unique(far[np.isin(near, nodes)])


def pixels_of(step: DrawnStep, nodes: Int[np.ndarray, " n"]) -> Int[np.ndarray, " pixel"]:
    """The pixels that have a bit among `nodes`."""
    bits = np.flatnonzero(np.isin(step.graph.image_nodes, nodes))
    return np.unique(bits // bits_per_pixel(step))


def lines_between(
    layout: Layout, node: int, others: Int[np.ndarray, " other"]
) -> tuple[Float[np.ndarray, "inside 2 2"], Float[np.ndarray, "wrapping 2 2"]]:
    """Lines (ends, row and column) from a node to others: inside the grid, and around a torus.

    On a torus a line takes the shorter way. One that wraps is two: each starts at a node and
    ends beyond the border.
    """
    near, far = layout.places[node] * np.ones((len(others), 1)), layout.places[others]
    way = far - near
    if layout.is_torus:
        way -= np.array(layout.shape) * np.round(way / layout.shape)
    wraps = (near + way != far).any(axis=1)
    out, back = np.stack([near, near + way], axis=1), np.stack([far, far - way], axis=1)
    return out[~wraps], np.concatenate([out[wraps], back[wraps]])


def check_finite(step: DrawnStep) -> None:
    """Checks that there are weights and biases to draw.

    Raises:
        ValueError: some are not finite: training has diverged.
    """
    for name, values in (("weights", step.weights), ("biases", step.biases)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"{(~np.isfinite(values)).sum()} of the {name} are not finite, so training has "
                "diverged: draw an earlier epoch, and train with a smaller learning rate"
            )


def _draw_grid(axes: "Axes", step: DrawnStep, node: int) -> None:
    graph = step.graph
    layout = layout_of(graph, step.manager.lattice)
    picture = np.ones((*layout.shape, 3))
    colours = np.array([mpl.colors.to_rgb(colour) for colour in _ROLE_COLOURS])
    picture[tuple(layout.places.T)] = colours[roles_of(graph)]
    axes.imshow(picture)
    neighbours = neighbours_of(graph, np.array([node]))
    inside, wrapping = lines_between(layout, node, neighbours)
    for lines, dashes in ((inside, "-"), (wrapping, (0, (3, 2)))):
        ends = lines[..., ::-1]  # matplotlib wants the column first
        axes.add_collection(
            mpl.collections.LineCollection(
                list(ends), colors=_MARK, linewidths=1.2, linestyles=[dashes]
            ),
            autolim=False,
        )
    size = float(np.clip(340 / max(layout.shape), 6, 22))  # points: a little more than a cell
    for nodes, filling, scale in ((neighbours, "none", 1), (np.array([node]), _MARK, 1.4)):
        rows, columns = layout.places[nodes].T
        axes.plot(
            columns, rows, "o", color=_MARK, markersize=scale * size, markerfacecolor=filling,
            markeredgewidth=1.6,
        )  # fmt: skip
    axes.set_title(f"{_grid_name(layout)}\n{_node_name(step, node, neighbours)}", fontsize=11)
    roles = [_patch(name, colour) for name, colour in zip(_ROLES, _ROLE_COLOURS, strict=True)]
    _legend_below(axes, [*roles, _marker("node", _MARK), _marker("neighbour", "none")])
    axes.set_xlim(-0.5, layout.shape[1] - 0.5)
    axes.set_ylim(layout.shape[0] - 0.5, -0.5)
    axes.set(xticks=[], yticks=[])


def _grid_name(layout: Layout) -> str:
    n_further = len(layout.places) - len(np.unique(layout.places, axis=0))
    more = f", {n_further} further trials in the cells of their pixels" if n_further else ""
    return f"{layout.shape[0]} x {layout.shape[1]} {'torus' if layout.is_torus else 'grid'}{more}"


def _node_name(step: DrawnStep, node: int, neighbours: Int[np.ndarray, " neighbour"]) -> str:
    """Such as "image node 7, bit 0 of pixel (1, 2): 12 neighbours"."""
    n_bits = bits_per_pixel(step)
    place = ""
    if node in step.graph.image_nodes:
        pixel, bit = divmod(step.graph.image_nodes.tolist().index(node), n_bits)
        nth = f"bit {bit} of " if n_bits > 1 else ""
        place = f", {nth}pixel {divmod(pixel, step.manager.image_shape[1])}"
    return f"{_ROLES[roles_of(step.graph)[node]]} node {node}{place}: {len(neighbours)} neighbours"


def _draw_pixels(axes: "Axes", step: DrawnStep, node: int) -> None:
    own = np.array([node])
    neighbours = neighbours_of(step.graph, own)
    pixels = np.full((step.manager.n_pixels, 3), 0.92)
    groups = (
        ("two edges away", _IMAGE, neighbours_of(step.graph, neighbours)),
        ("one edge", _DARK, neighbours),
        ("itself", _MARK, own),
    )
    patches = []
    for name, colour, nodes in groups:
        found = pixels_of(step, nodes)
        pixels[found] = mpl.colors.to_rgb(colour)
        patches += [_patch(name, colour)] if len(found) else []
    axes.imshow(pixels.reshape(*step.manager.image_shape, 3))
    axes.set(xticks=[], yticks=[])
    axes.set_title("pixels it reaches", fontsize=10)
    _legend_below(axes, patches[::-1])


def _draw_degrees(axes: "Axes", graph: BaseGraph) -> None:
    degrees, roles = degrees_of(graph), roles_of(graph)
    present = np.unique(roles)
    groups = [degrees[roles == role] for role in present]
    shares = [np.full(len(group), 1 / len(group)) for group in groups]
    width = np.ptp(degrees) // 12 + 1
    edges = np.arange(degrees.min(), degrees.max() + width + 1, width) - 0.5
    axes.hist(groups, edges, weights=shares, color=[_ROLE_LINES[role] for role in present])
    axes.set_xlim(min(edges[0], edges.mean() - 2), max(edges[-1], edges.mean() + 2))
    axes.set(xlabel="degree", ylabel="share of the role")
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, nbins=7))
    axes.set_title(f"{graph.n_edges} edges", fontsize=10)
    plain(axes)
    axes.set_axisbelow(True)


def _draw_parameters(weights: "Axes", biases: "Axes", step: DrawnStep) -> None:
    roles = roles_of(step.graph)
    ends = roles[step.graph.edges]
    is_untrained = not np.any(step.biases)
    scale = f"s.d. {np.std(step.weights):.2g}{', untrained' if is_untrained else ''}"
    _outlines(weights, step.weights, [(ends == role).any(axis=1) for role in range(3)])
    weights.set(xlabel="weight", ylabel="edges at nodes of the role")
    weights.set_title(f"weights ({scale})", fontsize=10)
    _outlines(biases, step.biases, [roles == role for role in range(3)])
    biases.set(xlabel="bias", ylabel="nodes")
    biases.set_title("biases (untrained: all 0)" if is_untrained else "biases", fontsize=10)


def _outlines(
    axes: "Axes", values: Float[np.ndarray, " n"], of_role: list[Bool[np.ndarray, " n"]]
) -> None:
    """A histogram of the values of every role, on a logarithmic axis."""
    edges = np.histogram_bin_edges(values, 40)
    for mask, colour in zip(of_role, _ROLE_LINES, strict=True):
        if mask.any():
            counts = np.histogram(values[mask], edges)[0]
            axes.stairs(counts, edges, color=colour, linewidth=1.6, baseline=None)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    plain(axes)
    axes.set_axisbelow(True)


def _patch(name: str, colour: str) -> "Artist":
    return mpl.patches.Patch(facecolor=colour, label=name)


def _marker(name: str, filling: str) -> "Artist":
    return mpl.lines.Line2D([], [], color=_MARK, markerfacecolor=filling, marker="o", label=name)


def _legend_below(axes: "Axes", handles: "list[Artist]") -> None:
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=5, frameon=False,
        handlelength=1.2, columnspacing=1.2, fontsize=9,
    )  # fmt: skip
