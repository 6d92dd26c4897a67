"""Where a training stands: a bar where somebody looks, else one line an epoch.

On a terminal and in a notebook there is a bar over the batches of all epochs, with the time left,
the headline metric of the last evaluation and the speed of the last epoch. In a notebook it is a
widget where ipywidgets is installed, otherwise text. `TQDM_DISABLE=1` draws none.

Where there is no bar, every epoch is a line at level INFO of the logger "thrmlDenoising"; the run
folder is one everywhere. The library prints nothing and configures no logging, so these lines show
in a script that asks for them:

    logging.basicConfig(format="%(message)s")
    logging.getLogger("thrmlDenoising").setLevel(logging.INFO)
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import Self

from tqdm import tqdm

_LOGGER = logging.getLogger("thrmlDenoising")

_SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
_LEAST_RATE = 0.01
"""A lower rate is given for a longer time, so that it can be read."""


class Progress:
    """Shows how far a training is, and lets it be stopped.

    Args:
        n_epochs: epochs to come.
        n_batches: batches of an epoch, those of all steps counted.
        look: called after every batch; may raise, to stop training.
        unit: what training is measured in, such as "updates" (of spins).
        amount: how many units an epoch of training takes; of 0 no speed is shown.

    Example:
        >>> with Progress(n_epochs=1, n_batches=2, amount=1e9) as progress:
        ...     progress.said_first("run folder: runs/short")
        ...     progress.start_epoch(1, 1)
        ...     progress.batch_done()
        ...     progress.batch_done()
        ...     progress.epoch_done("epoch 1: 0.5 s", "classifier FD 29.4 / 39.3", seconds=0.5)
    """

    def __init__(
        self,
        n_epochs: int,
        n_batches: int,
        look: Callable[[], None] = lambda: None,
        unit: str = "updates",
        amount: float = 0.0,
    ) -> None:
        self._look, self._unit, self._amount = look, unit, amount
        self._headline: str | None = None
        bar = _bar_that_can_be_drawn()
        self._drawn = bar is not None
        # Evaluations stand between epochs: of all speeds, the mean alone says how long it takes.
        self._bar = (bar or tqdm)(
            total=n_epochs * n_batches,
            desc="training",
            unit="batch",
            smoothing=0,
            disable=not self._drawn,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def said_first(self, text: str) -> None:
        """Logs what is to be known from the beginning, such as the run folder."""
        with self._bar.external_write_mode(sys.stderr):
            _LOGGER.info("%s", text)

    def start_epoch(self, epoch: int, last_epoch: int) -> None:
        """Names the epoch."""
        self._bar.set_description(f"epoch {epoch} of {last_epoch}")

    def batch_done(self) -> None:
        """One batch of one part of the model is trained."""
        self._bar.update()
        self._look()

    def epoch_done(self, line: str, headline: str | None, seconds: float) -> None:
        """All steps have been trained, measured and saved.

        Args:
            line: the epoch in one line, for where there is no bar.
            headline: what stands for the run if it was evaluated after this epoch, such as
                "classifier FD 29.4 / 39.3"; it is shown until there is another.
            seconds: that its training took, from which the speed is made.
        """
        self._headline = headline or self._headline
        speed = speed_in_words(self._unit, self._amount, seconds)
        self._bar.set_postfix_str(", ".join(filter(None, (self._headline, speed))))
        if not self._drawn:
            _LOGGER.info("%s", "; ".join(filter(None, (line, speed))))


def speed_in_words(unit: str, amount: float, seconds: float) -> str:
    """So many units in so many seconds, for a time in which they are no tiny fraction.

    Nothing where nothing was measured.

    Example:
        >>> speed_in_words("updates", 6.4e9, seconds=2.0)
        '3.2 updates/ns'
        >>> speed_in_words("images", 5000, seconds=10.0)
        '0.5 images/ms'
    """
    if not amount or not seconds > 0:
        return ""
    rates = {time: amount / seconds * length for time, length in _SECONDS.items()}
    time = next((time for time, rate in rates.items() if rate >= _LEAST_RATE), "s")
    return f"{rates[time]:.3g} {unit}/{time}"


def _bar_that_can_be_drawn() -> type[tqdm] | None:
    """The class of the bar for where this process writes to, if there is one."""
    if os.environ.get("TQDM_DISABLE"):
        return None
    if not _in_notebook():
        return tqdm if sys.stderr is not None and sys.stderr.isatty() else None
    # tqdm.auto would decide this when it is first imported, and warn where there are no widgets.
    from tqdm import notebook

    has_widgets = getattr(notebook, "IProgress", None) is not None
    return notebook.tqdm if has_widgets else tqdm


def _in_notebook() -> bool:
    """Whether this process is the kernel of one: then it has imported IPython."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
