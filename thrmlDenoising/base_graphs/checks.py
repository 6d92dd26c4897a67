"""Whether a manager keeps its promises: mistakes of one's own class, in words."""

import numpy as np

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager


def check_encoding(manager: AbstractBaseGraphManager) -> None:
    """Encodes and decodes two images that between them hold every level.

    Raises:
        ValueError: bits or pixels of a wrong kind or shape, or a level that does not come back.
    """
    name = type(manager).__name__
    levels = np.arange(manager.n_levels + 1, dtype=np.uint8)
    pixels = np.resize(levels, (max(2, -(-len(levels) // manager.n_pixels)), manager.n_pixels))
    bits = manager.encode(pixels)
    if bits.dtype != bool or bits.shape != (len(pixels), manager.n_image_bits):
        raise ValueError(
            f"{name}.encode made {bits.dtype} {bits.shape} of pixels {pixels.shape}: it must make "
            f"bool {(len(pixels), manager.n_image_bits)}, all bits of an image in one last axis "
            "and any axes before it as they were"
        )
    decoded = np.asarray(manager.decode(bits))
    if decoded.dtype != np.uint8 or decoded.shape != pixels.shape:
        raise ValueError(
            f"{name}.decode made {decoded.dtype} {decoded.shape} of bits {bits.shape}: it must "
            f"make uint8 {pixels.shape}"
        )
    wrong = decoded != pixels
    if wrong.any():
        raise ValueError(
            f"{name}.decode(encode(x)) must be x, but level {pixels[wrong][0]} came back as "
            f"{decoded[wrong][0]} (graph.grayscale_levels={manager.n_levels})"
        )


def check_graph(manager: AbstractBaseGraphManager, graph: BaseGraph) -> None:
    """Holds a graph against the bits of its manager.

    Raises:
        ValueError: it is no `BaseGraph`, or has not one node for each image and label bit.
    """
    name = type(manager).__name__
    if not isinstance(graph, BaseGraph):
        raise ValueError(
            f"{name}.build_graph made a {type(graph).__name__}: it must return a BaseGraph; "
            "BaseGraph.untied makes one from edges, colours and visible nodes"
        )
    for role, nodes, n_bits in (
        ("image", graph.image_nodes, manager.n_image_bits),
        ("label", graph.label_nodes, manager.n_label_nodes),
    ):
        if nodes.shape != (n_bits,):
            raise ValueError(
                f"{name}.build_graph has {role}_nodes of shape {nodes.shape}, but there are "
                f"{n_bits} {role} bits: give the node of each, in the order of the bits"
            )
