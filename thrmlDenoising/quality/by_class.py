"""Are all classes there, the rare ones too? Of images that say no class of their own."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.data import ImageDataset
from thrmlDenoising.quality.accuracy import class_judge
from thrmlDenoising.quality.bootstrap import Estimate, centred_estimate, draw_counts, per_cent
from thrmlDenoising.quality.features import FeatureExtractor, features_of
from thrmlDenoising.quality.manifold import N_NEIGHBOURS, Manifold, overlap
from thrmlDenoising.quality.report import Measurement, QualityReport

Images = Float[np.ndarray, "image row column"]


def measure_class_shares(report: QualityReport, dataset: ImageDataset, images: Images) -> None:
    """Adds the per cent of images that the judge takes for each class, `share_of_{class}`, and the
    total variation from the classes of training images, `class_shares_tv`.
    """
    judge = class_judge(dataset)
    found, n = judge(images), dataset.n_classes
    usual = np.bincount(dataset.train.classes, minlength=n) / len(dataset.train.classes)
    counts = draw_counts(np.random.default_rng(0), len(images), _N_REPLICATES)
    facts = judge.name, len(images), len(dataset.train.classes), judge.fingerprint[:16]
    report.add(Measurement("class_shares_tv", _distance(found, usual, counts), *facts))
    for place, target in enumerate(dataset.target_classes):
        of_class = counts @ (found == place) / len(images)
        share = centred_estimate(float((found == place).mean()), of_class)
        report.add(Measurement(f"share_of_{target}", per_cent(share), *facts))


def measure_class_recall(
    report: QualityReport, dataset: ImageDataset, extractor: FeatureExtractor, images: Images
) -> None:
    """Adds the share of held-out images of each class inside the region of generated ones, in
    features, `{extractor}_recall_of_{class}` (Kynkäänniemi et al. 2019, arXiv 1904.06991).

    Held-out images are of equally many of all classes, as far as the data set has them, however
    rare a class is in training.
    """
    generated = Manifold.of(features_of(extractor, images))
    counts = draw_counts(np.random.default_rng(0), len(images), 2)  # of what is not looked at
    brightness = dataset.brightness(dataset.test.pixels)
    for target, of_class in _by_class(dataset):
        if len(of_class) <= N_NEIGHBOURS:
            report.notes.append(
                f"{extractor.name}_recall_of_{target}: {len(of_class)} held-out images are too few"
            )
            continue
        real = Manifold.of(features_of(extractor, brightness[of_class]))
        recall = overlap(generated, real, counts).recall
        facts = extractor.name, len(images), len(of_class), "held out"
        report.add(Measurement(f"{extractor.name}_recall_of_{target}", recall, *facts))


_N_REPLICATES = 100


def _by_class(dataset: ImageDataset) -> Iterator[tuple[int, Int[np.ndarray, " held_out"]]]:
    for place, target in enumerate(dataset.target_classes):
        yield target, np.flatnonzero(dataset.test.classes == place)


def _distance(
    found: Int[np.ndarray, " image"],
    usual: Float[np.ndarray, " label_class"],
    counts: Int[np.ndarray, "replicate image"],
) -> Estimate:
    """Half of the sum of differences of shares."""
    one_hot = np.eye(len(usual))[found]
    replicates = 0.5 * abs(counts @ one_hot / len(found) - usual).sum(axis=1)
    return centred_estimate(float(0.5 * abs(one_hot.mean(axis=0) - usual).sum()), replicates)
