"""An epoch of every step of a model, on images in memory or on a stream of batches."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax

from thrmlDenoising.families.dtm.state import StepState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.families.dtm.stream import Stream
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.training.devices import Stoppable, run_on_devices


class StepInTraining(NamedTuple):
    """A step, its state and its learning rate."""

    step: DiffusionStep
    state: StepState
    rate: float


@runtime_checkable
class Examples(Protocol):
    """Where the batches of an epoch come from; `str` of it says so in the log."""

    def train_epoch(
        self, epoch: int, trainer: Trainer, steps: Sequence[StepInTraining], on_batch: Stoppable
    ) -> list[StepState]:
        """The states of all steps after this epoch.

        Args:
            on_batch: called after every batch of every step.
        """
        ...


class ImagesInMemory(NamedTuple):
    """A whole data set, which every step walks through in an order of its own."""

    clean: LabelledImages

    def __str__(self) -> str:
        """For the log."""
        return f"{len(self.clean.pixels)} images in memory"

    def train_epoch(
        self, epoch: int, trainer: Trainer, steps: Sequence[StepInTraining], on_batch: Stoppable
    ) -> list[StepState]:
        """Each device trains its steps one after another."""

        def train(step: DiffusionStep, state: StepState, rate: float) -> StepState:
            data = jax.device_put(self.clean, step.device)
            return trainer.train_epoch(step, state, data, rate, on_batch)

        return run_on_devices([partial(train, *step) for step in steps], on_batch.stop)


class StreamedBatches(NamedTuple):
    """A stream, which is read once: all steps see a batch before the next one is asked for."""

    stream: Stream

    def __str__(self) -> str:
        """For the log."""
        return f"batches streamed from {self.stream}"

    def train_epoch(
        self, epoch: int, trainer: Trainer, steps: Sequence[StepInTraining], on_batch: Stoppable
    ) -> list[StepState]:
        """Batch after batch, each device trains its steps on it one after another."""
        for number, batch in enumerate(self.stream.epoch(epoch)):

            def train(training: StepInTraining) -> StepInTraining:
                step, state, rate = training
                data = jax.device_put(batch, step.device)  # noqa: B023 - run within the round
                state = trainer.train_batch(step, state, number, data, rate)  # noqa: B023
                on_batch()
                return training._replace(state=state)

            steps = run_on_devices([partial(train, step) for step in steps], on_batch.stop)
        return [trainer.end_epoch(step.state) for step in steps]
