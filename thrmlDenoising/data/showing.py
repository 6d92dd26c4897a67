"""How data sets are shown: by their sizes, never by their pixels."""

from collections.abc import Mapping, Sequence

import numpy as np

from thrmlDenoising.support.html import table

_MOST_CLASSES = 20
"""Of more, a table shows the first."""


def size_in_words(image_shape: Sequence[int]) -> str:
    """Such as "28 x 28 pixels"."""
    return f"{' x '.join(map(str, image_shape))} pixels"


def class_table(title: str, columns: Mapping[str, Sequence[object] | np.ndarray]) -> str:
    """HTML with a row for each class.

    Args:
        title: the line above.
        columns: by their heading, one entry a class; the first are the classes' names.
    """
    names, *_ = columns.values()
    rows = list(zip(*(column[:_MOST_CLASSES] for column in columns.values()), strict=True))
    if len(names) > _MOST_CLASSES:
        rows.append((f"and {len(names) - _MOST_CLASSES:,} more",))
    return table([list(columns), *rows], title)
