"""Trains the model of Figure 5a and writes down images of it.

python -m figures.grayscale.train --scale laptop
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from figures.grayscale.config import SCALES
from thrmlDenoising import DTM
from thrmlDenoising.experiments import Places, Run, config_hash, train_command
from thrmlDenoising.runs import written_aside

FOLDER = Path(__file__).parent
N_REAL, N_GENERATED = 1, 6


def write_images(runs: Sequence[Run], places: Places) -> None:
    """Real and generated images of every class, of the first run, into images.csv.

    An image is one string of digits, a grey level each, row after row.
    """
    run, path = runs[0], places.tables / "images.csv"
    mark = f"# config hash: {config_hash(run.cfg)}\n"
    if path.is_file() and path.read_text(encoding="utf-8").startswith(mark):
        return
    folder = places.folder(run)
    if folder is None:
        raise FileNotFoundError(
            f"{path} needs the model of {run.name}, whose run folder is not in {places.runs}: "
            f"remove {places.table(run)} to train it again"
        )
    dtm = DTM.load(folder)
    train, classes = dtm.train_dataset, range(len(run.cfg.target_classes))
    labels = np.tile(classes, N_GENERATED).tolist()
    images = [
        *_real(train.pixels, train.classes, classes),
        *(
            ("generated", *image)
            for image in zip(labels, dtm.sample(len(labels), labels), strict=True)
        ),
    ]
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["source", "class", "pixels"])
        for source, label, pixels in images:
            writer.writerow([source, label, "".join(map(str, pixels.ravel()))])


def _real(pixels: np.ndarray, classes: np.ndarray, wanted: Iterable[int]):
    """The first training images of every class."""
    return [
        ("real", label, image) for label in wanted for image in pixels[classes == label][:N_REAL]
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished, then writes the images."""
    train_command(FOLDER, SCALES, argv, write_images)


if __name__ == "__main__":
    main()
