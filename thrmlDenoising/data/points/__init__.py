"""Sets of points of which any number can be drawn, in plain NumPy.

    points = point_set("gmm_grid").draw(np.random.default_rng(0), 1000)  # (1000, 2), float32

The sets are those of the library BEM (github.com/darioShar/bem), with which heavy-tailed diffusion
(DLPM, Shariatian et al. 2024, arXiv 2407.18609) was tried out. `OwnPoints` are an array that a user
brings along.
"""

from thrmlDenoising.data.points.density import ImageDensity
from thrmlDenoising.data.points.mixture import Mixture
from thrmlDenoising.data.points.own import OwnPoints
from thrmlDenoising.data.points.protocol import PointSet
from thrmlDenoising.data.points.sets import POINT_SETS, STABLE_SETS, point_set

__all__ = [
    "POINT_SETS",
    "STABLE_SETS",
    "ImageDensity",
    "Mixture",
    "OwnPoints",
    "PointSet",
    "point_set",
]
