"""Kernel distances: the unbiased squared maximum mean discrepancy (MMD) of two sets of images,

    mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j).

With the kernel `cubic`, in features, it is the kernel distance of Binkowski et al. 2018,
arXiv 1801.01401 (KID); `hamming` compares binary pixels as they are, and a `GaussianKernel`
points. Being unbiased it is 0 on average, and thus sometimes negative, for two sets of the same
kind. The published KID averages this over random subsets of 1000 images. Here all images are used
at once, which has the same expectation and less scatter.
"""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.quality.bootstrap import (
    Estimate,
    centred_estimate,
    check_counts,
    check_features,
    check_same_features,
)

_ROWS_AT_ONCE = 512

HAMMING_RATE = 0.1
"""How fast likeness falls with every pixel that differs."""

Kernel = Callable[
    [Float[np.ndarray, "image feature"], Float[np.ndarray, "other feature"]],
    Float[np.ndarray, "image other"],
]


def cubic(
    x: Float[np.ndarray, "image feature"], y: Float[np.ndarray, "other feature"]
) -> Float[np.ndarray, "image other"]:
    """(x.y / d + 1)^3 for d features."""
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    return base * base * base


def hamming(
    x: Float[np.ndarray, "image pixel"], y: Float[np.ndarray, "other pixel"]
) -> Float[np.ndarray, "image other"]:
    """exp(-0.1 h), h being how many pixels, each 0 or 1, differ."""
    differing = x.sum(axis=1)[:, None] + y.sum(axis=1) - 2 * (x @ y.T)
    return np.exp(-HAMMING_RATE * differing)


class GaussianKernel(NamedTuple):
    """exp(-|x - y|^2 / (2 h^2)): all moments count (Gretton et al., JMLR 13, 2012)."""

    width: float

    @classmethod
    def of_median(cls, points: Float[np.ndarray, "point axis"]) -> Self:
        """h is the median distance of two of the points.

        Raises:
            ValueError: it is 0, or there are less than 2 points.
        """
        from scipy.spatial.distance import pdist  # takes long, as all of SciPy's distances

        width = float(np.median(pdist(points))) if len(points) > 1 else 0.0
        if not width:
            raise ValueError(
                f"the median distance of {len(points)} points is 0, which gives a kernel no width: "
                "use more points, of which less than half are the same"
            )
        return cls(width)

    def __call__(
        self, x: Float[np.ndarray, "point axis"], y: Float[np.ndarray, "other axis"]
    ) -> Float[np.ndarray, "point other"]:
        """Of all pairs; differences are taken first, as points may be far from 0."""
        from scipy.spatial.distance import cdist

        return np.exp(cdist(x, y, "sqeuclidean") / (-2 * self.width**2))


class KernelReference(NamedTuple):
    """Real images: their features, and the mean kernel of all pairs of them."""

    features: Float[np.ndarray, "image feature"]
    mean_of_pairs: float
    kernel: Kernel = cubic

    @classmethod
    def of(cls, features: Float[np.ndarray, "image feature"], kernel: Kernel = cubic) -> Self:
        """Compares all pairs.

        Raises:
            ValueError: less than 2 images, or a feature that is not finite.
        """
        check_features(features, at_least=2)
        features = np.asarray(features, np.float64)
        of_pairs = _mean_of_pairs(features, np.ones((1, len(features))), kernel)
        return cls(features, float(of_pairs[0]), kernel)


def kernel_distance(
    features: Float[np.ndarray, "image feature"],
    reference: KernelReference,
    counts: Int[np.ndarray, "replicate image"],
) -> Estimate:
    """The kernel distance, in float64; in resamples no image is compared with itself.

    Raises:
        ValueError: less than 2 images, another number of features than the reference has, a
            feature that is not finite, or counts of another number of images.
    """
    check_features(features, at_least=2)
    check_counts(counts, len(features))
    check_same_features(features.shape[1], reference.features.shape[1])
    x = np.asarray(features, np.float64)
    weights = np.concatenate([np.ones((1, len(x))), counts])  # the first are the images as given
    within = _mean_of_pairs(x, weights, reference.kernel)
    between = weights @ _mean_over_others(x, reference) / len(x)
    distances = within + reference.mean_of_pairs - 2 * between
    return centred_estimate(distances[0], distances[1:])


def _mean_of_pairs(
    x: Float[np.ndarray, "image feature"],
    weights: Float[np.ndarray, "replicate image"],
    kernel: Kernel,
) -> Float[np.ndarray, " replicate"]:
    """sum_{i != j} w_i w_j k(x_i, x_j) / sum_{i != j} w_i w_j of every row of weights."""
    pairs = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
    if not pairs.all():
        raise ValueError(
            f"a resample of {len(x)} images holds one image only, which has no other to be "
            "compared with: use more images"
        )
    totals = np.zeros(len(weights))
    for start in range(0, len(x), _ROWS_AT_ONCE):
        block, rest = np.s_[start : start + _ROWS_AT_ONCE], np.s_[start + _ROWS_AT_ONCE :]
        own = kernel(x[block], x[block])
        np.fill_diagonal(own, 0)
        totals += _products(weights[:, block], own, weights[:, block])
        # the kernel is symmetric: pairs with an earlier block are those with a later one
        totals += 2 * _products(weights[:, block], kernel(x[block], x[rest]), weights[:, rest])
    return totals / pairs


def _products(
    left: Float[np.ndarray, "replicate image"],
    kernel: Float[np.ndarray, "image other"],
    right: Float[np.ndarray, "replicate other"],
) -> Float[np.ndarray, " replicate"]:
    """l^T K r of every replicate."""
    return ((left @ kernel) * right).sum(axis=1)


def _mean_over_others(
    x: Float[np.ndarray, "image feature"], reference: KernelReference
) -> Float[np.ndarray, " image"]:
    y, kernel = reference.features, reference.kernel
    blocks = [x[start : start + _ROWS_AT_ONCE] for start in range(0, len(x), _ROWS_AT_ONCE)]
    return np.concatenate([kernel(block, y).mean(axis=1) for block in blocks])
