"""Configs: frozen dataclasses, validated on construction, exact in YAML.

`fields` checks single values, `sections` documents what every family shares, `classes` and
`yaml_text` take a config to text and back.
"""

from thrmlDenoising.config.classes import Named
from thrmlDenoising.config.fields import Section
from thrmlDenoising.config.sections import DataConfig, EvaluationConfig, Extractor

__all__ = ["DataConfig", "EvaluationConfig", "Extractor", "Named", "Section"]
