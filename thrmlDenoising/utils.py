"""The import path that users of dtm-replication know."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from thrmlDenoising.config import Section
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.replication import UTILS_NAMES
from thrmlDenoising.support.other_names import module_tells

if not TYPE_CHECKING:
    __getattr__ = module_tells(__name__, UTILS_NAMES)


def make_cfg(**sections: Mapping[str, Any] | Section) -> DTMConfig:
    """A config from the fields that differ from the published setting.

    Args:
        sections: for each section a dict of field names and values, or the section itself.

    Raises:
        ValueError: an unknown section or field, a wrong value, or values that do not go together.

    Example:
        >>> cfg = make_cfg(graph=dict(graph_preset_architecture=44_12), sampling=dict(batch_size=9))
        >>> cfg.sampling.batch_size
        9
    """
    return DTMConfig().replace(**sections)
