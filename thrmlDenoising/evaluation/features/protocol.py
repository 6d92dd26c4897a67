"""What a feature extractor is."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


class UnavailableError(RuntimeError):
    """An extractor cannot be used here; the message says what is missing and how to get it."""


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turns images into feature vectors."""

    @property
    def name(self) -> str:
        """What results are labelled with."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Changes whenever the features do, such as the hash of a network's weights.

        None if that is not known: then nothing computed with it is kept on disk.
        """
        ...

    def __call__(
        self, images: Float[np.ndarray, "image row column"]
    ) -> Float[np.ndarray, "image feature"]:
        """Features of images of brightness 0..1."""
        ...
