"""Does a model copy its training images? Distances to the nearest of them tell."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from thrmlDenoising.quality.bootstrap import Estimate, mean_estimate, per_cent, share_estimate

_ROWS_AT_ONCE = 2048
_EXACT_IN_FLOAT32 = 2**24
FEWEST_HELD_OUT = 100


class Memorisation(NamedTuple):
    """How near generated images are to training images.

    Attributes:
        distance: mean distance to the nearest training image.
        copied: per cent of images nearer to a training image than 99 % of held-out images are.
    """

    distance: Estimate
    copied: Estimate


def nearest_distances(
    images: UInt8[np.ndarray, "image pixel"],
    training: UInt8[np.ndarray, "other pixel"],
    n_levels: int,
) -> Float[np.ndarray, " image"]:
    """Root mean square difference of brightness (level / n_levels) to the nearest training image.

    Exact up to the last root: equal images are at distance 0, and equal distances are equal.

    Raises:
        ValueError: no image, images of different sizes, or a level above `n_levels`.
    """
    _check_images(images, training, n_levels)
    n_pixels = images.shape[1]
    # No partial sum of |y|^2 - 2 x.y is larger than this: products of integers are then exact.
    exact = 2 * n_pixels * n_levels**2 <= _EXACT_IN_FLOAT32
    dtype = np.float32 if exact else np.float64
    squares = [
        _nearest_squares(images[start : start + _ROWS_AT_ONCE].astype(dtype), training)
        for start in range(0, len(images), _ROWS_AT_ONCE)
    ]
    return np.sqrt(np.concatenate(squares) / n_pixels) / n_levels


def memorisation(
    nearest: Float[np.ndarray, " image"],
    nearest_of_held_out: Float[np.ndarray, " other"],
    counts: Int[np.ndarray, "replicate image"],
) -> Memorisation:
    """Compares the distances of generated images with those of held-out real images.

    `copied` is about 1 for new images of the right kind and 100 for copies. At most 1 % of the
    held-out images lie strictly below the distance it compares with; as images of few levels have
    few distances, ties may leave less. Exact copies always count. So if over 1 % of the held-out
    images are themselves among the training images, they score their own share of duplicates:
    hold the model against `memorisation` of the held-out images, not against 1.

    It does not see memories that are blurred, shifted or given another level here and there.

    Raises:
        ValueError: less than 100 held-out images, or counts of another number of images.
    """
    if len(nearest_of_held_out) < FEWEST_HELD_OUT:
        raise ValueError(
            f"{len(nearest_of_held_out)} held-out images do not tell what 99 % of them are like: "
            f"use at least {FEWEST_HELD_OUT}"
        )
    rank = len(nearest_of_held_out) // 100
    unusually_near = np.partition(nearest_of_held_out, rank)[rank]
    copied = (nearest < unusually_near) | (nearest == 0)
    return Memorisation(mean_estimate(nearest, counts), per_cent(share_estimate(copied)))


def _nearest_squares(
    images: Float[np.ndarray, "image pixel"], training: UInt8[np.ndarray, "other pixel"]
) -> Float[np.ndarray, " image"]:
    """min_y |x - y|^2 = |x|^2 + min_y (|y|^2 - 2 x.y), integers throughout."""
    nearest = np.full(len(images), np.inf, images.dtype)
    for start in range(0, len(training), _ROWS_AT_ONCE):
        others = training[start : start + _ROWS_AT_ONCE].astype(images.dtype)
        squares = images @ (-2 * others.T)
        squares += (others**2).sum(axis=1)
        np.minimum(nearest, squares.min(axis=1), out=nearest)
    return (nearest + (images**2).sum(axis=1)).astype(np.float64)


def _check_images(
    images: UInt8[np.ndarray, "image pixel"],
    training: UInt8[np.ndarray, "other pixel"],
    n_levels: int,
) -> None:
    if not images.size or not training.size or images.shape[1:] != training.shape[1:]:
        raise ValueError(
            f"images of shape {images.shape} and training images of shape {training.shape}: give "
            "at least one of each, with equally many pixels"
        )
    highest = max(images.max(), training.max())
    if highest > n_levels:
        raise ValueError(
            f"level {highest} is above n_levels={n_levels}: give both sets as integer levels "
            "0 .. n_levels"
        )
