"""Are all classes there, the rare ones too? Of images that say no class of their own."""

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.quality.accuracy import class_judge
from thrmlDenoising.quality.bootstrap import mean_estimate, per_cent, total_variation
from thrmlDenoising.quality.features import FeatureExtractor, features_of
from thrmlDenoising.quality.manifold import N_NEIGHBOURS, Manifold, overlap
from thrmlDenoising.quality.reference import RealImages, held_out_features
from thrmlDenoising.quality.report import Measurement, QualityReport

Images = Float[np.ndarray, "image row column"]
Counts = Int[np.ndarray, "replicate image"]


def measure_class_shares(
    report: QualityReport, real: RealImages, images: Images, counts: Counts
) -> None:
    """Adds the per cent of images that the judge takes for each class, `share_of_{class}`, and the
    total variation from the classes of training images, `class_shares_tv`.
    """
    dataset = real.dataset
    judge, of_train = class_judge(dataset), dataset.train.classes
    found = np.eye(dataset.n_classes)[judge(images)]
    usual = np.bincount(of_train, minlength=dataset.n_classes) / len(of_train)
    facts = judge.name, len(images), len(of_train), judge.fingerprint[:16]
    report.add(Measurement("class_shares_tv", total_variation(found, usual, counts), *facts))
    for target, of_class in zip(dataset.target_classes, found.T, strict=True):
        share = per_cent(mean_estimate(of_class, counts))
        report.add(Measurement(f"share_of_{target}", share, *facts))


def measure_class_recall(
    report: QualityReport,
    real: RealImages,
    extractor: FeatureExtractor,
    images: Images,
    counts: Counts,
) -> None:
    """Adds the share of held-out images of each class inside the region of generated ones, in
    features, `{extractor}_recall_of_{class}` (Kynkäänniemi et al. 2019, arXiv 1904.06991).

    Held-out images are of equally many of all classes, as far as the data set has them, however
    rare a class is in training.
    """
    dataset = real.dataset
    generated = Manifold.of(features_of(extractor, images))
    features = held_out_features(real, extractor)
    for place, target in enumerate(dataset.target_classes):
        of_class = features[dataset.test.classes == place]
        name = f"{extractor.name}_recall_of_{target}"
        if len(of_class) <= N_NEIGHBOURS:
            report.notes.append(f"{name}: {len(of_class)} held-out images are too few")
            continue
        recall = overlap(generated, Manifold.of(of_class), counts).recall
        facts = extractor.name, len(images), len(of_class), "held out"
        report.add(Measurement(name, recall, *facts))
