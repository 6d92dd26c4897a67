"""Extractors by the names a config uses, and users' own."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from thrmlDenoising.quality.features.classifier import ClassifierFeatures
from thrmlDenoising.quality.features.inception import InceptionFeatures
from thrmlDenoising.quality.features.protocol import FeatureExtractor, fingerprint_of
from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.imports import find_object
from thrmlDenoising.support.user_text import check_name

RESERVED_NAMES = ("classifier", "inception", "fid")

_BATCH_SIZE = 500
_THIS_PACKAGE = __name__.partition(".")[0]


class CallableFeatures:
    """A user's own function as an extractor.

    Args:
        function: images of brightness 0..1, float32 (n, rows, columns), to features
            (n, features). If it has an attribute `fingerprint`, reference statistics are kept on
            disk under it.
        name: what results are labelled with; the function's own name if left out.

    Raises:
        ValueError: the name is that of a built-in extractor or no line of text, or the fingerprint
            is no text.
    """

    def __init__(self, function: Callable[[np.ndarray], Any], name: str | None = None) -> None:
        self.name = name or getattr(function, "__name__", type(function).__name__).strip("<>")
        _check_name(self.name)
        if self.name in RESERVED_NAMES:
            raise ValueError(
                f"an own feature extractor cannot be called {self.name!r}, its distances would be "
                "taken for those of the built-in one: give CallableFeatures another name"
            )
        self.fingerprint: str | None = getattr(function, "fingerprint", None)
        fingerprint_of(self)
        self._function = function

    def __eq__(self, other: object) -> bool:
        """Equal are those of one function, the very same object, under one name."""
        return isinstance(other, CallableFeatures) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> Hashable:
        return id(self._function), self.name, self.fingerprint

    def __call__(
        self, images: Float[np.ndarray, "image row column"]
    ) -> Shaped[np.ndarray, "image feature"]:
        """The function's features, asked for in batches of at most 500 images.

        Raises:
            ValueError: they are not one vector for each image.
        """
        starts = range(0, len(images), _BATCH_SIZE)
        return np.concatenate([self._batch(images[i : i + _BATCH_SIZE]) for i in starts])

    def _batch(
        self, images: Float[np.ndarray, "image row column"]
    ) -> Shaped[np.ndarray, "image feature"]:
        features = np.asarray(self._function(images))
        if features.ndim != 2 or len(features) != len(images):
            raise ValueError(
                f"feature extractor {self.name!r} turned {len(images)} images into an array of "
                f"shape {features.shape}: it has to give one vector for each, ({len(images)}, "
                "features)"
            )
        return features


def named_extractor(
    name: str | Callable[[np.ndarray], Any],
    dataset_name: str,
    inception_weights: str | Path | None = None,
) -> FeatureExtractor:
    """The extractor "classifier", "inception" or "module:function", or that of an own function.

    The name of a function is looked up anew every time, in what is imported: its cell may have run
    again. Networks are kept by their weights.

    Raises:
        UnavailableError: it cannot be used here: no weights, no package, or no classifier knows
            this data set.
        ValueError: no extractor has this name.
    """
    if not isinstance(name, str):
        return own_extractor(name)
    if name == "classifier":
        return ClassifierFeatures.of_dataset(dataset_name)
    if name == "inception":
        return InceptionFeatures.load(inception_weights)
    if ":" not in name:
        raise ValueError(
            f"unknown feature extractor {name!r}: give 'classifier', 'inception' or an own one as "
            "'module:function'"
        )
    function = find_object(name)
    if not callable(function):
        raise ValueError(
            f"feature extractor {name!r} is of type {type(function).__name__}, which cannot be "
            "called"
        )
    if name.partition(":")[0].partition(".")[0] == _THIS_PACKAGE:
        raise ValueError(
            f"feature extractor {name!r} is a part of {_THIS_PACKAGE} that extracts no features: "
            "give 'classifier', 'inception' or an own one as 'module:function'"
        )
    return own_extractor(function)


def own_extractor(function: Callable[[np.ndarray], Any]) -> FeatureExtractor:
    """An extractor as it is, any other function as `CallableFeatures`.

    Raises:
        ValueError: its results could not be labelled with its name, or its fingerprint is no text.
    """
    if not isinstance(function, FeatureExtractor):
        return CallableFeatures(function)
    _check_name(function.name)
    fingerprint_of(function)
    return function


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"a feature extractor is called {shown(name)}: its results are labelled with its name, "
            "so give it one of a few letters, CallableFeatures(function, name=...)"
        )
    check_name("the name of a feature extractor", name)
