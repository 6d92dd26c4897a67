"""An epoch of every step of a model, on images in memory or on a stream of batches."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

import jax

from thrmlDenoising.families.dtm.model import ModelStep
from thrmlDenoising.families.dtm.state import TrainState
from thrmlDenoising.families.dtm.stream import Stream
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.training.devices import run_on_devices
from thrmlDenoising.training.progress import Progress


class Examples(Protocol):
    """Where the batches of an epoch come from; `str` of it says so in the log."""

    @property
    def streamed(self) -> bool:
        """Whether a resumed run has to be given them again."""
        ...

    def train_epoch(
        self,
        epoch: int,
        trainer: Trainer,
        steps: Sequence[ModelStep],
        rates: Sequence[float],
        progress: Progress,
    ) -> list[TrainState]:
        """The states of all steps after this epoch; the steps themselves stay as they are.

        Args:
            rates: each step's learning rate.
            progress: told of every batch of every step.
        """
        ...


class ImagesInMemory(NamedTuple):
    """A whole data set, which every step walks through in an order of its own."""

    clean: LabelledImages
    streamed = False

    def __str__(self) -> str:
        """For the log."""
        return f"{len(self.clean.pixels)} images in memory"

    def train_epoch(
        self,
        epoch: int,
        trainer: Trainer,
        steps: Sequence[ModelStep],
        rates: Sequence[float],
        progress: Progress,
    ) -> list[TrainState]:
        """Each device trains its steps one after another."""

        def train(step: ModelStep, rate: float) -> TrainState:
            data = jax.device_put(self.clean, step.device)
            on_batch = progress.batch_done
            return trainer.train_epoch(step.diffusion, step.state, data, rate, on_batch)

        tasks = [partial(train, step, rate) for step, rate in zip(steps, rates, strict=True)]
        return run_on_devices(tasks, progress.cancel)


class StreamedBatches(NamedTuple):
    """A stream, which is read once: all steps see a batch before the next one is asked for."""

    stream: Stream
    streamed = True

    def __str__(self) -> str:
        """For the log."""
        return f"batches streamed from {self.stream}"

    def train_epoch(
        self,
        epoch: int,
        trainer: Trainer,
        steps: Sequence[ModelStep],
        rates: Sequence[float],
        progress: Progress,
    ) -> list[TrainState]:
        """Batch after batch, each device trains its steps on it one after another."""
        states = [step.state for step in steps]
        for number, batch in enumerate(self.stream.epoch(epoch)):

            def train(step: ModelStep, state: TrainState, rate: float) -> TrainState:
                data = jax.device_put(batch, step.device)  # noqa: B023 - run within the round
                state = trainer.train_batch(step.diffusion, state, number, data, rate)  # noqa: B023
                progress.batch_done()
                return state

            numbered = zip(steps, states, rates, strict=True)
            states = run_on_devices([partial(train, *step) for step in numbered], progress.cancel)
        return [trainer.end_epoch(state) for state in states]
