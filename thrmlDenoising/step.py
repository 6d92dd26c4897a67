"""The import path that users of dtm-replication know."""

from thrmlDenoising.diffusion import DiffusionStep

__all__ = ["DiffusionStep"]
