"""Steps are independent of each other, so each device can work on its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

from thrmlDenoising.support.process_settings import library_settings

R = TypeVar("R")


class Stoppable:
    """Calls something from any thread, one at a time, until it is told to stop: then it raises.

    Example:
        >>> on_batch = Stoppable(lambda: print("a batch"))
        >>> on_batch()
        a batch
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._lock, self._stopped = call, threading.Lock(), threading.Event()

    def __call__(self) -> None:
        """Calls it.

        Raises:
            InterruptedError: it was stopped, since another part has failed or the user has
                interrupted.
        """
        if self._stopped.is_set():
            raise InterruptedError("training was stopped in another thread")
        with self._lock:
            self._call()

    def stop(self) -> None:
        """Makes the next call of every thread raise."""
        self._stopped.set()


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
