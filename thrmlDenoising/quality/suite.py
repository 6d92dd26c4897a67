"""All measurements of a set of generated images, against real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt8

from thrmlDenoising.data import Mode
from thrmlDenoising.quality.accuracy import ClassJudge, class_judge
from thrmlDenoising.quality.bootstrap import Estimate, draw_counts, per_cent, share_estimate
from thrmlDenoising.quality.features import (
    FeatureExtractor,
    InceptionFeatures,
    features_of,
    fingerprint_of,
)
from thrmlDenoising.quality.frechet import frechet_estimate
from thrmlDenoising.quality.kernel_distance import KernelReference, hamming, kernel_distance
from thrmlDenoising.quality.manifold import N_NEIGHBOURS, Manifold, overlap
from thrmlDenoising.quality.nearest import FEWEST_HELD_OUT, memorisation, nearest_distances
from thrmlDenoising.quality.reference import (
    N_SEARCHED,
    RealImages,
    evenly_spread,
    feature_reference,
    held_out_distances,
)
from thrmlDenoising.quality.report import Measurement, QualityReport

Counts = Int[np.ndarray, "replicate image"]

_FEWEST_IMAGES = 20


def distance_names(extractor: FeatureExtractor) -> tuple[str, str]:
    """What the Fréchet and the kernel distance are called: FID and KID with Inception alone."""
    if isinstance(extractor, InceptionFeatures) and extractor.is_published:
        return "fid", "kid"
    return f"{extractor.name}_fd", f"{extractor.name}_kd"


@dataclass(frozen=True)
class QualitySuite:
    """Judges generated images against the training images they should resemble.

    Attributes:
        real: those images.
        extractors: in whose features distances are taken.
        n_replicates: bootstrap resamples behind every interval.
        notes: why an extractor that was asked for is missing.
        failures: what was wrong with one that was asked for; such is every report's failure too.

    Raises:
        ValueError: two extractors share a name.
    """

    real: RealImages
    extractors: Sequence[FeatureExtractor]
    n_replicates: int
    notes: tuple[str, ...] = ()
    failures: Mapping[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [extractor.name for extractor in self.extractors]
        if len(set(names)) < len(names):
            raise ValueError(
                f"the extractors {names} share a name, and so would their results: give own ones "
                "another, CallableFeatures(function, name=...)"
            )

    @cached_property
    def _judge(self) -> ClassJudge:
        return class_judge(self.real.dataset)

    @cached_property
    def _some_real_pixels(self) -> Float[np.ndarray, "image pixel"]:
        return evenly_spread(self.real.dataset.train.pixels, N_SEARCHED).astype(np.float64)

    @cached_property
    def _pixel_reference(self) -> KernelReference:
        return KernelReference.of(self._some_real_pixels, hamming)

    def measure(
        self,
        pixels: UInt8[np.ndarray, "image pixel"],
        labels: Int[np.ndarray, " image"] | None,
        mode: Mode,
        rng: np.random.Generator,
    ) -> QualityReport:
        """Distances, overlap, copies and, where there are labels, accuracy.

        Each is measured by itself: one that fails stands in the `failures` of the report, whatever
        it raised, and costs no other.

        Args:
            pixels: grey levels.
            labels: the class of every image, as positions in the target classes.
            mode: "clamped" if the labels were asked for, "free" if the model chose them.
        """
        report = QualityReport(self.real.identity, {}, notes=list(self.notes))
        counts = draw_counts(rng, len(pixels), self.n_replicates)
        images = self.real.dataset.brightness(pixels)
        for name, error in self.failures.items():
            with report.part(name):
                raise error
        for extractor in self.extractors:
            with report.part(extractor.name):
                report.extractors[extractor.name] = fingerprint_of(extractor)
                self._compare_features(report, extractor, images, counts)
        if labels is not None:
            with report.part("accuracy"):
                self._judge_labels(report, images, labels, mode)
        if self.real.dataset.n_levels == 1:
            with report.part("binary MMD"):
                self._compare_pixels(report, pixels, counts)
        with report.part("copies of training images"):
            self._look_for_copies(report, pixels, rng)
        return report

    def _judge_labels(
        self,
        report: QualityReport,
        images: Float[np.ndarray, "image row column"],
        labels: Int[np.ndarray, " image"],
        mode: Mode,
    ) -> None:
        """The per cent of images that show the class of their label."""
        accuracy = per_cent(share_estimate(self._judge(images) == labels))
        facts = self._judge.name, len(images), 0, self._judge.fingerprint[:16]
        report.add(Measurement(self._judge.metric_names[mode], accuracy, *facts))

    def _compare_features(
        self,
        report: QualityReport,
        extractor: FeatureExtractor,
        images: Float[np.ndarray, "image row column"],
        counts: Counts,
    ) -> None:
        if len(images) < _FEWEST_IMAGES:
            report.notes.append(
                f"{extractor.name} distances and overlap: {len(images)} images say nothing of a "
                f"distribution, generate at least {_FEWEST_IMAGES}"
            )
            return
        reference = feature_reference(self.real, extractor)
        features = features_of(extractor, images)

        def add(name: str, estimate: Estimate, n_reference: int) -> None:
            facts = extractor.name, len(images), n_reference, reference.hash
            report.add(Measurement(name, estimate, *facts))

        frechet_name, kernel_name = distance_names(extractor)
        moments, kernel = reference.moments, reference.kernel
        add(frechet_name, frechet_estimate(features, moments, counts), moments.n_images)
        add(kernel_name, kernel_distance(features, kernel, counts), len(kernel.features))
        # Coverage and recall depend on both numbers: as many real images, as in their papers.
        real_features = reference.some_features(len(images))
        if len(real_features) <= N_NEIGHBOURS:
            report.notes.append(
                f"{extractor.name} precision, recall, density, coverage: {len(real_features)} real "
                f"images are too few to have {N_NEIGHBOURS} neighbours"
            )
            return
        found = overlap(Manifold.of(features), Manifold.of(real_features), counts)
        for name, estimate in found._asdict().items():
            add(f"{extractor.name}_{name}", estimate, len(real_features))

    def _compare_pixels(
        self, report: QualityReport, pixels: UInt8[np.ndarray, "image pixel"], counts: Counts
    ) -> None:
        """The kernel distance of binary pixels to those of training images."""
        n_real = len(self._some_real_pixels)
        if min(len(pixels), n_real) < _FEWEST_IMAGES:
            report.notes.append(
                f"binary MMD: {len(pixels)} images, and {n_real} for training, say nothing of "
                f"a distribution, at least {_FEWEST_IMAGES} of each are needed"
            )
            return
        distance = kernel_distance(pixels.astype(np.float64), self._pixel_reference, counts)
        facts = "pixels", len(pixels), n_real, self.real.hash_with(None)
        report.add(Measurement("binary_mmd", distance, *facts))

    def _look_for_copies(
        self,
        report: QualityReport,
        pixels: UInt8[np.ndarray, "image pixel"],
        rng: np.random.Generator,
    ) -> None:
        """How near generated images come to training images, held-out ones being the scale."""
        train, n_held_out = self.real.dataset.train.pixels, len(self.real.dataset.test.pixels)
        if n_held_out < FEWEST_HELD_OUT:
            report.notes.append(
                f"copies of training images: {n_held_out} held-out images are too few to compare "
                f"with, at least {FEWEST_HELD_OUT} are needed"
            )
            return
        some = evenly_spread(pixels, N_SEARCHED)
        nearest = nearest_distances(some, train, self.real.dataset.n_levels)
        counts = draw_counts(rng, len(nearest), self.n_replicates)
        found = memorisation(nearest, held_out_distances(self.real), counts)
        facts = "pixels", len(nearest), len(train), self.real.hash_with(None)
        report.add(Measurement("nearest_train_distance", found.distance, *facts))
        report.add(Measurement("copied_percent", found.copied, *facts))
