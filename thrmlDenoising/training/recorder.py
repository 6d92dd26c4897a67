"""What a training run leaves behind as it goes: log, tables, plots and checkpoints."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax
import numpy as np

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.evaluation import (
    SWEEPS_PER_SAMPLE,
    Animation,
    AutocorrelationCurve,
    Mode,
)
from thrmlDenoising.evaluation.quality import Headline, QualityReport, headline
from thrmlDenoising.plots import (
    MetricStyle,
    draw_autocorrelation_vs_epoch,
    draw_autocorrelation_vs_lags,
    draw_grid,
    draw_metric_vs_epoch,
    write_gif,
)
from thrmlDenoising.runs import (
    EpochRecord,
    History,
    RunFolder,
    TrainingLog,
    check_can_hold_files,
    checkpoint_name,
    write_json,
    written_aside,
)
from thrmlDenoising.sampling import sampler_type
from thrmlDenoising.training.model import Model
from thrmlDenoising.training.saved_model import save_model
from thrmlDenoising.training.task import Evaluation

_VERSIONED = ("thrmlDenoising", "thrml", "jax", "jaxlib", "numpy", "numba")


class RunRecorder:
    """Writes the run folder of one training run."""

    def __init__(self, cfg: DTMConfig, folder: RunFolder) -> None:
        self.folder = folder
        self._cfg = cfg
        self._log = TrainingLog(folder.training_log)

    @classmethod
    def start(cls, cfg: DTMConfig, planned: RunFolder) -> "RunRecorder":
        """Makes the folder of a new run and writes the config down.

        If another run has taken the planned name in the meantime, the next free one is used.

        Raises:
            ValueError: the config cannot be written, because its manager is a class that
                cannot be imported.
            OSError: the folder cannot be made.
        """
        config, folder = cfg.to_yaml(), planned
        base = planned.root.parent
        check_can_hold_files(base, "base_dir")
        while True:
            try:
                folder.create()
                break
            except FileExistsError:
                folder = RunFolder.new(base, planned.descriptor, datetime.now())
        with written_aside(folder.config) as aside:
            aside.write_text(config, encoding="utf-8")
        recorder = cls(cfg, folder)
        recorder.log(f"{_environment(cfg)}\nconfig\n{config}")
        return recorder

    @classmethod
    def resume(cls, cfg: DTMConfig, folder: RunFolder, epoch: int) -> "RunRecorder":
        """Goes on in the folder of a run, after this epoch.

        Raises:
            OSError: no checkpoint could be written there.
        """
        check_can_hold_files(folder.model_saving, "the run folder:")
        recorder = cls(cfg, folder)
        recorder.log(f"resumed after epoch {epoch}; {_environment(cfg)}")
        return recorder

    def log(self, text: str) -> None:
        """A line, or several, in the training log."""
        self._log.write(text)

    def save(self, model: Model) -> Path:
        """The checkpoint of the model as it is; returns its folder."""
        return save_model(self.folder.model_saving, self._cfg, model)

    def epoch_saved(self, history: History) -> None:
        """Logs the epoch the history ends with."""
        record = history.records[-1]
        self.log(f"{_summary(record)}; checkpoint {checkpoint_name(record.epoch)}")

    def tables(self, history: History) -> None:
        """metrics.csv and the curves over epochs, from everything measured so far."""
        history.write_csv(self.folder.metrics_csv)
        if chosen := headline(history.metric_names):
            draw_headline(chosen, history, self.folder.fid_vs_epoch)
        self._draw_autocorrelation(history)

    def curves(self, epoch: int, curves: Sequence[AutocorrelationCurve]) -> None:
        """Draws autocorrelation against lag for every step, if it was measured."""
        if curves:
            values = np.stack([curve.values for curve in curves])
            lags = SWEEPS_PER_SAMPLE * np.arange(values.shape[1])
            path = self.folder.autocorrelation_plot(epoch)
            draw_autocorrelation_vs_lags(lags, values, f"epoch {epoch}", path)

    def evaluation(self, epoch: int, evaluation: Evaluation) -> None:
        """Writes down what was measured, and draws images of every class after every step."""
        self._reports(epoch, evaluation.reports)
        for mode, grid in evaluation.grids.items():
            path = self.folder.image(epoch, mode)
            draw_grid(*grid, *self._picture_facts, path, self._titles(mode))

    def animation(self, epoch: int, mode: Mode, animation: Animation) -> Path:
        """Draws all states of all steps; returns the file."""
        path = self.folder.gif(epoch, mode)
        frames, votes, captions, classes = animation
        write_gif(
            frames, votes, captions, *self._picture_facts, path, self._titles(mode), classes=classes
        )
        return path

    def _reports(self, epoch: int, reports: Mapping[Mode, QualityReport]) -> None:
        """Every number with its interval and all it takes to repeat it: as JSON, and in the log."""
        content = {"epoch": epoch} | {mode: report.to_dict() for mode, report in reports.items()}
        write_json(self.folder.evaluation(epoch), content)
        for mode, report in reports.items():
            self.log(f"{mode} images of epoch {epoch}\n{report}")

    def _draw_autocorrelation(self, history: History) -> None:
        values = np.array([record.autocorrelation for record in history.records], dtype=float)
        if not np.isnan(values).all():
            threshold = self._cfg.cp.adaptive_threshold if self._cfg.is_adaptive else None
            epochs = [record.epoch for record in history.records]
            path = self.folder.autocorr_vs_epoch
            draw_autocorrelation_vs_epoch(epochs, values, threshold, path)

    @property
    def _picture_facts(self) -> tuple[tuple[int, int], int, list[str]]:
        """What every picture needs to know: image shape, grey levels, names of the classes."""
        return self._cfg.image_shape, self._cfg.graph.grayscale_levels, self._cfg.class_names

    def _titles(self, mode: Mode) -> list[str] | None:
        """Free images belong to no class: they say so in its place."""
        return [mode] * len(self._cfg.class_names) if mode == "free" else None


def draw_headline(chosen: Headline, history: History, path: Path) -> None:
    """Draws the measurement that stands for a run over its epochs."""
    series = {name: history.series(name) for name in chosen.names.values()}
    draw_metric_vs_epoch(series, MetricStyle(chosen.label, inverted=chosen.is_distance), path)


def _environment(cfg: DTMConfig) -> str:
    """What results may depend on besides the config."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _VERSIONED)
    devices = f"{jax.local_device_count()} {jax.default_backend()} device(s)"
    return f"{versions}, on {devices} with {sampler_type(cfg.sampling.backend).__name__}"


def _version(package: str) -> str:
    """Numba is not on every platform."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _summary(record: EpochRecord) -> str:
    """One epoch in one line."""

    def listed(values: Sequence[float | None]) -> str:
        return ", ".join("-" if value is None else f"{value:.4g}" for value in values)

    chosen = headline(record.metrics)
    names = chosen.names.values() if chosen else ()
    metrics = "".join(f"; {name} {record.metrics[name]:.4g}" for name in names)
    return (
        f"epoch {record.epoch}: {record.seconds:.1f} s; "
        f"autocorrelation {listed(record.autocorrelation)}; "
        f"correlation penalty {listed(record.correlation_penalty)}; "
        f"weight decay {listed(record.weight_decay)}{metrics}"
    )
