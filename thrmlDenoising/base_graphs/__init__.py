"""Base graphs: which spins there are, how they are joined, and how images become spins."""

from thrmlDenoising.base_graphs.binary_representation import BinaryRepresentationGraphManager
from thrmlDenoising.base_graphs.graph import BaseGraph
from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.base_graphs.registry import resolve_manager
from thrmlDenoising.base_graphs.topology import Lattice, Preset, parse_preset, preset_names

__all__ = [
    "AbstractBaseGraphManager",
    "BaseGraph",
    "BinaryRepresentationGraphManager",
    "Lattice",
    "PoissonBinomialIsingGraphManager",
    "Preset",
    "parse_preset",
    "preset_names",
    "resolve_manager",
]
