"""The configuration of a model: frozen dataclasses, validated on construction, exact in YAML.

`dtm_config` puts the sections together, `experiment` and `training` document every field once,
`fields` checks single values, `classes` and `yaml_text` take a config to text and back.
"""

from thrmlDenoising.config.classes import Named
from thrmlDenoising.config.dtm_config import DTMConfig
from thrmlDenoising.config.experiment import (
    DataConfig,
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    ExpConfig,
    GraphConfig,
)
from thrmlDenoising.config.fields import Section
from thrmlDenoising.config.training import (
    CorrelationPenaltyConfig,
    EvaluationConfig,
    Extractor,
    GenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)

__all__ = [
    "CorrelationPenaltyConfig",
    "DTMConfig",
    "DataConfig",
    "DiffusionRatesConfig",
    "DiffusionScheduleConfig",
    "EvaluationConfig",
    "ExpConfig",
    "Extractor",
    "GenerationConfig",
    "GraphConfig",
    "Named",
    "OptimConfig",
    "SamplingConfig",
    "Section",
    "WeightDecayConfig",
]
