"""Diffusion with networks, for any family: learning to say what noise has covered, and going back.

`noise` says how noise grows, `learning` takes a network down a loss, `epochs` through its examples;
`going_back` walks from noise to data by any step, of which `categorical` has one, with its losses;
`likelihood` has their bound.
"""

from thrmlDenoising.diffusion.categorical import (
    REVERSE,
    CategoricalLoss,
    CategoricalStep,
    Denoiser,
    Known,
    LossConfig,
)
from thrmlDenoising.diffusion.epochs import walk_through
from thrmlDenoising.diffusion.going_back import (
    BLOCK,
    Step,
    blocks,
    check_time,
    time_grid,
    times_from,
    walk,
)
from thrmlDenoising.diffusion.learning import (
    LearnedState,
    OptimConfig,
    Optimizer,
    descend,
    mean_of_parts,
)
from thrmlDenoising.diffusion.likelihood import BitsPerDim, bits_per_dim
from thrmlDenoising.diffusion.noise import NoiseConfig, Steps

__all__ = [
    "BLOCK",
    "REVERSE",
    "BitsPerDim",
    "CategoricalLoss",
    "CategoricalStep",
    "Denoiser",
    "Known",
    "LearnedState",
    "LossConfig",
    "NoiseConfig",
    "OptimConfig",
    "Optimizer",
    "Step",
    "Steps",
    "bits_per_dim",
    "blocks",
    "check_time",
    "descend",
    "mean_of_parts",
    "time_grid",
    "times_from",
    "walk",
    "walk_through",
]
