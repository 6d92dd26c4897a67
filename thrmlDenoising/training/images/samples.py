"""Generated images on their way."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8


class Samples(NamedTuple):
    """Generated images on their way: the last frame is what was made.

    Attributes:
        frames: grey levels.
        classes: the class the model says each image shows, as a position in the target classes;
            None where it says none.
        votes: in each frame, the share of the model's opinion that each class has, 0 to 1; None
            where it has none.
        captions: what each frame is.
    """

    frames: UInt8[np.ndarray, "frame example pixel"]
    classes: Int[np.ndarray, " example"] | None
    votes: Float[np.ndarray, "frame example label_class"] | None
    captions: Sequence[str]

    @property
    def images(self) -> UInt8[np.ndarray, "example pixel"]:
        """What was made."""
        return self.frames[-1]

    @property
    def drawn_votes(self) -> Float[np.ndarray, "frame example label_class"]:
        """The votes; where there are none, no columns of them."""
        return np.zeros((*self.frames.shape[:2], 0)) if self.votes is None else self.votes
