"""Bars over epochs and batches, with the time left; silent where nobody looks."""

import os
import threading
from collections.abc import Callable
from typing import Self

from tqdm import tqdm


class Progress:
    """Two bars on a terminal, nothing elsewhere.

    Args:
        look: called after every batch; may raise, to stop training.

    Example:
        >>> with Progress(n_epochs=1, n_batches=2) as progress:
        ...     progress.start_epoch(1, 1)
        ...     progress.batch_done()
        ...     progress.batch_done()
        ...     progress.epoch_done()
    """

    def __init__(
        self,
        n_epochs: int,
        n_batches: int,
        look: Callable[[], None] = lambda: None,
        unit: str = "updates",
        amount: float = 0.0,
    ) -> None:
        self._n_batches, self._look = n_batches, look
        # None is tqdm's "only on a terminal"; its variable silences it there too.
        disable = True if os.environ.get("TQDM_DISABLE") else None
        self._epochs = tqdm(total=n_epochs, desc="epochs", unit="epoch", disable=disable)
        self._batches = tqdm(
            total=n_batches, desc="batches", unit="batch", disable=disable, leave=False, position=1
        )
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._batches.close()
        self._epochs.close()

    def start_epoch(self, epoch: int, last_epoch: int) -> None:
        """Names the epoch and empties the bar of batches."""
        self._batches.reset(total=self._n_batches)
        self._batches.set_description(f"epoch {epoch} of {last_epoch}")

    def batch_done(self) -> None:
        """One batch of one step is trained.

        Raises:
            InterruptedError: another step has failed or the user has interrupted.
        """
        if self._cancelled.is_set():
            raise InterruptedError("training was stopped in another thread")
        with self._lock:
            self._batches.update()
        self._look()

    def said_first(self, text: str) -> None:
        """Says it."""

    def epoch_done(self, line: str = "", headline: str | None = None, seconds: float = 0) -> None:
        """All steps have been trained, measured and saved."""
        self._epochs.update()

    def cancel(self) -> None:
        """Makes the next `batch_done` of every thread raise."""
        self._cancelled.set()
