"""Where visible nodes stand on the lattice.

A placement chooses among the nodes of one colour. Nodes and image bits are numbered in raster
order: row by row, each from left to right.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

from thrmlDenoising.base_graphs.spec import GraphSpec


class Places(NamedTuple):
    """Nodes of the lattice, and the nodes given to image bits and to label bits."""

    image: Int[np.ndarray, " image_bit"]
    label: Int[np.ndarray, " label_bit"]


class Wanted(NamedTuple):
    """The visible bits that need places of one colour.

    Attributes:
        image_rows: the row of the image that each image bit belongs to, never falling.
        n_labels: label bits.
    """

    image_rows: Int[np.ndarray, " image_bit"]
    n_labels: int


Placement = Callable[[np.random.Generator, Int[np.ndarray, " node"], int, Wanted], Places]
"""From a generator, the nodes of a colour, the side of the grid and what is wanted, to places."""


def scattered(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """Random places, among which image bits stand in raster order, and so do label bits.

    Rows of the image so follow each other down the grid, with hidden nodes among them.
    """
    n_bits = len(wanted.image_rows)
    drawn = rng.permutation(nodes)[: n_bits + wanted.n_labels]
    return Places(np.sort(drawn[:n_bits]), np.sort(drawn[n_bits:]))


def raster(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """The first places, without gaps: the image, then the labels."""
    n_bits = len(wanted.image_rows)
    return Places(nodes[:n_bits], nodes[n_bits : n_bits + wanted.n_labels])


def local(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """The image stretched over the grid, so that its neighbours are near in both directions.

    Every row of the image has a strip of the grid to itself and spreads evenly across it. Labels
    stand at random in between.
    """
    bits_of_row = np.bincount(wanted.image_rows)
    n_before = np.cumsum(bits_of_row) - bits_of_row
    strips = np.split(nodes, len(nodes) * n_before[1:] // max(1, len(wanted.image_rows)))
    rows = [
        _evenly(strip[np.argsort(strip % side, kind="stable")], n_bits)
        for strip, n_bits in zip(strips, bits_of_row, strict=False)
    ]
    image = np.concatenate([nodes[:0], *rows])
    return Places(image, np.sort(rng.permutation(np.setdiff1d(nodes, image))[: wanted.n_labels]))


def _evenly(nodes: Int[np.ndarray, " node"], n: int) -> Int[np.ndarray, " chosen"]:
    """n of the nodes at equal distances."""
    return nodes[(2 * np.arange(n) + 1) * len(nodes) // (2 * n)] if n else nodes[:0]


PLACEMENTS: dict[str, Placement] = {"scattered": scattered, "raster": raster, "local": local}
"""The placements by the name the config knows them by."""


def place(
    rng: np.random.Generator,
    spec: GraphSpec,
    image_rows: Int[np.ndarray, " image_bit"],
    image_colors: Int[np.ndarray, " image_bit"],
    label_colors: Int[np.ndarray, " label_bit"],
) -> tuple[Int32[np.ndarray, " image_bit"], Int32[np.ndarray, " label_bit"]]:
    """Gives every visible bit a node of its colour, by `spec.placement`.

    Args:
        image_rows: the row of the image that each image bit belongs to, never falling.
        image_colors: the colour that each image bit has to have; the lattice must have enough.
        label_colors: the same for label bits.
    """
    node_colors = spec.lattice.colors()
    image_nodes = np.empty(len(image_colors), np.int32)
    label_nodes = np.empty(len(label_colors), np.int32)
    for color in np.unique(node_colors):
        image_bits = np.flatnonzero(image_colors == color)
        label_bits = np.flatnonzero(label_colors == color)
        nodes = np.flatnonzero(node_colors == color)
        wanted = Wanted(image_rows[image_bits], len(label_bits))
        places = PLACEMENTS[spec.placement](rng, nodes, spec.lattice.side, wanted)
        image_nodes[image_bits], label_nodes[label_bits] = places
    return image_nodes, label_nodes
