"""Images of a user's own, from arrays.

data = OwnImages("digits", digits.images / 16, digits.target)
cfg = make_cfg(data=data.cfg, graph=dict(side=20, connection_rules=((0, 1), (4, 1))))
dtm = DTM(cfg, data=data)
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int32, UInt8

from thrmlDenoising.data.conditions import checked_conditions
from thrmlDenoising.data.dataset import ImageDataset, Split
from thrmlDenoising.data.facts import DatasetFacts, check_own_name
from thrmlDenoising.data.given import Given, as_classes, as_images
from thrmlDenoising.data.holding_out import check_holding_out, n_held_out
from thrmlDenoising.data.quantising import quantised
from thrmlDenoising.data.showing import class_table, size_in_words
from thrmlDenoising.support.hints import counted, shortened
from thrmlDenoising.support.user_text import check_name

_SHOWN_IN_MESSAGES = 500
_IDENTIFIES = (
    "dataset_name",
    "image_shape",
    "train_counts",
    "test_counts",
    "n_condition_bits",
    "images_sha256",
)


@dataclass(frozen=True, eq=False, init=False)
class OwnImages:
    """Grey images of any shape, with their classes; a part of every class is held out for tests.

    In place of classes every image may have a condition, any bits: the frame before it, an action,
    a mask. A model learns its images given them, and `DTM.sample` takes new ones.

    Which images are held out, and the order of all, is drawn from `seed`: the same arguments
    always give the same halves. A run remembers what its images were, not the images, so these are
    given again to train on or to measure: `DTM.load(run, data=images)`.

    Args:
        name: what results are labelled with; none of this package's data sets. A name, of a class
            too, is one line of at most 200 characters.
        images: brightness 0..1 as floats, 0..255 as uint8, or booleans, of shape (image, row,
            column), and at least half of white somewhere; kept as uint8, to which floats up to half
            a level beyond black and white are rounded as all are.
        classes: the class number of every image, 0, 1, 2, ... with none left out; not given where
            there are conditions, and then all 0.
        test_fraction: the part of every class that is held out, above 0 and below 1; of every
            class at least one image is held out and one is trained on.
        class_names: what the classes show, in words; may be left out.
        seed: of the choice of held-out images.
        conditions: bits of shape (image, bit), or None for images with classes.

    Raises:
        ValueError: the arrays are not as described, or a class has less than 2 images.
    """

    name: str
    images: UInt8[np.ndarray, "image row column"]
    classes: Int32[np.ndarray, " image"]
    test_fraction: float
    class_names: tuple[str, ...]
    seed: int
    conditions: Bool[np.ndarray, "image bit"] | None

    def __init__(
        self,
        name: str,
        images: Given,
        classes: Given = (),
        test_fraction: float = 0.1,
        class_names: Sequence[str] = (),
        seed: int | np.integer = 0,
        conditions: Given | None = None,
    ) -> None:
        check_own_name(name)
        pixels = as_images(images)
        bits = _conditions_in_place_of_classes(conditions, classes, len(pixels))
        numbers = as_classes(classes if bits is None else np.zeros(len(pixels), int), len(pixels))
        names = _checked_names(class_names, n_classes=int(numbers.max()) + 1)
        check_holding_out("every class", test_fraction, seed)
        kept = (name, pixels, numbers, float(test_fraction), names, int(seed), bits)
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)

    def __repr__(self) -> str:
        if self.conditions is None:
            told_apart_by = counted(int(self.classes.max()) + 1, "class", "classes")
        else:
            told_apart_by = f"conditions of {counted(self.conditions.shape[1], 'bit')}"
        return (
            f"<{type(self).__name__} {self.name!r}: {counted(len(self.images), 'image')} of "
            f"{size_in_words(self.images.shape[1:])}, {told_apart_by}, "
            f"{100 * self.test_fraction:g} % held out>"
        )

    def _repr_html_(self) -> str:
        facts = self.facts
        columns = {
            "class": facts.class_names,
            "training images": facts.train_counts,
            "held out": facts.test_counts,
        }
        return class_table(repr(self), columns)

    @cached_property
    def facts(self) -> DatasetFacts:
        """Their shape and numbers."""
        train_counts, test_counts = (
            tuple(np.bincount(half.classes).tolist()) for half in self._halves
        )
        rows, columns = self.images.shape[1:]
        return DatasetFacts((rows, columns), train_counts, test_counts, nouns=self.class_names)

    @cached_property
    def cfg(self) -> dict[str, Any]:
        """The section `data` of a config that learns all of these classes."""
        return {
            "dataset_name": self.name,
            "target_classes": tuple(range(self.facts.n_classes)),
            "image_shape": self.facts.image_shape,
            "train_counts": self.facts.train_counts,
            "test_counts": self.facts.test_counts,
            "class_names": self.class_names,
            "n_condition_bits": 0 if self.conditions is None else self.conditions.shape[1],
            "images_sha256": self._sha256,
        }

    def quantised(
        self, *, target_classes: Sequence[int], n_levels: int, pixel_threshold: float
    ) -> ImageDataset:
        """Grey levels of the images of some classes, by the rules of `load_dataset`.

        Raises:
            ValueError: classes there are not, or repeated; levels or threshold out of range.
        """
        return quantised(
            self.name,
            self.facts,
            lambda: self._halves,
            target_classes=target_classes,
            n_levels=n_levels,
            pixel_threshold=pixel_threshold,
        )

    def check_described_by(self, section: Mapping[str, Any]) -> None:
        """Checks that the section `data` of a config describes these images.

        Raises:
            ValueError: it describes others.
        """
        if section["image_shape"] is None:
            raise ValueError(
                f"own images {self.name!r} are given, but the config learns "
                f"{section['dataset_name']!r}: build it with make_cfg(data=data.cfg)"
            )
        differing = [
            f"{name} is {section[name]!r} there, {self.cfg[name]!r} here"
            for name in _IDENTIFIES
            if section[name] != self.cfg[name]
        ]
        if differing:
            raise ValueError(
                f"these are not the images the config describes: {'; '.join(differing)}. Give the "
                "arrays, test_fraction and seed it was made with, or make a config of these, "
                "make_cfg(data=data.cfg)"
            )

    @cached_property
    def _halves(self) -> tuple[Split, Split]:
        """Training and test images, in random order: whoever takes the first few sees all kinds."""
        order = np.random.default_rng(self.seed).permutation(len(self.classes))
        classes = self.classes[order]
        held_out = np.zeros(len(order), bool)
        for label in range(int(classes.max()) + 1):
            members = np.flatnonzero(classes == label)
            held_out[members[: n_held_out(len(members), self.test_fraction)]] = True
        return self._split(order[~held_out]), self._split(order[held_out])

    def _split(self, chosen: Int[np.ndarray, " chosen"]) -> Split:
        conditions = None if self.conditions is None else self.conditions[chosen]
        pixels = self.images[chosen].reshape(len(chosen), -1)
        return Split(pixels, self.classes[chosen], conditions)

    @cached_property
    def _sha256(self) -> str:
        """Of everything a model can learn from: shape, pixels, what is known of them, halves and
        their order.
        """
        digest = hashlib.sha256(repr((self.facts.image_shape, self.facts.train_counts)).encode())
        for half in self._halves:
            digest.update(half.pixels.tobytes())
            digest.update(half.classes.astype("<i4").tobytes())
            if half.conditions is not None:
                digest.update(half.conditions.tobytes())
        return digest.hexdigest()


def _conditions_in_place_of_classes(
    conditions: Any, classes: Any, n_images: int
) -> Bool[np.ndarray, "image bit"] | None:
    """The conditions, if there are any."""
    has_classes = classes is not None and np.size(classes) > 0
    if conditions is None and not has_classes:
        raise ValueError(
            "images with neither classes nor conditions: give one of them; where there is nothing "
            "to tell images apart, classes=np.zeros(len(images), int), and a config with "
            "graph=dict(num_label_spots=0)"
        )
    if conditions is None:
        return None
    if has_classes and np.any(classes):
        raise ValueError(
            "images with both classes and conditions: leave classes out; a class can be a part of "
            "the condition, as one-hot bits"
        )
    return checked_conditions(conditions, n_images)


def _checked_names(names: Sequence[str], n_classes: int) -> tuple[str, ...]:
    is_one = isinstance(names, str) or not isinstance(names, Iterable)
    given: tuple[Any, ...] = (names,) if is_one else tuple(names)
    if not all(isinstance(name, str) for name in given) or len(given) not in (0, n_classes):
        said = shortened(ascii(names), _SHOWN_IN_MESSAGES)
        raise ValueError(
            f"class_names={said}: give {n_classes} texts, one for each class, or leave them out"
        )
    for place, name in enumerate(given):
        check_name(f"class_names[{place}]", name)
    return tuple(str(name) for name in given)
