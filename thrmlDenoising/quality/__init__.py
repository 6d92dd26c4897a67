"""How good images are: distances to real ones, overlap with them, copies of them, accuracy."""

from thrmlDenoising.quality.agreement import HELD_OUT_PIXELS, held_out_pixels
from thrmlDenoising.quality.bootstrap import Estimate
from thrmlDenoising.quality.controls import WRONG_THRESHOLD, Control, control_images
from thrmlDenoising.quality.frechet import FeatureMoments, frechet_distance
from thrmlDenoising.quality.headline import (
    DISTANCE_METRICS,
    DISTANCES,
    Headline,
    at_best_epoch,
    headline,
    headline_in_words,
)
from thrmlDenoising.quality.reference import RealImages
from thrmlDenoising.quality.report import Measurement, QualityReport
from thrmlDenoising.quality.suite import QualitySuite

__all__ = [
    "DISTANCES",
    "DISTANCE_METRICS",
    "HELD_OUT_PIXELS",
    "WRONG_THRESHOLD",
    "Control",
    "Estimate",
    "FeatureMoments",
    "Headline",
    "Measurement",
    "QualityReport",
    "QualitySuite",
    "RealImages",
    "at_best_epoch",
    "control_images",
    "frechet_distance",
    "headline",
    "headline_in_words",
    "held_out_pixels",
]
