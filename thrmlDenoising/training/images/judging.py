"""Judging generated images of a model against its data."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
from jaxtyping import UInt8

from thrmlDenoising.config import Extractor
from thrmlDenoising.data import Mode, in_turn
from thrmlDenoising.quality import (
    HELD_OUT_PIXELS,
    Measurement,
    QualityReport,
    QualitySuite,
    held_out_pixels,
)
from thrmlDenoising.quality.accuracy import class_judge
from thrmlDenoising.quality.bootstrap import draw_counts, per_cent, share_estimate
from thrmlDenoising.quality.features import FeatureExtractor, own_extractor
from thrmlDenoising.runs import image_name
from thrmlDenoising.training.extractors import Extractors
from thrmlDenoising.training.images.generating import check_mode, generate, grid_of
from thrmlDenoising.training.images.maker import ImageMaker
from thrmlDenoising.training.images.pictures import grid_picture
from thrmlDenoising.training.images.samples import Samples
from thrmlDenoising.training.keys import purpose_key
from thrmlDenoising.training.model import State, no_look
from thrmlDenoising.training.results import Draw, Evaluation


class Judge:
    """Measures the images of a model, as its config says."""

    def __init__(self, model: ImageMaker) -> None:
        self._model, self._cfg = model, model.cfg

    @property
    def suite(self) -> QualitySuite:
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

    def evaluate(self, state: State, look: Callable[[], None] = no_look) -> Evaluation:
        """Generates images in every mode and judges them.

        A measurement that fails costs itself: see the `failures` of the reports.

        Args:
            look: called between the parts; may raise.
        """
        suite = self._what_can_be_measured()
        reports: dict[str, QualityReport] = {}
        pictures: dict[str, Draw] = {}
        for mode in self._model.modes:
            look()
            samples = self._images(state, mode, self._cfg.generation.fid_images_per_digit)
            if n_drawn := self._cfg.exp.drawn_images_per_digit:
                grid = grid_of(samples, self._model.n_classes, n_drawn)
                pictures[image_name(state.epoch, mode)] = grid_picture(self._cfg, grid, mode)
            look()
            reports[mode] = self._judged(suite, samples, mode)
        return Evaluation(reports, pictures)

    def report(
        self,
        state: State,
        mode: Mode,
        n_per_class: int | None = None,
        extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]] | None = None,
    ) -> QualityReport:
        """Generates as many images as asked for, or the config says, and judges them.

        A measurement that fails costs itself: see the `failures` of the report.
        """
        check_mode(mode)
        n = self._cfg.generation.fid_images_per_digit if n_per_class is None else n_per_class
        suite = self.suite if extractors is None else self._suite_of(extractors)
        return self._judged(suite, self._images(state, mode, n), mode)

    def _images(self, state: State, mode: Mode, n_per_class: int) -> Samples:
        """The images of an epoch that are judged."""
        place = get_args(Mode).index(mode)
        key = purpose_key(self._cfg.exp.seed, "evaluation", state.epoch, place)
        return generate(self._model, state, key, mode, n_per_class)

    def _judged(self, suite: QualitySuite, samples: Samples, mode: Mode) -> QualityReport:
        rng = np.random.default_rng(self._cfg.exp.seed)
        report = suite.measure(samples.images, samples.classes, mode, rng)
        if samples.classes is None:
            if mode == "clamped":
                self._compare_with_held_out(report, samples.images, suite.n_replicates)
            if self._model.data.is_toy:
                self._look_for_toy_images(report, samples.images, mode)
        return report

    def _what_can_be_measured(self) -> QualitySuite:
        """An extractor that something is wrong with is one of the `failures`."""
        evaluation, name = self._cfg.evaluation, self._cfg.data.dataset_name
        extractors = Extractors.named(self._extractor_names, name, evaluation.inception_weights)
        notes = (*self._notes, *extractors.notes)
        n_replicates = evaluation.bootstrap_replicates
        return QualitySuite(
            self._model.real, extractors.usable, n_replicates, notes, extractors.failures
        )

    def _suite_of(
        self, extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]]
    ) -> QualitySuite:
        own = [own_extractor(extractor) for extractor in extractors]
        n_replicates = self._cfg.evaluation.bootstrap_replicates
        return QualitySuite(self._model.real, own, n_replicates, tuple(self._notes))

    @property
    def _notes(self) -> list[str]:
        """What no report of this model can say."""
        return [self._model.no_accuracy] if self._model.no_accuracy else []

    @property
    def _extractor_names(self) -> list[Extractor]:
        """Toy images are right or wrong, and no classifier here has seen own ones."""
        data, names = self._cfg.data, self._cfg.evaluation.extractors
        unknown = data.facts.is_toy or data.is_own
        return [name for name in names if not (unknown and name == "classifier")]

    def _look_for_toy_images(
        self, report: QualityReport, pixels: UInt8[np.ndarray, "image pixel"], mode: Mode
    ) -> None:
        """Adds the per cent that are any image of the set, where no label says which."""
        data = self._model.data
        judge = class_judge(data)
        found = judge(data.brightness(pixels)) >= 0
        facts = judge.name, len(pixels), 0, judge.fingerprint[:16]
        name = judge.metric_names[mode]
        report.add(Measurement(name, per_cent(share_estimate(found)), *facts))
        report.notes.append(f"{name}: of any image of the set, as no label says which")

    def _compare_with_held_out(
        self, report: QualityReport, pixels: UInt8[np.ndarray, "image pixel"], n_replicates: int
    ) -> None:
        """Adds how far images clamped to held-out conditions are those images."""
        held_out = self._model.data.test.pixels
        same_conditions = held_out[in_turn(len(pixels), len(held_out))]
        counts = draw_counts(np.random.default_rng(self._cfg.exp.seed), len(pixels), n_replicates)
        agreement = held_out_pixels(pixels, same_conditions, counts)
        facts = "pixels", len(pixels), len(held_out), self._model.real.hash_with(None)
        report.add(Measurement(HELD_OUT_PIXELS, agreement, *facts))
