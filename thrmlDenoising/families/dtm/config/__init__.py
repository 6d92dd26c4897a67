"""The configuration of a DTM: `dtm_config` puts the sections together that the others document."""

from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.config.experiment import (
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    ExpConfig,
    GraphConfig,
)
from thrmlDenoising.families.dtm.config.training import (
    CorrelationPenaltyConfig,
    GenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)

__all__ = [
    "CorrelationPenaltyConfig",
    "DTMConfig",
    "DiffusionRatesConfig",
    "DiffusionScheduleConfig",
    "ExpConfig",
    "GenerationConfig",
    "GraphConfig",
    "OptimConfig",
    "SamplingConfig",
    "WeightDecayConfig",
]
