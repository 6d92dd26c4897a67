"""What the label nodes of a model say of an image: its class, its condition, or nothing.

Each kind of label knows how the images of a data set, of a stream and those a user asks for become
bits, `num_label_spots` times over.
"""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Int

from thrmlDenoising.data import (
    Split,
    as_array,
    as_bits,
    checked_conditions,
    class_positions,
    in_turn,
    one_hot_labels,
)
from thrmlDenoising.families.dtm.config import DTMConfig

LabelBits = Bool[np.ndarray, "image label_node"]


class AbstractLabels(abc.ABC):
    """A kind of label.

    Attributes:
        keyword: the argument of `DTM.sample` that asks for some.
        refusal: what is said to who asks for others.
        n_classes: groups in which images are generated and drawn.
        n_voted: how many classes label nodes vote for; 0 if they vote for none.
        no_accuracy: why it cannot be said whether images belong to their label; "" if it can.
    """

    keyword: ClassVar[str]
    refusal: ClassVar[str]
    n_classes: int
    n_voted: int
    no_accuracy: ClassVar[str]

    @property
    @abc.abstractmethod
    def one_hot(self) -> Bool[np.ndarray, "class label_node"]:
        """The label nodes of each class."""

    @abc.abstractmethod
    def of_split(self, split: Split) -> LabelBits:
        """The label nodes of the images of a data set."""

    @abc.abstractmethod
    def of_batch(self, given: Sequence[Any], n_images: int) -> LabelBits:
        """The label nodes of a batch of a stream.

        Args:
            given: what came with the images.

        Raises:
            ValueError: it is not what this kind of label needs.
        """

    def asked(self, n_images: int, wanted: Mapping[str, Any]) -> LabelBits:
        """The label nodes of what a user asks for, by keyword: one for all images, or one for each.

        Raises:
            ValueError: the model does not know it.
        """
        if set(wanted) != {self.keyword}:
            raise ValueError(self.refusal)
        return self._asked(n_images, wanted[self.keyword])

    def asked_for(self, n_images: int, **wanted: Any) -> LabelBits | None:
        """The same, where what is not asked for is None; None if nothing is."""
        given = {name: value for name, value in wanted.items() if value is not None}
        return self.asked(max(n_images, 0), given) if given else None

    @abc.abstractmethod
    def _asked(self, n_images: int, wanted: Any) -> LabelBits:
        """The same, of what is called by the keyword."""

    @abc.abstractmethod
    def clamped(
        self, classes: Int[np.ndarray, " image"], held_out: Callable[[], Split]
    ) -> LabelBits:
        """What images of these classes are clamped to.

        Args:
            held_out: reads the held-out images, where they are needed.

        Raises:
            ValueError: there is nothing to clamp.
        """


def labels_of(cfg: DTMConfig) -> AbstractLabels:
    """The labels of a config's model."""
    n_spots = cfg.graph.num_label_spots
    if n_spots == 0:
        return NoLabels(len(cfg.target_classes))
    if cfg.data.n_condition_bits:
        return Conditions(cfg.data.n_condition_bits, n_spots)
    return Classes(cfg.target_classes, n_spots)


class Classes(AbstractLabels):
    """One-hot classes."""

    keyword, no_accuracy = "labels", ""
    refusal = "this model knows classes, not conditions: ask for labels=..."

    def __init__(self, target_classes: tuple[int, ...], n_spots: int) -> None:
        self._target_classes = target_classes
        self.n_classes = self.n_voted = len(target_classes)
        self._one_hot = one_hot_labels(np.arange(self.n_classes), self.n_classes, n_spots)

    @property
    def one_hot(self) -> Bool[np.ndarray, "class label_node"]:
        """See `AbstractLabels.one_hot`."""
        return self._one_hot

    def of_split(self, split: Split) -> LabelBits:
        """See `AbstractLabels.of_split`."""
        return self.one_hot[split.classes]

    def of_batch(self, given: Sequence[Any], n_images: int) -> LabelBits:
        """See `AbstractLabels.of_batch`."""
        _check_parts(given, "(images, classes)")
        classes = as_array("classes", given[0])
        if classes.shape != (n_images,) or not np.issubdtype(classes.dtype, np.integer):
            raise ValueError(
                f"classes of shape {classes.shape} and type {classes.dtype} for {n_images} images: "
                f"give an integer for each, of shape ({n_images},)"
            )
        return self.one_hot[class_positions(classes, self._target_classes)]

    def _asked(self, n_images: int, wanted: Any) -> LabelBits:
        """See `AbstractLabels.asked`."""
        positions = class_positions(wanted, self._target_classes)
        if positions.shape not in ((), (n_images,)):
            raise ValueError(
                f"{positions.size} labels for {n_images} images: give one, or one for each"
            )
        return self.one_hot[np.broadcast_to(positions, n_images)]

    def clamped(
        self, classes: Int[np.ndarray, " image"], held_out: Callable[[], Split]
    ) -> LabelBits:
        """See `AbstractLabels.clamped`."""
        return self.one_hot[classes]


class Conditions(AbstractLabels):
    """Any bits, other ones for every image; there is one class, that of all images."""

    keyword = "conditions"
    refusal = "this model is conditioned on bits, not on classes: ask for conditions=..."
    no_accuracy = "label accuracy: the model is conditioned on bits, which name no class"
    n_classes, n_voted = 1, 0

    def __init__(self, n_bits: int, n_spots: int) -> None:
        self._n_bits, self._n_spots = n_bits, n_spots

    @property
    def one_hot(self) -> Bool[np.ndarray, "class label_node"]:
        """Refuses: no class has label nodes of its own.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "this model is conditioned on bits, so no class has label nodes of its own: the "
            "conditions of images are train_dataset.conditions and test_dataset.conditions"
        )

    def of_split(self, split: Split) -> LabelBits:
        """See `AbstractLabels.of_split`."""
        assert split.conditions is not None, "the config describes images with conditions"
        return self._on_spots(split.conditions)

    def of_batch(self, given: Sequence[Any], n_images: int) -> LabelBits:
        """See `AbstractLabels.of_batch`."""
        _check_parts(given, "(images, conditions)")
        bits = checked_conditions(given[0], n_images)
        self._check_number(bits)
        return self._on_spots(bits)

    def _asked(self, n_images: int, wanted: Any) -> LabelBits:
        """See `AbstractLabels.asked`."""
        bits = as_bits("conditions", wanted)
        self._check_number(bits)
        if bits.ndim > 2 or (bits.ndim == 2 and len(bits) != n_images):
            raise ValueError(
                f"conditions of shape {bits.shape} for {n_images} images: give one, of shape "
                f"({self._n_bits},), or one for each, ({n_images}, {self._n_bits})"
            )
        return self._on_spots(np.broadcast_to(bits, (n_images, self._n_bits)))

    def clamped(
        self, classes: Int[np.ndarray, " image"], held_out: Callable[[], Split]
    ) -> LabelBits:
        """Those of the held-out images, one after another."""
        of_images = self.of_split(held_out())
        return of_images[in_turn(len(classes), len(of_images))]

    def _check_number(self, bits: np.ndarray) -> None:
        if bits.ndim == 0 or bits.shape[-1] != self._n_bits:
            raise ValueError(
                f"conditions of shape {bits.shape}: this model's have {self._n_bits} bits each"
            )

    def _on_spots(self, bits: Bool[np.ndarray, "image bit"]) -> LabelBits:
        """Label node `spot * n_bits + k` holds bit k."""
        return np.tile(bits, (1, self._n_spots))


class NoLabels(AbstractLabels):
    """No label nodes: only free images can be generated."""

    keyword = ""
    refusal = (
        "this model has no labels (graph.num_label_spots=0), so none can be clamped: generate "
        "free images"
    )
    no_accuracy = "label accuracy: the model has no labels (graph.num_label_spots=0)"
    n_voted = 0

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    @property
    def one_hot(self) -> Bool[np.ndarray, "class label_node"]:
        """No columns."""
        return np.zeros((self.n_classes, 0), bool)

    def of_split(self, split: Split) -> LabelBits:
        """See `AbstractLabels.of_split`."""
        return np.zeros((len(split.pixels), 0), bool)

    def of_batch(self, given: Sequence[Any], n_images: int) -> LabelBits:
        """See `AbstractLabels.of_batch`."""
        if given:
            raise ValueError(
                f"{1 + len(given)} parts: this model has no labels (graph.num_label_spots=0), so "
                "give the images alone, as one array"
            )
        return np.zeros((n_images, 0), bool)

    def _asked(self, n_images: int, wanted: Any) -> LabelBits:
        """See `AbstractLabels.asked`."""
        raise ValueError(self.refusal)

    def clamped(
        self, classes: Int[np.ndarray, " image"], held_out: Callable[[], Split]
    ) -> LabelBits:
        """See `AbstractLabels.clamped`."""
        raise ValueError(self.refusal)


def _check_parts(given: Sequence[Any], needed: str) -> None:
    if len(given) != 1:
        raise ValueError(
            f"{1 + len(given)} parts: this model needs a tuple of two arrays, {needed}"
        )
