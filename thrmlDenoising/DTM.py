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
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args

import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Key, Shaped, UInt8

from thrmlDenoising.base_graphs import AbstractBaseGraphManager
from thrmlDenoising.config import Named
from thrmlDenoising.config.fields import Count, CountOrZero, Must, checked
from thrmlDenoising.data import KeyedSplit, Mode, OwnData, Split
from thrmlDenoising.families.dtm.compatible import check_resumable, check_same_source
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.examples import Examples, ImagesInMemory, StreamedBatches
from thrmlDenoising.families.dtm.hardware_energy import HardwareEnergy, hardware_energy
from thrmlDenoising.families.dtm.images import ClassImages
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.model import (
    Model,
    ModelStep,
    build_steps,
    chain_of,
    draw_graphs,
    make_manager,
)
from thrmlDenoising.families.dtm.replication import DTM_NAMES, GIF_ARGUMENTS
from thrmlDenoising.families.dtm.reverse import generate
from thrmlDenoising.families.dtm.step_source import StepSource
from thrmlDenoising.families.dtm.stream import Batches, Stream
from thrmlDenoising.families.dtm.task import Task
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.quality import QualityReport, headline
from thrmlDenoising.quality.features import FeatureExtractor
from thrmlDenoising.runs import History, RunFolder, run_used_alone
from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.other_names import RunPath, refuse_arguments, tells
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training.keys import checked_key, purpose_key
from thrmlDenoising.training.loop import TrainingLoop, check_epochs, draw_animations
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.saved_model import SavedModel, load_steps
from thrmlDenoising.training.signals import StopsAtOnce

_SAMPLES = Annotated[
    int, Must("of at least 2, as one has no later one to compare with,", lambda n: n >= 2)
]


class DTM:
    """A Denoising Thermodynamic Model: build it from a config, train it, sample it, load it.

    Args:
        cfg: the hyperparameters; the published setting if left out.
        base_dir: where run folders are made.
        data: images of your own, `OwnImages` or a `ToySet`, which `cfg` describes:
            `make_cfg(data=data.cfg)`.

    Attributes:
        cfg: the hyperparameters.

    Raises:
        ValueError: the config describes other images than `data`.
    """

    @library_settings()
    def __init__(
        self,
        cfg: DTMConfig | None = None,
        base_dir: str | Path = "model_logging_and_saving",
        data: OwnData | None = None,
    ) -> None:
        self._prepare(DTMConfig() if cfg is None else cfg, base_dir, data)
        # Drawn here, so that a graph that cannot be is known before anything is trained.
        self._graphs = draw_graphs(self.cfg, self.manager)

    def _prepare(self, cfg: DTMConfig, base_dir: str | Path, data: OwnData | None) -> None:
        """Everything but the graphs, which a loaded model has already."""
        self.cfg = cfg
        self.manager = make_manager(self.cfg)
        self._trainer = Trainer.from_config(self.cfg)
        self._task = Task(self.cfg, data)
        self._recorder: RunRecorder | None = None
        self._origin = "untrained"
        self._folder = RunFolder.new(user_path(base_dir), self.cfg.exp.descriptor, datetime.now())

    # ------------------------------------------------------------------ what a user reads

    @cached_property
    @library_settings()
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
    def train_dataset(self) -> KeyedSplit:
        """Training images (grey levels) and their classes; or by "image" and "label" nodes."""
        return self._keyed(self._task.dataset.train)

    @property
    def test_dataset(self) -> KeyedSplit:
        """Held-out images and their classes; or by "image" and "label" nodes."""
        return self._keyed(self._task.dataset.test)

    def _keyed(self, split: Split) -> KeyedSplit:
        return KeyedSplit(split, lambda: np.asarray(self._task.clean(split).labels))

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
    def base_graph_manager(self) -> AbstractBaseGraphManager:
        """The same as `manager`: how pixels become Ising nodes, and how these are joined."""
        return self.manager

    @property
    def is_smoke_test(self) -> bool:
        """Whether the model learns a toy set, on which images are exactly right or wrong."""
        return self.cfg.data.facts.is_toy

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
        FD or another Fréchet distance; for toy sets the per cent of images that are exactly the
        image of their class.
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

    if not TYPE_CHECKING:
        __getattr__ = tells(DTM_NAMES)

    # ------------------------------------------------------------------ training

    @library_settings()
    def train(
        self,
        n_epochs: int = 50,
        evaluate_every: int | None = 5,
        resume: str | Path | None = None,
        batches: Batches | None = None,
    ) -> None:
        """Trains for `n_epochs` more epochs and writes the run folder as it goes.

        Every epoch is saved. Images are generated, judged and drawn before the first epoch (that
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
                images, which then serve for measuring alone; see docs/own_data.md. A run is
                resumed bit for bit if they are a function of the epoch: give it again.

        Raises:
            ValueError: numbers of epochs that cannot be, batches that are not as they should be, a
                run to resume whose config is another, or a model that is trained already, stands
                elsewhere than the run, and would be lost; NotFiniteError if training diverges.
            OSError: the disk does not take a checkpoint, a table or the log; says what is saved.
                A picture that cannot be drawn is only warned about. InUseError: another process,
                or another model, is training into the run; says which.
        """
        evaluate_every = 0 if evaluate_every is None else evaluate_every
        check_epochs(n_epochs, evaluate_every)
        with StopsAtOnce() as signals:
            self._train(n_epochs, evaluate_every, resume, batches, signals.look)

    def _train(
        self,
        n_epochs: int,
        evaluate_every: int,
        resume: str | Path | None,
        batches: Batches | None,
        look: Callable[[], None],
    ) -> None:
        # Data or an extractor may be missing: that should be known before a folder is made.
        _ = self.train_dataset, self._task.quality
        examples = self._examples(batches)
        look()
        run = self.open_run().folder if resume is None else RunFolder.open(user_path(resume))
        with run_used_alone(run):
            recorder = self.open_run() if resume is None else self._resume(run.root, examples)
            recorder.check_nobody_went_on(self.epoch)
            loop = TrainingLoop(
                self.cfg, self._model, self._task, self._trainer, recorder, examples
            )
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

    @library_settings()
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
            key: the same key gives the same images, whatever kind of key; left out, it is made
                from `exp.seed`.
            conditions: in place of labels, where the model is conditioned on bits: one condition,
                or one for each image.

        Raises:
            ValueError: a class the model does not know, a wrong number of labels or bits, or
                labels where there are conditions.
        """
        key = purpose_key(self.cfg.exp.seed, "sample") if key is None else checked_key(key)
        bits = self._task.label_bits(n, labels=labels, conditions=conditions)
        generated = generate(key, *chain_of(self.steps), n, self._task.schedule(), bits)
        return np.asarray(generated.last_states.pixels[-1]).reshape(n, *self.cfg.image_shape)

    @library_settings()
    def class_images(self, key: Key[Array, ""], mode: Mode, n_per_class: int) -> ClassImages:
        """Generates images of every class, labels "free" or "clamped", with all their states."""
        schedule = self._task.schedule()
        return self._task.generate(checked_key(key), self.steps, mode, n_per_class, schedule)

    @library_settings()
    def gen_images(
        self,
        key: Key[Array, ""],
        batch_size: int,
        free: bool,
        drawn_images_per_digit: int,
    ) -> tuple[
        Float[np.ndarray, "class_and_step drawn pixel"],
        Bool[np.ndarray, "class_and_step drawn label_node"],
        Float[np.ndarray, "class batch pixel"],
    ]:
        """Generates `batch_size` images per class, as dtm-replication's method of this name does.

        `sample` gives images in their shape, and `class_images` grey levels, votes and states.

        Args:
            free: let the labels run free, so that the class an image stands under is only a
                place; otherwise they are clamped to it.

        Returns:
            The first `drawn_images_per_digit` images of every class after every step, brightness
            0 to 1: first all steps of the first class in the order they run, and so on; their
            label nodes; and all final images.
        """
        images = self.class_images(key, "free" if free else "clamped", batch_size)
        grid = images.grid(drawn_images_per_digit)
        drawn, labels = np.concatenate(grid.pixels), np.concatenate(grid.labels)
        final = images.final_pixels.reshape(len(images.classes), batch_size, -1)
        white = np.float32(self.n_grayscale_levels)
        return drawn / white, labels, final / white

    @library_settings()
    def generate_gif(
        self,
        epoch: int | None = None,
        mode: Mode = "clamped",
        runs_per_label: int | None = None,
        steps_per_sample: int | None = None,
        **of_dtm_replication: Any,
    ) -> Path:
        """Animates all steps denoising in turn, the noise first, into the run folder.

        Args:
            epoch: the number in the file's name; the model's own if left out.
            runs_per_label: images of every class; `exp.animated_images_per_digit` if left out.
            steps_per_sample: sweeps between two frames; `exp.steps_per_sample_in_gif` if left out.
            of_dtm_replication: its `frame_stride` and `fps`, which the message says more about.

        Returns:
            The file.

        Raises:
            ValueError: an unknown mode, no number of an epoch, or less than 1 image or sweep.
            TypeError: an argument that there is not.
        """
        refuse_arguments("generate_gif", of_dtm_replication, GIF_ARGUMENTS)
        if isinstance(epoch, str):
            raise ValueError(f"epoch={shown(epoch)}: give the mode by name, mode='free'")
        if isinstance(mode, int):  # dtm-replication's second argument
            raise ValueError(
                f"mode={mode}: the second argument is 'free' or 'clamped'; images per class are "
                f"given by name, runs_per_label={mode}"
            )
        epoch = checked("epoch", epoch, CountOrZero | None)
        runs_per_label = checked("runs_per_label", runs_per_label, Count | None)
        steps_per_sample = checked("steps_per_sample", steps_per_sample, Count | None)
        epoch = self.epoch if epoch is None else epoch
        animation = self._task.animate(epoch, self.steps, mode, runs_per_label, steps_per_sample)
        recorder = self.open_run()
        with run_used_alone(recorder.folder):
            return recorder.animation(epoch, mode, animation)

    # ------------------------------------------------------------------ measuring

    @library_settings()
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
            Exception: whatever an own extractor raises; in training and `eval_epoch` it would
                cost its own measurements and a warning.
        """
        report = self._task.quality_of(self.epoch, self.steps, mode, n_per_class, extractors)
        report.raise_failure()
        return report

    @library_settings()
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

    @library_settings()
    def eval_epoch(self, epoch: int) -> dict[str, float]:
        """Generates images with free and with clamped labels, judges them and draws them.

        Returns:
            The numbers by name, such as "free_classifier_fd"; `evaluations/` in the run folder
            has them with intervals and all it takes to repeat them. Only training adds them to
            `history`. What cannot be measured or drawn is missing, and warned about.

        Raises:
            ValueError: the model is at another epoch.
        """
        self._check_epoch(epoch)
        evaluation = self._task.evaluate(epoch, self.steps)
        recorder = self.open_run()
        with run_used_alone(recorder.folder):
            recorder.warn_of_failures(epoch, evaluation)
            recorder.evaluation(epoch, evaluation)
            draw_animations(epoch, self._model, self._task, recorder)
        return evaluation.metrics

    @library_settings()
    def compute_autocorr(
        self, epoch: int | None = None, n_samples: int | None = None
    ) -> list[float]:
        """Measures every step's autocorrelation.

        Args:
            epoch: the model's epoch, to draw the curves against the lag and to remember the
                values in `steps[i].autocorrelations`; left out, they are returned only.
            n_samples: of each chain; `generation.steps_warmup` if left out, as the thresholds of
                the adaptive controllers expect.

        Raises:
            ValueError: the model is at another epoch, or less than 2 samples.
        """
        if epoch is not None:
            self._check_epoch(epoch)
        n_samples = checked("n_samples", n_samples, _SAMPLES | None)
        curves = self._task.autocorrelations(self.epoch, self.steps, n_samples)
        if epoch is not None:
            recorder = self.open_run()
            with run_used_alone(recorder.folder):
                recorder.curves(epoch, curves)
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
            return recorder.save(self._model)

    @classmethod
    @library_settings()
    def load(
        cls,
        base_path: str | Path,
        epoch: int | None = None,
        step_sources: Sequence[StepSource | tuple[str | Path, int | None] | str | Path | int]
        | None = None,
        data: OwnData | None = None,
        classes: Sequence[Named] = (),
    ) -> Self:
        """Loads a model from a run folder.

        Training it further writes into a new run folder beside the old one; to go on in the old
        one, use `train(resume=...)`.

        Args:
            base_path: the run folder, the `model_saving` folder in it, or a checkpoint's folder.
            epoch: which checkpoint; None for the last complete one.
            step_sources: for a stitched ("Frankenstein") model, where each step comes from: an
                epoch of this run, a run and an epoch of it, a checkpoint's folder, or the step's
                file in one, `RUN/model_saving/epoch_005/step_00.eqx`. The config is that of
                `base_path`.
            data: the images of a run on images of your own, to train on or to measure; nobody
                needs them to generate images.
            classes: own classes and functions that the config names, such as a base-graph manager
                or a feature extractor. Loading imports none: another one has to be imported.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: a checkpoint is damaged, the runs are not compatible (names the fields),
                `data` are other images, or the config names a class that is not known here.
        """
        if step_sources is None:
            saved = SavedModel.open(StepSource.of(base_path, epoch), classes)
            dtm = cls._of(saved.cfg, saved.run, data)
            dtm._restore(saved)
            return dtm
        is_list = isinstance(step_sources, (Sequence, np.ndarray))
        if isinstance(step_sources, str) or not is_list:
            raise ValueError(
                f"step_sources={shown(step_sources)} is no list: give a source for each step, such "
                "as [5, 3] for epochs 5 and 3 of this run"
            )
        if epoch is not None or len(step_sources) == 0:
            raise ValueError(
                f"epoch={shown(epoch)} and step_sources={shown(step_sources)}: give an epoch, or a "
                "source for each step"
            )
        sources = [StepSource.parse(source, base_path, i) for i, source in enumerate(step_sources)]
        opened = {source: SavedModel.open(source, classes) for source in sources}
        stitched = [opened[source] for source in sources]
        base = RunFolder.open(user_path(StepSource.of(base_path).run))
        dtm = cls._of(DTMConfig.load(base.config, classes), base.root, data)
        dtm._model = Model(dtm._load(stitched), History())
        dtm._origin = f"stitched from {', '.join(str(model.folder) for model in stitched)}"
        return dtm

    @classmethod
    def _of(cls, cfg: DTMConfig, run: Path, data: OwnData | None) -> Self:
        """A model of a run's config beside the run, its steps still to be loaded."""
        dtm = cls.__new__(cls)
        dtm._prepare(cfg, run.parent, data)
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

    def _resume(self, path: str | Path, examples: Examples) -> RunRecorder:
        """Goes back to the last complete checkpoint of a run, and on in its folder."""
        saved = SavedModel.open(StepSource(path), [self.cfg.graph.manager_class])
        check_resumable(self.cfg, saved.cfg, saved.run)
        check_same_source(examples.streamed, saved.history, saved.run)
        model: Model | None = vars(self).get("_model")  # self._model would build untrained steps
        if model and model.epoch and model.history.to_json() != saved.history.to_json():
            raise ValueError(
                f"this model is trained already ({model.epoch} epochs), and resuming {saved.run} "
                "would throw that away: start from a new DTM(cfg)"
            )
        self._restore(saved)
        self._folder = RunFolder.open(saved.run)
        self._recorder = RunRecorder.resume(self.cfg, self._folder, self.epoch)
        self._recorder.table(self.history)
        self._recorder.curves_over_epochs(self.history)
        return self._recorder
