"""Image sets whose quality is known beforehand: what every metric has to put into order."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from thrmlDenoising.data import ImageDataset, Split

WRONG_THRESHOLD = 0.5


class Control(NamedTuple):
    """Images that no model has made.

    Attributes:
        labels: the class each is said to be of; None where it has none.
    """

    name: str
    pixels: UInt8[np.ndarray, "image pixel"]
    labels: Int[np.ndarray, " image"] | None


def control_images(
    real: ImageDataset, wrong: ImageDataset, n_images: int, rng: np.random.Generator
) -> list[Control]:
    """From images that are right in every respect to images that are wrong in most.

    Args:
        real: the images as a model is to make them.
        wrong: the same data set with another threshold.
        n_images: how many of each, or as many as there are of all kinds.
    """
    n_images = min(n_images, *(len(split.pixels) for split in (real.train, real.test)))
    train, test, thresholded = (
        _some(split, n_images, rng) for split in (real.train, real.test, wrong.train)
    )
    means = real.train.pixels.mean(axis=0) / real.n_levels
    independent = rng.binomial(real.n_levels, means, size=(n_images, real.n_pixels))
    return [
        Control("training images", *train),
        Control("test images", *test),
        Control("test images, classes shuffled", test.pixels, rng.permutation(test.classes)),
        Control("training images, wrong threshold", *thresholded),
        Control("independent pixels", independent.astype(np.uint8), None),
    ]


def _some(split: Split, n_images: int, rng: np.random.Generator) -> Split:
    chosen = rng.permutation(len(split.pixels))[:n_images]
    return Split(split.pixels[chosen], split.classes[chosen])
