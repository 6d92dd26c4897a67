"""Steps are independent of each other, so each device can work on its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from thrmlDenoising.support.process_settings import library_settings

R = TypeVar("R")


def run_on_devices(
    tasks: Sequence[Callable[[], R]], cancel: Callable[[], None] = lambda: None
) -> list[R]:
    """The results of all tasks; with n devices, tasks i, i + n, ... run in a thread of their own.

    Where a task computes is settled by where its arrays live. If one fails, or the user
    interrupts, `cancel` is called, which should make the others stop, and the error is raised.
    """
    n_devices = len(jax.local_devices())
    if n_devices == 1:
        return [task() for task in tasks]
    lanes = [tasks[lane::n_devices] for lane in range(min(n_devices, len(tasks)))]
    with ThreadPoolExecutor(len(lanes)) as pool:
        futures = [pool.submit(_run_all, lane) for lane in lanes]
        try:
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()  # raises what made the wait end early
        except BaseException:
            cancel()
            raise
        done = [future.result() for future in futures]
    return [done[i % len(lanes)][i // len(lanes)] for i in range(len(tasks))]


@library_settings()
def _run_all(tasks: Sequence[Callable[[], R]]) -> list[R]:
    return [task() for task in tasks]
