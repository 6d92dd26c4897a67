"""Bits that images are conditioned on in place of classes: frames before them, actions, a mask."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from thrmlDenoising.data.given import as_array


def as_bits(what: str, given: Any) -> Bool[np.ndarray, "*shape"]:
    """Truth values, or the whole numbers 0 and 1, as bits; copied.

    Args:
        what: their name in messages.

    Raises:
        ValueError: they are something else.
    """
    values = as_array(what, given)
    if values.dtype == bool:
        return values.copy()
    if not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{what} of type {values.dtype}: give bits, as booleans or as the integers 0 and 1; "
            "brightness becomes bits by a threshold, such as frames > 0.5"
        )
    wrong = values[(values != 0) & (values != 1)]
    if wrong.size:
        raise ValueError(
            f"{what} hold {wrong.flat[0]}: bits are 0 or 1; numbers from 0 to k are written as "
            "one-hot bits, np.eye(k + 1, dtype=bool)[numbers]"
        )
    return values.astype(bool)


def checked_conditions(given: Any, n_images: int) -> Bool[np.ndarray, "image bit"]:
    """The condition of every image, at least a bit each.

    Raises:
        ValueError: they are no bits, or not one row for each image.
    """
    bits = as_bits("conditions", given)
    if bits.ndim != 2 or len(bits) != n_images or not bits.size:
        raise ValueError(
            f"conditions of shape {bits.shape} for {n_images} images: give a row of bits for each, "
            "of shape (image, bit); those of several dimensions are flattened, "
            "conditions.reshape(len(conditions), -1)"
        )
    bits.setflags(write=False)
    return bits


def in_turn(n_images: int, n_held_out: int) -> Int[np.ndarray, " image"]:
    """Which held-out image every image shares its condition with: from the first again where they
    end.
    """
    return np.arange(n_images) % n_held_out
