"""Feature extractors: networks, or any callable, in whose features images are compared."""

from thrmlDenoising.evaluation.features.classifier import ClassifierFeatures
from thrmlDenoising.evaluation.features.extractors import (
    CallableFeatures,
    named_extractor,
    own_extractor,
)
from thrmlDenoising.evaluation.features.inception import InceptionFeatures
from thrmlDenoising.evaluation.features.protocol import (
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
