"""How near the cpu sampler comes to what a core can do: `python -m benchmarks.roofline`.

Two ceilings are measured with the sampler's own vector operations, out of registers and the
first cache: additions under a mask, of which an update needs one per neighbour, and fused
multiply-adds, which stand for all its other floating-point operations. Were there nothing else to
do, an update of a spin with d neighbours would take

    d / (masked additions per ns) + OTHERS / (multiply-adds per ns)

Random numbers come from integer operations, which other units can do meanwhile.
"""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numba import njit

from benchmarks.records import Machine
from benchmarks.workloads import cfg_of, time_samplers
from thrmlDenoising.families.dtm.building import make_manager
from thrmlDenoising.sampling.cpu import CpuSampler
from thrmlDenoising.sampling.cpu.lanes import LANES, add_where, bits_of_floats, floats, fused, store

OTHERS = 15
"""Floating-point operations besides the masked additions. One scales the field by beta; of
`kernels.up_at_random` two bound the exponent, three split it, five are its polynomial, one makes a
float of the random word, one centres it, one multiplies it and one compares."""

_REPEATS = 9


class Roofline(NamedTuple):
    """Rates of one core, per nanosecond."""

    masked_additions: float
    multiply_adds: float
    ceiling: float
    updates: float

    def __str__(self) -> str:
        return (
            f"{self.masked_additions:.0f} masked additions, {self.multiply_adds:.0f} multiply-adds "
            f"a ns; at most {self.ceiling:.2f} updates/ns, measured {self.updates:.2f}: "
            f"{self.updates / self.ceiling:.0%}"
        )


def measure(graph: str) -> Roofline:
    """The ceilings, and the rate of one block of chains, and so one core, on a preset's graph."""
    base_graph = make_manager(cfg_of(graph)).build_graph(seed=0)
    samplers = {"cpu": CpuSampler.from_graph(base_graph)}
    (record,) = time_samplers(samplers, graph, base_graph, LANES, _REPEATS, seconds=0.2)
    assert record.updates_per_ns is not None, "it is what is measured"
    degree = (2 * base_graph.n_edges + len(base_graph.visible_nodes)) / base_graph.n_nodes
    additions, multiply_adds = _masked_additions_per_ns(), _multiply_adds_per_ns()
    ceiling = 1 / (degree / additions + OTHERS / multiply_adds)
    return Roofline(additions, multiply_adds, ceiling, record.updates_per_ns)


def _masked_additions_per_ns() -> float:
    masks = np.random.default_rng(0).integers(0, 2**LANES, 4096).astype(np.uint32)
    numbers, result = np.ones(len(masks), np.float32), np.empty(LANES, np.uint32)
    seconds = _best_seconds(lambda: _add_masked(100, masks, numbers, result))
    return 100 * len(masks) * LANES / seconds / 1e9


def _multiply_adds_per_ns() -> float:
    n, result = 200_000, np.empty(LANES, np.uint32)
    return 4 * n * LANES / _best_seconds(lambda: _multiply_add(n, result)) / 1e9


def _best_seconds(call: Callable[[], object]) -> float:
    """Of several calls after a first one, which compiles: a ceiling is what can be reached."""
    call()
    seconds = []
    for _ in range(_REPEATS):
        started = perf_counter()
        call()
        seconds.append(perf_counter() - started)
    return min(seconds)


@njit
def _add_masked(n, masks, numbers, result):
    """Four sequences of masked additions, so that none has to wait for its last result."""
    a = b = c = d = floats(0.0)
    for _ in range(n):
        for k in range(0, len(masks), 4):
            a = add_where(masks[k], a, numbers[k])
            b = add_where(masks[k + 1], b, numbers[k + 1])
            c = add_where(masks[k + 2], c, numbers[k + 2])
            d = add_where(masks[k + 3], d, numbers[k + 3])
    store(result, bits_of_floats(a + b + c + d))


@njit
def _multiply_add(n, result):
    """Four sequences of fused multiply-adds."""
    x, y = floats(0.999), floats(0.001)
    a, b, c, d = floats(0.1), floats(0.2), floats(0.3), floats(0.4)
    for _ in range(n):
        a, b = fused(a, x, y), fused(b, x, y)
        c, d = fused(c, x, y), fused(d, x, y)
    store(result, bits_of_floats(a + b + c + d))


def main() -> None:
    """Prints the rates for graphs of several degrees."""
    print(Machine.here())
    for graph in ("70_8", "70_12", "70_20"):
        print(f"{graph}: {measure(graph)}")


if __name__ == "__main__":
    main()
