"""What a loaded data set is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Int64, UInt8

from thrmlDenoising.data.showing import class_table, size_in_words
from thrmlDenoising.support.hints import counted


class _PixelsAndClasses(NamedTuple):
    """The pair that a split is unpacked into."""

    pixels: UInt8[np.ndarray, "image pixel"]
    classes: Int32[np.ndarray, " image"]


class Split(_PixelsAndClasses):
    """One half of a data set, its training or its test images: the pair of pixels and classes.

    In an `ImageDataset`, pixels are grey levels 0..n_levels and classes are positions in
    `target_classes`. Before quantising, pixels are 0..255 and classes the original numbers.
    Images that are conditioned on bits are all of class 0, and have `conditions` besides.
    """

    conditions: Bool[np.ndarray, "image bit"] | None

    def __new__(
        cls,
        pixels: UInt8[np.ndarray, "image pixel"],
        classes: Int32[np.ndarray, " image"],
        conditions: Bool[np.ndarray, "image bit"] | None = None,
    ) -> Self:
        """The pair; whoever unpacks it need not know of conditions."""
        split = super().__new__(cls, pixels, classes)
        split.conditions = conditions
        return split

    def __repr__(self) -> str:
        n_images, *shape = self.pixels.shape
        return f"<{type(self).__name__}: {counted(n_images, 'image')} of {size_in_words(shape)}>"

    def _repr_html_(self) -> str:
        counts = np.bincount(self.classes)
        return class_table(repr(self), {"class": range(len(counts)), "images": counts})


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Quantised images of the chosen classes; pixels are in raster order."""

    name: str
    train: Split
    test: Split
    n_levels: int
    """Grey levels above 0; 1 means black and white."""
    image_shape: tuple[int, int]
    """Rows, columns."""
    target_classes: tuple[int, ...]
    """Original class numbers; class k of the splits is `target_classes[k]`."""
    is_toy: bool = False
    """Whether every class has one image, so that others are exactly right or wrong."""

    def __repr__(self) -> str:
        n_train, n_test = len(self.train.classes), len(self.test.classes)
        return (
            f"<{type(self).__name__} {self.name!r}: {n_train:,} training and "
            f"{counted(n_test, 'test image')} of {size_in_words(self.image_shape)}, "
            f"{counted(self.n_levels, 'grey level')}, "
            f"{counted(self.n_classes, 'class', 'classes')}>"
        )

    def _repr_html_(self) -> str:
        train, test = (
            np.bincount(half.classes, minlength=self.n_classes) for half in (self.train, self.test)
        )
        columns = {"class": self.target_classes, "training images": train, "test images": test}
        return class_table(repr(self), columns)

    @property
    def n_pixels(self) -> int:
        """Pixels of one image."""
        rows, columns = self.image_shape
        return rows * columns

    @property
    def n_classes(self) -> int:
        """Classes in use."""
        return len(self.target_classes)

    def brightness(
        self, pixels: UInt8[np.ndarray, "image pixel"]
    ) -> Float[np.ndarray, "image row column"]:
        """Grey levels as brightness 0..1, in the shape of images."""
        return (pixels / np.float32(self.n_levels)).reshape(len(pixels), *self.image_shape)


def one_hot_labels(
    classes: Int[np.ndarray, " image"], n_classes: int, n_label_spots: int
) -> Bool[np.ndarray, "image label_node"]:
    """Each class as a one-hot vector, repeated once per label spot.

    Label node `spot * n_classes + k` is on when the class is k. No spots: no columns.

    Raises:
        ValueError: a class outside 0..n_classes-1, or a negative number of spots.
    """
    classes = np.asarray(classes)
    if n_label_spots < 0:
        raise ValueError(f"n_label_spots={n_label_spots}: give 0 (no labels) or more.")
    outside = classes[(classes < 0) | (classes >= n_classes)]
    if outside.size:
        raise ValueError(
            f"class {outside[0]} does not exist: with n_classes={n_classes} classes are "
            f"0..{n_classes - 1} (positions in target_classes, not original class numbers)."
        )
    one_hot = np.eye(n_classes, dtype=bool)[classes]
    return np.tile(one_hot, (1, n_label_spots))


def class_positions(
    classes: int | Sequence[int] | np.ndarray, target_classes: Sequence[int]
) -> Int64[np.ndarray, "*shape"]:
    """Positions in `target_classes` of original class numbers; shape as given.

    Raises:
        ValueError: a class that is not among the target classes.
    """
    wanted = np.asarray(classes)
    unknown = np.setdiff1d(wanted, target_classes)
    if unknown.size:
        raise ValueError(
            f"class {unknown[0]} is not among the target classes {tuple(target_classes)}."
        )
    order = np.argsort(target_classes)
    positions = order[np.searchsorted(target_classes, wanted, sorter=order)]
    return np.asarray(positions)  # of a single class NumPy has made a number
