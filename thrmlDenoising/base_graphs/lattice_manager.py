"""Managers whose visible nodes are chosen among the nodes of the lattice."""

from collections import Counter

import numpy as np
from jaxtyping import Int

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.base_graphs.placement import place
from thrmlDenoising.base_graphs.spec import GraphSpec


class LatticeGraphManager(AbstractBaseGraphManager):
    """A lattice some of whose nodes are visible; all others are hidden, and nothing is tied.

    By default all visible nodes have the even colour, so that an image depends on the hidden
    nodes alone and all of it is sampled at once. A subclass adds `encode` and `decode`.

    Raises:
        ValueError: as any manager, or the visible nodes do not fit their colour of the lattice.
    """

    def __init__(self, spec: GraphSpec) -> None:
        super().__init__(spec)
        self._check_fit()

    @property
    def places_per_pixel(self) -> int:
        """How many nodes of the lattice a pixel takes: here, one for each bit."""
        return self.n_image_bits // self.n_pixels

    @property
    def pixel_colors(self) -> Int[np.ndarray, " pixel"]:
        """The colour of the lattice that each pixel stands on."""
        return np.zeros(self.n_pixels, int)

    @property
    def label_colors(self) -> Int[np.ndarray, " label_node"]:
        """The colour of the lattice that each label bit stands on."""
        return np.zeros(self.n_label_nodes, int)

    def build_graph(self, seed: int) -> BaseGraph:
        """Draws places for the visible nodes by `spec.placement`."""
        image_nodes, label_nodes = place(
            np.random.default_rng(seed),
            self.spec,
            np.repeat(np.arange(self.n_pixels), self.places_per_pixel),
            np.repeat(self.pixel_colors, self.places_per_pixel),
            self.label_colors,
        )
        edges, colors = self.lattice.edges(), self.lattice.colors()
        return BaseGraph.untied(edges, colors, image_nodes, label_nodes)

    def _check_fit(self) -> None:
        wanted = Counter(np.repeat(self.pixel_colors, self.places_per_pixel).tolist())
        wanted.update(self.label_colors.tolist())
        offered = Counter(self.lattice.colors().tolist())
        for color, n_wanted in wanted.items():
            if n_wanted > offered[color]:
                raise ValueError(self._misfit(n_wanted, offered[color]))

    def _misfit(self, n_wanted: int, n_offered: int) -> str:
        side = self.lattice.side
        return (
            f"{self.n_pixels} pixels with graph.grayscale_levels={self.n_levels} and "
            f"{self.n_label_nodes} label nodes want {n_wanted} visible nodes of one colour, but "
            f"the {side} x {side} grid has places for {n_offered}: use a larger side "
            "(graph.graph_preset_architecture, or graph.side with graph.connection_rules), or "
            "fewer graph.num_label_spots, graph.grayscale_levels or data.target_classes, or "
            "another graph.base_graph_manager"
        )
