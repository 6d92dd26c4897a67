"""The import path that users of dtm-replication know."""

from thrmlDenoising.families.dtm.step import DiffusionStep

__all__ = ["DiffusionStep"]
