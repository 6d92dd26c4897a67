"""Denoising Thermodynamic Models: chains of small Ising machines that turn noise into images."""

from importlib.metadata import version

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.DTM import DTM
from thrmlDenoising.utils import make_cfg

__all__ = ["DTM", "DTMConfig", "__version__", "make_cfg"]

__version__ = version("thrmlDenoising")
