"""What a config asks for besides training: its data, its labels and its measurements."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key, UInt8

from thrmlDenoising.config import Extractor
from thrmlDenoising.data import ImageDataset, Mode, OwnData, Split
from thrmlDenoising.families.dtm.autocorrelation import (
    AutocorrelationCurve,
    Protocol,
    measure_autocorrelation,
)
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.images import Animation, ClassImages, Grid
from thrmlDenoising.families.dtm.labels import in_turn, labels_of
from thrmlDenoising.families.dtm.mixing import Mixing, measure_mixing
from thrmlDenoising.families.dtm.model import ModelStep, chain_of, check_finite
from thrmlDenoising.families.dtm.reverse import Annealing, generate
from thrmlDenoising.plots.excerpts import MOST_CLASSES, evenly_spread
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.quality import (
    HELD_OUT_PIXELS,
    Measurement,
    QualityReport,
    QualitySuite,
    RealImages,
    held_out_pixels,
)
from thrmlDenoising.quality.accuracy import class_judge
from thrmlDenoising.quality.bootstrap import draw_counts, per_cent, share_estimate
from thrmlDenoising.quality.features import (
    FeatureExtractor,
    UnavailableError,
    named_extractor,
    own_extractor,
)
from thrmlDenoising.sampling import Schedule
from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.imports import redefined
from thrmlDenoising.support.warn import warn
from thrmlDenoising.training.dataset import check_same_images, read_dataset
from thrmlDenoising.training.devices import run_on_devices
from thrmlDenoising.training.keys import Purpose, purpose_key

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

    Attributes:
        labels: what the label nodes say of an image.

    Raises:
        ValueError: they are not the images of the config.
    """

    def __init__(self, cfg: DTMConfig, data: OwnData | None = None) -> None:
        check_same_images(cfg, data)
        self.cfg, self._own_images = cfg, data
        self.labels = labels_of(cfg)
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

    @property
    def quality(self) -> QualitySuite:
        """How images are judged: against the training images, as the config says.

        An extractor that cannot be used here is warned about and left out. Nothing is kept: what
        an own function's name leads to may have changed, and missing weights may be there now.

        Raises:
            Exception: whatever is wrong with an extractor that the config names.
        """
        suite = self._what_can_be_measured()
        for error in suite.failures.values():
            raise error
        return suite

    def _what_can_be_measured(self) -> QualitySuite:
        """The same, but an extractor that something is wrong with is one of its `failures`."""
        extractors: list[FeatureExtractor] = []
        failures: dict[str, Exception] = {}
        notes = self._notes
        for name in self._extractor_names:
            try:
                extractors.append(self._extractor(name))
            except UnavailableError as error:
                notes.append(f"{name}: {error}")
                warn(f"feature extractor {name!r} is left out: {error}", stacklevel=2)
            except Exception as error:
                failures[shown(name)] = error
        n_replicates = self.cfg.evaluation.bootstrap_replicates
        return QualitySuite(self.real, tuple(extractors), n_replicates, tuple(notes), failures)

    @property
    def _notes(self) -> list[str]:
        """What no report of this model can say."""
        return [self.labels.no_accuracy] if self.labels.no_accuracy else []

    @property
    def _extractor_names(self) -> list[Extractor]:
        """Toy images are right or wrong, and no classifier here has seen own ones."""
        data, names = self.cfg.data, self.cfg.evaluation.extractors
        unknown = data.facts.is_toy or data.is_own
        return [name for name in names if not (unknown and name == "classifier")]

    def _extractor(self, name: Extractor) -> FeatureExtractor:
        weights = self.cfg.evaluation.inception_weights
        if (newer := redefined(name)) is not None:
            warn(
                f"{newer} has been defined again since the config was made, which has the old "
                "function: make the config again"
            )
        return named_extractor(name, self.cfg.data.dataset_name, weights)

    def clean(self, split: Split) -> LabelledImages:
        """Images and labels before any noise."""
        labels = self.labels.of_split(split)
        return LabelledImages(jnp.asarray(split.pixels), jnp.asarray(labels))

    def label_bits(self, n: int, **wanted: Any) -> Bool[Array, "image label_node"] | None:
        """The label nodes of n images of what is wanted, or None if nothing is.

        Args:
            wanted: `labels` or `conditions`, whichever the model has.

        Raises:
            ValueError: the model has no such labels; or see `AbstractLabels.asked`.
        """
        given = {name: value for name, value in wanted.items() if value is not None}
        if not given:
            return None
        return jnp.asarray(self.labels.asked(max(n, 0), given))

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
        labels, bits = self.labels, None
        classes = range(labels.n_classes) if classes is None else classes
        if mode == "clamped":
            wanted = labels.clamped(classes, max(n_per_class, 0), lambda: self.dataset.test)
            bits = jnp.asarray(wanted)
        if n_per_class < 1:
            raise ValueError(f"{n_per_class} images a class asked for: generate at least 1")
        n_images = len(classes) * n_per_class
        generated = generate(key, *chain_of(steps), n_images, schedule, bits)
        return ClassImages(generated, classes, labels.n_voted)

    def evaluate(
        self, epoch: int, steps: Sequence[ModelStep], look: Callable[[], None] = lambda: None
    ) -> Evaluation:
        """Generates images with free and with clamped labels and judges them.

        A model without labels has only free images. A measurement that fails costs itself: see the
        `failures` of the reports.

        Args:
            look: called between the parts; may raise.
        """
        evaluation, suite = Evaluation({}, {}), self._what_can_be_measured()
        for mode in self.modes:
            look()
            images = self._images(epoch, steps, mode, self.cfg.generation.fid_images_per_digit)
            if n_drawn := self.cfg.exp.drawn_images_per_digit:
                evaluation.grids[mode] = images.grid(n_drawn)
            look()
            evaluation.reports[mode] = self._judge(suite, images, mode)
        return evaluation

    def quality_of(
        self,
        epoch: int,
        steps: Sequence[ModelStep],
        mode: Mode,
        n_per_class: int | None = None,
        extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]] | None = None,
    ) -> QualityReport:
        """Generates as many images as asked for, or the config says, and judges them.

        A measurement that fails costs itself: see the `failures` of the report.
        """
        check_mode(mode)
        n = self.cfg.generation.fid_images_per_digit if n_per_class is None else n_per_class
        suite = self.quality if extractors is None else self._suite_of(extractors)
        return self._judge(suite, self._images(epoch, steps, mode, n), mode)

    def _suite_of(
        self, extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]]
    ) -> QualitySuite:
        own = [own_extractor(extractor) for extractor in extractors]
        n_replicates = self.cfg.evaluation.bootstrap_replicates
        return QualitySuite(self.real, own, n_replicates, tuple(self._notes))

    def _images(
        self, epoch: int, steps: Sequence[ModelStep], mode: Mode, n_per_class: int
    ) -> ClassImages:
        """The images of an epoch that are judged."""
        key = purpose_key(self.cfg.exp.seed, "evaluation", epoch, get_args(Mode).index(mode))
        return self.generate(key, steps, mode, n_per_class, self.schedule())

    def _judge(self, suite: QualitySuite, images: ClassImages, mode: Mode) -> QualityReport:
        labels = images.final_classes if images.n_voted else None
        rng = np.random.default_rng(self.cfg.exp.seed)
        report = suite.measure(images.final_pixels, labels, mode, rng)
        if mode == "clamped" and labels is None:
            self._compare_with_held_out(report, images.final_pixels, suite.n_replicates)
        if labels is None and self.dataset.is_toy:
            self._look_for_toy_images(report, images.final_pixels, mode)
        return report

    def _look_for_toy_images(
        self, report: QualityReport, pixels: UInt8[np.ndarray, "image pixel"], mode: Mode
    ) -> None:
        """Adds the per cent that are any image of the set, where no label says which."""
        judge = class_judge(self.dataset)
        found = judge(self.dataset.brightness(pixels)) >= 0
        facts = judge.name, len(pixels), 0, judge.fingerprint[:16]
        name = judge.metric_names[mode]
        report.add(Measurement(name, per_cent(share_estimate(found)), *facts))
        report.notes.append(f"{name}: of any image of the set, as no label says which")

    def _compare_with_held_out(
        self, report: QualityReport, pixels: UInt8[np.ndarray, "image pixel"], n_replicates: int
    ) -> None:
        """Adds how far images clamped to held-out conditions are those images."""
        held_out = self.dataset.test.pixels
        same_conditions = held_out[in_turn(len(pixels), len(held_out))]
        counts = draw_counts(np.random.default_rng(self.cfg.exp.seed), len(pixels), n_replicates)
        agreement = held_out_pixels(pixels, same_conditions, counts)
        facts = "pixels", len(pixels), len(held_out), self.real.hash_with(None)
        report.add(Measurement(HELD_OUT_PIXELS, agreement, *facts))

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Labels can be clamped only where there are some."""
        return get_args(Mode) if self.cfg.n_label_nodes else ("free",)

    def animate(
        self,
        epoch: int,
        steps: Sequence[ModelStep],
        mode: Mode,
        n_per_class: int | None = None,
        steps_per_sample: int | None = None,
    ) -> Animation:
        """A few images of every class, or of as many as a picture can show, on their way.

        As many, and as often seen, as `exp` says, by default.
        """
        exp = self.cfg.exp
        n = exp.animated_images_per_digit if n_per_class is None else n_per_class
        every = exp.steps_per_sample_in_gif if steps_per_sample is None else steps_per_sample
        if every < 1:
            raise ValueError(f"exp.steps_per_sample_in_gif={every}: give steps_per_sample instead")
        schedule = self.schedule(every)
        key = purpose_key(exp.seed, "animation", epoch)
        classes = evenly_spread(self.labels.n_classes, MOST_CLASSES)
        images = self.generate(key, steps, mode, n, schedule, classes)
        return images.animation(schedule)

    def autocorrelations(
        self,
        epoch: int,
        steps: Sequence[ModelStep],
        n_samples: int | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> list[AutocorrelationCurve]:
        """How slowly each step's chains forget, by the config's protocol.

        Args:
            n_samples: of each chain; `generation.steps_warmup` if left out, as thresholds are
                tuned on.
            look: called before each step; may raise.
        """
        protocol = {
            "replication": Protocol.replication(
                self._annealing.beta_start, self._annealing.beta_end
            ),
            "stationary": Protocol.stationary(self.cfg.sampling.training_beta),
        }[self.cfg.exp.autocorr_protocol]
        n_sweeps = self._annealing.n_sweeps

        def measure(
            key: Key[Array, ""], step: ModelStep, images: LabelledImages
        ) -> AutocorrelationCurve:
            look()
            return measure_autocorrelation(
                key, step.diffusion, step.machine, images, protocol, n_sweeps, n_samples
            )

        return self._on_test_images("autocorrelation", epoch, steps, measure)

    def mixing(self, epoch: int, steps: Sequence[ModelStep]) -> list[Mixing]:
        """How fast each step's chains mix at the training beta: times, sample sizes, decay."""
        beta, n_sweeps = self.cfg.sampling.training_beta, self._annealing.n_sweeps

        def measure(key: Key[Array, ""], step: ModelStep, images: LabelledImages) -> Mixing:
            return measure_mixing(key, step.diffusion, step.machine, images, beta, n_sweeps)

        return self._on_test_images("mixing", epoch, steps, measure)

    def _on_test_images(
        self,
        purpose: Purpose,
        epoch: int,
        steps: Sequence[ModelStep],
        measure: Callable[[Key[Array, ""], ModelStep, LabelledImages], T],
    ) -> list[T]:
        """Measures every step on the test images, each on its own device with its own key.

        Raises:
            NotFiniteError: there is nothing to measure.
        """
        check_finite(steps)
        test_images = self.clean(self.dataset.test)

        def measure_step(index: int, step: ModelStep) -> T:
            key = purpose_key(self.cfg.exp.seed, purpose, epoch, index)
            return measure(key, step, jax.device_put(test_images, step.device))

        return run_on_devices([partial(measure_step, *numbered) for numbered in enumerate(steps)])
