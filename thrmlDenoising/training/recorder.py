"""What a training run leaves behind as it goes: log, tables, plots and checkpoints."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from thrmlDenoising.plots import MetricStyle, draw_metric_vs_epoch
from thrmlDenoising.quality import Headline, QualityReport, headline
from thrmlDenoising.runs import (
    EpochRecord,
    History,
    RunFolder,
    TrainingLog,
    checkpoint_name,
    complete_epochs,
    remove_checkpoint,
)
from thrmlDenoising.support.files import check_can_hold_files, write_json, written_aside
from thrmlDenoising.support.hints import shown_error
from thrmlDenoising.support.warn import warn
from thrmlDenoising.training.environment import Environment
from thrmlDenoising.training.model import Model, State, no_look
from thrmlDenoising.training.results import Draw, Evaluation
from thrmlDenoising.training.saved_run import save_model


class RunRecorder:
    """Writes the run folder of one training run."""

    def __init__(self, model: Model, folder: RunFolder) -> None:
        self.folder = folder
        self._model = model
        self._log = TrainingLog(folder.training_log)
        self._environment = Environment.of(model.backend)
        self._last_epoch = 0  # that this recorder has begun to save
        self._frozen: set[int] = set()  # parts that were warned about

    @classmethod
    def start(cls, model: Model, planned: RunFolder) -> "RunRecorder":
        """Makes the folder of a new run and writes the config down.

        If another run has taken the planned name in the meantime, the next free one is used.

        Raises:
            ValueError: the config cannot be written, because its manager is a class that
                cannot be imported.
            OSError: the folder cannot be made.
        """
        config, folder = model.cfg.to_yaml(), planned
        base = planned.root.parent
        check_can_hold_files(base, "base_dir")
        while True:
            try:
                folder.create()
                break
            except FileExistsError:
                folder = RunFolder.new(base, planned.descriptor, datetime.now())
        recorder = cls(model, folder)
        recorder._write_config(config)
        recorder.log(f"{recorder._environment}\nconfig\n{config}")
        return recorder

    @classmethod
    def resume(cls, model: Model, folder: RunFolder, epoch: int) -> "RunRecorder":
        """Goes on in the folder of a run, after this epoch.

        Raises:
            ValueError: the config cannot be written, and so no checkpoint.
            OSError: a folder in it is a link, or nothing can be written there.
        """
        model.cfg.to_yaml()
        folder.refuse_links()
        check_can_hold_files(folder.model_saving, "the run folder:")
        recorder = cls(model, folder)
        recorder.log(f"resumed after epoch {epoch}; {recorder._environment}")
        return recorder

    # ------------------------------------------------------------------ words

    def log(self, text: str) -> None:
        """A line, or several, in the training log."""
        self._log.write(text)

    def warn(self, text: str) -> None:
        """A warning, in the log and on the terminal; it ends nothing, see `warn`."""
        self.log(f"warning: {text}")
        warn(text, stacklevel=3)

    def warn_of_frozen(self, epoch: int, index: int, in_words: str) -> None:
        """Logs that a part is frozen; the first time it is a warning too.

        Small models may have such a part at every epoch.
        """
        text = f"epoch {epoch}: step {index} is frozen: {in_words}"
        if index in self._frozen:
            self.log(f"warning: {text}")
        else:
            self._frozen.add(index)
            self.warn(text)

    def warn_of_failures(self, epoch: int, evaluation: Evaluation) -> None:
        """Warns about each measurement of an epoch's images that failed."""
        for mode, report in evaluation.reports.items():
            for name, error in report.failures.items():
                self.warn(
                    f"epoch {epoch}: {name} of {mode} {self._model.makes} could not be measured: "
                    f"{shown_error(error)}"
                )

    def epoch_saved(self, record: EpochRecord, measuring: float) -> None:
        """Logs an epoch that is saved, and the seconds that measuring it took."""
        words = epoch_in_words(record, self._model.numbers_in_words, self._model.n_batches)
        checkpoint = checkpoint_name(record.epoch)
        self.log(f"{words}; measuring {measuring:.1f} s; checkpoint {checkpoint}")

    # ------------------------------------------------------------------ checkpoints

    def check_nobody_went_on(self, epoch: int) -> None:
        """Checks that the run is not at a later epoch than this but by this recorder.

        Raises:
            ValueError: another process or model has trained it on.
        """
        last = max(complete_epochs(self.folder.model_saving), default=0)
        if last > max(epoch, self._last_epoch):
            raise ValueError(
                f"{self.folder.root} has gone on to epoch {last} in another process or model, and "
                f"this model is at epoch {epoch}: load the run, or resume it with a new DTM(cfg)"
            )

    def save(self, state: State, history: History) -> Path:
        """The checkpoint of the model in this state; returns its folder.

        Should the folder of the run, or a part of it, have been deleted, it is made again.

        Raises:
            NotFiniteError: the model is good for nothing.
            OSError: the disk does not take it.
        """
        self._model.check_finite(state)
        if missing := self.folder.missing:
            self._make_whole(missing)
        self._last_epoch = state.epoch
        made_with = self._environment._asdict()
        return save_model(self.folder.model_saving, self._model, state, history, made_with)

    def drop_checkpoint(self, epoch: int) -> None:
        """Removes an epoch's checkpoint if it is none of those that `exp.keeps`.

        One that cannot be removed costs a warning.
        """
        if self._model.cfg.exp.keeps(epoch):
            return
        try:
            remove_checkpoint(self.folder.model_saving, epoch)
        except OSError as error:
            self.warn(f"the checkpoint of epoch {epoch} could not be removed: {shown_error(error)}")

    def _make_whole(self, missing: Sequence[Path]) -> None:
        """Folders, config and log of a run of which something was deleted."""
        names = ", ".join(path.name for path in missing)
        for path in self.folder.sub_folders:
            path.mkdir(parents=True, exist_ok=True)
        config = self._model.cfg.to_yaml()
        if self.folder.config in missing:
            self._write_config(config)
        if self.folder.training_log in missing:
            self.log(f"{self._environment}\nconfig\n{config}")
        self.warn(
            f"{names} of {self.folder.root} had been deleted, and was made again; what is lost of "
            "earlier epochs stays lost"
        )

    def _write_config(self, config: str) -> None:
        with written_aside(self.folder.config) as aside:
            aside.write_text(config, encoding="utf-8")

    # ------------------------------------------------------------------ tables and pictures

    @contextmanager
    def picture(self, path: Path) -> Iterator[None]:
        """Whatever goes wrong while a picture is made costs that picture, and a warning.

        Pictures can be drawn again from what is saved; a training that they ended could not.
        """
        try:
            yield
        except Exception as error:
            name = path.relative_to(self.folder.root)
            self.warn(f"{name} could not be drawn: {shown_error(error)}")

    def table(self, history: History) -> None:
        """metrics.csv, from everything measured so far."""
        history.write_csv(self.folder.metrics_csv)

    def curves_over_epochs(self, history: History) -> None:
        """Draws everything measured so far over the epochs."""
        if chosen := headline(history.metric_names):
            with self.picture(self.folder.fid_vs_epoch):
                draw_headline(chosen, history, self.folder.fid_vs_epoch)
        self.pictures(self._model.pictures_over_epochs(history))

    def pictures(self, drawn: Mapping[str, Draw]) -> None:
        """Draws pictures of the model's own, by their paths in the run folder."""
        for name, draw in drawn.items():
            path = self.folder.root / name
            with self.picture(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                draw(path)

    def evaluation(self, epoch: int, evaluation: Evaluation) -> None:
        """Writes down what was measured, and draws what was generated."""
        self._reports(epoch, evaluation.reports)
        self.pictures(evaluation.pictures)

    def animations(self, drawn: Mapping[str, Draw], look: Callable[[], None] = no_look) -> None:
        """Draws animations, by their paths in the run folder; `look` is called before each."""
        for name, draw in drawn.items():
            look()
            self.pictures({name: draw})

    def _reports(self, epoch: int, reports: Mapping[str, QualityReport]) -> None:
        """Every number with its interval and all it takes to repeat it: as JSON, and in the log."""
        content = {"epoch": epoch} | {mode: report.to_dict() for mode, report in reports.items()}
        write_json(self.folder.evaluation(epoch), content)
        for mode, report in reports.items():
            self.log(f"{mode} {self._model.makes} of epoch {epoch}\n{report}")


def draw_headline(chosen: Headline, history: History, path: Path) -> None:
    """Draws the measurement that stands for a run over its epochs."""
    series = {name: history.series(name) for name in chosen.names.values()}
    draw_metric_vs_epoch(series, MetricStyle(chosen.label, inverted=chosen.is_distance), path)


def epoch_in_words(record: EpochRecord, names: Mapping[str, str], n_batches: int) -> str:
    """One epoch in one line.

    Args:
        names: what the numbers of parts are called, where not as in the record.
        n_batches: batches that training it took, if it is known.
    """
    parts = [f"epoch {record.epoch}: {record.seconds:.1f} s"]
    if record.seconds and n_batches:
        parts[0] += f" ({1e3 * record.seconds / n_batches:.3g} ms a batch)"
    for name, values in record.per_part.items():
        listed = ", ".join("-" if value is None else f"{value:.4g}" for value in values)
        parts.append(f"{names.get(name, name)} {listed}")
    if chosen := headline(record.metrics):
        parts += [f"{name} {record.metrics[name]:.4g}" for name in chosen.names.values()]
    return "; ".join(parts)
