"""What a base-graph manager is: how images become Ising nodes, and how these are joined."""

import abc
from functools import cached_property

import jax
import numpy as np
from jaxtyping import Array, Bool, Integer

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.lattice import Lattice
from thrmlDenoising.base_graphs.spec import GraphSpec
from thrmlDenoising.support.process_settings import library_settings

Pixels = Integer[Array, "*batch pixel"] | Integer[np.ndarray, "*batch pixel"]


class AbstractBaseGraphManager(abc.ABC):
    """Turns grey levels into bits and back, and draws the graph that these bits live on.

    A subclass writes `encode`, `decode` and `build_graph`; everything else is derived. Labels are
    bits already: the graph only says which nodes they are. `LatticeGraphManager` has a
    `build_graph` for any encoding, and `PoissonBinomialIsingGraphManager` an encoding for any
    graph, so that a new manager often needs one of the two only.

    One manager serves all steps of a model: steps differ in the seed of their graph.

    Args:
        spec: what the graph has to hold, and on which lattice.

    Raises:
        ValueError: the lattice cannot be two-coloured, or `image_jumps` are given to a manager
            that joins no pixels.
    """

    takes_image_jumps = False
    """Whether the graph uses `spec.image_jumps`."""

    def __init__(self, spec: GraphSpec) -> None:
        spec.lattice.check()
        if spec.image_jumps and not self.takes_image_jumps:
            raise ValueError(
                f"graph.image_jumps={spec.image_jumps}, but {type(self).__name__} joins no pixels "
                "of the image: leave them out, use a preset without them, or use the manager "
                "convolved_poisson_binomial. A class of your own that does join pixels says "
                "takes_image_jumps = True"
            )
        self.spec = spec

    @abc.abstractmethod
    def encode(self, pixels: Pixels) -> Bool[Array, "*batch image_bit"]:
        """Grey levels 0..n_levels to bits, all bits of pixel 0 first, then those of pixel 1, ...

        Has to work under `jax.jit` and whatever axes stand before the last, and `decode` too.
        """

    @abc.abstractmethod
    def decode(self, bits: Bool[Array, "*batch image_bit"]) -> Integer[Array, "*batch pixel"]:
        """Any bits to grey levels 0..n_levels (uint8); `decode(encode(x)) == x`."""

    @abc.abstractmethod
    def build_graph(self, seed: int) -> BaseGraph:
        """Draws the graph of one step; the same seed gives the same graph.

        Its `image_nodes` are the nodes of the bits that `encode` gives, in their order; its
        `label_nodes` are those of the label bits, of which number `spot * n_classes + k` stands
        for class k.
        """

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return self.spec.image_shape

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        return self.spec.n_pixels

    @property
    def n_levels(self) -> int:
        """Grey levels above 0."""
        return self.spec.n_levels

    @property
    def n_label_nodes(self) -> int:
        """Label bits."""
        return self.spec.n_label_nodes

    @property
    def lattice(self) -> Lattice:
        """The grid and its connection rules."""
        return self.spec.lattice

    @cached_property
    def n_image_bits(self) -> int:
        """How many bits, and so visible nodes, an image takes; asked of `encode`.

        A manager that states it instead can build graphs without starting JAX, and so in a
        process that is going to fork.
        """
        image = jax.ShapeDtypeStruct((self.n_pixels,), np.uint8)
        with library_settings():
            return jax.eval_shape(self.encode, image).shape[-1]
