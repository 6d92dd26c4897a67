"""What a feature extractor is."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from thrmlDenoising.support.hints import shown


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


def fingerprint_of(extractor: FeatureExtractor) -> str | None:
    """An extractor's fingerprint.

    Raises:
        ValueError: a user's own one is no text, and could not be written down.
    """
    fingerprint = extractor.fingerprint
    if fingerprint is not None and not isinstance(fingerprint, str):
        raise ValueError(
            f"the fingerprint of feature extractor {extractor.name!r} is {shown(fingerprint)}, of "
            f"type {type(fingerprint).__name__}: it has to be text, such as "
            "str(...) of that, or None"
        )
    return fingerprint


def features_of(
    extractor: FeatureExtractor, images: Float[np.ndarray, "image row column"]
) -> Float[np.ndarray, "image feature"]:
    """What an extractor, perhaps a user's own, makes of images that stay as they are.

    Raises:
        ValueError: no vector of finite numbers for each image; says what came instead.
    """
    features = np.asarray(extractor(images.copy()))  # it may work in place
    if features.ndim != 2 or len(features) != len(images) or features.shape[1] == 0:
        raise ValueError(
            f"feature extractor {extractor.name!r} turned {len(images)} images into an array of "
            f"shape {features.shape}: it has to give one vector for each, ({len(images)}, features)"
        )
    if features.dtype.kind not in "fiub":
        raise ValueError(
            f"the features of extractor {extractor.name!r} are of type {features.dtype}: they have "
            "to be real numbers"
        )
    if features.dtype.kind != "f":
        features = features.astype(np.float64)
    n_bad = int((~np.isfinite(features)).any(axis=1).sum())
    if n_bad:
        raise ValueError(
            f"feature extractor {extractor.name!r} gave NaN or infinite features for {n_bad} of "
            f"{len(images)} images"
        )
    return features
