"""Training a whole model: epoch after epoch of every step, measured, saved and drawn."""

import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.evaluation import AutocorrelationCurve
from thrmlDenoising.runs import EpochRecord, complete_epochs
from thrmlDenoising.training.examples import Examples
from thrmlDenoising.training.model import Model
from thrmlDenoising.training.progress import Progress
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.state import TrainState
from thrmlDenoising.training.task import Evaluation, Task
from thrmlDenoising.training.trainer import Trainer, adapt_strengths, set_baseline


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

    def run(self, n_epochs: int, evaluate_every: int) -> None:
        """Trains `n_epochs` more epochs; evaluates every so many, and after the last.

        An epoch that is interrupted, or fails, before it is saved leaves the model as it was.
        """
        last = self.model.epoch + n_epochs
        n_batches = len(self.model.steps) * self.cfg.n_batches
        try:
            with Progress(n_epochs, n_batches) as progress:
                if not self.model.history.records:
                    self._measure_untrained()
                for epoch in range(self.model.epoch + 1, last + 1):
                    progress.start_epoch(epoch, last)
                    evaluate = epoch % evaluate_every == 0 or epoch == last
                    self._run_epoch(epoch, evaluate, progress)
                    progress.epoch_done()
        except BaseException as error:
            saved = complete_epochs(self.recorder.folder.model_saving)
            message = f"stopped by {error!r}; complete checkpoints: {saved}"
            with suppress(OSError):
                self.recorder.log(message)
            raise

    def _measure_untrained(self) -> None:
        """Takes the measurement that the first epoch is compared with."""
        epoch = self.model.epoch
        with self.model.undone_on_error():
            curves = self._autocorrelations(epoch, self.cfg.exp.compute_autocorr)
            self._take_in(epoch, curves, set_baseline)
            self._record(epoch, 0.0, {})
        self._draw(epoch, curves, None)

    def _run_epoch(self, epoch: int, evaluate: bool, progress: Progress) -> None:
        """Trains every step, measures, lets the controllers react, saves, and then draws.

        Pictures come after the checkpoint: a full disk must not cost a trained epoch.
        """
        with self.model.undone_on_error():
            started = time.monotonic()
            self._train_steps(epoch, progress)
            seconds = time.monotonic() - started
            measure = self.cfg.exp.compute_autocorr and (evaluate or self.cfg.is_adaptive)
            curves = self._autocorrelations(epoch, measure)
            self._take_in(epoch, curves, adapt_strengths)
            evaluation = self._evaluate(epoch) if evaluate else None
            self._record(epoch, seconds, evaluation.metrics if evaluation else {})
        self._draw(epoch, curves, evaluation)

    def _train_steps(self, epoch: int, progress: Progress) -> None:
        """One epoch of every step; no step changes before all are through."""
        steps = self.model.steps
        rates = self.cfg.per_step(self.cfg.optim.step_learning_rates)
        states = self.examples.train_epoch(epoch, self.trainer, steps, rates, progress)
        for step, state in zip(steps, states, strict=True):
            step.state = state

    def _evaluate(self, epoch: int) -> Evaluation | None:
        """Judges the epoch's images.

        An own extractor may fail in any way, and training must not be lost for it: that is logged
        and warned about, and the checkpoint can be evaluated later.
        """
        try:
            return self.task.evaluate(epoch, self.model.steps)
        except Exception as error:
            message = f"epoch {epoch}: its images could not be judged: {error!r}"
            self.recorder.log(message)
            warnings.warn(message, stacklevel=2)
            return None

    def _autocorrelations(self, epoch: int, measure: bool) -> list[AutocorrelationCurve]:
        return self.task.autocorrelations(epoch, self.model.steps) if measure else []

    def _take_in(
        self,
        epoch: int,
        curves: list[AutocorrelationCurve],
        react: Callable[[DTMConfig, TrainState, float], TrainState],
    ) -> None:
        """Remembers autocorrelations, if they were measured, and lets the controllers see them."""
        for step, curve in zip(self.model.steps, curves, strict=False):
            step.autocorrelations[epoch] = curve.tail
            step.state = react(self.cfg, step.state, curve.tail)

    def _record(self, epoch: int, seconds: float, metrics: dict[str, float]) -> None:
        """Adds the epoch to the history and saves it."""
        steps = self.model.steps
        self.model.history.append(
            EpochRecord(
                epoch=epoch,
                seconds=seconds,
                autocorrelation=tuple(step.autocorrelations.get(epoch) for step in steps),
                correlation_penalty=tuple(step.state.correlation_penalty.value for step in steps),
                weight_decay=tuple(step.state.weight_decay.value for step in steps),
                metrics=metrics,
            )
        )
        self.recorder.save(self.model)

    def _draw(
        self, epoch: int, curves: list[AutocorrelationCurve], evaluation: Evaluation | None
    ) -> None:
        """Log, tables and pictures of an epoch that is saved.

        Raises:
            OSError: the disk does not take them.
        """
        try:
            self.recorder.epoch_saved(self.model.history)
            self.recorder.tables(self.model.history)
            self.recorder.curves(epoch, curves)
            if evaluation is not None:
                draw_evaluation(epoch, evaluation, self.model, self.task, self.recorder)
        except OSError as error:
            raise OSError(
                error.errno,
                f"Could not write the tables and pictures of epoch {epoch}, whose checkpoint is "
                f"complete, in {self.recorder.folder.root}: {error.strerror or error}",
            ) from error


def draw_evaluation(
    epoch: int, evaluation: Evaluation, model: Model, task: Task, recorder: RunRecorder
) -> None:
    """Draws the images of an evaluation and, if the config wants them, animations."""
    recorder.evaluation(epoch, evaluation)
    if task.cfg.exp.generate_gif:
        for mode in evaluation.grids:
            recorder.animation(epoch, mode, task.animate(epoch, model.steps, mode))
