"""What a set of points is."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32


@runtime_checkable
class PointSet(Protocol):
    """A distribution of points."""

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        ...

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        ...
