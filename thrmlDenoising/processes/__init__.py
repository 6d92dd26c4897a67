"""Forward processes, which turn data into noise."""

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

__all__ = [
    "Flips",
    "Interval",
    "LabelledImages",
    "Rates",
    "add_noise",
    "flip_probabilities",
    "input_coupling",
    "pure_noise",
    "time_grid",
]
