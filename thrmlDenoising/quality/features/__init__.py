"""Feature extractors: networks, or any callable, in whose features images are compared."""

from thrmlDenoising.quality.features.classifier import ClassifierFeatures
from thrmlDenoising.quality.features.extractors import (
    CallableFeatures,
    named_extractor,
    own_extractor,
)
from thrmlDenoising.quality.features.inception import InceptionFeatures
from thrmlDenoising.quality.features.protocol import (
    FeatureExtractor,
    UnavailableError,
    features_of,
    fingerprint_of,
)

__all__ = [
    "CallableFeatures",
    "ClassifierFeatures",
    "FeatureExtractor",
    "InceptionFeatures",
    "UnavailableError",
    "features_of",
    "fingerprint_of",
    "named_extractor",
    "own_extractor",
]
