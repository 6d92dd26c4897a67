"""Training a whole model: epoch after epoch of every step, measured, saved and drawn."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral
from typing import NamedTuple, TypeGuard

from thrmlDenoising.families.dtm.autocorrelation import AutocorrelationCurve
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.examples import Examples
from thrmlDenoising.families.dtm.model import Model, NotFiniteError, check_finite
from thrmlDenoising.families.dtm.spending import updates_per_epoch
from thrmlDenoising.families.dtm.state import TrainState
from thrmlDenoising.families.dtm.task import Evaluation, Task
from thrmlDenoising.families.dtm.trainer import Trainer, adapt_strengths, set_baseline
from thrmlDenoising.quality import headline_in_words
from thrmlDenoising.runs import EpochRecord, complete_epochs
from thrmlDenoising.support.hints import shown_error
from thrmlDenoising.training.progress import Progress
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.signals import StopSignals, Terminated

React = Callable[[DTMConfig, TrainState, float], TrainState]
"""What the controllers make of a step's autocorrelation."""


class Measured(NamedTuple):
    """What was measured after an epoch: nothing where `curves` is empty, `evaluation` None."""

    curves: list[AutocorrelationCurve]
    evaluation: Evaluation | None

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the evaluation, if there was one."""
        return self.evaluation.metrics if self.evaluation else {}


def check_epochs(n_epochs: object, evaluate_every: object) -> None:
    """Raises ValueError unless these are numbers of epochs that one can train and evaluate by."""
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
class TrainingLoop:
    """Trains a model and keeps its run folder.

    Attributes:
        examples: where batches come from.
    """

    cfg: DTMConfig
    model: Model
    task: Task
    trainer: Trainer
    recorder: RunRecorder
    examples: Examples
    signals: StopSignals = field(default_factory=StopSignals)

    def run(self, n_epochs: int, evaluate_every: int) -> None:
        """Trains `n_epochs` more epochs; evaluates before the first, every so many, after the last.

        With 0 it never does. An epoch that is interrupted, or fails, before it is saved leaves the
        model as it was.

        Raises:
            NotFiniteError: training has diverged.
        """
        last = self.model.epoch + n_epochs
        n_batches = len(self.model.steps) * self.cfg.n_batches
        amount = updates_per_epoch(self.cfg, [step.graph for step in self.model.steps])
        bar = Progress(n_epochs, n_batches, self.signals.look, amount=amount)
        try:
            with self.signals, bar as progress:
                progress.said_first(f"run folder: {self.recorder.folder.root}")
                self.recorder.log(f"training on {self.examples}")
                if not self.model.history.records:
                    self._measure_untrained(evaluate=evaluate_every > 0)
                for epoch in range(self.model.epoch + 1, last + 1):
                    progress.start_epoch(epoch, last)
                    due = evaluate_every > 0 and (epoch % evaluate_every == 0 or epoch == last)
                    self._run_epoch(epoch, due, progress)
                    self._say_done(progress)
        except BaseException as error:
            self._say_stopped(error)
            raise

    def _say_done(self, progress: Progress) -> None:
        record = self.model.history.records[-1]
        chosen = headline_in_words(record.metrics)
        line = f"epoch {record.epoch}: {record.seconds:.1f} s" + (f"; {chosen}" if chosen else "")
        progress.epoch_done(line, chosen, record.seconds)

    def _say_stopped(self, error: BaseException) -> None:
        """In the log; on the terminal too, where nobody else would."""
        saved = complete_epochs(self.recorder.folder.model_saving)
        reason = "SIGTERM" if isinstance(error, Terminated) else shown_error(error)
        message = f"stopped by {reason}; complete checkpoints: {saved}"
        with suppress(OSError):
            self.recorder.log(message)
        if isinstance(error, Terminated):
            hint = f"; go on with --resume {self.recorder.folder.root}" if saved else ""
            print(f"\n{message}{hint}", file=sys.stderr, flush=True)

    def _measure_untrained(self, evaluate: bool) -> None:
        """Takes the measurements that later epochs are compared with."""
        epoch = self.model.epoch
        with self.model.undone_on_error():
            measured = self._measure(epoch, evaluate, set_baseline)
            self._record(epoch, 0.0, measured)
        self._draw(epoch, measured)

    def _run_epoch(self, epoch: int, evaluate: bool, progress: Progress) -> None:
        """Trains every step, measures, lets the controllers react, saves, and then draws.

        Pictures come after the checkpoint: a full disk must not cost a trained epoch.
        """
        with self.model.undone_on_error():
            started = time.monotonic()
            self._train_steps(epoch, progress)
            self._check_finite(epoch)
            seconds = time.monotonic() - started
            measured = self._measure(epoch, evaluate, adapt_strengths)
            self._record(epoch, seconds, measured)
        self._draw(epoch, measured)
        if measured.evaluation:
            self._animate(epoch)

    def _train_steps(self, epoch: int, progress: Progress) -> None:
        """One epoch of every step; no step changes before all are through."""
        steps = self.model.steps
        rates = self.cfg.per_step(self.cfg.optim.step_learning_rates)
        states = self.examples.train_epoch(epoch, self.trainer, steps, rates, progress)
        for step, state in zip(steps, states, strict=True):
            step.state = state

    def _check_finite(self, epoch: int) -> None:
        """Stops before a model is saved that is good for nothing."""
        try:
            check_finite(self.model.steps)
        except NotFiniteError as error:
            place = self.recorder.folder.model_saving
            saved = complete_epochs(place)
            checkpoint = (
                f"the last good checkpoint in {place} is of epoch {saved[-1]}"
                if saved
                else f"no checkpoint is left in {place}"
            )
            raise NotFiniteError(
                f"epoch {epoch}, {error}. The model is as it was before the epoch, and {checkpoint}"
            ) from None

    def _measure(self, epoch: int, evaluate: bool, react: React) -> Measured:
        """Takes the measurements that are due, and lets the controllers react in between."""
        exp = self.cfg.exp
        due = evaluate or self.cfg.is_adaptive or exp.autocorr_every_epoch
        curves = self._autocorrelations(epoch) if exp.compute_autocorr and due else []
        self._take_in(epoch, curves, react)
        return Measured(curves, self._evaluate(epoch) if evaluate else None)

    def _autocorrelations(self, epoch: int) -> list[AutocorrelationCurve]:
        """Warns about steps whose chains are frozen: there is nothing left to learn from them."""
        curves = self.task.autocorrelations(epoch, self.model.steps, look=self.signals.look)
        for index, curve in enumerate(curves):
            if curve.is_frozen:
                self.recorder.warn_of_frozen(epoch, index, curve.in_words)
        return curves

    def _evaluate(self, epoch: int) -> Evaluation | None:
        """Judges the epoch's images.

        Training must not be lost for it: what fails is logged and warned about, and the checkpoint
        can be evaluated later.
        """
        try:
            evaluation = self.task.evaluate(epoch, self.model.steps, self.signals.look)
        except Exception as error:
            reason = shown_error(error)
            self.recorder.warn(f"epoch {epoch}: its images could not be judged: {reason}")
            return None
        self.recorder.warn_of_failures(epoch, evaluation)
        return evaluation

    def _take_in(self, epoch: int, curves: list[AutocorrelationCurve], react: React) -> None:
        """Remembers autocorrelations, if they were measured, and lets the controllers see them."""
        for step, curve in zip(self.model.steps, curves, strict=False):
            step.autocorrelations[epoch] = curve.tail
            reacted = react(self.cfg, step.state, curve.tail)
            # What is frozen cannot become any slower, which controllers would take for a relief.
            step.state = reacted.not_relaxed_from(step.state) if curve.is_frozen else reacted

    def _record(self, epoch: int, seconds: float, measured: Measured) -> None:
        """Adds the epoch to the history and saves it."""
        steps = self.model.steps
        self.model.history.append(
            EpochRecord(
                epoch=epoch,
                seconds=seconds,
                autocorrelation=tuple(step.autocorrelations.get(epoch) for step in steps),
                correlation_penalty=tuple(step.state.correlation_penalty.value for step in steps),
                weight_decay=tuple(step.state.weight_decay.value for step in steps),
                metrics=measured.metrics,
                streamed=epoch > 0 and self.examples.streamed,
            )
        )
        self.signals.look()
        self.recorder.save(self.model)

    def _draw(self, epoch: int, measured: Measured) -> None:
        """Log, tables and pictures of an epoch that is saved.

        Raises:
            OSError: the disk does not take the log or the tables.
        """
        try:
            self.recorder.epoch_saved(self.model.history)
            self.recorder.table(self.model.history)
            if measured.curves or measured.evaluation:  # drawing takes longer than a small epoch
                self.recorder.curves_over_epochs(self.model.history)
            self.recorder.curves(epoch, measured.curves)
            if measured.evaluation is not None:
                self.recorder.evaluation(epoch, measured.evaluation)
        except OSError as error:
            raise OSError(
                error.errno,
                f"Could not write the log and tables of epoch {epoch}, whose checkpoint is "
                f"complete, in {self.recorder.folder.root}: {error.strerror or error}",
            ) from error

    def _animate(self, epoch: int) -> None:
        draw_animations(epoch, self.model, self.task, self.recorder, self.signals.look)


def draw_animations(
    epoch: int,
    model: Model,
    task: Task,
    recorder: RunRecorder,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Animates free and clamped images, if the config wants it; see `RunRecorder.picture`.

    Args:
        look: called before each; may raise.
    """
    if task.cfg.exp.generate_gif:
        for mode in task.modes:
            look()
            with recorder.picture(recorder.folder.gif(epoch, mode)):
                recorder.animation(epoch, mode, task.animate(epoch, model.steps, mode))
