"""What models of all families give to the rooms above them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from thrmlDenoising.quality import QualityReport

PerPart = Mapping[str, tuple[float | None, ...]]
"""Numbers of every part of a model, as in `EpochRecord.per_part`."""


Draw = Callable[[Path], object]
"""Draws a picture into a file."""

AUTOCORRELATION = "autocorr_step"
"""What the history calls the autocorrelation of a part's chains, in every family that has some."""


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
    pictures: Mapping[str, Draw]


class Evaluation(NamedTuple):
    """What a model makes after an epoch: judged, and laid out for drawing.

    Attributes:
        reports: one for everything that can become of labels, "free" and "clamped".
        pictures: drawn into the run folder, by their paths within it.
    """

    reports: Mapping[str, QualityReport]
    pictures: Mapping[str, Draw]

    @property
    def metrics(self) -> dict[str, float]:
        """The bare numbers, such as "free_classifier_fd"."""
        return {
            f"{mode}_{name}": value
            for mode, report in self.reports.items()
            for name, value in report.values.items()
        }


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
