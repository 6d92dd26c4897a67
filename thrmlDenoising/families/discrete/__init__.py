"""Discrete diffusion: D3PM, multinomial and masked diffusion of binary and grey images."""

from thrmlDenoising.diffusion import BitsPerDim
from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.diffusion import DiscreteDiffusion, make_cfg

__all__ = ["BitsPerDim", "DiscreteConfig", "DiscreteDiffusion", "make_cfg"]
