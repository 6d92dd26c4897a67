"""Measuring models: autocorrelation, accuracy, and exact results for small machines."""

from thrmlDenoising.evaluation.accuracy import NearestCentroids, label_votes
from thrmlDenoising.evaluation.autocorrelation import (
    AutocorrelationCurve,
    Protocol,
    effective_sample_size,
    integrated_time,
    measure_autocorrelation,
    replication_curve,
    stationary_curve,
)

__all__ = [
    "AutocorrelationCurve",
    "NearestCentroids",
    "Protocol",
    "effective_sample_size",
    "integrated_time",
    "label_votes",
    "measure_autocorrelation",
    "replication_curve",
    "stationary_curve",
]
