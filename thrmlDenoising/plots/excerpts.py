"""How much of what there is a picture shows, so that it stays one that can be looked at.

Classes, steps, images of a class and frames can be any number. A picture shows all of them while
its pixels allow it, else evenly spread ones (of the images of a class, which are in random order,
the first), and says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MOST_CLASSES = 40
"""A picture shows at most so many classes: as many bars can be told apart under an image."""


def evenly_spread(n: int, most: int) -> list[int]:
    """All of 0..n-1, or at most `most` of them, the first and, from two on, the last included."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int).tolist()


def lowered(counts: Sequence[int], fits: Callable[[Sequence[int]], bool]) -> list[int]:
    """The counts, of which the largest is lowered, again and again, until they fit or all are 1."""
    counts = list(counts)
    while not fits(counts) and max(counts) > 1:
        counts[counts.index(max(counts))] -= 1
    return counts


def what_is_shown(counts: Mapping[str, tuple[int, int]]) -> str:
    """Such as "20 of 480 classes and 4 of 9 steps are shown."; nothing if everything is.

    Args:
        counts: how many of how many are shown, by name.
    """
    parts = [f"{n} of {total} {name}" for name, (n, total) in counts.items() if n < total]
    *others, last = parts or [""]
    return f"{', '.join(others)}{' and ' if others else ''}{last} are shown." if parts else ""


@dataclass(frozen=True)
class ShownClasses:
    """Some of the classes, and the bars of votes under their images.

    If not all classes are shown, a last bar stands for the others together.

    Attributes:
        names: of all classes.
        shown: the places of those that are shown.
    """

    names: Sequence[str]
    shown: Sequence[int]

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def are_all(self) -> bool:
        """Whether none is left out."""
        return len(self.shown) == len(self.names)

    @property
    def n_bars(self) -> int:
        """Of the classes shown, and of the others if there are any."""
        return len(self.shown) + (not self.are_all)

    @property
    def bars(self) -> list[str]:
        """What the bars stand for, from left to right."""
        return [*self.of(self.names), *([] if self.are_all else ["all others"])]

    def of(self, by_class: Sequence[str]) -> list[str]:
        """The entries of those that are shown."""
        return [by_class[place] for place in self.shown]

    def votes(
        self, votes: Float[np.ndarray, "*batch label_class"]
    ) -> Float[np.ndarray, "*batch bar"]:
        """The heights of the bars; none if there are no labels."""
        if self.are_all or votes.shape[-1] == 0:
            return votes
        own = votes[..., self.shown]
        others = votes.sum(axis=-1, keepdims=True) - own.sum(axis=-1, keepdims=True)
        return np.concatenate([own, others.clip(0, 1)], axis=-1)
