"""What models of all families give to the rooms above them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

PerPart = Mapping[str, tuple[float | None, ...]]
"""Numbers of every part of a model, as in `EpochRecord.per_part`."""


AUTOCORRELATION = "autocorr_step"
"""What the history calls the autocorrelation of a part's chains, in every family that has some."""


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


class Cost(NamedTuple):
    """What an epoch of training costs, in the unit in which models of a family compare."""

    unit: str
    amount: float


class Diagnostics(NamedTuple):
    """What a model says of its own health.

    Attributes:
        per_part: numbers for the history.
        frozen: parts that there is nothing more to learn from, by number, with the reason.
        pictures: drawn into the run folder, by their paths within it.
    """

    per_part: PerPart
    frozen: Mapping[int, str]
    pictures: Mapping[str, Callable[[Path], None]]


class Finding(NamedTuple):
    """Something about a model that the evaluation command tells besides the quality of images.

    Attributes:
        key: its name in JSON.
        title: its heading.
        text: in Markdown.
        content: ready for JSON.
    """

    key: str
    title: str
    text: str
    content: Any


class NotFiniteError(ValueError):
    """A model holds NaN or infinite numbers: its training has diverged, and it is good for nothing.

    Its samples would look like those of a model that mixes at once.
    """
