"""Denoising Thermodynamic Models: the class a user works with.

    from thrmlDenoising.DTM import DTM

    dtm = DTM()                                 # the published setting
    dtm.train(n_epochs=50, evaluate_every=5)
    images = dtm.sample(10, labels=7)           # ten sneakers

A model is a chain of steps. Each is an Ising machine that undoes one stretch of a process that
turns images into noise; generation runs them from the noisiest to the cleanest. What a step is
stands in `thrmlDenoising.diffusion`, how it is trained in `thrmlDenoising.training`, how it is
sampled in `thrmlDenoising.sampling`.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Key, UInt8

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.data import Split
from thrmlDenoising.diffusion import Noised, generate
from thrmlDenoising.evaluation import ClassImages
from thrmlDenoising.runs import EpochRecord, History, RunFolder, complete_epochs
from thrmlDenoising.training import (
    Mode,
    ModelStep,
    Progress,
    RunRecorder,
    StepSource,
    Task,
    Trainer,
    adapt_strengths,
    build_steps,
    chain_of,
    check_resumable,
    draw_graphs,
    load_history,
    load_steps,
    make_manager,
    purpose_key,
    run_on_devices,
    save_model,
)

_METRIC = "centroid_accuracy"


class DTM:
    """A Denoising Thermodynamic Model: build it from a config, train it, sample it, load it.

    Args:
        cfg: the hyperparameters; the published setting if left out.
        base_dir: where run folders are made.

    Attributes:
        cfg: the hyperparameters.
        history: everything measured so far, epoch by epoch.
    """

    def __init__(
        self, cfg: DTMConfig | None = None, base_dir: str | Path = "model_logging_and_saving"
    ) -> None:
        self.cfg = cfg if cfg is not None else DTMConfig()
        self.manager = make_manager(self.cfg)
        self._trainer = Trainer.from_config(self.cfg, self.cfg.batch_size, self.cfg.n_train)
        self.history = History()
        self._task = Task(self.cfg)
        self._recorder: RunRecorder | None = None
        self._folder = RunFolder.new(Path(base_dir), self.cfg.exp.descriptor, datetime.now())

    # ------------------------------------------------------------------ what a user reads

    @cached_property
    def steps(self) -> list[ModelStep]:
        """The steps of the chain, the cleanest first; untrained unless trained or loaded."""
        graphs = draw_graphs(self.cfg, self.manager)
        return build_steps(self.cfg, self.manager, self._trainer, graphs)

    @property
    def train_dataset(self) -> Split:
        """Training images (grey levels) and their classes."""
        return self._task.dataset.train

    @property
    def test_dataset(self) -> Split:
        """Held-out images and their classes."""
        return self._task.dataset.test

    @property
    def one_hot_target_labels(self) -> Bool[np.ndarray, "class label_node"]:
        """The label nodes of each target class."""
        return self._task.one_hot_labels

    @property
    def n_image_pixels(self) -> int:
        """Pixels of an image."""
        return self.cfg.n_pixels

    @property
    def n_label_nodes(self) -> int:
        """Label spots times classes."""
        return self.cfg.n_label_nodes

    @property
    def n_grayscale_levels(self) -> int:
        """Grey levels above 0."""
        return self.cfg.graph.grayscale_levels

    @property
    def epoch(self) -> int:
        """How many epochs have been trained."""
        return max(step.state.epoch for step in self.steps)

    @property
    def eval_epochs(self) -> list[int]:
        """The epochs at which images were judged."""
        return [record.epoch for record in self.history.records if record.metrics]

    @property
    def fids_dict(self) -> dict[str, list[float]]:
        """The image metric at `eval_epochs`, of "free" and "clamped" images.

        The name is dtm-replication's. What is measured is the per cent of images whose nearest
        class centroid is that of their label; higher is better.
        """
        records = [record for record in self.history.records if record.metrics]
        return {
            mode: [record.metrics[f"{mode}_{_METRIC}"] for record in records]
            for mode in ("free", "clamped")
        }

    @property
    def logging_and_saving_dir(self) -> Path:
        """The run folder; it is made when training starts."""
        return self._folder.root

    @property
    def model_saving_path(self) -> Path:
        """The folder of the run's config and checkpoints."""
        return self._folder.model_saving

    # ------------------------------------------------------------------ training

    def train(
        self, n_epochs: int = 50, evaluate_every: int = 5, resume: str | Path | None = None
    ) -> None:
        """Trains for `n_epochs` more epochs and writes the run folder as it goes.

        Every epoch is saved. Images are generated, judged and drawn every `evaluate_every`
        epochs and after the last.

        Args:
            resume: a run folder to go on with, from its last complete checkpoint, bit for bit as
                if it had never stopped.

        Raises:
            ValueError: a number below 1, or a run to resume whose config is another.
        """
        if min(n_epochs, evaluate_every) < 1:
            raise ValueError(
                f"n_epochs={n_epochs}, evaluate_every={evaluate_every}: both must be at least 1"
            )
        clean = self._task.clean(self.train_dataset)  # before a folder is made: it may be missing
        recorder = self._open_run() if resume is None else self._resume(Path(resume))
        last = self.epoch + n_epochs
        n_batches = len(self.steps) * self._trainer.n_batches(self.cfg.n_train)
        try:
            with Progress(n_epochs, n_batches) as progress:
                if not self.history.records:
                    self._finish_epoch(self.epoch, evaluate=False, seconds=0.0)
                for epoch in range(self.epoch + 1, last + 1):
                    progress.start_epoch(epoch, last)
                    started = time.monotonic()
                    self._train_epoch(clean, progress)
                    evaluate = epoch % evaluate_every == 0 or epoch == last
                    self._finish_epoch(epoch, evaluate, time.monotonic() - started)
                    progress.epoch_done()
        except KeyboardInterrupt:
            saved = complete_epochs(self.model_saving_path)
            recorder.log(f"interrupted; complete checkpoints: {saved}")
            raise

    def _train_epoch(self, clean: Noised, progress: Progress) -> None:
        """One epoch of every step; no step changes before all are through."""
        rates = self.cfg.per_step(self.cfg.optim.step_learning_rates)

        def train(step: ModelStep, rate: float):
            data = jax.device_put(clean, step.device)
            on_batch = progress.batch_done
            return self._trainer.train_epoch(step.diffusion, step.state, data, rate, on_batch)

        tasks = [partial(train, step, rate) for step, rate in zip(self.steps, rates, strict=True)]
        states = run_on_devices(tasks, len(jax.devices()), progress.cancel)
        for step, state in zip(self.steps, states, strict=True):
            step.state = state

    def _finish_epoch(self, epoch: int, evaluate: bool, seconds: float) -> None:
        """Measures, lets the controllers react, draws, records and saves."""
        adaptive = self.cfg.cp.adaptive_cp or self.cfg.wd.adaptive_wd
        if self.cfg.exp.compute_autocorr and (evaluate or adaptive or epoch == 0):
            for step, value in zip(self.steps, self.compute_autocorr(epoch), strict=True):
                step.state = adapt_strengths(self.cfg, step.state, value)
        metrics = self.eval_epoch(epoch) if evaluate else {}
        states = [step.state for step in self.steps]
        self.history.append(
            EpochRecord(
                epoch=epoch,
                seconds=seconds,
                autocorrelation=tuple(step.autocorrelations.get(epoch) for step in self.steps),
                correlation_penalty=tuple(state.correlation_penalty.value for state in states),
                weight_decay=tuple(state.weight_decay.value for state in states),
                metrics=metrics,
            )
        )
        self._open_run().epoch_done(self.steps, self.history)

    # ------------------------------------------------------------------ images

    def sample(
        self,
        n: int,
        labels: int | Sequence[int] | None = None,
        key: Key[Array, ""] | None = None,
    ) -> UInt8[np.ndarray, "n row column"]:
        """Generates n images of grey levels 0..n_grayscale_levels.

        Args:
            labels: the class wanted, or one for each image, numbered as in the data set;
                None lets the model choose.
            key: the same key gives the same images; left out, it is made from `exp.seed`.

        Raises:
            ValueError: a class the model does not know, or a wrong number of labels.
        """
        key = purpose_key(self.cfg.exp.seed, "sample") if key is None else key
        bits = None if labels is None else self._task.label_bits(labels, n)
        generated = generate(key, *chain_of(self.steps), n, self._task.schedule(), bits)
        return np.asarray(generated.last_states.pixels[-1]).reshape(n, *self.cfg.image_shape)

    def class_images(self, key: Key[Array, ""], mode: Mode, n_per_class: int) -> ClassImages:
        """Generates images of every class, labels "free" or "clamped", with all their states."""
        return self._task.generate(key, self.steps, mode, n_per_class, self._task.schedule())

    def gen_images(
        self,
        key: Key[Array, ""],
        batch_size: int,
        free: bool,
        drawn_images_per_digit: int,
    ) -> tuple[
        UInt8[np.ndarray, "class step drawn pixel"],
        Float[np.ndarray, "class step drawn label_class"],
        UInt8[np.ndarray, "image pixel"],
    ]:
        """Generates `batch_size` images per class.

        Args:
            free: let the labels run free, so that the class an image stands under is only a
                place; otherwise they are clamped to it.

        Returns:
            The first `drawn_images_per_digit` images of every class after every step, in the
            order the steps run; the share of label spots voting for each class; and all final
            images, class by class.
        """
        mode: Mode = "free" if free else "clamped"
        images = self.class_images(key, mode, batch_size)
        grid = images.grid(drawn_images_per_digit)
        return grid.pixels, grid.votes, images.final_pixels

    def generate_gif(self, epoch: int, mode: Mode = "clamped") -> Path:
        """Animates all steps denoising in turn, the noise first, into the run folder.

        Returns:
            The file.
        """
        exp, recorder = self.cfg.exp, self._open_run()
        schedule = self._task.schedule(exp.steps_per_sample_in_gif)
        key = purpose_key(exp.seed, "animation", epoch)
        n_images = exp.animated_images_per_digit
        images = self._task.generate(key, self.steps, mode, n_images, schedule)
        return recorder.animation(epoch, mode, images.animation(schedule))

    # ------------------------------------------------------------------ measuring

    def eval_epoch(self, epoch: int) -> dict[str, float]:
        """Generates images with free and with clamped labels, judges them and draws them.

        Returns:
            The per cent of images whose nearest class centroid is that of their label, as
            "free_centroid_accuracy" and "clamped_centroid_accuracy"; nothing for a model
            without labels.
        """
        exp, recorder = self.cfg.exp, self._open_run()
        modes: tuple[Mode, ...] = ("free", "clamped") if self.n_label_nodes else ("free",)
        metrics = {}
        for number, mode in enumerate(modes):
            key = purpose_key(exp.seed, "evaluation", epoch, number)
            images = self.class_images(key, mode, self.cfg.generation.fid_images_per_digit)
            if self.n_label_nodes:
                metrics[f"{mode}_{_METRIC}"] = self._task.accuracy(images)
            recorder.images(epoch, mode, images.grid(exp.drawn_images_per_digit))
            if exp.generate_gif:
                self.generate_gif(epoch, mode)
        return metrics

    def compute_autocorr(self, epoch: int) -> list[float]:
        """Measures every step's autocorrelation, draws it against the lag and remembers it."""
        curves = []
        for index, step in enumerate(self.steps):
            key = purpose_key(self.cfg.exp.seed, "autocorrelation", epoch, index)
            curves.append(self._task.autocorrelation(key, step))
            step.autocorrelations[epoch] = curves[-1].tail
        self._open_run().curves(epoch, curves)
        return [curve.tail for curve in curves]

    # ------------------------------------------------------------------ saving and loading

    def save_epoch(self, epoch: int) -> Path:
        """Saves a checkpoint under this number, whole or not at all; returns its folder."""
        self._open_run()
        return save_model(self.model_saving_path, epoch, self.steps, self.history)

    @classmethod
    def load(
        cls,
        base_path: str | Path,
        epoch: int | None = None,
        step_sources: Sequence[StepSource | tuple[str | Path, int | None] | int] | None = None,
    ) -> Self:
        """Loads a model from a run folder.

        Training it further writes into a new run folder; to go on in the old one, use
        `train(resume=...)`.

        Args:
            base_path: the run folder, or the `model_saving` folder in it.
            epoch: which checkpoint; None for the last complete one.
            step_sources: for a stitched ("Frankenstein") model, where each step comes from: an
                epoch of this run, or a run and an epoch of it.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: a checkpoint is damaged, or the runs are not compatible; names the fields.
        """
        run = RunFolder.open(Path(base_path))
        cfg = DTMConfig.load(run.config)
        dtm = cls(cfg, base_dir=run.root.parent)
        if step_sources is None:
            dtm._restore(StepSource(base_path, epoch))
        else:
            sources = [StepSource.parse(source, base_path) for source in step_sources]
            dtm.steps = load_steps(cfg, dtm.manager, dtm._trainer, sources)
        return dtm

    def _restore(self, source: StepSource) -> None:
        """Takes steps and history from a checkpoint."""
        sources = [source] * self.cfg.diffusion_schedule.num_diffusion_steps
        self.steps = load_steps(self.cfg, self.manager, self._trainer, sources)
        self.history = load_history(source)
        for record in self.history.records:
            for step, value in zip(self.steps, record.autocorrelation, strict=True):
                if value is not None:
                    step.autocorrelations[record.epoch] = value

    def _resume(self, path: Path) -> RunRecorder:
        """Goes back to the last complete checkpoint of a run, and on in its folder."""
        folder = RunFolder.open(path)
        check_resumable(self.cfg, folder)
        self._restore(StepSource(folder.root))
        self._folder = folder
        self._recorder = recorder = RunRecorder(self.cfg, folder)
        recorder.log(f"resumed after epoch {self.epoch}")
        recorder.tables(self.history)
        return recorder

    def _open_run(self) -> RunRecorder:
        """The recorder of the run folder, which is made when first needed."""
        if self._recorder is None:
            self._recorder = RunRecorder.start(self.cfg, self._folder)
            self._folder = self._recorder.folder
        return self._recorder
