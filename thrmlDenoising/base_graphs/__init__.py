"""Base graphs: which spins there are, how they are joined, and how images become spins.

`lattice` and `presets` are the grids, `placement` says where visible nodes stand on them, and
there is a file for each manager.
"""

from thrmlDenoising.base_graphs.binary_representation import BinaryRepresentationGraphManager
from thrmlDenoising.base_graphs.binomial import BinomialIsingGraphManager
from thrmlDenoising.base_graphs.checks import check_encoding, check_graph
from thrmlDenoising.base_graphs.convolved import (
    ConvolvedPoissonBinomialIsingGraphManager,
    check_image_jumps,
)
from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.lattice import Lattice, join_grid
from thrmlDenoising.base_graphs.lattice_manager import LatticeGraphManager
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.base_graphs.placement import PLACEMENTS
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.presets import Preset, parse_preset, preset_names
from thrmlDenoising.base_graphs.registry import MANAGERS, most_graph_bytes, resolve_manager
from thrmlDenoising.base_graphs.spec import GraphSpec

BinaryRepresentationIsingGraphManager = BinaryRepresentationGraphManager
"""dtm-replication's name of the class."""

__all__ = [
    "MANAGERS",
    "PLACEMENTS",
    "AbstractBaseGraphManager",
    "BaseGraph",
    "BinaryRepresentationGraphManager",
    "BinaryRepresentationIsingGraphManager",
    "BinomialIsingGraphManager",
    "ConvolvedPoissonBinomialIsingGraphManager",
    "GraphSpec",
    "Lattice",
    "LatticeGraphManager",
    "PoissonBinomialIsingGraphManager",
    "Preset",
    "check_encoding",
    "check_graph",
    "check_image_jumps",
    "join_grid",
    "most_graph_bytes",
    "parse_preset",
    "preset_names",
    "resolve_manager",
]
