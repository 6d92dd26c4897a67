"""Training a whole model: epoch after epoch, measured, saved and drawn."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral
from typing import Generic, NamedTuple, TypeGuard, TypeVar

from thrmlDenoising.quality import headline_in_words
from thrmlDenoising.runs import EpochRecord, History, complete_epochs
from thrmlDenoising.support.hints import shown_error
from thrmlDenoising.training.model import Model, State
from thrmlDenoising.training.progress import Progress
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.results import Diagnostics, Evaluation, NotFiniteError
from thrmlDenoising.training.signals import StopSignals, Terminated

S = TypeVar("S", bound=State)

Callback = Callable[[EpochRecord], object]
"""Is given every epoch's record once it is saved and drawn; True stops the training."""

_LOGGER = logging.getLogger("thrmlDenoising")


class Measured(NamedTuple):
    """What was measured after an epoch, as far as it was due, and the seconds it took."""

    diagnostics: Diagnostics | None
    evaluation: Evaluation | None
    seconds: float

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the evaluation, if there was one."""
        return self.evaluation.metrics if self.evaluation else {}


def check_epochs(n_epochs: object, evaluate_every: object) -> None:
    """Checks that these are numbers of epochs that one can train and evaluate by.

    Raises:
        ValueError: one is not.
    """
    if not _is_integer(n_epochs) or n_epochs < 1:
        raise ValueError(
            f"n_epochs={n_epochs!r}: give a whole number of epochs, at least 1; eval_epoch(epoch) "
            "evaluates a model without training it"
        )
    if not _is_integer(evaluate_every) or evaluate_every < 0:
        raise ValueError(
            f"evaluate_every={evaluate_every!r}: give a whole number of epochs, at least 1, or 0 "
            "or None to train without evaluating"
        )


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, Integral) and not isinstance(value, bool)


@dataclass(frozen=True)
class TrainingLoop(Generic[S]):
    """Trains a model and keeps its run folder; holds nothing that changes.

    Attributes:
        callbacks: see `Callback`.
    """

    model: Model[S]
    recorder: RunRecorder
    callbacks: Sequence[Callback] = ()
    signals: StopSignals = field(default_factory=StopSignals)

    def epochs(
        self, state: S, history: History, n_epochs: int, evaluate_every: int
    ) -> Iterator[tuple[S, History]]:
        """The state and the history after each of `n_epochs` more epochs, once they are saved.

        Evaluates before the first, every so many, and after the last; with 0 it never does. Who
        keeps what was given last has lost nothing to an epoch that is interrupted or fails.

        Raises:
            NotFiniteError: training has diverged.
        """
        last, cost = state.epoch + n_epochs, self.model.cost()
        try:
            with (
                self.signals,
                Progress(
                    n_epochs, self.model.n_batches, self.signals.look, cost.unit, cost.amount
                ) as progress,
            ):
                progress.said_first(f"run folder: {self.recorder.folder.root}")
                self.recorder.log(f"training on {self.model.examples_in_words}")
                if not history.records:
                    measured = self._measure(state, evaluate=evaluate_every > 0)
                    history = self._save(state, history, 0.0, measured)
                    yield state, history
                    if self._finish(state, history, measured, progress, animated=False):
                        return
                for epoch in range(state.epoch + 1, last + 1):
                    progress.start_epoch(epoch, last)
                    due = evaluate_every > 0 and (epoch % evaluate_every == 0 or epoch == last)
                    started = time.monotonic()
                    trained = self.model.train_epoch(state, progress.batch_done)
                    self._check_finite(trained)
                    seconds = time.monotonic() - started
                    measured = self._measure(trained, evaluate=due)
                    state = self._adapted(trained, history, measured)
                    history = self._save(state, history, seconds, measured)
                    yield state, history
                    if self._finish(state, history, measured, progress, animated=True):
                        return
        except BaseException as error:
            self._say_stopped(error)
            raise

    def _say_stopped(self, error: BaseException) -> None:
        """In the log; to who listens too, where nobody else would say it."""
        saved = complete_epochs(self.recorder.folder.model_saving)
        reason = "SIGTERM" if isinstance(error, Terminated) else shown_error(error)
        message = f"stopped by {reason}; complete checkpoints: {saved}"
        with suppress(OSError):
            self.recorder.log(message)
        if isinstance(error, Terminated):
            hint = f"; go on with --resume {self.recorder.folder.root}" if saved else ""
            _LOGGER.warning("%s%s", message, hint)

    def _check_finite(self, state: S) -> None:
        """Stops before a model is saved that is good for nothing."""
        try:
            self.model.check_finite(state)
        except NotFiniteError as error:
            place = self.recorder.folder.model_saving
            saved = complete_epochs(place)
            checkpoint = (
                f"the last good checkpoint in {place} is of epoch {saved[-1]}"
                if saved
                else f"no checkpoint is left in {place}"
            )
            raise NotFiniteError(
                f"epoch {state.epoch}, {error}. The model is as it was before the epoch, and "
                f"{checkpoint}"
            ) from None

    # ------------------------------------------------------------------ measuring

    def _measure(self, state: S, evaluate: bool) -> Measured:
        """Takes the measurements that are due."""
        started = time.monotonic()
        due = evaluate or self.model.always_diagnosed
        diagnostics = self.model.diagnose(state, self.signals.look) if due else None
        if diagnostics:
            for index, in_words in diagnostics.frozen.items():
                self.recorder.warn_of_frozen(state.epoch, index, in_words)
        evaluation = self._evaluate(state) if evaluate else None
        return Measured(diagnostics, evaluation, time.monotonic() - started)

    def _evaluate(self, state: S) -> Evaluation | None:
        """Judges what the epoch's model makes.

        Training must not be lost for it: what fails is logged and warned about, and the checkpoint
        can be evaluated later.
        """
        try:
            evaluation = self.model.evaluate(state, self.signals.look)
        except Exception as error:
            reason = shown_error(error)
            self.recorder.warn(
                f"epoch {state.epoch}: its {self.model.makes} could not be judged: {reason}"
            )
            return None
        self.recorder.warn_of_failures(state.epoch, evaluation)
        return evaluation

    def _adapted(self, state: S, history: History, measured: Measured) -> S:
        if measured.diagnostics is None:
            return state
        before = history.last.per_part if history.last else {}
        return self.model.adapt(state, measured.diagnostics, before)

    # ------------------------------------------------------------------ saving and drawing

    def _save(self, state: S, history: History, seconds: float, measured: Measured) -> History:
        """Adds the epoch to the history and saves both."""
        record = EpochRecord(
            epoch=state.epoch,
            seconds=seconds,
            metrics=measured.metrics,
            per_part=self.model.per_part(state, measured.diagnostics),
            streamed=history.last is not None and self.model.streamed,
        )
        history = history.followed_by(record)
        self.signals.look()
        self.recorder.save(state, history)
        if state.epoch > 0:
            self.recorder.drop_checkpoint(state.epoch - 1)
        return history

    def _finish(
        self, state: S, history: History, measured: Measured, progress: Progress, animated: bool
    ) -> bool:
        """Log, tables and pictures of an epoch that is saved: a full disk must not cost a trained
        epoch.

        Returns:
            Whether a callback asks to stop.

        Raises:
            OSError: the disk does not take the log or the tables.
        """
        record, started = history.records[-1], time.monotonic()
        try:
            self._draw(state, history, measured)
        except OSError as error:
            raise OSError(
                error.errno,
                f"Could not write the log and tables of epoch {state.epoch}, whose checkpoint is "
                f"complete, in {self.recorder.folder.root}: {error.strerror or error}",
            ) from error
        if animated and measured.evaluation:
            self.recorder.animations(self.model.animations(state), self.signals.look)
        if measured.diagnostics or measured.evaluation:
            self.recorder.log(f"epoch {state.epoch}: drawing {time.monotonic() - started:.1f} s")
        reached = headline_in_words(record.metrics)
        line = f"epoch {record.epoch}: {record.seconds:.1f} s{f'; {reached}' if reached else ''}"
        progress.epoch_done(line, reached, record.seconds)
        answers = [callback(record) for callback in self.callbacks]  # all are told
        return any(answer is True for answer in answers)

    def _draw(self, state: S, history: History, measured: Measured) -> None:
        record = history.records[-1]
        self.recorder.epoch_saved(record, measured.seconds)
        self.recorder.table(history)
        if measured.diagnostics or measured.evaluation:  # only then is there anything new to draw
            self.recorder.curves_over_epochs(history)
        if measured.diagnostics:
            self.recorder.pictures(measured.diagnostics.pictures)
        if measured.evaluation:
            self.recorder.evaluation(state.epoch, measured.evaluation)
