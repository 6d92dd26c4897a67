"""Everything that training changes about a discrete diffusion model."""

from jaxtyping import Array, Float

from thrmlDenoising.diffusion import LearnedState
from thrmlDenoising.families.discrete.building import ClassDenoiser
from thrmlDenoising.processes import TimeImportance


class DiscreteState(LearnedState):
    """Parameters, their average, and what updates carry on.

    Attributes:
        times: how large the losses of each time are.
        loss: mean of the last epoch, in bits a dimension; NaN would have ended training.
        class_shares: how frequent each class is in training; all are alike before it.
    """

    denoiser: ClassDenoiser
    average: ClassDenoiser
    times: TimeImportance
    loss: Float[Array, ""]
    class_shares: Float[Array, " label_class"]
