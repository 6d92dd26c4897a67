"""How calls are timed: in turn, the first apart, and the median of the others."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import jax
from jaxtyping import PyTree

LONG = 20.0
"""A call whose first run takes more seconds than this is repeated once only."""


class Timing(NamedTuple):
    """Seconds of the first call, which compiles, and the median of later ones."""

    cold: float
    warm: float


def interleaved(calls: Mapping[str, Callable[[], PyTree]], repeats: int) -> dict[str, Timing]:
    """Times all calls in turn: a, b, c, a, b, c, ...

    A busy moment of the machine then slows all of them, and their ratios stay right.
    """
    cold = {name: _seconds(call) for name, call in calls.items()}
    warm: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(repeats):
        for name, call in calls.items():
            if number == 0 or cold[name] <= LONG:
                warm[name].append(_seconds(call))
    return {name: Timing(cold[name], median(warm[name])) for name in calls}


def _seconds(call: Callable[[], PyTree]) -> float:
    started = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - started
