"""How fast data turns into noise: a beta for every step t = 1 .. T, in NumPy and float64.

A step resamples, or moves, a pixel with a probability that grows with beta_t. What is left of the
data after t steps is alpha-bar_t = prod_{u <= t} (1 - beta_u), with alpha-bar_0 = 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from thrmlDenoising.processes.bit_flips import Interval

_MOST_COSINE_BETA = 0.999
_LEAST_MULTINOMIAL_RATIO = 0.001


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The betas of T steps; immutable.

    Attributes:
        name: what errors and logs call it.
        betas: beta_t of step t = 1 .. T, at position t - 1: above 0 and below 1, the last may be 1.

    Raises:
        ValueError: no steps, or betas outside these limits.

    Example:
        >>> NoiseSchedule("by hand", np.array([0.5, 0.5])).alpha_bar
        array([1.  , 0.5 , 0.25])
    """

    name: str
    betas: Float[np.ndarray, " step"]

    def __post_init__(self) -> None:
        betas = np.array(self.betas, np.float64)
        if betas.ndim != 1 or not len(betas):
            raise ValueError(
                f"betas of shape {betas.shape}: give one number for every step, and at least one"
            )
        wrong = np.flatnonzero(~((betas > 0) & (betas < 1)))
        wrong = wrong[(wrong < len(betas) - 1) | (betas[wrong] != 1)]
        if len(wrong):
            raise ValueError(
                f"beta_{wrong[0] + 1} of the schedule {self.name!r} with {len(betas)} steps is "
                f"{betas[wrong[0]]:.6g}: betas are above 0 and below 1, and only the last may be 1"
            )
        betas.flags.writeable = False
        object.__setattr__(self, "betas", betas)

    @property
    def n_steps(self) -> int:
        """T."""
        return len(self.betas)

    @cached_property
    def log_alpha_bar(self) -> Float[np.ndarray, " time"]:
        """ln alpha-bar_t of t = 0 .. T; minus infinity at T if the last beta is 1."""
        with np.errstate(divide="ignore"):
            table = np.concatenate([[0.0], np.cumsum(np.log1p(-self.betas))])
        table.flags.writeable = False
        return table

    @property
    def alpha_bar(self) -> Float[np.ndarray, " time"]:
        """alpha-bar_t of t = 0 .. T."""
        return np.exp(self.log_alpha_bar)

    def __repr__(self) -> str:
        """Its name and its ends, without the numbers between them."""
        return (
            f"NoiseSchedule({self.name!r}, n_steps={self.n_steps}, beta_1={self.betas[0]:.4g}, "
            f"beta_T={self.betas[-1]:.4g}, alpha_bar_T={self.alpha_bar[-1]:.4g})"
        )


def linear(n_steps: int, first: float, last: float) -> NoiseSchedule:
    """beta_t from `first` to `last` in equal steps.

    Raises:
        ValueError: fewer than 1 step, or betas that are no probabilities.
    """
    return NoiseSchedule("linear", np.linspace(first, last, _checked(n_steps)))


def cosine(n_steps: int) -> NoiseSchedule:
    """beta_t = min(1 - c_t / c_{t-1}, .999) with c_t = cos((t / T + .008) / 1.008 pi / 2).

    The schedule of multinomial D3PM (arXiv 2107.03006): its alpha-bar is c itself, not squared.

    Raises:
        ValueError: fewer than 1 step.
    """
    return NoiseSchedule("cosine", np.minimum(1 - _cosine_ratios(n_steps), _MOST_COSINE_BETA))


def cosine_squared(n_steps: int) -> NoiseSchedule:
    """beta_t = min(1 - c_t^2 / c_{t-1}^2, .999) with the c_t of `cosine` (arXiv 2102.09672).

    Raises:
        ValueError: fewer than 1 step.
    """
    betas = np.minimum(1 - _cosine_ratios(n_steps) ** 2, _MOST_COSINE_BETA)
    return NoiseSchedule("cosine_squared", betas)


def multinomial(n_steps: int) -> NoiseSchedule:
    """1 - beta_t = sqrt(max(c_t^2 / c_{t-1}^2, .001)) with the c_t of `cosine`.

    The schedule of multinomial diffusion (arXiv 2102.05379): `cosine`, clipped differently.

    Raises:
        ValueError: fewer than 1 step.
    """
    ratios = np.sqrt(np.maximum(_cosine_ratios(n_steps) ** 2, _LEAST_MULTINOMIAL_RATIO))
    return NoiseSchedule("multinomial", 1 - ratios)


def jsd(n_steps: int) -> NoiseSchedule:
    """beta_t = 1 / (T - t + 1), so that alpha-bar_t = 1 - t / T: all is noise at T.

    With the absorbing process, as many pixels are absorbed in each step (arXiv 2107.03006).

    Raises:
        ValueError: fewer than 1 step.
    """
    return NoiseSchedule("jsd", 1 / np.arange(_checked(n_steps), 0, -1))


SCHEDULES: dict[str, Callable[[int], NoiseSchedule]] = {
    "cosine": cosine,
    "cosine_squared": cosine_squared,
    "multinomial": multinomial,
    "jsd": jsd,
}
"""Schedules that the number of steps alone says, by name."""


def of_intervals(grid: Sequence[Interval], rate: float) -> NoiseSchedule:
    """The schedule of bits that are resampled at this rate: beta_t = 1 - exp(-rate duration_t).

    Args:
        grid: as from `time_grid`; the last interval may be infinite.

    Raises:
        ValueError: an interval without noise, or one that leaves nothing to those after it.
    """
    durations = np.array([interval.duration for interval in grid])
    return NoiseSchedule("intervals", -np.expm1(-rate * durations))


def _cosine_ratios(n_steps: int) -> Float[np.ndarray, " step"]:
    """c_t / c_{t-1}."""
    fraction = np.arange(_checked(n_steps) + 1) / n_steps
    c = np.cos((fraction + 0.008) / 1.008 * np.pi / 2)
    return np.maximum(c[1:] / c[:-1], 0)  # the cosine of a right angle may round to below 0


def _checked(n_steps: int) -> int:
    if n_steps < 1:
        raise ValueError(f"n_steps={n_steps}: a process needs at least 1 step")
    return n_steps
