"""The import path that users of dtm-replication know."""

from thrmlDenoising.base_graphs.manager import AbstractBaseGraphManager

__all__ = ["AbstractBaseGraphManager"]
