"""Images of every class from the reverse chain: generated, judged and laid out for drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from thrmlDenoising.families.dtm.reverse import Generated
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.quality.accuracy import label_votes
from thrmlDenoising.sampling import Schedule


class Grid(NamedTuple):
    """A few images of every class, the share of label spots that vote for each, and the spots."""

    pixels: UInt8[np.ndarray, "class step drawn pixel"]
    votes: Float[np.ndarray, "class step drawn label_class"]
    labels: Bool[np.ndarray, "class step drawn label_node"]


class Animation(NamedTuple):
    """All states of all steps one after another, the noise first.

    `classes` are those that the images are of, class by class.
    """

    pixels: UInt8[np.ndarray, "frame image pixel"]
    votes: Float[np.ndarray, "frame image label_class"]
    captions: list[str]
    classes: Sequence[int]


@dataclass(frozen=True)
class ClassImages:
    """Equally many images of each of some classes, class by class.

    Free images choose their own label: there, the class an image stands under is only a place.

    Images of a model that is conditioned on bits are all of one class.

    - `classes`: whose images these are.
    - `n_voted`: how many classes label nodes vote for: 0 where they say something else.
    """

    generated: Generated
    classes: Sequence[int]
    n_voted: int

    @cached_property
    def _last_states(self) -> LabelledImages:
        return self.generated.last_states

    @property
    def final_pixels(self) -> UInt8[np.ndarray, "image pixel"]:
        """What the last step run made."""
        return np.asarray(self._last_states.pixels[-1])

    @property
    def final_classes(self) -> Int[np.ndarray, " image"]:
        """The class most label spots of the final state vote for, the first of equals.

        Raises:
            ValueError: the model has no labels, or they name no class.
        """
        votes = self._votes(self._last_states.labels[-1])
        if not votes.shape[-1]:
            raise ValueError(
                "images of a model without labels (num_label_spots=0), or conditioned on bits, "
                "have no class"
            )
        return votes.argmax(axis=-1)

    def grid(self, n_drawn: int) -> Grid:
        """The first `n_drawn` images of every class after every step.

        Raises:
            ValueError: no image asked for, or more than there are.
        """
        n_per_class = len(self.final_pixels) // len(self.classes)
        if not 1 <= n_drawn <= n_per_class:
            raise ValueError(
                f"cannot draw {n_drawn} of {n_per_class} images of a class: draw at least 1 and at "
                "most all"
            )
        states = self._last_states
        pixels, labels = (self._first(np.asarray(leaf), n_drawn) for leaf in states)
        return Grid(pixels, self._votes(labels), labels)

    def animation(self, schedule: Schedule) -> Animation:
        """Every observed state; `schedule` is the one that generated them."""
        noise = jax.tree.map(lambda leaf: leaf[None], self.generated.noise)
        frames = [noise, *self.generated.outputs]
        n_steps = len(self.generated.outputs)
        steps, sweeps = range(1, n_steps + 1), schedule.sweeps_before
        return Animation(
            np.concatenate([np.asarray(frame.pixels) for frame in frames]),
            np.concatenate([self._votes(frame.labels) for frame in frames]),
            ["noise", *(f"step {i} of {n_steps} · sweep {s}" for i in steps for s in sweeps)],
            self.classes,
        )

    def _votes(
        self, label_bits: Bool[Array, "*batch label_node"] | Bool[np.ndarray, "*batch label_node"]
    ) -> Float[np.ndarray, "*batch label_class"]:
        return label_votes(np.asarray(label_bits), self.n_voted)

    def _first(self, leaf: np.ndarray, n_drawn: int) -> np.ndarray:
        """ "step image ..." to "class step drawn ..."."""
        n_steps, n_images, size = leaf.shape
        by_class = leaf.reshape(n_steps, len(self.classes), n_images // len(self.classes), size)
        return by_class.swapaxes(0, 1)[:, :, :n_drawn]
