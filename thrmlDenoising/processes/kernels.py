"""One step of the processes whose steps depend on the distance of two levels."""

import numpy as np
from jaxtyping import Float

_PUBLISHED_LEVELS = 256
_SHARPEST = 800.0
"""1 / (2 sigma^2) of a kernel that leaves its level with probability exp(-800): never."""


def gaussian_steps(
    n_values: int, betas: Float[np.ndarray, " step"]
) -> Float[np.ndarray, "step distance"]:
    """Q_t(i, j) = w(i - j) / sum_{n = -(K-1)}^{K-1} w(n), w(n) = exp(-n^2 / (2 sigma_t^2)).

    With 256 levels sigma_t^2 = (K - 1)^2 beta_t / 8, as published (arXiv 2107.03006). This width
    in levels is nothing for few of them: no pixel would ever change. So sigma_t is what gives the
    kernel, at any K, the variance

        v_K(beta) = v_256(beta) (1 - cos(pi / 256)) / (1 - cos(pi / K)),

    with which the slowest mode, cos(pi (i + 1/2) / K), falls by about as much in a step as it
    does with 256 levels.
    """
    published = betas * (_PUBLISHED_LEVELS - 1) ** 2 / 8
    slower = (1 - np.cos(np.pi / _PUBLISHED_LEVELS)) / (1 - np.cos(np.pi / n_values))
    variances = _variance(_PUBLISHED_LEVELS, 0.5 / published) * slower
    return _kernel(n_values, _sharpness(n_values, variances))[:, n_values - 1 :]


def _kernel(n_values: int, sharpness: Float[np.ndarray, " step"]) -> Float[np.ndarray, "step move"]:
    """exp(-sharpness n^2), normalised over n = -(K-1) .. K-1."""
    weights = np.exp(-sharpness[:, None] * np.arange(1 - n_values, n_values) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def _variance(n_values: int, sharpness: Float[np.ndarray, " step"]) -> Float[np.ndarray, " step"]:
    return _kernel(n_values, sharpness) @ np.arange(1 - n_values, n_values) ** 2.0


def _sharpness(n_values: int, variances: Float[np.ndarray, " step"]) -> Float[np.ndarray, " step"]:
    """The 1 / (2 sigma^2) whose kernel has this variance, by bisection to the last digit."""
    low, high = np.zeros(len(variances)), np.full(len(variances), _SHARPEST)
    for _ in range(80):
        middle = (low + high) / 2
        too_wide = _variance(n_values, middle) > variances
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    return (low + high) / 2


def banded_steps(
    n_values: int, betas: Float[np.ndarray, " step"], width: int
) -> Float[np.ndarray, "step distance"]:
    """Q_t(i, j) = beta_t / K for 0 < |i - j| <= width (arXiv 2107.03006, appendix A.2).

    Raises:
        ValueError: a band of no levels, or of more than there are.
    """
    if not 1 <= width < n_values:
        raise ValueError(
            f"width={width}: with {n_values} values a band is 1 to {n_values - 1} levels wide"
        )
    return betas[:, None] / n_values * (np.arange(n_values) <= width)
