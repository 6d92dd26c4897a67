"""The forward process, one step of the reverse process, and the whole reverse chain."""

from thrmlDenoising.diffusion.forward import (
    Flips,
    Interval,
    Noised,
    Rates,
    add_noise,
    flip_probabilities,
    input_coupling,
    pure_noise,
    time_grid,
)
from thrmlDenoising.diffusion.reverse import Annealing, Generated, ObserveSpins, denoise, generate
from thrmlDenoising.diffusion.step import DiffusionStep

__all__ = [
    "Annealing",
    "DiffusionStep",
    "Flips",
    "Generated",
    "Interval",
    "Noised",
    "ObserveSpins",
    "Rates",
    "add_noise",
    "denoise",
    "flip_probabilities",
    "generate",
    "input_coupling",
    "pure_noise",
    "time_grid",
]
