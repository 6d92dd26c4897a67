"""The config's classes by the names, and at the place, that users of dtm-replication know."""

from thrmlDenoising.config import DataConfig
from thrmlDenoising.families.dtm.config import (
    CorrelationPenaltyConfig,
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    DTMConfig,
    DTMExpConfig,
    DTMGenerationConfig,
    GraphConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)

ExperimentConfig = DTMExpConfig
SamplingScheduleConfig = SamplingConfig
GenerateImagesConfig = DTMGenerationConfig

__all__ = [
    "CorrelationPenaltyConfig",
    "DTMConfig",
    "DataConfig",
    "DiffusionRatesConfig",
    "DiffusionScheduleConfig",
    "ExperimentConfig",
    "GenerateImagesConfig",
    "GraphConfig",
    "OptimConfig",
    "SamplingScheduleConfig",
    "WeightDecayConfig",
]
