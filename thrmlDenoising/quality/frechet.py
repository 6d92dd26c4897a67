"""The Fréchet distance of two sets of features, as if both were Gaussian.

    |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))

The root of a product of covariances is never taken: it may come out complex, and loses half of
the digits where covariances are singular. With S = F^T F the same distance is

    |mu_1 - mu_2|^2 + min_W |F_1 - W F_2|^2    over orthogonal W,

attained (orthogonal Procrustes problem) at W = U V^T of the singular value decomposition
F_1 F_2^T = U s V^T, since tr (S_1 S_2)^(1/2) = sum(s). This is a sum of squares, so that nothing
cancels where two sets nearly agree.
"""

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

_NOT_ROUNDING = 1e-5
"""Relative to its largest value, what a covariance kept in float32 cannot have wrong."""

_VALUES_AT_ONCE = 2**24


class FeatureMoments(NamedTuple):
    """Mean and covariance F^T F of the features of some images.

    The factor F has as many rows as its rank may need, at most one per feature.
    """

    mean: Float[np.ndarray, " feature"]
    factor: Float[np.ndarray, "row feature"]
    n_images: int

    @classmethod
    def of(cls, features: Float[np.ndarray, "image feature"]) -> Self:
        """Moments in float64; the covariance is the unbiased one, of n - 1.

        Raises:
            ValueError: less than 2 images, or a feature that is not finite.
        """
        check_features(features, at_least=2)
        mean = features.mean(axis=0, dtype=np.float64)
        scale = np.sqrt(len(features) - 1)
        return cls(mean, _triangular_factor(features, mean) / scale, len(features))

    @classmethod
    def from_covariance(
        cls,
        mean: Float[np.ndarray, " feature"],
        covariance: Float[np.ndarray, "feature feature"],
        n_images: int,
    ) -> Self:
        """Statistics published as mean and covariance.

        Eigenvalues that are 0 but for rounding are set to 0.

        Raises:
            ValueError: shapes that do not match, values that are not finite, or a matrix that is
                no covariance.
        """
        mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
        if mean.ndim != 1 or covariance.shape != 2 * mean.shape:
            raise ValueError(
                f"a mean of shape {mean.shape} and a covariance of shape {covariance.shape}: give "
                "one value and one row and column for each feature"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ValueError("mean or covariance is not finite: compute the statistics anew")
        asymmetry = np.abs(covariance - covariance.T).max()
        if asymmetry > _NOT_ROUNDING * np.abs(covariance).max():
            raise ValueError(
                f"C - C^T reaches {asymmetry:.3g}, a covariance C is symmetric: check which array "
                "was given as covariance"
            )
        eigenvalues, eigenvectors = np.linalg.eigh((covariance + covariance.T) / 2)
        largest = np.abs(eigenvalues).max()
        if eigenvalues[0] < -_NOT_ROUNDING * largest:
            raise ValueError(
                f"eigenvalues from {eigenvalues[0]:.3g} to {eigenvalues[-1]:.3g}, a covariance "
                "has none below 0: check which array was given as covariance"
            )
        kept = eigenvalues > len(mean) * np.finfo(np.float64).eps * largest
        factor = np.sqrt(eigenvalues[kept])[:, None] * eigenvectors[:, kept].T
        return cls(mean, factor, n_images)

    @property
    def covariance(self) -> Float[np.ndarray, "feature feature"]:
        """F^T F."""
        return self.factor.T @ self.factor

    @property
    def total_variance(self) -> float:
        """The trace of the covariance."""
        return float((self.factor**2).sum())


def frechet_distance(a: FeatureMoments, b: FeatureMoments) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), never negative.

    The error is about 1e-16 of the variances for each feature, however singular they are.

    Raises:
        ValueError: moments of different numbers of features.
    """
    check_same_features(len(a.mean), len(b.mean))
    small, large = sorted((a.factor, b.factor), key=len)
    left, _, right = np.linalg.svd(large @ small.T, full_matrices=False)
    residual = large - left @ (right @ small)
    return float(((a.mean - b.mean) ** 2).sum() + (residual**2).sum())


def frechet_estimate(
    features: Float[np.ndarray, "image feature"],
    reference: FeatureMoments,
    counts: Int[np.ndarray, "replicate image"],
) -> Estimate:
    """The Fréchet distance of these images to the reference.

    Raises:
        ValueError: as `FeatureMoments.of`, another number of features than the reference has, or
            counts of another number of images.
    """
    check_counts(counts, len(features))
    moments = FeatureMoments.of(features)
    value = frechet_distance(moments, reference)
    return centred_estimate(value, _replicates(features - moments.mean, moments, reference, counts))


def _replicates(
    centred: Float[np.ndarray, "image feature"],
    moments: FeatureMoments,
    reference: FeatureMoments,
    counts: Int[np.ndarray, "replicate image"],
) -> Float[np.ndarray, " replicate"]:
    """The distance of each resample.

    tr (S S_ref)^(1/2) is the sum of the roots of the eigenvalues of F_ref S F_ref^T. Images are
    projected on F_ref once, so that a resample costs one product of matrices and one symmetric
    eigenvalue problem. That the roots lose half of the digits does not matter for an interval.
    """
    n_images = len(centred)
    means = counts @ centred / n_images
    squares = counts @ (centred**2).sum(axis=1) - n_images * (means**2).sum(axis=1)
    variances = squares / (n_images - 1) + reference.total_variance
    projected, projected_means = centred @ reference.factor.T, means @ reference.factor.T
    overlaps = [
        _sum_of_singular_values(
            np.sqrt(drawn[drawn > 0, None] / (n_images - 1)) * (projected[drawn > 0] - mean)
        )
        for drawn, mean in zip(counts, projected_means, strict=True)
    ]
    shifts = means + moments.mean - reference.mean
    return (shifts**2).sum(axis=1) + variances - 2 * np.array(overlaps)


def _sum_of_singular_values(matrix: Float[np.ndarray, "row column"]) -> float:
    """From the smaller of the two Gram matrices."""
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if columns < rows else matrix @ matrix.T
    return np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0)).sum()


def _triangular_factor(
    features: Float[np.ndarray, "image feature"], mean: Float[np.ndarray, " feature"]
) -> Float[np.ndarray, "row feature"]:
    """R of a QR decomposition of the centred features, block by block to save memory."""
    n_features = len(mean)
    n_rows = max(4 * n_features, _VALUES_AT_ONCE // n_features)
    factor = np.empty((0, n_features))
    for start in range(0, len(features), n_rows):
        block = np.concatenate([factor, features[start : start + n_rows] - mean])
        factor = np.asarray(np.linalg.qr(block, mode="r"))
    return factor
