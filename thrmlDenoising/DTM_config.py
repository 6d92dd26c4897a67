"""The config's classes by the names, and at the place, that users of dtm-replication know."""

from thrmlDenoising.config import DataConfig
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

ExperimentConfig = ExpConfig
SamplingScheduleConfig = SamplingConfig
GenerateImagesConfig = GenerationConfig

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
