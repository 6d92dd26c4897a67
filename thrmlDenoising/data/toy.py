"""Toy data sets `smoke_testing_<pixels>_<levels>_<classes>`: one fixed image per class.

A model that works learns them in seconds, so they show at once when one does not.
"""

import numpy as np

from thrmlDenoising.data.dataset import Split

# (pixels, grey levels above 0, classes) -> one image per class.
# Images of one set lie as far apart (sum of absolute differences) as their number allows.
# Only 3_2_5 needs a middle grey; the other sets use black and white, which every encoding of
# grey levels can learn exactly, even one whose trials of a pixel share their parameters.
TOY_IMAGES: dict[tuple[int, int, int], tuple[tuple[int, ...], ...]] = {
    (2, 2, 2): ((0, 2), (2, 0)),
    (3, 1, 3): ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    (3, 2, 5): ((0, 0, 0), (2, 2, 0), (2, 0, 2), (0, 2, 2), (1, 1, 1)),
    (4, 1, 4): ((1, 1, 0, 0), (0, 0, 1, 1), (1, 0, 1, 0), (0, 1, 0, 1)),
    (4, 4, 4): ((4, 4, 0, 0), (0, 0, 4, 4), (4, 0, 4, 0), (0, 4, 0, 4)),
}

TOY_SIZES: dict[str, tuple[int, int, int]] = {
    "smoke_testing_{}_{}_{}".format(*size): size for size in TOY_IMAGES
}


def read_toy(name: str) -> Split:
    """All images of a toy set, which serve for training and for testing; already quantised."""
    images = TOY_IMAGES[TOY_SIZES[name]]
    return Split(
        pixels=np.array(images, dtype=np.uint8),
        classes=np.arange(len(images), dtype=np.int32),
    )
