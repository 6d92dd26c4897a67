"""Everything that training changes about diffusion on hierarchical data."""

from jaxtyping import Array, Float

from thrmlDenoising.diffusion import LearnedState
from thrmlDenoising.processes import TimeImportance


class StringState(LearnedState):
    """Parameters, their average, and what updates carry on; no parameters where all is known.

    Attributes:
        times: how large the losses of each time are.
        loss: mean of the last epoch, of what is minimised; NaN would have ended training.
    """

    times: TimeImportance
    loss: Float[Array, ""]
