"""Measuring models: autocorrelation, accuracy, and exact results for small machines."""

from thrmlDenoising.evaluation.accuracy import CentroidAccuracy, label_votes
from thrmlDenoising.evaluation.autocorrelation import (
    SWEEPS_PER_SAMPLE,
    AutocorrelationCurve,
    Protocol,
    effective_sample_size,
    integrated_time,
    measure_autocorrelation,
    replication_curve,
    stationary_curve,
)
from thrmlDenoising.evaluation.images import Animation, ClassImages, Grid

__all__ = [
    "SWEEPS_PER_SAMPLE",
    "Animation",
    "AutocorrelationCurve",
    "CentroidAccuracy",
    "ClassImages",
    "Grid",
    "Protocol",
    "effective_sample_size",
    "integrated_time",
    "label_votes",
    "measure_autocorrelation",
    "replication_curve",
    "stationary_curve",
]
