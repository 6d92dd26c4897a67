"""Do images fulfil their condition? Held against the real image that has the same one."""

import numpy as np
from jaxtyping import Int, UInt8

from thrmlDenoising.quality.bootstrap import Estimate, mean_estimate, per_cent

HELD_OUT_PIXELS = "held_out_pixels"
"""What the measurement is called."""


def held_out_pixels(
    pixels: UInt8[np.ndarray, "image pixel"],
    held_out: UInt8[np.ndarray, "image pixel"],
    counts: Int[np.ndarray, "replicate image"],
) -> Estimate:
    """Per cent of pixels of the very grey level of the held-out image with the same condition.

    100 where the condition settles the image; elsewhere less, for a perfect model too.
    """
    return per_cent(mean_estimate((pixels == held_out).mean(axis=1), counts))
