"""Trains the model of Figure 5a and writes down images of it.

python -m figures.grayscale.train --scale laptop
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from figures.grayscale.config import SCALES
from thrmlDenoising import DTM
from thrmlDenoising.experiments import Places, Run, config_hash, train_command
from thrmlDenoising.support.files import written_aside

FOLDER = Path(__file__).parent
N_REAL, N_GENERATED = 1, 6


def write_images(runs: Sequence[Run], places: Places) -> None:
    """Real and generated images of every class, of the first run, into images.csv.

    An image is one string of digits, a grey level each, row after row.

    Raises:
        FileNotFoundError: the model is gone.
    """
    run, path = runs[0], places.tables / "images.csv"
    mark = f"# config hash: {config_hash(run.cfg)}, epoch {run.n_epochs}\n"
    if path.is_file() and path.read_text(encoding="utf-8").startswith(mark):
        return
    folder = places.folder(run)
    if folder is None:
        raise FileNotFoundError(
            f"{path} needs the model of {run.name}, whose run folder is not in {places.runs}: "
            f"remove {places.table(run)} to train it again"
        )
    rows = _rows(DTM.load(folder, run.n_epochs))
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        csv.writer(file, lineterminator="\n").writerows([("source", "class", "pixels"), *rows])


def _rows(dtm: DTM) -> list[tuple[str, int, str]]:
    """The first training images of every class, then generated ones, class after class and again.

    Raises:
        ValueError: a grey level has two digits.
    """
    if dtm.n_grayscale_levels > 9:
        raise ValueError(f"{dtm.n_grayscale_levels} grey levels: images.csv has a digit for each")
    train, classes = dtm.train_dataset, dtm.cfg.target_classes
    real = [(c, image) for c in classes for image in train.pixels[train.classes == c][:N_REAL]]
    labels = np.tile(classes, N_GENERATED).tolist()
    made = zip(labels, dtm.sample(len(labels), labels), strict=True)
    return [
        (source, label, "".join(map(str, image.ravel())))
        for source, images in (("real", real), ("generated", made))
        for label, image in images
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished, then writes the images."""
    train_command(FOLDER, SCALES, argv, write_images)


if __name__ == "__main__":
    main()
