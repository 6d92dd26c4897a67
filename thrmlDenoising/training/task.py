"""What a config asks for besides training: its data, its labels and its measurements."""

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.data import (
    ImageDataset,
    OwnImages,
    Split,
    class_positions,
    one_hot_labels,
)
from thrmlDenoising.diffusion import Annealing, Noised
from thrmlDenoising.evaluation import (
    Animation,
    AutocorrelationCurve,
    ClassImages,
    Grid,
    Mixing,
    Mode,
    Protocol,
    measure_autocorrelation,
    measure_mixing,
)
from thrmlDenoising.evaluation.features import (
    CallableFeatures,
    FeatureExtractor,
    UnavailableError,
    named_extractor,
)
from thrmlDenoising.evaluation.quality import QualityReport, QualitySuite, RealImages
from thrmlDenoising.plots.excerpts import MOST_CLASSES, evenly_spread
from thrmlDenoising.sampling import Schedule
from thrmlDenoising.training.dataset import check_same_images, read_dataset
from thrmlDenoising.training.model import ModelStep, chain_of
from thrmlDenoising.training.parallel import run_on_devices
from thrmlDenoising.training.randomness import Purpose, purpose_key

T = TypeVar("T")


class Evaluation(NamedTuple):
    """Images of an epoch: judged, and laid out for drawing."""

    reports: dict[Mode, QualityReport]
    grids: dict[Mode, Grid]

    @property
    def metrics(self) -> dict[str, float]:
        """The bare numbers, such as "free_classifier_fd"."""
        return {
            f"{mode}_{name}": value
            for mode, report in self.reports.items()
            for name, value in report.values.items()
        }


def check_mode(mode: str) -> None:
    """Raises ValueError for a kind of images that does not exist."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode={mode!r}: labels are 'free' or 'clamped'")


class Task:
    """The data set of a config, and the measurements it asks for.

    Args:
        data: the images, where the config describes a user's own.

    Raises:
        ValueError: they are not the images of the config.
    """

    def __init__(self, cfg: DTMConfig, data: OwnImages | None = None) -> None:
        check_same_images(cfg, data)
        self.cfg, self._own_images = cfg, data
        n_classes = len(cfg.target_classes)
        self.one_hot_labels: Bool[np.ndarray, "class label_node"] = one_hot_labels(
            np.arange(n_classes), n_classes, cfg.graph.num_label_spots
        )
        generation = cfg.generation
        self._annealing = Annealing(
            generation.generation_beta_start,
            generation.generation_beta_end,
            generation.steps_warmup,
        )

    @cached_property
    def dataset(self) -> ImageDataset:
        """The images, read when first needed; see `read_dataset` for what may be wrong."""
        return read_dataset(self.cfg, self._own_images)

    @cached_property
    def real(self) -> RealImages:
        """What generated images are compared with."""
        return RealImages(self.dataset, self.cfg.data.pixel_threshold_for_single_trials)

    @cached_property
    def quality(self) -> QualitySuite:
        """How images are judged: against the training images, as the config says.

        An extractor that cannot be used here is warned about and left out.
        """
        extractors: list[FeatureExtractor] = []
        notes: list[str] = []
        for name in self._extractor_names:
            try:
                extractors.append(self._extractor(name))
            except UnavailableError as error:
                notes.append(f"{name}: {error}")
                warnings.warn(f"feature extractor {name!r} is left out: {error}", stacklevel=2)
        n_replicates = self.cfg.evaluation.bootstrap_replicates
        return QualitySuite(self.real, tuple(extractors), n_replicates, tuple(notes))

    @property
    def _extractor_names(self) -> list[str]:
        """Toy images are right or wrong, and no classifier here has seen own ones."""
        data, names = self.cfg.data, self.cfg.evaluation.extractors
        unknown = data.facts.is_toy or data.is_own
        return [name for name in names if not (unknown and name == "classifier")]

    def _extractor(self, name: str) -> FeatureExtractor:
        weights = self.cfg.evaluation.inception_weights
        return named_extractor(
            name, self.cfg.data.dataset_name, None if weights is None else Path(weights)
        )

    def clean(self, split: Split) -> Noised:
        """Images and labels before any noise."""
        labels = self.one_hot_labels[split.classes]
        return Noised(jnp.asarray(split.pixels), jnp.asarray(labels))

    def label_bits(self, labels: int | Sequence[int], n: int) -> Bool[Array, "image label_node"]:
        """The label nodes of n images of these classes, numbered as in the data set.

        Raises:
            ValueError: an unknown class, a wrong number of labels, or a model without labels.
        """
        self._check_labelled()
        wanted = class_positions(labels, self.cfg.target_classes)
        if wanted.shape not in ((), (n,)):
            raise ValueError(f"{wanted.size} labels for {n} images: give one, or one for each")
        return jnp.asarray(self.one_hot_labels[np.broadcast_to(wanted, max(n, 0))])

    def schedule(self, steps_per_sample: int | None = None) -> Schedule:
        """The schedule of generation, looking at the last sweep or at every so many."""
        return self._annealing.schedule(steps_per_sample)

    def generate(
        self,
        key: Key[Array, ""],
        steps: Sequence[ModelStep],
        mode: Mode,
        n_per_class: int,
        schedule: Schedule,
        classes: Sequence[int] | None = None,
    ) -> ClassImages:
        """Images of every class, or of some, with all observed states.

        Raises:
            ValueError: an unknown mode, clamped labels of a model without labels, or less than 1
                image.
        """
        check_mode(mode)
        if mode == "clamped":
            self._check_labelled()
        labels, clamped = self.one_hot_labels, mode == "clamped"
        chain = chain_of(steps)
        return ClassImages.generate(key, chain, n_per_class, labels, clamped, schedule, classes)

    def evaluate(self, epoch: int, steps: Sequence[ModelStep]) -> Evaluation:
        """Generates images with free and with clamped labels and judges them.

        A model without labels has only free images.
        """
        evaluation = Evaluation({}, {})
        for mode in self.modes:
            images = self._images(epoch, steps, mode, self.cfg.generation.fid_images_per_digit)
            evaluation.grids[mode] = images.grid(self.cfg.exp.drawn_images_per_digit)
            evaluation.reports[mode] = self._judge(self.quality, images, mode)
        return evaluation

    def quality_of(
        self,
        epoch: int,
        steps: Sequence[ModelStep],
        mode: Mode,
        n_per_class: int | None = None,
        extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]] | None = None,
    ) -> QualityReport:
        """Generates as many images as asked for, or the config says, and judges them."""
        check_mode(mode)
        n = self.cfg.generation.fid_images_per_digit if n_per_class is None else n_per_class
        suite = self.quality if extractors is None else self._suite_of(extractors)
        return self._judge(suite, self._images(epoch, steps, mode, n), mode)

    def _suite_of(
        self, extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]]
    ) -> QualitySuite:
        own = [
            extractor if isinstance(extractor, FeatureExtractor) else CallableFeatures(extractor)
            for extractor in extractors
        ]
        return QualitySuite(self.real, own, self.cfg.evaluation.bootstrap_replicates)

    def _images(
        self, epoch: int, steps: Sequence[ModelStep], mode: Mode, n_per_class: int
    ) -> ClassImages:
        """The images of an epoch that are judged."""
        key = purpose_key(self.cfg.exp.seed, "evaluation", epoch, get_args(Mode).index(mode))
        return self.generate(key, steps, mode, n_per_class, self.schedule())

    def _judge(self, suite: QualitySuite, images: ClassImages, mode: Mode) -> QualityReport:
        labels = images.final_classes if self.cfg.n_label_nodes else None
        rng = np.random.default_rng(self.cfg.exp.seed)
        return suite.measure(images.final_pixels, labels, mode, rng)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Labels can be clamped only where there are some."""
        return get_args(Mode) if self.cfg.n_label_nodes else ("free",)

    def animate(self, epoch: int, steps: Sequence[ModelStep], mode: Mode) -> Animation:
        """A few images of every class, or of as many as a picture can show, on their way."""
        exp = self.cfg.exp
        schedule = self.schedule(exp.steps_per_sample_in_gif)
        key = purpose_key(exp.seed, "animation", epoch)
        classes = evenly_spread(len(self.cfg.target_classes), MOST_CLASSES)
        images = self.generate(key, steps, mode, exp.animated_images_per_digit, schedule, classes)
        return images.animation(schedule)

    def autocorrelations(
        self, epoch: int, steps: Sequence[ModelStep]
    ) -> list[AutocorrelationCurve]:
        """How slowly each step's chains forget, by the config's protocol."""
        protocol = {
            "replication": Protocol.replication(
                self._annealing.beta_start, self._annealing.beta_end
            ),
            "stationary": Protocol.stationary(self.cfg.sampling.training_beta),
        }[self.cfg.exp.autocorr_protocol]
        n_sweeps = self._annealing.n_sweeps

        def measure(key: Key[Array, ""], step: ModelStep, images: Noised) -> AutocorrelationCurve:
            return measure_autocorrelation(
                key, step.diffusion, step.model, images, protocol, n_sweeps
            )

        return self._on_test_images("autocorrelation", epoch, steps, measure)

    def mixing(self, epoch: int, steps: Sequence[ModelStep]) -> list[Mixing]:
        """How fast each step's chains mix at the training beta: times, sample sizes, decay."""
        beta, n_sweeps = self.cfg.sampling.training_beta, self._annealing.n_sweeps

        def measure(key: Key[Array, ""], step: ModelStep, images: Noised) -> Mixing:
            return measure_mixing(key, step.diffusion, step.model, images, beta, n_sweeps)

        return self._on_test_images("mixing", epoch, steps, measure)

    def _on_test_images(
        self,
        purpose: Purpose,
        epoch: int,
        steps: Sequence[ModelStep],
        measure: Callable[[Key[Array, ""], ModelStep, Noised], T],
    ) -> list[T]:
        """Measures every step on the test images, each on its own device with its own key."""
        test_images = self.clean(self.dataset.test)

        def measure_step(index: int, step: ModelStep) -> T:
            key = purpose_key(self.cfg.exp.seed, purpose, epoch, index)
            return measure(key, step, jax.device_put(test_images, step.device))

        return run_on_devices([partial(measure_step, *numbered) for numbered in enumerate(steps)])

    def _check_labelled(self) -> None:
        if not self.cfg.n_label_nodes:
            raise ValueError(
                "this model has no labels (graph.num_label_spots=0), so none can be clamped: "
                "generate free images"
            )
