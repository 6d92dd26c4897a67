"""Graphs in which pixels are joined to their neighbours in the image."""

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Int32

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.lattice import Rule, each_once, even_rules, join_grid
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.spec import GraphSpec


def check_image_jumps(jumps: Sequence[Rule]) -> None:
    """Checks that jumps join pixels of different colours.

    Raises:
        ValueError: some join pixels of one colour.
    """
    even = even_rules(jumps)
    if even:
        raise ValueError(
            f"graph.image_jumps: {even} join pixels of one colour: in (a, b) the sum a + b must "
            "be odd"
        )


class ConvolvedPoissonBinomialIsingGraphManager(PoissonBinomialIsingGraphManager):
    """Trials like those of `PoissonBinomialIsingGraphManager`, joined within the image as well.

    The image is a chessboard too: a pixel of an even row plus column stands on the even colour of
    the lattice, the others on the odd one, and the label bits are split between the colours. Rules
    (a, b) of `image_jumps`, a + b odd, then join pixels of the two colours, trial k to trial k;
    they do not wrap around the image. The edges of the lattice are kept.

    What to expect: neighbours speak to each other without a hidden node between them, so that
    areas come out smooth, and thin things may be lost. What it cannot do: half of an image is
    sampled given the other half, never all of it at once. Without `image_jumps` pixels only stand
    on both colours, which by itself does harm.

    Raises:
        ValueError: as `PoissonBinomialIsingGraphManager`, or a rule with a + b even or longer than
            the image.

    Warns:
        UserWarning: there are no `image_jumps`.
    """

    takes_image_jumps = True

    def __init__(self, spec: GraphSpec) -> None:
        super().__init__(spec)
        check_image_jumps(spec.image_jumps)
        for rule in spec.image_jumps:
            if not len(join_grid(spec.image_shape, [rule], torus=False)):
                raise ValueError(
                    f"the image jump {rule} leads out of every image of shape {spec.image_shape}: "
                    "use shorter ones"
                )
        if not spec.image_jumps:
            warnings.warn(
                "no pixels are joined: give graph.image_jumps, or a preset with jumps such as "
                "60_12_1",
                stacklevel=2,
            )

    @property
    def pixel_colors(self) -> Int[np.ndarray, " pixel"]:
        """The parity of row plus column."""
        rows, columns = np.indices(self.image_shape)
        return ((rows + columns) % 2).ravel()

    @property
    def label_colors(self) -> Int[np.ndarray, " label_node"]:
        """The first half of the label nodes on the even colour, the rest on the odd one."""
        return np.arange(self.n_label_nodes) * 2 // max(1, self.n_label_nodes)

    def build_graph(self, seed: int) -> BaseGraph:
        """Places on both colours, edges of the lattice and of the image."""
        graph = super().build_graph(seed)
        edges = each_once(np.concatenate([graph.edges, self._image_edges(graph.image_nodes)]))
        return BaseGraph.untied(edges, graph.colors, graph.image_nodes, graph.label_nodes)

    def _image_edges(
        self, image_nodes: Int32[np.ndarray, " image_bit"]
    ) -> Int32[np.ndarray, "edge 2"]:
        pixels = join_grid(self.image_shape, self.spec.image_jumps, torus=False)
        trials = image_nodes.reshape(self.n_pixels, self.n_levels)[pixels]
        return trials.swapaxes(1, 2).reshape(-1, 2)
