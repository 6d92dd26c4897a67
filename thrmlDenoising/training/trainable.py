"""What a user holds: a model of some family at work, with its state, its history and its run."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from jaxtyping import Array, Key

from thrmlDenoising.config import Config, Named
from thrmlDenoising.config.fields import Count, checked
from thrmlDenoising.data import OwnData, OwnPoints
from thrmlDenoising.quality import headline_in_words
from thrmlDenoising.runs import History, RunFolder, run_used_alone
from thrmlDenoising.support.other_names import RunPath
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training.keys import UserKey, checked_key, purpose_key, seed_key
from thrmlDenoising.training.loop import Callback, TrainingLoop, check_epochs
from thrmlDenoising.training.model import Model, State
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.resuming import check_resumable, check_same_source
from thrmlDenoising.training.saved_run import SavedRun
from thrmlDenoising.training.showing import facts_of, model_line, model_table
from thrmlDenoising.training.signals import StopsAtOnce
from thrmlDenoising.training.source import Source

M = TypeVar("M", bound=Model)
S = TypeVar("S", bound=State)


class Trainable(Generic[M, S]):
    """A model at work: trained, sampled, measured, saved and loaded, whatever its family.

    Args:
        cfg: the hyperparameters, the family's defaults if left out; or a model made already.
        base_dir: where run folders are made.
        data: your own, such as `OwnImages`, which `cfg` describes: `make_cfg(data=data.cfg)`.

    Attributes:
        model_type: the family's models.
        model: what its config says, and nothing that training changes.
        history: everything measured so far, epoch by epoch.

    Raises:
        ValueError: the config describes other data than `data`.
    """

    model_type: ClassVar[type[Model]]

    @library_settings()
    def __init__(
        self,
        cfg: Config | Model | None = None,
        base_dir: str | Path = "model_logging_and_saving",
        data: OwnData | OwnPoints | None = None,
    ) -> None:
        if not isinstance(cfg, Model):
            cfg = self.model_type(cfg or self.model_type.config_type(), data)
        self.model: M = cast(M, cfg)
        self.history = History()
        self._state: S | None = None
        self._recorder: RunRecorder | None = None
        self._origin = "untrained"
        self._folder = RunFolder.new(user_path(base_dir), self.cfg.exp.descriptor, datetime.now())

    @classmethod
    def of(cls, model_type: type[Model]) -> type[Self]:
        """The class for models of this type at work, where a family has to be told by name."""
        made = type(f"{model_type.__name__}AtWork", (cls,), {"model_type": model_type})
        return cast(type[Self], made)

    # ------------------------------------------------------------------ what a user reads

    def __repr__(self) -> str:
        return model_line(type(self).__name__, self._facts, self._folder.root)

    def _repr_html_(self) -> str:
        return model_table(type(self).__name__, self._facts, self._folder.root, self.cfg)

    @property
    def _facts(self) -> dict[str, str]:
        measured = [record.metrics for record in self.history.records if record.metrics]
        last = headline_in_words(measured[-1]) if measured else None
        return facts_of(self.cfg, self.epoch, self.model.in_words, last)

    @property
    def cfg(self) -> Any:
        """The hyperparameters."""
        return self.model.cfg

    @property
    @library_settings()
    def state(self) -> S:
        """Everything that training has changed so far; immutable."""
        if self._state is None:
            self._state = self.model.init(seed_key(self.cfg.exp.seed))
        return cast(S, self._state)

    @state.setter
    def state(self, state: S) -> None:
        self._state = state

    @property
    def epoch(self) -> int:
        """How many epochs have been trained."""
        return 0 if self._state is None else self._state.epoch

    @property
    def logging_and_saving_dir(self) -> RunPath:
        """The run folder; it is made when something is first written."""
        return RunPath(self._folder.root)

    @property
    def model_saving_path(self) -> RunPath:
        """The folder of the run's config and checkpoints."""
        return RunPath(self._folder.model_saving)

    @property
    def log_file(self) -> RunPath:
        """The training log in the run folder."""
        return RunPath(self._folder.training_log)

    # ------------------------------------------------------------------ training

    @library_settings()
    def train(
        self,
        n_epochs: int = 50,
        evaluate_every: int | None = 5,
        resume: str | Path | None = None,
        batches: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """Trains for `n_epochs` more epochs and writes the run folder as it goes.

        Every epoch is saved. What the model makes is judged and drawn before the first epoch (that
        is epoch 0, without an animation), every `evaluate_every` epochs and after the last. An
        epoch that is interrupted, or fails, before it is saved leaves the model as it was before
        it. Ctrl-C and SIGTERM wait for the end of a batch or of a measurement; a second Ctrl-C
        does not. Before the first of them, while data are read, they stop at once.

        Args:
            evaluate_every: 0 or None trains without evaluating.
            resume: a run folder to go on with, from its last complete checkpoint; with the
                same sampler and library versions, bit for bit as if it had never stopped. Both
                are in the training log.
            batches: training batches for data that do not fit memory, in place of the training
                examples, which then serve for measuring alone; see docs/own_data.md. A run is
                resumed bit for bit if they are a function of the epoch: give it again.
            callbacks: each is given the record of every epoch, `EpochRecord`, once that is saved
                and drawn; one that returns True ends the training there.

        Raises:
            ValueError: numbers of epochs that cannot be, batches that are not as they should be, a
                run to resume whose config is another, or a model that is trained already, stands
                elsewhere than the run, and would be lost.
            NotFiniteError: training diverges.
            OSError: the disk does not take a checkpoint, a table or the log; says what is saved.
                A picture that cannot be drawn is only warned about.
            InUseError: another process, or another model, is training into the run; says which.
        """
        evaluate_every = 0 if evaluate_every is None else evaluate_every
        check_epochs(n_epochs, evaluate_every)
        with StopsAtOnce() as signals:
            self.model.prepare()
            fed = self.model if batches is None else self.model.fed_by(batches)
            fed.check_trainable()
            signals.look()
            run = self.open_run().folder if resume is None else RunFolder.open(user_path(resume))
            with run_used_alone(run):
                recorder = self.open_run() if resume is None else self._resume(run, fed.streamed)
                recorder.check_nobody_went_on(self.epoch)
                model = self.model if batches is None else self.model.fed_by(batches)
                epochs = TrainingLoop(model, recorder, callbacks).epochs(
                    self.state, self.history, n_epochs, evaluate_every
                )
                for self._state, self.history in epochs:
                    pass  # what is saved is kept

    def _resume(self, run: RunFolder, streamed: bool) -> RunRecorder:
        """Goes back to the last complete checkpoint of a run, and on in its folder."""
        model_type = type(self.model)
        saved = SavedRun.open(model_type, Source(run.root), self._named)
        check_resumable(self.cfg, saved.cfg, saved.run)
        check_same_source(streamed, saved.history, saved.run)
        if self.epoch and self.history.to_json() != saved.history.to_json():
            raise ValueError(
                f"this model is trained already ({self.epoch} epochs), and resuming {saved.run} "
                f"would throw that away: start from a new {type(self).__name__}(cfg)"
            )
        # What may differ in the config is what the user says now; the data are read already.
        model = model_type.read_static(saved._replace(cfg=self.cfg), self.model.own_data)
        model.data = self.model.data
        self._restore(model, saved)
        self._folder = run
        self._recorder = RunRecorder.resume(self.model, run, self.epoch)
        self._recorder.table(self.history)
        self._recorder.curves_over_epochs(self.history)
        return self._recorder

    @property
    def _named(self) -> Sequence[Named]:
        """Own classes that the config names."""
        return [value for value in self.cfg.flat().values() if isinstance(value, type)]

    # ------------------------------------------------------------------ generating and measuring

    @library_settings()
    def sample(self, n: int, key: UserKey | None = None) -> Any:
        """Generates n examples.

        Args:
            key: the same key gives the same examples, whatever kind of key; left out, it is made
                from `exp.seed`.

        Raises:
            ValueError: less than 1.
        """
        return self.model.sample(self.state, self._sample_key(key), checked("n", n, Count))

    def _sample_key(self, key: UserKey | None) -> Key[Array, ""]:
        return purpose_key(self.cfg.exp.seed, "sample") if key is None else checked_key(key)

    @library_settings()
    def eval_epoch(self, epoch: int) -> dict[str, float]:
        """Judges and draws what the model makes, as training does.

        Returns:
            The numbers by name, such as "free_classifier_fd"; `evaluations/` in the run folder
            has them with intervals and all it takes to repeat them. Only training adds them to
            `history`. What cannot be measured or drawn is missing, and warned about.

        Raises:
            ValueError: the model is at another epoch.
        """
        self._check_epoch(epoch)
        evaluation = self.model.evaluate(self.state)
        recorder = self.open_run()
        with run_used_alone(recorder.folder):
            recorder.warn_of_failures(epoch, evaluation)
            recorder.evaluation(epoch, evaluation)
            recorder.animations(self.model.animations(self.state))
        return evaluation.metrics

    # ------------------------------------------------------------------ saving and loading

    def open_run(self) -> RunRecorder:
        """The recorder of the run folder, which is made when this is first called."""
        if self._recorder is None:
            self._recorder = RunRecorder.start(self.model, self._folder)
            self._folder = self._recorder.folder
            self._recorder.log(self._origin)
        return self._recorder

    @library_settings()
    def save_epoch(self, epoch: int | None = None) -> Path:
        """Saves a checkpoint of the model as it is, whole or not at all; returns its folder.

        Args:
            epoch: its number, if given, must be the model's own.

        Raises:
            ValueError: another number, or the run has gone on elsewhere: later checkpoints would
                not follow from this one.
            InUseError: another process, or another model, is training into the run.
        """
        self._check_epoch(self.epoch if epoch is None else epoch)
        recorder = self.open_run()
        with run_used_alone(recorder.folder):
            recorder.check_nobody_went_on(self.epoch)
            return recorder.save(self.state, self.history)

    @classmethod
    @library_settings()
    def load(
        cls,
        base_path: str | Path,
        epoch: int | None = None,
        *,
        data: OwnData | OwnPoints | None = None,
        classes: Sequence[Named] = (),
    ) -> Self:
        """Loads a model from a run folder.

        Training it further writes into a new run folder beside the old one; to go on in the old
        one, use `train(resume=...)`.

        Args:
            base_path: the run folder, the `model_saving` folder in it, or a checkpoint's folder.
            epoch: which checkpoint; None for the last complete one.
            data: your own data, of a run on them, to train on or to measure; nobody needs them
                to generate.
            classes: own classes and functions that the config names, such as a feature extractor.
                Loading imports none: another one has to be imported.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: a checkpoint is damaged, `data` are others, or the config names a
                class that is not known here.
        """
        saved = SavedRun.open(cls.model_type, Source.of(base_path, epoch), classes)
        loaded = cls(saved.model_type.read_static(saved, data), saved.run.parent)
        loaded._restore(loaded.model, saved)
        return loaded

    def _restore(self, model: Any, saved: SavedRun) -> None:
        """Takes state and history from a checkpoint."""
        self.model, self._state, self.history = model, model.read_state(saved), saved.history
        self._origin = f"loaded from {saved.folder}"

    def _check_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise ValueError(f"epoch={epoch}, but the model is at epoch {self.epoch}: give that")
