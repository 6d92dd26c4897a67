"""What a base-graph manager is: how pixels and labels become Ising nodes."""

import abc
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Bool, Integer

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.topology import Lattice, scatter

Pixels = Integer[Array, "*batch pixel"] | Integer[np.ndarray, "*batch pixel"]


class AbstractBaseGraphManager(abc.ABC):
    """Turns grey levels into bits and back, and draws the graph these bits live on.

    A subclass says how many bits a pixel takes (`bits_per_pixel`) and how levels become bits
    and back (`encode`, `decode`). The graph is derived from that: visible nodes scattered over
    the even colour of the lattice, everything else hidden, nothing tied. A manager with another
    graph overrides `build_graph`, and with it `n_visible_places`.

    One manager serves all steps of a model: steps differ in the seed of their graph only.

    Args:
        n_pixels: pixels of an image.
        n_levels: grey levels above 0; pixels are integers 0..n_levels.
        n_label_nodes: label bits (classes times label spots).
        lattice: the grid and its connection rules.

    Raises:
        ValueError: the lattice cannot be two-coloured, or the visible nodes do not fit.
    """

    name: ClassVar[str]

    def __init__(self, n_pixels: int, n_levels: int, n_label_nodes: int, lattice: Lattice) -> None:
        lattice.check()
        self.n_pixels = n_pixels
        self.n_levels = n_levels
        self.n_label_nodes = n_label_nodes
        self.lattice = lattice

    @classmethod
    @abc.abstractmethod
    def bits_per_pixel(cls, n_levels: int) -> int:
        """How many bits, and so visible nodes, one pixel of `n_levels` takes."""

    @abc.abstractmethod
    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """Grey levels 0..n_levels to bits, all bits of pixel 0 first. Works under `jax.jit`."""

    @abc.abstractmethod
    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """Any bits to grey levels 0..n_levels (uint8); `decode(encode(x)) == x`."""

    @classmethod
    def n_visible_nodes(cls, n_pixels: int, n_levels: int, n_label_nodes: int) -> int:
        """How many visible nodes a graph for such images has."""
        return n_pixels * cls.bits_per_pixel(n_levels) + n_label_nodes

    @classmethod
    def n_visible_places(cls, side: int) -> int:
        """How many nodes of an L x L grid may be visible: here, the even colour."""
        return (side**2 + 1) // 2

    def build_graph(self, seed: int) -> BaseGraph:
        """Draws the graph of one step; the same seed gives the same graph."""
        colors = self.lattice.colors()
        image_nodes, label_nodes = scatter(
            np.random.default_rng(seed),
            np.flatnonzero(colors == 0),
            (self.n_pixels * self.bits_per_pixel(self.n_levels), self.n_label_nodes),
        )
        return BaseGraph.untied(self.lattice.edges(), colors, image_nodes, label_nodes)
