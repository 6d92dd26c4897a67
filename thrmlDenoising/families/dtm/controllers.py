"""Adaptive strengths: the total-correlation penalty and the weight decay steer themselves.

Once an epoch a step's autocorrelation is compared with a threshold and with its previous value:
a chain that mixes badly is penalised harder, one that mixes well is left to learn.
"""

from collections.abc import Callable
from typing import NamedTuple


class Strength(NamedTuple):
    """A controlled strength, and the autocorrelation its last change was based on."""

    value: float
    previous_autocorrelation: float

    def at_least(self, other: "Strength") -> "Strength":
        """This strength, raised to the other's value if it is below."""
        return self._replace(value=max(self.value, other.value))


class Limits(NamedTuple):
    """What a controller compares with: the threshold, and the floor under which it switches off."""

    threshold: float
    floor: float


Rule = Callable[[Strength, float, float], float]


def replication_factor(strength: Strength, autocorrelation: float, threshold: float) -> float:
    """The factor dtm-replication multiplies the strength with."""
    if autocorrelation < threshold:
        return 0.6 + 0.2 * autocorrelation / threshold
    if autocorrelation > strength.previous_autocorrelation:
        return 1.5 if autocorrelation >= 1.8 * threshold else 1.2
    return 0.95


def paper_factor(strength: Strength, autocorrelation: float, threshold: float) -> float:
    """The factor of the paper's supplement, with its step of 0.2."""
    step = 0.2
    if autocorrelation < threshold:
        return 1 - step
    if autocorrelation > strength.previous_autocorrelation:
        return 1 + step
    return 1.0


CONTROLLERS: dict[str, Rule] = {"replication": replication_factor, "paper": paper_factor}
"""The rules by the name the config knows them by."""


def adapt(rule: Rule, strength: Strength, autocorrelation: float, limits: Limits) -> Strength:
    """One update: start from at least the floor, apply the rule; below the floor it is 0."""
    value = max(strength.value, limits.floor)
    value *= rule(strength, autocorrelation, limits.threshold)
    return Strength(value if value >= limits.floor else 0.0, autocorrelation)
