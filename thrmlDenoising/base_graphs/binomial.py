"""The paper's grey pixels: trials that cannot be told apart."""

from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.tied import repeat_image_nodes


class BinomialIsingGraphManager(PoissonBinomialIsingGraphManager):
    """Each pixel of n levels is n trials of one bias, one set of weights and the same neighbours.

    Given its neighbours, which make the field f, a pixel is a binomial count of n trials that are
    up with probability sigmoid(2 beta f) (arXiv 2510.23972). Where there is an input, those trials
    that it says are up have the field f + w, the others f - w, with w the input coupling: the
    pixel is the sum of two binomials, exactly what the forward process, which flips trials one by
    one, leaves to be undone. Gradients are summed over the tied trials.

    A pixel takes one place on the lattice, whatever n, and has as many parameters as a binary
    one. What it cannot do: given its neighbours it has one peak, and its variance is that of the
    mean, n p (1 - p): greys come out noisy, and a pixel that is either black or white needs nodes
    that have decided which.
    """

    @property
    def places_per_pixel(self) -> int:
        """One: all trials of a pixel stand at one place."""
        return 1

    def build_graph(self, seed: int) -> BaseGraph:
        """The graph of binary pixels with every image node repeated."""
        return repeat_image_nodes(super().build_graph(seed), self.n_levels)
