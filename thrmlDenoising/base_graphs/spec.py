"""What is asked of a base graph."""

from dataclasses import dataclass

from thrmlDenoising.base_graphs.lattice import Lattice, Rule


@dataclass(frozen=True)
class GraphSpec:
    """The images and labels that a graph has to hold, and the lattice it may use.

    Attributes:
        image_shape: rows and columns of an image.
        n_levels: grey levels above 0; pixels are integers 0..n_levels.
        n_label_nodes: label bits (classes times label spots).
        lattice: the grid and its connection rules.
        placement: where visible nodes stand on the grid, a name in `PLACEMENTS`.
        image_jumps: rules that join pixels of the image, where the graph manager uses any.
    """

    image_shape: tuple[int, int]
    n_levels: int
    n_label_nodes: int
    lattice: Lattice
    placement: str = "scattered"
    image_jumps: tuple[Rule, ...] = ()

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        rows, columns = self.image_shape
        return rows * columns
