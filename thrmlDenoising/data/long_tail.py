"""Long-tailed classes: there are fewer images of each class than of the one before."""

import math
from collections.abc import Sequence

import numpy as np

from thrmlDenoising.data.dataset import Split
from thrmlDenoising.support.hints import counted, shown

_ROUNDING = 1e-12
"""100^(-1/2) may be a little less than 0.1, which must not cost an image."""


def long_tailed(split: Split, imbalance: float) -> Split:
    """The first images of each class, as many as `long_tail_counts` says, in their order.

    Args:
        split: classes are positions 0, 1, 2, ..., the first of which keeps most images.
        imbalance: how many times more images the first class has than the last; 1 leaves the split
            as it is.

    Raises:
        ValueError: as in `long_tail_counts`.
    """
    present = np.bincount(split.classes)
    counts = long_tail_counts(present.tolist(), imbalance)
    if imbalance == 1:
        return split
    members = [np.flatnonzero(split.classes == label)[:n] for label, n in enumerate(counts)]
    kept = np.sort(np.concatenate(members))
    conditions = None if split.conditions is None else split.conditions[kept]
    return Split(split.pixels[kept], split.classes[kept], conditions)


def long_tail_counts(counts: Sequence[int], imbalance: float) -> tuple[int, ...]:
    """How many images of each class are left: n_c = floor(n imbalance^(-c / (C - 1))).

    C is the number of classes and n that of images of the smallest one, so that classes differ by
    this rule alone, as they do in CIFAR-10-LT (Cui et al. 2019, arXiv 1901.05555), where all are of
    one size. An imbalance of 1 leaves the counts as they are.

    Args:
        counts: how many there are.

    Raises:
        ValueError: the imbalance is less than 1 or leaves a class without images, or there are
            less than 2 classes.
    """
    if not 1 <= imbalance < math.inf:
        raise ValueError(
            f"imbalance={shown(imbalance)}: give a number of at least 1, by how many times the "
            "first class outnumbers the last"
        )
    if imbalance == 1:
        return tuple(counts)
    if len(counts) < 2:
        raise ValueError(
            f"imbalance={shown(imbalance)} of {counted(len(counts), 'class', 'classes')}: there "
            "must be at least 2, or leave imbalance at 1"
        )
    n = min(counts)
    if n < imbalance:
        raise ValueError(
            f"imbalance={shown(imbalance)} leaves the last class without images, as the smallest "
            f"class has {counted(n, 'image')}: give at most {n}"
        )
    shares = [imbalance ** (-c / (len(counts) - 1)) for c in range(len(counts))]
    return tuple(math.floor(n * share * (1 + _ROUNDING)) for share in shares)
