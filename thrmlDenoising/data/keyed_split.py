"""A split as a user reads it off a model."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Bool

from thrmlDenoising.data.dataset import Split


class KeyedSplit(Split):
    """A split that also answers to the keys of dtm-replication.

    `split["image"]` are the pixels, grey levels 0..n_levels, and `split["label"]` the label
    nodes of every image, "image label_node".
    """

    _label_nodes: Callable[[], Bool[np.ndarray, "image label_node"]]

    def __new__(
        cls, split: Split, label_nodes: Callable[[], Bool[np.ndarray, "image label_node"]]
    ) -> Self:
        """The same split; `label_nodes` is asked when they are first read."""
        keyed = super().__new__(cls, split.pixels, split.classes, split.conditions)
        keyed._label_nodes = label_nodes
        return keyed

    def __getitem__(self, key: Any) -> Any:
        """A field by its number, or by dtm-replication's key.

        Raises:
            KeyError: another key.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key not in ("image", "label"):
            raise KeyError(f"{key!r}: the keys are 'image' and 'label'")
        return self.pixels if key == "image" else self._label_nodes()
