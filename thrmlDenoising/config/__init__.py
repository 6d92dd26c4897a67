"""Configs: frozen dataclasses, validated on construction, exact in YAML.

`config` is what those of all families are, `sections` documents what they share, `fields` checks
single values, `classes` and `yaml_text` take a config to text and back.
"""

from thrmlDenoising.config.classes import Named
from thrmlDenoising.config.config import FIRST_FAMILY, Config, config_text, family_of
from thrmlDenoising.config.fields import GreyLevels, Must, Section
from thrmlDenoising.config.image_config import ImageConfig
from thrmlDenoising.config.sections import (
    DataConfig,
    EvaluationConfig,
    ExpConfig,
    Extractor,
    GenerationConfig,
    ImageExpConfig,
)

__all__ = [
    "FIRST_FAMILY",
    "Config",
    "DataConfig",
    "EvaluationConfig",
    "ExpConfig",
    "Extractor",
    "GenerationConfig",
    "GreyLevels",
    "ImageConfig",
    "ImageExpConfig",
    "Must",
    "Named",
    "Section",
    "config_text",
    "family_of",
]
