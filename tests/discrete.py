"""Categorical processes written down a second time: every one-step matrix, in float64.

From the definitions alone; nothing here uses the library's own matrices.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm
from scipy.optimize import root_scalar

from thrmlDenoising.processes import (
    Absorbing,
    ByDistance,
    CategoricalProcess,
    NearestNeighbour,
    NoiseSchedule,
    Uniform,
)
from thrmlDenoising.processes.schedules import cosine, cosine_squared, jsd, linear, multinomial

SEEDS = (0, 1, 2)

SCHEDULES = {
    "linear": linear(12, 0.05, 0.9),
    "cosine": cosine(12),
    "cosine_squared": cosine_squared(12),
    "multinomial": multinomial(12),
    "jsd": jsd(12),
}


def uniform_step(k: int, beta: float) -> np.ndarray:
    return (1 - beta) * np.eye(k) + beta / k


def absorbing_step(k: int, beta: float, state: int) -> np.ndarray:
    step = (1 - beta) * np.eye(max(k, state + 1))
    step[:, state] += beta
    return step


def variance_kernel(k: int, width: float) -> np.ndarray:
    moves = np.arange(1 - k, k)
    weights = np.exp(-(moves**2) / (2 * width))
    return weights / weights.sum()


def gaussian_step(k: int, beta: float) -> np.ndarray:
    """Off the diagonal a kernel of the stated variance; the diagonal is what is left."""

    def variance(levels: int, width: float) -> float:
        return float(variance_kernel(levels, width) @ np.arange(1 - levels, levels) ** 2)

    slower = (1 - np.cos(np.pi / 256)) / (1 - np.cos(np.pi / k))
    wanted = variance(256, 255**2 * beta / 8) * slower
    found = root_scalar(lambda width: variance(k, width) - wanted, bracket=(0.01, 1e6))
    kernel = variance_kernel(k, found.root)
    level = np.arange(k)
    return with_rows_of_one(kernel[level[:, None] - level + k - 1])


def banded_step(k: int, beta: float, width: int) -> np.ndarray:
    level = np.arange(k)
    return with_rows_of_one(beta / k * (abs(level[:, None] - level) <= width))


def with_rows_of_one(step: np.ndarray) -> np.ndarray:
    off = step * (1 - np.eye(len(step)))
    return off + np.diag(1 - off.sum(axis=1))


def neighbour_step(k: int, beta: float) -> np.ndarray:
    if beta == 1:
        return np.full((k, k), 1 / k)
    generator = (np.eye(k, k=1) + np.eye(k, k=-1)) / 2
    generator -= np.diag(generator.sum(axis=1))
    return expm(-np.log1p(-beta) / (1 - np.cos(np.pi / k)) * generator)


class Written(NamedTuple):
    """A kind of process: how the library builds it, and its step as written here.

    Those that move slowly are tested with many large steps before those of the schedule.
    """

    build: Callable[[int, NoiseSchedule], CategoricalProcess]
    step: Callable[[int, float], np.ndarray]
    slow: bool = False


KINDS = {
    "uniform": Written(Uniform, uniform_step),
    "into the middle": Written(Absorbing.by_middle, lambda k, b: absorbing_step(k, b, k // 2)),
    "into the mask": Written(Absorbing.by_mask, lambda k, b: absorbing_step(k, b, k)),
    "into black": Written(
        lambda k, schedule: Absorbing(k, schedule, 0), lambda k, b: absorbing_step(k, b, 0)
    ),
    "gaussian": Written(ByDistance.gaussian, gaussian_step, slow=True),
    "banded": Written(
        lambda k, schedule: ByDistance.banded(k, schedule, (k + 2) // 4),
        lambda k, b: banded_step(k, b, (k + 2) // 4),
        slow=True,
    ),
    "nearest neighbour": Written(NearestNeighbour, neighbour_step),
}


class Case(NamedTuple):
    """A process, and its one-step matrices as written here."""

    process: CategoricalProcess
    steps: Float[np.ndarray, "step before after"]

    def matrix(self, s: int, t: int) -> Float[np.ndarray, "before after"]:
        """q(x_t | x_s): the steps s + 1 .. t, one after the other."""
        product = np.eye(self.steps.shape[1])
        for step in self.steps[s:t]:
            product = product @ step
        return product

    def matrices(self, pairs: np.ndarray) -> Float[np.ndarray, "pair before after"]:
        return np.stack([self.matrix(s, t) for s, t in pairs])

    def pairs(self) -> np.ndarray:
        """Neighbouring times, both ends, and some others."""
        n = self.process.n_steps
        first = [(t - 1, t) for t in (1, 2, n - 1, n)]
        others = np.sort(np.random.default_rng(0).integers(0, n + 1, (20, 2)), axis=1)
        return np.array([*first, (0, n), (1, n), *(pair for pair in others if pair[0] < pair[1])])


def case_of(kind: str, k: int, schedule: NoiseSchedule) -> Case:
    written = KINDS[kind]
    if written.slow:
        betas = np.concatenate([np.full(120, 0.95), schedule.betas])
        schedule = NoiseSchedule(schedule.name, betas)
    steps = np.stack([written.step(k, float(beta)) for beta in schedule.betas])
    return Case(written.build(k, schedule), steps)
