"""Points with heavy tails: their lengths exceed x with a chance that falls as x^-alpha.

Stable variates are SciPy's, so that data do not come from the very noise of a model. A scale of 1
is that of the characteristic function exp(-|t|^alpha); at alpha = 2 it is normal noise of
variance 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from thrmlDenoising.data.points.mixture import grid_means
from thrmlDenoising.support.stable_exponent import checked_alpha


@dataclass(frozen=True)
class _Stable:
    """Points of a stable law.

    Raises:
        ValueError: alpha is not from 0.5 to 2.
    """

    alpha: float = 1.7
    n_axes: int = 2

    def __post_init__(self) -> None:
        checked_alpha(self.alpha)


class Symmetric(_Stable):
    """Stable noise around 0 that knows no direction."""

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        return _isotropic(rng, self.alpha, (n, self.n_axes)).astype(np.float32)


class Skewed(_Stable):
    """Totally skewed stable coordinates (beta = 1), independent of each other.

    The heavy tail is on the side of large numbers. Their location is that of the parametrisation
    S1: a mean of 0 where alpha is above 1, numbers above 0 where it is below.
    """

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        return _skewed(rng, self.alpha, (n, self.n_axes)).astype(np.float32)


@dataclass(frozen=True)
class SymmetricGrid:
    """Stable noise of a small scale around the points of {-1, 0, 1}^2, each as likely.

    The centre of the grid is 0. That of BEM reaches from 0 to 2.

    Raises:
        ValueError: alpha is not from 0.5 to 2.
    """

    alpha: float = 1.7
    scale: float = 0.1

    def __post_init__(self) -> None:
        checked_alpha(self.alpha)

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        return 2

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        means = grid_means()
        places = means[rng.integers(len(means), size=n)]
        return (places + self.scale * _isotropic(rng, self.alpha, (n, 2))).astype(np.float32)


def _isotropic(
    rng: np.random.Generator, alpha: float, shape: tuple[int, int]
) -> Float[np.ndarray, "point axis"]:
    """sqrt(A) z with A = 2 S, one S for each point: positive, stable, E exp(-s S) = exp(-s^a),
    a = alpha / 2 (Samorodnitsky and Taqqu, Stable Non-Gaussian Random Processes, 1994, 2.5).
    """
    normal = rng.standard_normal(shape)
    if alpha == 2:
        return np.sqrt(2) * normal
    a = alpha / 2
    sizes = np.cos(np.pi * a / 2) ** (1 / a) * _skewed(rng, a, (shape[0], 1))
    return np.sqrt(2 * sizes) * normal


def _skewed(
    rng: np.random.Generator, alpha: float, shape: Sequence[int]
) -> Float[np.ndarray, "..."]:
    """Numbers of characteristic function exp(-|t|^alpha (1 - i sign(t) tan(pi alpha / 2)))."""
    from scipy.stats import levy_stable  # takes long, and few sets need it

    if alpha == 2:
        return np.sqrt(2) * rng.standard_normal(shape)
    return np.asarray(levy_stable.rvs(alpha, 1.0, size=tuple(shape), random_state=rng))
