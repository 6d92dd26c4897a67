"""How far two sets of images overlap: precision, recall, density and coverage.

The region of a set is the union of balls around its images, each reaching to the image's fifth
nearest neighbour in the set. Precision and recall are those of Kynkäänniemi et al. 2019, arXiv
1904.06991; density and coverage those of Naeem et al. 2020, arXiv 2002.09797.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Float, Int

from thrmlDenoising.quality.bootstrap import (
    Estimate,
    check_counts,
    check_features,
    check_same_features,
    mean_estimate,
    share_estimate,
)

N_NEIGHBOURS = 5
_ROWS_AT_ONCE = 512
_ROUNDING = 1e-12
"""Squared distances are equal if they differ by less, relative to |x|^2 + |y|^2: a vector far away
must not blur the others."""


class Manifold(NamedTuple):
    """Balls around images: features, and the distance to the fifth nearest other image."""

    features: Float[np.ndarray, "image feature"]
    radii: Float[np.ndarray, " image"]

    @classmethod
    def of(cls, features: Float[np.ndarray, "image feature"]) -> Self:
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

    Intervals tell how far the numbers scatter between sets of as many generated images: Wilson's
    for precision, by resampling for density, and for recall and coverage by the jackknife, since
    a resample never fills a ball that no image has hit. Radii stay as they are.

    Raises:
        ValueError: different numbers of features, or counts of another number of images.
    """
    (n_generated, n_features), (n_reference, n_others) = (
        generated.features.shape,
        reference.features.shape,
    )
    check_counts(counts, n_generated)
    check_same_features(n_features, n_others)
    balls = np.zeros(n_generated)  # of the reference, around each generated image
    recalled, covered = _Hits.none(n_generated), _Hits.none(n_generated)
    for rows in _blocks(n_reference):
        squared = _squared_distances(reference.features[rows], generated.features)
        squared -= _ROUNDING * _sums_of_squares(reference.features[rows], generated.features)
        in_reference = squared <= reference.radii[rows, None] ** 2
        balls += in_reference.sum(axis=0)
        covered = covered.plus(in_reference)
        recalled = recalled.plus(squared <= generated.radii**2)
    return Overlap(
        precision=share_estimate(balls > 0),
        recall=recalled.share(n_reference),
        density=mean_estimate(balls / N_NEIGHBOURS, counts),
        coverage=covered.share(n_reference),
    )


class _Hits(NamedTuple):
    """How many reference images are hit, and by each generated image alone."""

    total: int
    alone: Int[np.ndarray, " image"]

    @classmethod
    def none(cls, n_generated: int) -> "_Hits":
        return cls(0, np.zeros(n_generated, np.int64))

    def plus(self, hits: Bool[np.ndarray, "other image"]) -> "_Hits":
        n_hits = hits.sum(axis=1)
        sole = hits[n_hits == 1].sum(axis=0)
        return _Hits(self.total + int((n_hits > 0).sum()), self.alone + sole)

    def share(self, n_reference: int) -> Estimate:
        """Of the reference, with the delete-one jackknife's interval, which ends at 0 and 1.

        Without image i the share is less by what i alone has hit.
        """
        share, losses = self.total / n_reference, self.alone / n_reference
        n_generated = len(losses)
        deviation = np.sqrt((n_generated - 1) / n_generated * ((losses - losses.mean()) ** 2).sum())
        half = 1.96 * float(deviation)
        return Estimate(share, max(share - half, 0.0), min(share + half, 1.0))


def _blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(start, min(start + _ROWS_AT_ONCE, n_rows))


def _squared_distances(
    x: Float[np.ndarray, "image feature"], y: Float[np.ndarray, "other feature"]
) -> Float[np.ndarray, "image other"]:
    """|x|^2 + |y|^2 - 2 x.y, at least 0."""
    squared = x @ (-2 * y.T)
    squared += _sums_of_squares(x, y)
    return np.maximum(squared, 0, out=squared)


def _sums_of_squares(
    x: Float[np.ndarray, "image feature"], y: Float[np.ndarray, "other feature"]
) -> Float[np.ndarray, "image other"]:
    """|x|^2 + |y|^2."""
    return (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)
