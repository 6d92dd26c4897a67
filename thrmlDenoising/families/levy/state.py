"""Everything that training changes about heavy-tailed diffusion."""

from jaxtyping import Array, Float

from thrmlDenoising.diffusion import LearnedState
from thrmlDenoising.families.levy.denoisers import Denoiser


class LevyState(LearnedState):
    """Parameters, their average, and what updates carry on.

    Attributes:
        loss: mean of the last epoch; NaN would have ended training.
    """

    denoiser: Denoiser
    average: Denoiser
    loss: Float[Array, ""]
