"""Which of many measurements stands for a run: in its plot, in `fids_dict` and in comparisons."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from thrmlDenoising.data import Mode
from thrmlDenoising.quality.agreement import HELD_OUT_PIXELS

DISTANCES = {"fid": "FID", "classifier_fd": "classifier FD"}
"""Endings of the names of the distances that all know, the best known first, and their labels."""

DISTANCE_METRICS = tuple(f"{mode}_{name}" for name in DISTANCES for mode in get_args(Mode))
"""These distances of free and of clamped images, as the history calls them."""

_ACCURACIES = {
    ("exact_accuracy",): "exactly the image of their class (%)",
    ("accuracy", "agreement"): "images of their label's class (%)",
    (HELD_OUT_PIXELS,): "pixels as in the held-out image (%)",
    ("valid_strings",): "strings that keep to the grammar (%)",
}
"""Endings of their names, the most telling first, and what they are called on an axis."""

_OF_POINTS = ("sliced_emd", "sliced EMD to held-out points")
"""A distance that only points have."""


class Headline(NamedTuple):
    """The measurement that stands for a run.

    Attributes:
        label: its name on an axis.
        is_distance: whether lower is better.
        names: its name for free and for clamped images, as far as they were measured.
    """

    label: str
    is_distance: bool
    names: dict[Mode, str]

    def best(self, values: Float[np.ndarray, " epoch"]) -> int | None:
        """The place of the best finite value, of equal ones the first; None if there is none."""
        return _lowest(values if self.is_distance else -values)


def at_best_epoch(distances: Mapping[Mode, Float[np.ndarray, " epoch"]]) -> dict[Mode, float]:
    """The distances of free and of clamped images at the epoch where their sum is lowest.

    Args:
        distances: NaN where an epoch has none; those of one mode may be all there are.

    Returns:
        Those of the first epoch of the lowest sum; none if no epoch has a finite one.
    """
    place = _lowest(np.sum(list(distances.values()), axis=0)) if distances else None
    if place is None:
        return {}
    return {mode: float(values[place]) for mode, values in distances.items()}


def _lowest(values: Float[np.ndarray, " epoch"]) -> int | None:
    finite = np.flatnonzero(np.isfinite(values))
    return int(finite[values[finite].argmin()]) if len(finite) else None


def headline(metric_names: Collection[str]) -> Headline | None:
    """FID if it was measured, else classifier FD, another Fréchet distance, or an accuracy: of
    labels, of pixels where images are conditioned on bits, or of strings.

    Args:
        metric_names: such as "free_fid"; of several other Fréchet distances the first counts.
    """
    by_mode = {mode: _without_prefix(metric_names, f"{mode}_") for mode in get_args(Mode)}
    measured = [name for names in by_mode.values() for name in names]
    distances = [name for name in measured if name.endswith("_fd")]
    for distance in [*DISTANCES, *distances[:1]]:
        if distance in measured:
            label = DISTANCES.get(distance, f"{distance.removesuffix('_fd')} FD")
            return Headline(label, True, _names(by_mode, (distance,)))
    if of_points := _names(by_mode, _OF_POINTS[:1]):
        return Headline(_OF_POINTS[1], True, of_points)
    for endings, label in _ACCURACIES.items():
        if accuracies := _names(by_mode, endings):
            return Headline(label, False, accuracies)
    return None


def headline_in_words(metrics: Mapping[str, float]) -> str | None:
    """The headline of these measurements in a few words, None if there is none.

    Example:
        >>> headline_in_words({"free_classifier_fd": 29.43, "clamped_classifier_fd": 39.31})
        'classifier FD 29.4 free, 39.3 clamped'
    """
    chosen = headline(metrics)
    if chosen is None:
        return None
    unit = "" if chosen.is_distance else " %"
    values = (f"{metrics[name]:.3g}{unit} {mode}" for mode, name in chosen.names.items())
    return f"{chosen.label.removesuffix(' (%)')} {', '.join(values)}"


def _without_prefix(names: Collection[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _names(by_mode: dict[Mode, list[str]], endings: tuple[str, ...]) -> dict[Mode, str]:
    """The first name of each mode with one of these endings."""
    found: dict[Mode, str] = {}
    for mode, names in by_mode.items():
        if name := next((name for name in names if name.endswith(endings)), None):
            found[mode] = f"{mode}_{name}"
    return found
