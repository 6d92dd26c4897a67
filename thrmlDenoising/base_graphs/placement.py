"""Where visible nodes stand on the lattice.

A placement chooses among the nodes of one colour. Nodes and image bits are numbered in raster
order: row by row, each from left to right.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int32

from thrmlDenoising.base_graphs.spec import GraphSpec


class Places(NamedTuple):
    """Nodes of the lattice, and the nodes given to image bits and to label bits."""

    image: Int[np.ndarray, " image_bit"]
    label: Int[np.ndarray, " label_bit"]


class Wanted(NamedTuple):
    """The visible bits that need places of one colour.

    Attributes:
        rows: the row of the image that each image bit belongs to, never falling.
        across: how far to the right it stands in the image, 0..1.
        n_labels: label bits.
    """

    rows: Int[np.ndarray, " image_bit"]
    across: Float[np.ndarray, " image_bit"]
    n_labels: int


Placement = Callable[[np.random.Generator, Int[np.ndarray, " node"], int, Wanted], Places]
"""From a generator, the nodes of a colour, the side of the grid and what is wanted, to places."""


def scattered(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """Random places, among which image bits stand in raster order, and so do label bits.

    Rows of the image so follow each other down the grid, with hidden nodes among them.
    """
    n_bits = len(wanted.rows)
    drawn = rng.permutation(nodes)[: n_bits + wanted.n_labels]
    return Places(np.sort(drawn[:n_bits]), np.sort(drawn[n_bits:]))


def raster(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """The first places, without gaps: the image, then the labels."""
    n_bits = len(wanted.rows)
    return Places(nodes[:n_bits], nodes[n_bits : n_bits + wanted.n_labels])


def local(
    rng: np.random.Generator, nodes: Int[np.ndarray, " node"], side: int, wanted: Wanted
) -> Places:
    """The image stretched over the grid, so that its neighbours are near in both directions.

    Every row of the image has a strip of the grid to itself, of as many nodes as it has a share
    of the bits, and in it every bit stands as far across as it does in the image. Labels stand at
    random in between.
    """
    n_bits = len(wanted.rows)
    ends = np.searchsorted(wanted.rows, np.arange(wanted.rows.max(initial=-1) + 1), side="right")
    strips = np.split(nodes, len(nodes) * ends // max(1, n_bits))
    rows = zip(strips, np.split(side * wanted.across, ends), strict=True)
    image = np.concatenate([_nearest(strip, strip % side, targets) for strip, targets in rows])
    return Places(image, np.sort(rng.permutation(np.setdiff1d(nodes, image))[: wanted.n_labels]))


def _nearest(
    nodes: Int[np.ndarray, " node"],
    columns: Int[np.ndarray, " node"],
    targets: Float[np.ndarray, " chosen"],
) -> Int[np.ndarray, " chosen"]:
    """A node near every target column, in the order of the targets, and none twice."""
    order = np.argsort(columns, kind="stable")
    numbers = np.arange(len(targets))
    chosen = np.searchsorted(columns[order], targets - 0.5)
    # Each after the one before, yet leaving enough nodes for those that follow.
    chosen = np.maximum.accumulate(chosen - numbers) + numbers
    return nodes[order[np.minimum(chosen, len(nodes) - len(targets) + numbers)]]


PLACEMENTS: dict[str, Placement] = {"scattered": scattered, "raster": raster, "local": local}
"""The placements by the name the config knows them by."""


def place(
    rng: np.random.Generator,
    spec: GraphSpec,
    pixels: Int[np.ndarray, " image_bit"],
    image_colors: Int[np.ndarray, " image_bit"],
    label_colors: Int[np.ndarray, " label_bit"],
) -> tuple[Int32[np.ndarray, " image_bit"], Int32[np.ndarray, " label_bit"]]:
    """Gives every visible bit a node of its colour, by `spec.placement`.

    Args:
        pixels: the pixel that each image bit belongs to, never falling.
        image_colors: the colour that each image bit has to have; the lattice must have enough.
        label_colors: the same for label bits.
    """
    n_columns = spec.image_shape[1]
    node_colors = spec.lattice.colors()
    image_nodes = np.empty(len(image_colors), np.int32)
    label_nodes = np.empty(len(label_colors), np.int32)
    for color in np.unique(node_colors):
        image_bits = np.flatnonzero(image_colors == color)
        label_bits = np.flatnonzero(label_colors == color)
        nodes = np.flatnonzero(node_colors == color)
        rows, columns = np.divmod(pixels[image_bits], n_columns)
        wanted = Wanted(rows, (columns + 0.5) / n_columns, len(label_bits))
        places = PLACEMENTS[spec.placement](rng, nodes, spec.lattice.side, wanted)
        image_nodes[image_bits], label_nodes[label_bits] = places
    return image_nodes, label_nodes
