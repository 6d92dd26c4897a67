"""Real images as generated ones are judged against: features and statistics, computed once.

A reference is identified by a hash of the data set, its split, classes, threshold or grey levels,
its pixels and the extractor: whatever could change a distance changes the hash. It is kept in
memory and, where the extractor has a fingerprint, in a cache on disk. An own extractor is asked
each time what it makes of a few images, since its code may change under one name and fingerprint.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from thrmlDenoising.data import ImageDataset
from thrmlDenoising.quality.features import (
    ClassifierFeatures,
    FeatureExtractor,
    InceptionFeatures,
    features_of,
)
from thrmlDenoising.quality.frechet import FeatureMoments
from thrmlDenoising.quality.kernel_distance import KernelReference
from thrmlDenoising.quality.nearest import nearest_distances
from thrmlDenoising.support.cache import CACHE_VARIABLE, cache_folder
from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.warn import warn

N_COMPARED = 10_000
"""At most so many reference images serve the metrics that compare images pairwise, as published."""

N_SEARCHED = 2_000
"""About so many images, generated or held out, are held against every training image: enough to
see a per cent of copies, while all of them would take longer than everything else together."""

N_ASKED = 64
"""About so many images show whether an own extractor is still what it was."""

_FORMAT = 1
_FEATURE_FIELDS = ("mean", "factor", "n_images", "features", "mean_of_pairs")

_ORDER_SEED = 2510_23972
"""Of its own: whoever draws images with a seed such as 0 must not draw the very same ones."""


class RealImages:
    """The images of a data set as a model is to make them.

    Two are equal if their images, and how these came about, are.

    Args:
        pixel_threshold: brightness above which a pixel is on, where there is one grey level.
    """

    def __init__(self, dataset: ImageDataset, pixel_threshold: float) -> None:
        self.dataset = dataset
        self._pixel_threshold = pixel_threshold

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Data set, split, classes, image shape, threshold or levels, and the hash of pixels."""
        data = self.dataset
        binary = data.n_levels == 1
        rendering = {"threshold": self._pixel_threshold} if binary else {"levels": data.n_levels}
        digest = hashlib.sha256()
        for split in (data.train, data.test):
            digest.update(split.pixels.tobytes())
            digest.update(split.classes.tobytes())
        return {
            "dataset": data.name,
            "split": "train",
            "classes": list(data.target_classes),
            "image_shape": list(data.image_shape),
            **rendering,
            "pixels_sha256": digest.hexdigest(),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RealImages) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity["pixels_sha256"])

    def hash_with(self, extractor: str | None) -> str:
        """A short hash of these images and what looks at them."""
        text = json.dumps([_FORMAT, self.identity, extractor], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class FeatureReference(NamedTuple):
    """What real images look like to an extractor.

    Attributes:
        moments: of all training images.
        kernel: of at most `N_COMPARED` of them, drawn once for all, in random order.
        hash: identifies all of it.
    """

    moments: FeatureMoments
    kernel: KernelReference
    hash: str

    def some_features(self, n_images: int) -> Float[np.ndarray, "image feature"]:
        """Those of `n_images` random real images, or of as many as `kernel` has."""
        return self.kernel.features[:n_images]


def feature_reference(real: RealImages, extractor: FeatureExtractor) -> FeatureReference:
    """The reference of these images in the extractor's features, from the cache if it is there."""
    return _feature_reference(real, extractor, _behaviour(real, extractor))


def _behaviour(real: RealImages, extractor: FeatureExtractor) -> str:
    """What an own extractor makes of a few real images, as a hash.

    Its name, the object and even its fingerprint stay the same when something that it uses is
    edited. The networks of this package are known by their weights, which are their fingerprints.
    """
    if isinstance(extractor, ClassifierFeatures | InceptionFeatures):
        return ""
    data = real.dataset
    some = evenly_spread(data.train.pixels, N_ASKED)
    return hashlib.sha256(features_of(extractor, data.brightness(some)).tobytes()).hexdigest()


@lru_cache(maxsize=8)
def _feature_reference(
    real: RealImages, extractor: FeatureExtractor, behaviour: str
) -> FeatureReference:
    data = real.dataset

    def compute() -> dict[str, np.ndarray]:
        features = features_of(extractor, data.brightness(data.train.pixels))
        moments, kernel = FeatureMoments.of(features), KernelReference.of(_some(features))
        return {
            "mean": moments.mean,
            "factor": moments.factor,
            "n_images": np.array(moments.n_images),
            "features": kernel.features,
            "mean_of_pairs": np.array(kernel.mean_of_pairs),
        }

    if extractor.fingerprint is None:
        kept = compute()
        # Features of an unknown origin are known by their statistics alone.
        origin = hashlib.sha256(kept["mean"].tobytes() + kept["factor"].tobytes()).hexdigest()
        name = real.hash_with(f"{extractor.name} {origin}")
    else:
        name = real.hash_with(f"{extractor.name} {extractor.fingerprint} {behaviour}".rstrip())
        kept = _kept(name, compute, _FEATURE_FIELDS)
    moments = FeatureMoments(kept["mean"], kept["factor"], int(kept["n_images"]))
    kernel = KernelReference(kept["features"], float(kept["mean_of_pairs"]))
    return FeatureReference(moments, kernel, name)


@lru_cache(maxsize=8)
def held_out_distances(real: RealImages) -> Float[np.ndarray, " image"]:
    """How far `N_SEARCHED` held-out images are from the nearest training image."""
    data = real.dataset
    some = evenly_spread(data.test.pixels, N_SEARCHED)

    def compute() -> dict[str, np.ndarray]:
        nearest = nearest_distances(some, data.train.pixels, data.n_levels)
        return {"nearest": nearest}

    return _kept(real.hash_with(None), compute, ["nearest"])["nearest"]


def held_out_features(
    real: RealImages, extractor: FeatureExtractor
) -> Float[np.ndarray, "image feature"]:
    """All held-out images in the extractor's features, looked at once."""
    return _held_out_features(real, extractor, _behaviour(real, extractor))


@lru_cache(maxsize=8)
def _held_out_features(
    real: RealImages, extractor: FeatureExtractor, behaviour: str
) -> Float[np.ndarray, "image feature"]:
    data = real.dataset
    return features_of(extractor, data.brightness(data.test.pixels))


def evenly_spread(
    pixels: UInt8[np.ndarray, "image pixel"], about: int
) -> UInt8[np.ndarray, "some pixel"]:
    """Every k-th image, so that classes that stand in order are all there."""
    return pixels[:: -(-len(pixels) // about)]


def _some(features: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, "some feature"]:
    """At most `N_COMPARED` images in random order, the same ones every time."""
    return features[np.random.default_rng(_ORDER_SEED).permutation(len(features))[:N_COMPARED]]


def _kept(
    name: str, compute: Callable[[], dict[str, np.ndarray]], fields: Collection[str]
) -> dict[str, np.ndarray]:
    """Arrays of these names from the cache on disk, or computed and put there.

    The cache saves time and nothing else: what is damaged in it is replaced, and where there is
    none, or it cannot be written, everything is computed.
    """
    folder = cache_folder()
    if folder is None:
        warn(
            "reference statistics are not kept, as no home directory was found: name a folder for "
            f"them in the environment variable {CACHE_VARIABLE}",
            stacklevel=2,
        )
        return compute()
    file = folder / f"{name}.npz"
    arrays = _read(file)
    if arrays is not None and set(arrays) == set(fields):
        return arrays
    arrays = compute()
    try:
        with written_aside(file) as aside, aside.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
    except (OSError, ValueError) as error:
        warn(
            f"reference statistics are not kept in {str(folder)!a}: {error}. Name another "
            f"folder in the environment variable {CACHE_VARIABLE}",
            stacklevel=2,
        )
    return arrays


def _read(file: Path) -> dict[str, np.ndarray] | None:
    """The arrays in a file; None if it is not there or damaged."""
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # damage raises whatever the part of NumPy or zipfile that meets it raises
        return None
