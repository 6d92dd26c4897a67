"""How far two sets of images overlap: precision, recall, density and coverage.

The region of a set is the union of balls around its images, each reaching to the image's fifth
nearest neighbour in the set. Precision and recall are those of Kynkäänniemi et al. 2019, arXiv
1904.06991; density and coverage those of Naeem et al. 2020, arXiv 2002.09797.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from thrmlDenoising.evaluation.bootstrap import (
    Estimate,
    centred_estimate,
    check_counts,
    check_features,
    mean_estimate,
)

N_NEIGHBOURS = 5
_ROWS_AT_ONCE = 512
_ROUNDING = 1e-12
"""Squared distances are equal if they differ by less, relative to the longest feature vector."""


class Manifold(NamedTuple):
    """Balls around images: features, and the distance to the fifth nearest other image."""

    features: Float[np.ndarray, "image feature"]
    radii: Float[np.ndarray, " image"]

    @classmethod
    def of(cls, features: Float[np.ndarray, "image feature"]) -> "Manifold":
        """Finds the neighbours of every image.

        Raises:
            ValueError: no more than 5 images, or a feature that is not finite.
        """
        check_features(features, at_least=N_NEIGHBOURS + 1)
        features = np.asarray(features, np.float64)
        squares = np.empty(len(features))
        for rows in _blocks(len(features)):
            squared = _squared_distances(features[rows], features)
            np.fill_diagonal(squared[:, rows], np.inf)  # an image is no neighbour of itself
            squares[rows] = np.partition(squared, N_NEIGHBOURS - 1)[:, N_NEIGHBOURS - 1]
        return cls(features, np.sqrt(squares))


class Overlap(NamedTuple):
    """How far generated images and the reference overlap, 1 being all.

    With M generated and N reference images of the same distribution density is 1 on average and
    coverage 1 - prod_{i=1..5} (N - i) / (M + N - i), about 0.97 for N = M.

    Attributes:
        precision: share of the generated images inside the reference's region.
        recall: share of the reference images inside the generated images' region.
        density: number of reference balls around a generated image, over 5; may exceed 1.
        coverage: share of the reference balls that hold a generated image.
    """

    precision: Estimate
    recall: Estimate
    density: Estimate
    coverage: Estimate


def overlap(
    generated: Manifold, reference: Manifold, counts: Int[np.ndarray, "replicate image"]
) -> Overlap:
    """Precision, recall, density and coverage of the generated images.

    In resamples, recall and coverage know only the images drawn; radii stay as they are.

    Raises:
        ValueError: different numbers of features, or counts of another number of images.
    """
    (n_generated, n_features), (n_reference, n_others) = (
        generated.features.shape,
        reference.features.shape,
    )
    check_counts(counts, n_generated)
    if n_features != n_others:
        raise ValueError(
            f"{n_features} features cannot be compared with {n_others}: use the same extractor "
            "for both"
        )
    # the first are the images as given; float32 for the sake of fast products
    drawn = np.concatenate([np.ones((1, n_generated)), counts > 0]).astype(np.float32)
    balls = np.zeros(n_generated)  # of the reference, around each generated image
    recalled, covered = np.zeros(len(drawn)), np.zeros(len(drawn))
    for rows in _blocks(n_reference):
        squared = _squared_distances(reference.features[rows], generated.features)
        squared -= _ROUNDING * _longest(generated.features, reference.features)
        in_reference = squared <= reference.radii[rows, None] ** 2
        balls += in_reference.sum(axis=0)
        covered += _n_with_any(in_reference, drawn)
        recalled += _n_with_any(squared <= generated.radii**2, drawn)
    recalled, covered = recalled / n_reference, covered / n_reference
    return Overlap(
        precision=_share(mean_estimate((balls > 0).astype(float), counts)),
        recall=_share(centred_estimate(recalled[0], recalled[1:])),
        density=mean_estimate(balls / N_NEIGHBOURS, counts),
        coverage=_share(centred_estimate(covered[0], covered[1:])),
    )


def _blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(start, min(start + _ROWS_AT_ONCE, n_rows))


def _squared_distances(
    x: Float[np.ndarray, "image feature"], y: Float[np.ndarray, "other feature"]
) -> Float[np.ndarray, "image other"]:
    """|x|^2 + |y|^2 - 2 x.y, at least 0."""
    squared = x @ (-2 * y.T)
    squared += (x**2).sum(axis=1)[:, None]
    squared += (y**2).sum(axis=1)
    return np.maximum(squared, 0, out=squared)


def _longest(*features: Float[np.ndarray, "_ feature"]) -> float:
    return max((x**2).sum(axis=1).max() for x in features)


def _n_with_any(
    inside: Bool[np.ndarray, "other image"], drawn: Float[np.ndarray, "replicate image"]
) -> Int[np.ndarray, " replicate"]:
    """For how many others any image drawn is inside."""
    return ((inside.astype(np.float32) @ drawn.T) > 0).sum(axis=0)


def _share(estimate: Estimate) -> Estimate:
    """An interval that ends at 0 and 1."""
    return Estimate(estimate.value, max(estimate.low, 0.0), min(estimate.high, 1.0))
