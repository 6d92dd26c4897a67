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

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Key, Shaped, UInt8

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.data import OwnImages, Split
from thrmlDenoising.diffusion import generate
from thrmlDenoising.evaluation import ClassImages, Mixing, Mode
from thrmlDenoising.evaluation.features import FeatureExtractor
from thrmlDenoising.evaluation.hardware_energy import HardwareEnergy, hardware_energy
from thrmlDenoising.evaluation.quality import QualityReport, headline
from thrmlDenoising.runs import History, RunFolder
from thrmlDenoising.training import (
    Batches,
    Examples,
    ImagesInMemory,
    Model,
    ModelStep,
    RunRecorder,
    SavedModel,
    StepSource,
    Stream,
    StreamedBatches,
    Task,
    Trainer,
    TrainingLoop,
    build_steps,
    chain_of,
    check_resumable,
    draw_evaluation,
    draw_graphs,
    load_steps,
    make_manager,
    purpose_key,
)


class DTM:
    """A Denoising Thermodynamic Model: build it from a config, train it, sample it, load it.

    Args:
        cfg: the hyperparameters; the published setting if left out.
        base_dir: where run folders are made.
        data: images of your own, which `cfg` describes: `make_cfg(data=data.cfg)`.

    Attributes:
        cfg: the hyperparameters.

    Raises:
        ValueError: the config describes other images than `data`.
    """

    def __init__(
        self,
        cfg: DTMConfig | None = None,
        base_dir: str | Path = "model_logging_and_saving",
        data: OwnImages | None = None,
    ) -> None:
        self._prepare(DTMConfig() if cfg is None else cfg, base_dir, data)
        # Drawn here, so that a graph that cannot be is known before anything is trained.
        self._graphs = draw_graphs(self.cfg, self.manager)

    def _prepare(self, cfg: DTMConfig, base_dir: str | Path, data: OwnImages | None) -> None:
        """Everything but the graphs, which a loaded model has already."""
        self.cfg = cfg
        self.manager = make_manager(self.cfg)
        self._trainer = Trainer.from_config(self.cfg)
        self._task = Task(self.cfg, data)
        self._recorder: RunRecorder | None = None
        self._origin = "untrained"
        self._folder = RunFolder.new(Path(base_dir), self.cfg.exp.descriptor, datetime.now())

    # ------------------------------------------------------------------ what a user reads

    @cached_property
    def _model(self) -> Model:
        """Untrained, unless `load` has put another in its place."""
        return Model(build_steps(self.cfg, self.manager, self._trainer, self._graphs), History())

    @property
    def steps(self) -> list[ModelStep]:
        """The steps of the chain, the cleanest first."""
        return self._model.steps

    @property
    def history(self) -> History:
        """Everything measured so far, epoch by epoch."""
        return self._model.history

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
        """The label nodes of each target class; an error where conditions take their place."""
        return self._task.labels.one_hot

    @property
    def n_image_pixels(self) -> int:
        """Pixels of an image."""
        return self.cfg.n_pixels

    @property
    def n_label_nodes(self) -> int:
        """Label spots times classes, or times the bits of a condition."""
        return self.cfg.n_label_nodes

    @property
    def n_grayscale_levels(self) -> int:
        """Grey levels above 0."""
        return self.cfg.graph.grayscale_levels

    @property
    def epoch(self) -> int:
        """How many epochs have been trained."""
        return self._model.epoch

    @property
    def eval_epochs(self) -> list[int]:
        """The epochs of the values in `fids_dict`."""
        names = list(self._headline_names.values())
        return self.history.series(names[0])[0] if names else []

    @property
    def fids_dict(self) -> dict[str, list[float]]:
        """The headline metric at `eval_epochs`, of "free" and "clamped" images.

        The name is dtm-replication's. It is the FID where that was measured, else the classifier
        FD or another Fréchet distance; for toy sets the per cent of images of their label's class.
        """
        names = self._headline_names
        return {
            mode: self.history.series(names[mode])[1] if mode in names else []
            for mode in get_args(Mode)
        }

    @property
    def _headline_names(self) -> dict[Mode, str]:
        chosen = headline(self.history.metric_names)
        return chosen.names if chosen else {}

    @property
    def logging_and_saving_dir(self) -> Path:
        """The run folder; it is made when something is first written."""
        return self._folder.root

    @property
    def model_saving_path(self) -> Path:
        """The folder of the run's config and checkpoints."""
        return self._folder.model_saving

    # ------------------------------------------------------------------ training

    def train(
        self,
        n_epochs: int = 50,
        evaluate_every: int = 5,
        resume: str | Path | None = None,
        batches: Batches | None = None,
    ) -> None:
        """Trains for `n_epochs` more epochs and writes the run folder as it goes.

        Every epoch is saved. Images are generated, judged and drawn every `evaluate_every`
        epochs and after the last. An epoch that is interrupted, or fails, before it is saved
        leaves the model as it was before it.

        Args:
            resume: a run folder to go on with, from its last complete checkpoint; with the
                same sampler and library versions, bit for bit as if it had never stopped. Both
                are in the training log.
            batches: training batches for data that do not fit memory, in place of the training
                images, which then serve for measuring alone; see docs/own_data.md. A run is
                resumed bit for bit if they are a function of the epoch: give it again.

        Raises:
            ValueError: a number below 1, batches that are not as they should be, a run to resume
                whose config is another, or a model that is trained already, stands elsewhere than
                the run, and would be lost.
            OSError: the disk does not take something; says what is saved.
        """
        if min(n_epochs, evaluate_every) < 1:
            raise ValueError(
                f"n_epochs={n_epochs}, evaluate_every={evaluate_every}: both must be at least 1"
            )
        # Data or an extractor may be missing: that should be known before a folder is made.
        _ = self.train_dataset, self._task.quality
        examples = self._examples(batches)
        recorder = self.open_run() if resume is None else self._resume(Path(resume))
        recorder.log(f"training on {examples}")
        loop = TrainingLoop(self.cfg, self._model, self._task, self._trainer, recorder, examples)
        loop.run(n_epochs, evaluate_every)

    def _examples(self, batches: Batches | None) -> Examples:
        if batches is not None:
            return StreamedBatches(Stream(batches, self.cfg))
        cfg = self.cfg
        if cfg.n_batches * cfg.batch_size > cfg.n_train:
            raise ValueError(
                f"sampling.batches_per_epoch={cfg.n_batches} batches of {cfg.batch_size} images "
                f"are more than the {cfg.n_train} training images: leave it out, or give a stream, "
                "train(batches=...)"
            )
        return ImagesInMemory(self._task.clean(self.train_dataset))

    # ------------------------------------------------------------------ images

    def sample(
        self,
        n: int,
        labels: int | Sequence[int] | None = None,
        key: Key[Array, ""] | None = None,
        conditions: Shaped[ArrayLike, "*n bit"] | None = None,
    ) -> UInt8[np.ndarray, "n row column"]:
        """Generates n images of grey levels 0..n_grayscale_levels.

        Args:
            labels: the class wanted, or one for each image, numbered as in the data set;
                None lets the model choose.
            key: the same key gives the same images; left out, it is made from `exp.seed`.
            conditions: in place of labels, where the model is conditioned on bits: one condition,
                or one for each image.

        Raises:
            ValueError: a class the model does not know, a wrong number of labels or bits, or
                labels where there are conditions.
        """
        key = purpose_key(self.cfg.exp.seed, "sample") if key is None else key
        bits = self._task.label_bits(n, labels=labels, conditions=conditions)
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
        animation = self._task.animate(epoch, self.steps, mode)
        return self.open_run().animation(epoch, mode, animation)

    # ------------------------------------------------------------------ measuring

    def quality(
        self,
        mode: Mode,
        n_per_class: int | None = None,
        extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]] | None = None,
    ) -> QualityReport:
        """Generates images and measures them; `print` shows a table of the report.

        Args:
            n_per_class: `generation.fid_images_per_digit` if left out.
            extractors: in whose features to compare, own functions (see `CallableFeatures`) or
                extractors; those of the config if left out.

        Raises:
            ValueError: an unknown mode, clamped labels of a model without labels, less than 1
                image, or extractors of one name.
        """
        return self._task.quality_of(self.epoch, self.steps, mode, n_per_class, extractors)

    def mixing(self) -> list[Mixing]:
        """How fast every step's chains mix: integrated time, effective samples, slowest decay."""
        return self._task.mixing(self.epoch, self.steps)

    def hardware_energy(self, e_cell: str = "figure_1") -> HardwareEnergy:
        """What a sample would cost on the paper's hardware, with each part; see its docstring.

        Args:
            e_cell: which of the quoted energies of a cell: "figure_1", "text" or "program".
        """
        graphs = [step.graph for step in self.steps]
        n_sweeps = self.cfg.generation.steps_warmup
        return hardware_energy(graphs, self.cfg.graph.lattice, n_sweeps, e_cell)

    def eval_epoch(self, epoch: int) -> dict[str, float]:
        """Generates images with free and with clamped labels, judges them and draws them.

        Returns:
            The numbers by name, such as "free_classifier_fd"; `evaluations/` in the run folder
            has them with intervals and all it takes to repeat them. Only training adds them to
            `history`.

        Raises:
            ValueError: the model is at another epoch.
        """
        self._check_epoch(epoch)
        evaluation = self._task.evaluate(epoch, self.steps)
        draw_evaluation(epoch, evaluation, self._model, self._task, self.open_run())
        return evaluation.metrics

    def compute_autocorr(self, epoch: int) -> list[float]:
        """Measures every step's autocorrelation, draws it against the lag and remembers it.

        Raises:
            ValueError: the model is at another epoch.
        """
        self._check_epoch(epoch)
        curves = self._task.autocorrelations(epoch, self.steps)
        self.open_run().curves(epoch, curves)
        for step, curve in zip(self.steps, curves, strict=True):
            step.autocorrelations[epoch] = curve.tail
        return [curve.tail for curve in curves]

    # ------------------------------------------------------------------ saving and loading

    def open_run(self) -> RunRecorder:
        """The recorder of the run folder, which is made when this is first called."""
        if self._recorder is None:
            self._recorder = RunRecorder.start(self.cfg, self._folder)
            self._folder = self._recorder.folder
            self._recorder.log(self._origin)
        return self._recorder

    def save_epoch(self, epoch: int | None = None) -> Path:
        """Saves a checkpoint of the model as it is, whole or not at all; returns its folder.

        Args:
            epoch: its number, if given, must be the model's own.

        Raises:
            ValueError: another number: later checkpoints of the run would not follow from it.
        """
        self._check_epoch(self.epoch if epoch is None else epoch)
        return self.open_run().save(self._model)

    @classmethod
    def load(
        cls,
        base_path: str | Path,
        epoch: int | None = None,
        step_sources: Sequence[StepSource | tuple[str | Path, int | None] | int] | None = None,
        data: OwnImages | None = None,
    ) -> Self:
        """Loads a model from a run folder.

        Training it further writes into a new run folder beside the old one; to go on in the old
        one, use `train(resume=...)`.

        Args:
            base_path: the run folder, or the `model_saving` folder in it.
            epoch: which checkpoint; None for the last complete one.
            step_sources: for a stitched ("Frankenstein") model, where each step comes from: an
                epoch of this run, or a run and an epoch of it.
            data: the images of a run on images of your own, to train on or to measure; nobody
                needs them to generate images.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: a checkpoint is damaged, the runs are not compatible (names the fields), or
                `data` are other images.
        """
        if step_sources is None:
            saved = SavedModel.open(StepSource(base_path, epoch))
            dtm = cls._of(saved, data)
            dtm._restore(saved)
            return dtm
        if epoch is not None or len(step_sources) == 0:
            raise ValueError(
                f"epoch={epoch} and step_sources={step_sources}: give an epoch, or a source for "
                "each step"
            )
        sources = [StepSource.parse(source, base_path) for source in step_sources]
        opened = {source: SavedModel.open(source) for source in sources}
        stitched = [opened[source] for source in sources]
        dtm = cls._of(stitched[0], data)
        dtm._model = Model(dtm._load(stitched), History())
        dtm._origin = f"stitched from {', '.join(str(model.folder) for model in stitched)}"
        return dtm

    @classmethod
    def _of(cls, saved: SavedModel, data: OwnImages | None) -> Self:
        """A model of a checkpoint's config, its steps still to be loaded."""
        dtm = cls.__new__(cls)
        dtm._prepare(saved.cfg, saved.run.parent, data)
        return dtm

    def _restore(self, saved: SavedModel) -> None:
        """Takes steps and history from a checkpoint."""
        n_steps = self.cfg.diffusion_schedule.num_diffusion_steps
        self._model = Model(self._load([saved] * n_steps), saved.history)
        self._origin = f"loaded from {saved.folder}"

    def _check_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise ValueError(f"epoch={epoch}, but the model is at epoch {self.epoch}: give that")

    def _load(self, saved: Sequence[SavedModel]) -> list[ModelStep]:
        return load_steps(self.cfg, self.manager, self._trainer, saved)

    def _resume(self, path: Path) -> RunRecorder:
        """Goes back to the last complete checkpoint of a run, and on in its folder."""
        saved = SavedModel.open(StepSource(path))
        check_resumable(self.cfg, saved)
        model: Model | None = vars(self).get("_model")  # self._model would build untrained steps
        if model and model.epoch and model.history.to_json() != saved.history.to_json():
            raise ValueError(
                f"this model is trained already ({model.epoch} epochs), and resuming {saved.run} "
                "would throw that away: start from a new DTM(cfg)"
            )
        self._restore(saved)
        self._folder = RunFolder.open(saved.run)
        self._recorder = RunRecorder.resume(self.cfg, self._folder, self.epoch)
        self._recorder.tables(self.history)
        return self._recorder
