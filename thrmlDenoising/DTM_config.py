"""The config's classes by the names, and at the place, that users of dtm-replication know."""

from thrmlDenoising.config import (
    CorrelationPenaltyConfig,
    DataConfig,
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    DTMConfig,
    ExpConfig,
    GenerationConfig,
    GraphConfig,
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
