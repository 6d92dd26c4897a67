"""Mixtures of normal distributions, whose modes a model may miss or weigh wrongly."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from thrmlDenoising.support.hints import shown

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Mixture:
    """Normal modes of one width, the same in all directions.

    Attributes:
        means: of the modes.
        std: of each coordinate around them.
        weights: how likely each mode is.

    Raises:
        ValueError: the numbers are no such mixture.
    """

    means: Float[np.ndarray, "mode axis"]
    std: float
    weights: Float[np.ndarray, " mode"]

    def __post_init__(self) -> None:
        if np.ndim(self.means) != 2 or not np.size(self.means) or not np.isfinite(self.means).all():
            raise ValueError(
                f"means of shape {np.shape(self.means)}: give finite numbers, one row for each "
                "mode and one column for each axis"
            )
        if not 0 < self.std < np.inf:
            raise ValueError(f"std={shown(self.std)}: give a number above 0")
        weights = np.asarray(self.weights)
        if weights.shape != (len(self.means),):
            raise ValueError(
                f"weights of shape {weights.shape} for {len(self.means)} modes: give one for each"
            )
        if not (weights >= 0).all() or abs(weights.sum() - 1) > _ROUNDING:
            raise ValueError(
                f"weights {shown(weights.tolist())} with the sum {weights.sum():.6g}: give numbers "
                "of at least 0 whose sum is 1"
            )

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        return self.means.shape[1]

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        modes = rng.choice(len(self.means), size=n, p=self.weights / self.weights.sum())
        noise = rng.standard_normal((n, self.n_axes))
        return (self.means[modes] + self.std * noise).astype(np.float32)

    def distances(self, points: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, "point mode"]:
        """How far points are from the mean of every mode."""
        apart = np.asarray(points, np.float64)[:, None] - self.means
        return np.sqrt((apart**2).sum(axis=-1))


def grid_means() -> Float[np.ndarray, "mode axis"]:
    """The nine points of {-1, 0, 1}^2, the last coordinate changing first."""
    steps = np.array([-1.0, 0.0, 1.0])
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(9, 2)


def gmm_2() -> Mixture:
    """Two modes of equal weight, at (1, 0) and (-1, 0)."""
    return Mixture(np.array([[1.0, 0.0], [-1.0, 0.0]]), std=0.1, weights=np.array([0.5, 0.5]))


def gmm_grid() -> Mixture:
    """Nine modes on a grid, between 1 and 30 % of all points in each.

    Weights and their order are those of BEM's configuration for 2D data. Its grid reaches from 0
    to 2; here its centre is 0, where the noise of a diffusion ends.
    """
    weights = np.array([0.01, 0.1, 0.3, 0.2, 0.02, 0.15, 0.02, 0.15, 0.05])
    return Mixture(grid_means(), std=0.1, weights=weights)
