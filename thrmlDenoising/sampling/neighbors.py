"""Who contributes to whose local field: the table that samplers of our own are built from."""

from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Int

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.sampling.protocol import GraphSizes


class Neighbors(NamedTuple):
    """The neighbours of every node, its input among them, one entry for each.

    A place is a node or, from n_nodes on, the input of a visible node. A coupling is a weight or,
    from n_weights on, an input coupling. Node i's neighbours are the entries first[i] to
    first[i + 1], its input the last of them.
    """

    first: Int[np.ndarray, " node_and_end"]
    place: Int[np.ndarray, " entry"]
    coupling: Int[np.ndarray, " entry"]

    @classmethod
    def of(cls, graph: BaseGraph) -> Self:
        """The table of a graph."""
        sizes, (one, other), visible = GraphSizes.of(graph), graph.edges.T, graph.visible_nodes
        inputs = np.arange(sizes.n_visible)
        node = np.concatenate([one, other, visible])
        place = np.concatenate([other, one, sizes.n_nodes + inputs])
        coupling = np.concatenate([graph.weight_of_edge] * 2 + [sizes.n_weights + inputs])
        by_node = np.argsort(node, kind="stable")
        counts = np.bincount(node, minlength=sizes.n_nodes)
        first = np.concatenate([[0], np.cumsum(counts)])
        return cls(first, place[by_node], coupling[by_node])
