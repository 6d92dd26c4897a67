"""How good images are: distances to real ones, overlap with them, copies of them, accuracy."""

from thrmlDenoising.evaluation.bootstrap import Estimate
from thrmlDenoising.evaluation.quality.agreement import HELD_OUT_PIXELS, held_out_pixels
from thrmlDenoising.evaluation.quality.controls import WRONG_THRESHOLD, Control, control_images
from thrmlDenoising.evaluation.quality.frechet import FeatureMoments, frechet_distance
from thrmlDenoising.evaluation.quality.headline import Headline, headline
from thrmlDenoising.evaluation.quality.reference import CACHE_VARIABLE, RealImages
from thrmlDenoising.evaluation.quality.report import Measurement, QualityReport
from thrmlDenoising.evaluation.quality.suite import QualitySuite

__all__ = [
    "CACHE_VARIABLE",
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
    "control_images",
    "frechet_distance",
    "headline",
    "held_out_pixels",
]
