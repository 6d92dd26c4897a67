"""The configuration of a DTM: `dtm_config` puts the sections together that the others document."""

from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.config.learning import (
    CorrelationPenaltyConfig,
    DTMGenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)
from thrmlDenoising.families.dtm.config.structure import (
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    DTMExpConfig,
    GraphConfig,
)

__all__ = [
    "CorrelationPenaltyConfig",
    "DTMConfig",
    "DTMExpConfig",
    "DTMGenerationConfig",
    "DiffusionRatesConfig",
    "DiffusionScheduleConfig",
    "GraphConfig",
    "OptimConfig",
    "SamplingConfig",
    "WeightDecayConfig",
]
