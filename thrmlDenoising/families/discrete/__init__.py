"""Discrete diffusion: D3PM, multinomial and masked diffusion of binary and grey images."""

from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.diffusion import DiscreteDiffusion, make_cfg
from thrmlDenoising.families.discrete.likelihood import BitsPerDim

__all__ = ["BitsPerDim", "DiscreteConfig", "DiscreteDiffusion", "make_cfg"]
