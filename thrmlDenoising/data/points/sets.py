"""The sets by name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from thrmlDenoising.data.points.density import ImageDensity
from thrmlDenoising.data.points.mixture import gmm_2, gmm_grid
from thrmlDenoising.data.points.protocol import PointSet
from thrmlDenoising.data.points.stable import Skewed, Symmetric, SymmetricGrid
from thrmlDenoising.support.hints import did_you_mean, shown

POINT_SETS = ("gmm_2", "gmm_grid", "swiss_roll", "sas", "skewed_levy", "sas_grid", "image")
"""Names of the sets."""

STABLE_SETS = ("sas", "skewed_levy", "sas_grid")
"""Those with power tails, as heavy as their alpha says."""


def point_set(
    name: str,
    *,
    alpha: float = 1.7,
    image: str | Path | np.ndarray | ImageDensity | None = None,
) -> PointSet:
    """A set by its name.

    Args:
        name: one of `POINT_SETS`.
        alpha: of the stable sets (sas, skewed_levy, sas_grid): how heavy their tails are; others
            have none.
        image: of the set "image" alone: its bright pixels are the density. Of dark ones,
            `ImageDensity.of(image, pixels="dark")`.

    Raises:
        ValueError: there is no such set, alpha is not from 0.5 to 2, or an image is missing, has
            no density, or is given for another set.
    """
    if name not in POINT_SETS:
        raise ValueError(
            f"unknown set of points {shown(name)}{did_you_mean(name, POINT_SETS)} Sets: "
            f"{', '.join(POINT_SETS)}. Points of your own are given as OwnPoints "
            "(thrmlDenoising.data.points)"
        )
    if (image is not None) != (name == "image"):
        raise ValueError(
            'the set "image" needs one: give image=, a path or an array (row, column)'
            if image is None
            else f'an image is given for the set {name!r}: use the name "image", or leave it out'
        )
    match name:
        case "gmm_2":
            return gmm_2()
        case "gmm_grid":
            return gmm_grid()
        case "swiss_roll":
            return SwissRoll()
        case "sas":
            return Symmetric(alpha)
        case "skewed_levy":
            return Skewed(alpha)
        case "sas_grid":
            return SymmetricGrid(alpha)
    assert image is not None
    return image if isinstance(image, ImageDensity) else ImageDensity.of(image)


@dataclass(frozen=True)
class SwissRoll:
    """A spiral of one and a half turns, t (cos t, sin t) / (4.5 pi) with t from 1.5 pi to 4.5 pi.

    It is the side view of the roll of Marsland, Machine Learning, 2009, chapter 10, in a circle of
    radius 1; points are the denser the nearer to its middle, as t is uniform.

    Attributes:
        std: of normal noise around it.
    """

    std: float = 0.02

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        return 2

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        t = rng.uniform(1.5, 4.5, size=(n, 1)) * np.pi
        roll = t * np.concatenate([np.cos(t), np.sin(t)], axis=1) / (4.5 * np.pi)
        return (roll + self.std * rng.standard_normal((n, 2))).astype(np.float32)
