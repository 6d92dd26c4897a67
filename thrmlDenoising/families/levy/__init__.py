"""Heavy-tailed diffusion, DLPM, LIM and t-EDM: noise is alpha-stable, or Student's t."""

from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.families.levy.diffusion import LevyDiffusion, make_cfg

__all__ = ["LevyConfig", "LevyDiffusion", "make_cfg"]
