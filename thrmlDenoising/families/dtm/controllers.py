"""Adaptive strengths: the total-correlation penalty and the weight decay steer themselves.

Once an epoch a step's autocorrelation is compared with a threshold and with its previous value:
a chain that mixes badly is penalised harder, one that mixes well is left to learn.
"""

from collections.abc import Callable
from typing import NamedTuple


class Limits(NamedTuple):
    """What a controller compares with: the threshold, and the floor under which it switches off."""

    threshold: float
    floor: float


Rule = Callable[[float, float, float], float]
"""The factor, from a step's autocorrelation, the one before (infinite where there was none), and
the threshold."""


def replication_factor(autocorrelation: float, previous: float, threshold: float) -> float:
    """The factor dtm-replication multiplies the strength with."""
    if autocorrelation < threshold:
        return 0.6 + 0.2 * autocorrelation / threshold
    if autocorrelation > previous:
        return 1.5 if autocorrelation >= 1.8 * threshold else 1.2
    return 0.95


def paper_factor(autocorrelation: float, previous: float, threshold: float) -> float:
    """The factor of the paper's supplement, with its step of 0.2."""
    step = 0.2
    if autocorrelation < threshold:
        return 1 - step
    if autocorrelation > previous:
        return 1 + step
    return 1.0


CONTROLLERS: dict[str, Rule] = {"replication": replication_factor, "paper": paper_factor}
"""The rules by the name the config knows them by."""


def adapt(
    rule: Rule, strength: float, autocorrelation: float, previous: float, limits: Limits
) -> float:
    """One update: start from at least the floor, apply the rule; below the floor it is 0."""
    value = max(strength, limits.floor)
    value *= rule(autocorrelation, previous, limits.threshold)
    return value if value >= limits.floor else 0.0
