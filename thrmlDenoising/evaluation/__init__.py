"""Measuring models: the quality of images, mixing, energy, and exact results for small machines.

`quality` compares images with real ones in the features of `features`, `accuracy` judges their
class, `autocorrelation` and `mixing` tell how fast chains forget, `hardware_energy` what a sample
would cost on hardware, and `exact` solves small machines by enumeration.
"""

from thrmlDenoising.evaluation.accuracy import NearestCentroid, label_votes
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
from thrmlDenoising.evaluation.bootstrap import Estimate
from thrmlDenoising.evaluation.images import Animation, ClassImages, Grid, Mode
from thrmlDenoising.evaluation.mixing import Mixing, estimate_mixing, measure_mixing

__all__ = [
    "SWEEPS_PER_SAMPLE",
    "Animation",
    "AutocorrelationCurve",
    "ClassImages",
    "Estimate",
    "Grid",
    "Mixing",
    "Mode",
    "NearestCentroid",
    "Protocol",
    "effective_sample_size",
    "estimate_mixing",
    "integrated_time",
    "label_votes",
    "measure_autocorrelation",
    "measure_mixing",
    "replication_curve",
    "stationary_curve",
]
