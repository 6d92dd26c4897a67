"""How far points have to be moved to become others: the earth mover's distance.

It is the smallest mean distance between the points of two sets over all ways of pairing them, the
Wasserstein distance of order 1 (Rubner et al. 2000, IJCV 40). It grows with the number of axes and
falls with that of points, so that only distances of equally many points compare.
"""

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.quality.bootstrap import (
    Estimate,
    centred_estimate,
    check_counts,
    check_same_features,
)

N_DIRECTIONS = 64
_DIRECTIONS_SEED = 64
_N_HALVES, _T = 16, 2.13
"""Of so many numbers 95 % lie within that many of their standard deviations (Student)."""


def earth_movers_distance(
    x: Float[np.ndarray, "point axis"], y: Float[np.ndarray, "point axis"]
) -> float:
    """The exact distance of two sets of equally many points.

    Raises:
        ValueError: they are of different shapes.
    """
    from scipy.optimize import linear_sum_assignment  # both take long
    from scipy.spatial.distance import cdist

    if x.shape != y.shape:
        raise ValueError(f"points of shapes {x.shape} and {y.shape}: give equally many of a kind")
    apart = cdist(x, y)
    return float(apart[linear_sum_assignment(apart)].mean())


def earth_movers_estimate(
    generated: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "point axis"],
    rng: np.random.Generator,
) -> Estimate:
    """The same with an interval, by the delete-half jackknife (Shao and Wu 1989, Ann. Stat. 17).

    Distances of random halves of the generated points, each to the same half of the real ones,
    scatter as those of new sets as large as the whole.

    Args:
        real: in random order.

    Raises:
        ValueError: they are of different shapes, or less than 2 points.
    """
    value, m = earth_movers_distance(generated, real), len(generated) // 2
    if not m:
        raise ValueError("1 point of each kind: at least 2 are needed for an interval")
    halves = [
        earth_movers_distance(rng.permutation(generated)[:m], real[:m]) for _ in range(_N_HALVES)
    ]
    width = _T * float(np.std(halves, ddof=1))
    return Estimate(value, value - width, value + width)


def sliced_distance(
    generated: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "other axis"],
    counts: Int[np.ndarray, "replicate point"],
) -> Estimate:
    """The mean distance of shadows on lines (Bonneel et al. 2015, JMIV 51), of 64 directions.

    In one dimension there is only one, and it is the distance itself. Its interval is that of how
    it changes, to first order, with the weight of each generated point.

    Raises:
        ValueError: different numbers of axes, or counts of another number of points.
    """
    check_counts(counts, len(generated))
    check_same_features(generated.shape[1], real.shape[1])
    directions = fixed_directions(generated.shape[1])
    value, influences = 0.0, np.zeros(len(generated))
    for direction in directions:
        of_shadows, of_points = _on_a_line(generated @ direction, real @ direction)
        value += of_shadows / len(directions)
        influences += of_points / len(directions)
    return centred_estimate(value, counts @ influences / len(generated))


def fixed_directions(n_axes: int) -> Float[np.ndarray, "direction axis"]:
    """Unit vectors: even angles in the plane, and always the same random ones in space."""
    if n_axes == 1:
        return np.ones((1, 1))
    if n_axes == 2:
        angles = np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vectors = np.random.default_rng(_DIRECTIONS_SEED).standard_normal((N_DIRECTIONS, n_axes))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _on_a_line(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " other"]
) -> tuple[float, Float[np.ndarray, " point"]]:
    """The integral of |F - G|, and how it grows with the weight of every x.

    F and G are the shares of x and of y up to a place; more weight on a point adds to F from there
    on.
    """
    n, m = len(x), len(y)
    both = np.concatenate([x, y])
    order = np.argsort(both)
    gaps = np.diff(both[order])
    ahead = np.where(order < n, m, -n).cumsum()[:-1]  # in whole numbers, n m (F - G)
    value = float((abs(ahead) * gaps).sum() / (n * m))
    from_there_on = np.append((np.sign(ahead) * gaps)[::-1].cumsum()[::-1], 0.0)
    influences = np.empty(n + m)
    influences[order] = from_there_on
    return value, influences[:n]
