"""Tied trials: a node repeated, with the biases, the weights and the neighbours it had."""

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from thrmlDenoising.base_graphs.graph import BaseGraph


def repeat_image_nodes(graph: BaseGraph, n: int) -> BaseGraph:
    """The graph with every image node as n trials that share its bias and its weights.

    The first trial is the node itself; the others are numbered after all nodes of the graph. An
    edge becomes one edge for each pair of trials at its ends, of one weight. The image nodes of
    the result are the n trials of the first node, then those of the second, ...
    """
    first = graph.image_nodes
    others = graph.n_nodes + np.arange(len(first) * (n - 1)).reshape(len(first), n - 1)
    trials = np.concatenate([first[:, None], others], axis=1)
    edges, weights = graph.edges, graph.weight_of_edge
    for end in (0, 1):
        edges, weights = _repeat_edges(edges, weights, end, graph.n_nodes, trials)
    repeated = np.repeat(first, n - 1)
    return replace(
        graph,
        edges=edges.astype(np.int32),
        colors=np.concatenate([graph.colors, graph.colors[repeated]]),
        image_nodes=trials.ravel().astype(np.int32),
        bias_of_node=np.concatenate([graph.bias_of_node, graph.bias_of_node[repeated]]),
        weight_of_edge=weights,
    )


def _repeat_edges(
    edges: Int[np.ndarray, "edge 2"],
    weights: Int[np.ndarray, " edge"],
    end: int,
    n_nodes: int,
    trials: Int[np.ndarray, "image_node trial"],
) -> tuple[Int[np.ndarray, "repeated 2"], Int[np.ndarray, " repeated"]]:
    """Every edge that has an image node at this end, once for each of its trials."""
    image_node = np.full(n_nodes, -1)
    image_node[trials[:, 0]] = np.arange(len(trials))
    of_edge = image_node[edges[:, end]]
    n_copies = np.where(of_edge >= 0, trials.shape[1], 1)
    source = np.repeat(np.arange(len(edges)), n_copies)
    copy = np.arange(len(source)) - np.repeat(np.cumsum(n_copies) - n_copies, n_copies)
    repeated = edges[source]
    is_image = of_edge[source] >= 0
    repeated[is_image, end] = trials[of_edge[source][is_image], copy[is_image]]
    return repeated, weights[source]
