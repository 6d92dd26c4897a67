"""A toy set of a user's own: one image a class, which a generated image is or is not.

toy = ToySet("corners", [[[1, 0], [0, 0]], [[0, 0], [0, 1]]])
cfg = make_cfg(data=toy.cfg, graph=dict(grayscale_levels=toy.n_levels, ...))
dtm = DTM(cfg, data=toy)
"""

import hashlib
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import UInt8

from thrmlDenoising.data.dataset import ImageDataset, Split
from thrmlDenoising.data.facts import DatasetFacts, check_own_name
from thrmlDenoising.data.given import Given, as_array
from thrmlDenoising.data.showing import size_in_words
from thrmlDenoising.support.hints import counted, shown
from thrmlDenoising.support.html import paragraph


@dataclass(frozen=True, eq=False, init=False)
class ToySet:
    """One image of each class, in grey levels; the same images serve for training and testing.

    A run remembers what the images were, not the images, so these are given again to train on or
    to measure: `DTM.load(run, data=toy)`.

    Args:
        name: what results are labelled with; none of this package's data sets.
        images: grey levels 0..n_levels as integers or booleans, of shape (class, row, column), or
            (class, pixel) for images of one row; all different, kept as uint8.
        n_levels: grey levels above 0; the largest value if 0 or left out.

    Raises:
        ValueError: the images, or the number of levels, are not as described.
    """

    name: str
    images: UInt8[np.ndarray, "class row column"]
    n_levels: int

    def __init__(self, name: str, images: Given, n_levels: int | np.integer = 0) -> None:
        check_own_name(name)
        levels = _checked(as_array("images", images))
        kept = (name, levels, _checked_top(n_levels, int(levels.max())))
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)

    def __repr__(self) -> str:
        n_classes, *image_shape = np.shape(self.images)
        return (
            f"<{type(self).__name__} {self.name!r}: {counted(n_classes, 'image')} of "
            f"{size_in_words(image_shape)}, {counted(self.n_levels, 'grey level')}>"
        )

    def _repr_html_(self) -> str:
        return paragraph(repr(self))

    @cached_property
    def facts(self) -> DatasetFacts:
        """Their shape and numbers."""
        n_classes, rows, columns = self.images.shape
        counts = (1,) * n_classes
        return DatasetFacts((rows, columns), counts, counts, self.n_levels)

    @cached_property
    def cfg(self) -> dict[str, Any]:
        """The section `data` of a config that learns this set."""
        described = repr((self.images.shape, self.n_levels)).encode()
        return {
            "dataset_name": self.name,
            "target_classes": tuple(range(self.facts.n_classes)),
            "image_shape": self.facts.image_shape,
            "train_counts": self.facts.train_counts,
            "test_counts": self.facts.test_counts,
            "toy_levels": self.n_levels,
            "images_sha256": hashlib.sha256(described + self.images.tobytes()).hexdigest(),
        }

    def quantised(
        self, *, target_classes: Sequence[int], n_levels: int, pixel_threshold: float
    ) -> ImageDataset:
        """The set as it is: a config of it has its levels, and always all of its classes."""
        del target_classes, n_levels, pixel_threshold
        facts = self.facts
        classes = np.arange(facts.n_classes, dtype=np.int32)
        images = Split(self.images.reshape(facts.n_classes, -1), classes)
        return ImageDataset(
            self.name,
            images,
            images,
            self.n_levels,
            facts.image_shape,
            tuple(range(facts.n_classes)),
            is_toy=True,
        )

    def check_described_by(self, section: Mapping[str, Any]) -> None:
        """Checks that the section `data` of a config describes these images.

        Raises:
            ValueError: it describes others.
        """
        differing = [
            f"{name} is {section[name]!r} there, {value!r} here"
            for name, value in self.cfg.items()
            if section[name] != value and name != "target_classes"
        ]
        if differing:
            raise ValueError(
                f"the config does not describe the toy set {self.name!r}: {'; '.join(differing)}. "
                "Build it with make_cfg(data=toy.cfg), or give the images it was made with"
            )


def _checked_top(n_levels: int | np.integer, largest: int) -> int:
    """The grey levels above 0, as given or the largest there is."""
    if not isinstance(n_levels, numbers.Integral) or isinstance(n_levels, bool):
        raise ValueError(
            f"n_levels={shown(n_levels)}: give a whole number of grey levels above 0, or leave it "
            "out"
        )
    top = int(n_levels or largest)
    if not largest <= top <= 255 or not top:
        raise ValueError(
            f"n_levels={n_levels} with images of up to {largest}: give the grey levels above 0, "
            "from the largest value (at least 1) to 255"
        )
    return top


def _checked(images: np.ndarray) -> UInt8[np.ndarray, "class row column"]:
    """The images, copied."""
    if images.ndim not in (2, 3) or not images.size:
        raise ValueError(
            f"toy images of shape {images.shape}: give one image of each class, (class, row, "
            "column), or (class, pixel) for images of one row"
        )
    if images.dtype != bool and not np.issubdtype(images.dtype, np.integer):
        raise ValueError(
            f"toy images of type {images.dtype}: give grey levels 0, 1, 2, ... as integers"
        )
    if images.min() < 0 or images.max() > 255:
        raise ValueError(
            f"toy images from {images.min()} to {images.max()}: grey levels are 0 to at most 255"
        )
    flat = images.reshape(len(images), -1)
    first, counts = np.unique(flat, axis=0, return_index=True, return_counts=True)[1:]
    if counts.max() > 1:
        twice = int(first[counts.argmax()])
        twins = np.flatnonzero((flat == flat[twice]).all(axis=1))
        raise ValueError(
            f"the images of classes {twins[0]} and {twins[1]} are equal: in a toy set every class "
            "has an image of its own"
        )
    checked = images if images.ndim == 3 else images[:, None, :]
    checked = checked.astype(np.uint8)
    checked.setflags(write=False)
    return checked
