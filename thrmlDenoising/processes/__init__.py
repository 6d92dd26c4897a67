"""Forward processes, which turn data into noise."""

from thrmlDenoising.processes import schedules, stable
from thrmlDenoising.processes.bit_flips import (
    Flips,
    Interval,
    LabelledImages,
    Rates,
    add_noise,
    flip_probabilities,
    input_coupling,
    pure_noise,
    time_grid,
)
from thrmlDenoising.processes.categorical import CategoricalProcess
from thrmlDenoising.processes.fading import Exploding, Fading, Place, Preserving, Way
from thrmlDenoising.processes.gaussian import Gaussian
from thrmlDenoising.processes.importance import TimeImportance
from thrmlDenoising.processes.levels import ByDistance, NearestNeighbour
from thrmlDenoising.processes.logistic import truncated_logistic
from thrmlDenoising.processes.mixtures import (
    NormalMixture,
    Stable,
    Student,
    mixed_noise,
    noise_of_sizes,
)
from thrmlDenoising.processes.resampled import Absorbing, Uniform
from thrmlDenoising.processes.schedules import NoiseSchedule
from thrmlDenoising.processes.variational import (
    cross_entropy_bits,
    hybrid_bits,
    kl_bits,
    masked_bits,
    prior_bits,
    step_bits,
)

__all__ = [
    "Absorbing",
    "ByDistance",
    "CategoricalProcess",
    "Exploding",
    "Fading",
    "Flips",
    "Gaussian",
    "Interval",
    "LabelledImages",
    "NearestNeighbour",
    "NoiseSchedule",
    "NormalMixture",
    "Place",
    "Preserving",
    "Rates",
    "Stable",
    "Student",
    "TimeImportance",
    "Uniform",
    "Way",
    "add_noise",
    "cross_entropy_bits",
    "flip_probabilities",
    "hybrid_bits",
    "input_coupling",
    "kl_bits",
    "masked_bits",
    "mixed_noise",
    "noise_of_sizes",
    "prior_bits",
    "pure_noise",
    "schedules",
    "stable",
    "step_bits",
    "time_grid",
    "truncated_logistic",
]
