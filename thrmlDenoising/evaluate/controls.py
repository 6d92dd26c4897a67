"""What the metrics say of images whose quality is known beforehand."""

from collections.abc import Sequence

import numpy as np

from thrmlDenoising.data import dataset_facts, load_dataset
from thrmlDenoising.evaluate.text import parser
from thrmlDenoising.quality import (
    WRONG_THRESHOLD,
    Control,
    QualityReport,
    QualitySuite,
    RealImages,
    control_images,
)
from thrmlDenoising.quality.features import named_extractor
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.markdown import cell, table

_FEWEST_IMAGES = 100


def controls_command(words: list[str]) -> None:
    """Measures images of known quality, and prints one table of all."""
    arguments = parser("controls")
    arguments.add_argument("dataset", nargs="?", default="fashion_mnist_10k")
    arguments.add_argument("--threshold", type=float, default=0.1)
    arguments.add_argument(
        "--images", type=int, default=5120, help="of each kind, or as many as there are of all"
    )
    arguments.add_argument("--extractors", nargs="+", default=["classifier"])
    arguments.add_argument("--inception-weights")
    arguments.add_argument("--data-dir")
    given = parse_trusting(arguments, words)
    if given.images < _FEWEST_IMAGES:
        raise ValueError(f"--images {given.images}: use at least {_FEWEST_IMAGES}")
    real, wrong = (
        load_dataset(
            given.dataset,
            target_classes=range(dataset_facts(given.dataset).n_classes),
            n_levels=1,
            pixel_threshold=threshold,
            data_dir=given.data_dir,
        )
        for threshold in (given.threshold, WRONG_THRESHOLD)
    )
    weights = given.inception_weights
    extractors = [named_extractor(name, given.dataset, weights) for name in given.extractors]
    suite = QualitySuite(RealImages(real, given.threshold), extractors, n_replicates=100)
    controls = control_images(real, wrong, given.images, np.random.default_rng(0))
    print(_controls_table([(control, _measured(suite, control)) for control in controls]))


def _measured(suite: QualitySuite, control: Control) -> QualityReport:
    return suite.measure(control.pixels, control.labels, "clamped", np.random.default_rng(0))


def _controls_table(measured: Sequence[tuple[Control, QualityReport]]) -> str:
    """What they were compared with, and a column for every control, a row for every number."""
    heads = [f"{control.name} ({len(control.pixels)})" for control, _ in measured]
    found = [report.measurements for _, report in measured]
    names = dict.fromkeys(name for numbers in found for name in numbers)
    rows = [
        [name, *(cell(numbers[name].estimate) if name in numbers else "-" for numbers in found)]
        for name in names
    ]
    return f"{measured[0][1].facts}\n\n{table([['', *heads], *rows])}"
