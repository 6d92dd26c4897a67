"""Points of a user's own, from an array.

data = OwnPoints("returns", np.column_stack([gold, oil]))
data.train, data.test
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from thrmlDenoising.data.facts import check_own_name
from thrmlDenoising.data.given import Given, as_array
from thrmlDenoising.data.holding_out import check_holding_out, n_held_out
from thrmlDenoising.data.points.sets import POINT_SETS
from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import paragraph


@dataclass(frozen=True, eq=False, init=False)
class OwnPoints:
    """Points with any number of axes, a part of which is held out for tests.

    Which are held out, and the order of all, is drawn from `seed`: the same arguments always give
    the same halves. A run remembers what its points were, not the points, so these are given again
    to train on or to measure.

    Args:
        name: what results are labelled with; none of `POINT_SETS`. One line of at most 200
            characters.
        points: finite floats of shape (point, axis), kept as float32.
        test_fraction: the part that is held out, above 0 and below 1; at least one point is held
            out and one is trained on.
        seed: of the choice of held-out points.

    Raises:
        ValueError: the points are not as described.
    """

    name: str
    points: Float32[np.ndarray, "point axis"]
    test_fraction: float
    seed: int

    def __init__(
        self, name: str, points: Given, test_fraction: float = 0.1, seed: int | np.integer = 0
    ) -> None:
        check_own_name(name, "points", POINT_SETS)
        checked = _as_points(points)
        check_holding_out("the points", test_fraction, seed)
        kept = (name, checked, float(test_fraction), int(seed))
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.name!r}: {counted(len(self.points), 'point')} of "
            f"{counted(self.n_axes, 'axis', 'axes')}, {100 * self.test_fraction:g} % held out>"
        )

    def _repr_html_(self) -> str:
        return paragraph(repr(self))

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        return self.points.shape[1]

    @property
    def train(self) -> Float32[np.ndarray, "point axis"]:
        """Points to train on, in random order."""
        return self._halves[0]

    @property
    def test(self) -> Float32[np.ndarray, "point axis"]:
        """Points held out, in random order."""
        return self._halves[1]

    @cached_property
    def cfg(self) -> dict[str, Any]:
        """What a config says of these points."""
        return {
            "name": self.name,
            "n_axes": self.n_axes,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "points_sha256": self._sha256,
        }

    def check_described_by(self, section: Mapping[str, Any]) -> None:
        """Checks that a section of a config describes these points; it may say more.

        Raises:
            ValueError: it describes others.
        """
        if section.get("points_sha256") is None:
            raise ValueError(
                f"own points {self.name!r} are given, but the config learns "
                f"{section.get('name')!r}: build it with the entries of points.cfg"
            )
        differing = [
            f"{key} is {section.get(key)!r} there, {value!r} here"
            for key, value in self.cfg.items()
            if section.get(key) != value
        ]
        if differing:
            raise ValueError(
                f"these are not the points the config describes: {'; '.join(differing)}. Give the "
                "array, test_fraction and seed it was made with, or make a config of these, with "
                "the entries of points.cfg"
            )

    @cached_property
    def _halves(self) -> tuple[Float32[np.ndarray, "_ axis"], Float32[np.ndarray, "_ axis"]]:
        n = len(self.points)
        order = np.random.default_rng(self.seed).permutation(n)
        held_out, trained_on = np.split(order, [n_held_out(n, self.test_fraction)])
        return self.points[trained_on], self.points[held_out]

    @cached_property
    def _sha256(self) -> str:
        """Of all that can be learnt from: numbers, halves and their order."""
        digest = hashlib.sha256(repr((self.train.shape, self.test.shape)).encode())
        for half in self._halves:
            digest.update(half.astype("<f4").tobytes())
        return digest.hexdigest()


def _as_points(given: Any) -> Float32[np.ndarray, "point axis"]:
    """The points, copied."""
    points = as_array("points", given)
    if points.ndim != 2 or len(points) < 2 or not points.size:
        how = "; of one axis it is points[:, None]" if points.ndim == 1 else ""
        raise ValueError(
            f"points of shape {points.shape}: give an array (point, axis) of at least 2 points, "
            f"one to train on and one to hold out{how}"
        )
    if not np.issubdtype(points.dtype, np.floating):
        raise ValueError(
            f"points of type {points.dtype}: give floats, np.asarray(points, float) of whole "
            "numbers"
        )
    _check_finite(points, "are NaN or infinite: leave those points out")
    with np.errstate(over="ignore"):  # which is looked at next
        checked = points.astype(np.float32)
    _check_finite(checked, "are beyond float32 (3.4e38): give them in another unit")
    checked.setflags(write=False)
    return checked


def _check_finite(points: Float[np.ndarray, "point axis"], what_is_wrong: str) -> None:
    n_wrong = points.size - int(np.isfinite(points).sum())
    if n_wrong:
        raise ValueError(f"{n_wrong} of {points.size} coordinates {what_is_wrong}")
