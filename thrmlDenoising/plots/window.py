"""Which part of a plane, or of a line, a picture of points shows."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float

_HELD = 0.99
"""The share of real points that limits hold."""


@dataclass(frozen=True)
class Window:
    """A square, or of points with one axis an interval: the limits of a picture.

    Attributes:
        centre: its middle, on the one or two axes that are drawn.
        half: half of its side.
    """

    centre: Float[np.ndarray, " drawn_axis"]
    half: float

    @classmethod
    def around(cls, real: Float[np.ndarray, "point axis"], margin: float = 1.1) -> Self:
        """The limits that hold 99 % of the real points, times `margin`.

        Raises:
            ValueError: none of the points is finite.
        """
        drawn = real[:, :2]
        finite = drawn[np.isfinite(drawn).all(axis=1)].astype(float)
        if not finite.size:
            raise ValueError(f"no limits can be drawn around {len(real)} points: none is finite")
        centre = np.median(finite, axis=0)
        distances = abs(finite - centre).max(axis=1)
        half = margin * float(np.quantile(distances, _HELD, method="higher"))
        return cls(centre, half or 1.0)

    @property
    def n_axes(self) -> int:
        """1 or 2."""
        return len(self.centre)

    @property
    def limits(self) -> list[tuple[float, float]]:
        """The lower and the upper end on each axis."""
        return [(float(middle - self.half), float(middle + self.half)) for middle in self.centre]

    def holds(self, points: Float[np.ndarray, "point axis"]) -> Bool[np.ndarray, " point"]:
        """Which points lie within; none that is NaN."""
        within = abs(points[:, : self.n_axes] - self.centre) <= self.half
        return np.all(within, axis=-1)

    def n_beyond(self, points: Float[np.ndarray, "point axis"]) -> int:
        """How many points lie elsewhere."""
        return int((~self.holds(points)).sum())


def check_points(points: np.ndarray, axes: str, real: np.ndarray) -> None:
    """Checks that points can be drawn beside real ones.

    Args:
        axes: the axes that the points have to have, such as "point axis".

    Raises:
        ValueError: they cannot.
    """
    if points.ndim != len(axes.split()) or points.size == 0:
        raise ValueError(f"Points have the axes {axes}, and there are some; not {points.shape}.")
    if real.ndim != 2 or real.shape[1] != points.shape[-1]:
        raise ValueError(
            f"Real points of shape {real.shape} do not fit points with {points.shape[-1]} axes: "
            "give them as (point, axis), on the same axes."
        )


def shown_axes(points: np.ndarray) -> str:
    """Such as "the first 2 of 5 axes"; nothing if all are drawn."""
    n_axes = points.shape[-1]
    return f"the first 2 of {n_axes} axes" if n_axes > 2 else ""


def shares(
    points: Float[np.ndarray, "point axis"], edges: Float[np.ndarray, " edge"]
) -> Float[np.ndarray, " bin"]:
    """The share of all points, those beyond the edges included, in each bin of the first axis."""
    values = points[:, 0]
    return np.histogram(values[np.isfinite(values)], edges)[0] / len(values)
