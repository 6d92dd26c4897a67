"""Steps are independent of each other, so each device can train its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")


def run_on_devices(
    tasks: Sequence[Callable[[], R]], n_devices: int, cancel: Callable[[], None]
) -> list[R]:
    """The results of all tasks; tasks i, i + n_devices, ... run in a thread per device.

    Where a task computes is settled by where its arrays live. If one fails, or the user
    interrupts, `cancel` is called, which should make the others stop, and the error is raised.
    """
    if n_devices == 1:
        return [task() for task in tasks]
    lanes = [tasks[lane::n_devices] for lane in range(min(n_devices, len(tasks)))]
    with ThreadPoolExecutor(len(lanes)) as pool:
        futures = [pool.submit(_run_all, lane) for lane in lanes]
        try:
            done = [future.result() for future in futures]
        except BaseException:
            cancel()
            raise
    return [done[i % len(lanes)][i // len(lanes)] for i in range(len(tasks))]


def _run_all(tasks: Sequence[Callable[[], R]]) -> list[R]:
    return [task() for task in tasks]
