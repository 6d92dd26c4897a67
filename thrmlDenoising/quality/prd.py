"""Precision and recall for distributions (Sajjadi et al. 2018, arXiv 1806.00035).

Two sets are compared by how often each has a point in each cell of a partition: with shares p of
the real and q of the generated points, the curve of precision and recall is

    precision(s) = sum min(s p, q),  recall(s) = sum min(p, q / s)  for all slopes s > 0.

F_8 is large where nothing real is missing, F_1/8 where nothing else is generated. Both are 1 for
sets with the same shares, 0 for sets that share no cell.
"""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.quality.bootstrap import (
    Estimate,
    centred_estimate,
    check_counts,
    check_same_features,
)

N_CLUSTERS = 20
N_PARTITIONS = 10
"""Curves are means over so many, as published."""

BETA = 8
SLOPES = np.tan(np.pi / 2 * np.arange(1, 1002) / 1002)
"""Evenly spaced in angle; the middle one is 1."""


class FScores(NamedTuple):
    """The best F_beta on the curve, for beta = 8 and 1/8."""

    recall: Estimate
    precision: Estimate


def f_scores(
    generated: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "other axis"],
    counts: Int[np.ndarray, "replicate point"],
    rng: np.random.Generator,
) -> FScores:
    """F_8 and F_1/8, the cells being 20 clusters (k-means) of both sets together.

    Intervals come from resampling the generated points in fixed cells. Single points far out have
    cells of their own.

    Raises:
        ValueError: different numbers of axes, or counts of another number of points.
    """
    check_counts(counts, n := len(generated))
    check_same_features(generated.shape[1], real.shape[1])
    together = np.concatenate([generated, real])
    weights = np.concatenate([np.ones((1, n)), counts]) / n  # the first are the points as given
    n_clusters = min(N_CLUSTERS, len(np.unique(together, axis=0)))
    recalls = np.zeros((len(weights), len(SLOPES)))
    for _ in range(N_PARTITIONS):
        cells = np.eye(n_clusters)[_clusters(together, n_clusters, rng)]
        recalls += recall_curves(cells[n:].mean(axis=0), weights @ cells[:n]) / N_PARTITIONS
    scores = [best_f(recalls, beta) for beta in (BETA, 1 / BETA)]
    return FScores(*(centred_estimate(values[0], values[1:]) for values in scores))


def recall_curves(
    real: Float[np.ndarray, " cell"], generated: Float[np.ndarray, "replicate cell"]
) -> Float[np.ndarray, "replicate slope"]:
    """The recall at every slope; the precision is as many times larger as the slope says."""
    recalls, shares = np.zeros((2, len(generated), len(SLOPES)))
    for p, q in zip(real, generated.T, strict=True):
        np.multiply(q[:, None], 1 / SLOPES, out=shares)
        recalls += np.minimum(p, shares, out=shares)
    return recalls


def best_f(
    recalls: Float[np.ndarray, "replicate slope"], beta: float
) -> Float[np.ndarray, " replicate"]:
    """max (1 + beta^2) precision recall / (beta^2 precision + recall) over the curve."""
    return ((1 + beta**2) * SLOPES * recalls / (beta**2 * SLOPES + 1)).max(axis=1)


def _clusters(
    points: Float[np.ndarray, "point axis"], n_clusters: int, rng: np.random.Generator
) -> Int[np.ndarray, " point"]:
    """The cluster of every point; clusters may be empty."""
    from scipy.cluster.vq import kmeans2  # takes long, and only what is measured needs it

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty", UserWarning)
        # SciPy 1.14 knows no other name for the generator; later ones know both
        found = kmeans2(points, n_clusters, minit="++", seed=rng)  # pyright: ignore[reportCallIssue]
    return np.asarray(found[1])
