"""From bytes to grey levels, and from all classes to the chosen ones: the same for every set."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8

from thrmlDenoising.data.dataset import ImageDataset, Split
from thrmlDenoising.data.facts import DatasetFacts


def quantised(
    name: str,
    facts: DatasetFacts,
    read: Callable[[], tuple[Split, Split]],
    *,
    target_classes: Sequence[int],
    n_levels: int,
    pixel_threshold: float,
) -> ImageDataset:
    """The chosen classes of a set, its pixels as grey levels; the rules are `load_dataset`'s.

    Args:
        read: the training and the test images, 0..255; called after everything else is checked.

    Raises:
        ValueError: classes the set does not have, or repeated; levels or threshold out of range.
    """
    classes = _checked_classes(name, target_classes, facts.n_classes)
    level_of = level_table(n_levels, pixel_threshold)
    position = np.full(facts.n_classes, -1, dtype=np.int32)
    position[list(classes)] = np.arange(len(classes))
    train, test = (_prepared(half, position, level_of) for half in read())
    return ImageDataset(name, train, test, n_levels, facts.image_shape, classes)


def _prepared(images: Split, position: np.ndarray, level_of: UInt8[np.ndarray, "256"]) -> Split:
    """The images whose class has a position of 0 or more."""
    classes = position[images.classes]
    wanted = classes >= 0
    conditions = None if images.conditions is None else images.conditions[wanted]
    return Split(level_of[images.pixels[wanted]], classes[wanted], conditions)


def level_table(n_levels: int, pixel_threshold: float) -> UInt8[np.ndarray, "256"]:
    """The grey level of each of the 256 values of a pixel.

    Raises:
        ValueError: levels or threshold out of range.
    """
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
