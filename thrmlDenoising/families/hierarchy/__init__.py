"""Diffusion on strings of the Random Hierarchy Model, of which all is known exactly."""

from thrmlDenoising.families.hierarchy.comparing import ExactGap
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.diffusion import Changes, HierarchyDiffusion, make_cfg

__all__ = ["Changes", "ExactGap", "HierarchyConfig", "HierarchyDiffusion", "make_cfg"]
