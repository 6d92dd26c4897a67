"""Everything that training changes about a discrete diffusion model."""

import optax
from jaxtyping import Array, Float, Int

from thrmlDenoising.families.discrete.building import Denoiser
from thrmlDenoising.processes import TimeImportance
from thrmlDenoising.training import State


class DiscreteState(State):
    """Parameters, their average, and what updates carry on.

    Attributes:
        denoiser: with the parameters that are trained.
        average: with their exponential average, which images are made with.
        optimizer: Adam's memory.
        n_updates: made so far.
        times: how large the losses of each time are.
        loss: mean of the last epoch, in bits a dimension; NaN would have ended training.
        class_shares: how frequent each class is in training; all are alike before it.
    """

    denoiser: Denoiser
    average: Denoiser
    optimizer: optax.OptState
    n_updates: Int[Array, ""]
    times: TimeImportance
    loss: Float[Array, ""]
    class_shares: Float[Array, " label_class"]
