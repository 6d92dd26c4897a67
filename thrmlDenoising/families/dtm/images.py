"""Images from the reverse chain, and the classes that their label nodes vote for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from thrmlDenoising.families.dtm.reverse import Generated
from thrmlDenoising.processes import LabelledImages
from thrmlDenoising.quality.accuracy import label_votes
from thrmlDenoising.sampling import Schedule
from thrmlDenoising.training.images import Samples
from thrmlDenoising.training.images.generating import check_drawn, class_by_class


def samples_of(generated: Generated, n_voted: int, schedule: Schedule | None) -> Samples:
    """What a run of the chain made, frame by frame.

    Args:
        n_voted: how many classes label nodes vote for.
        schedule: the one that generated them, for all observed states, the noise first; None for
            the state after each step.
    """
    n_steps = len(generated.outputs)
    steps = range(1, n_steps + 1)
    if schedule is None:
        states = generated.last_states
        captions = [f"step {i} of {n_steps}" for i in steps]
    else:
        noise = jax.tree.map(lambda leaf: np.asarray(leaf)[None], generated.noise)
        states = jax.tree.map(
            lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]),
            noise,
            *generated.outputs,
        )
        sweeps = schedule.sweeps_before
        captions = ["noise", *(f"step {i} of {n_steps} · sweep {s}" for i in steps for s in sweeps)]
    votes = label_votes(np.asarray(states.labels), n_voted) if n_voted else None
    classes = None if votes is None else votes[-1].argmax(axis=-1)
    return Samples(np.asarray(states.pixels), classes, votes, captions)


class StepGrid(NamedTuple):
    """A few images of every class, the share of label spots that vote for each, and the spots."""

    pixels: UInt8[np.ndarray, "class step drawn pixel"]
    votes: Float[np.ndarray, "class step drawn label_class"]
    labels: Bool[np.ndarray, "class step drawn label_node"]


@dataclass(frozen=True)
class ClassImages:
    """Equally many images of each of some classes, class by class.

    Free images choose their own label: there, the class an image stands under is only a place.

    Images of a model that is conditioned on bits are all of one class.

    Attributes:
        generated: what the chain made of them.
        classes: whose images these are.
        n_voted: how many classes label nodes vote for: 0 where they say something else.
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

    def _votes(
        self, label_bits: Bool[Array, "*batch label_node"] | Bool[np.ndarray, "*batch label_node"]
    ) -> Float[np.ndarray, "*batch label_class"]:
        return label_votes(np.asarray(label_bits), self.n_voted)

    def grid(self, n_drawn: int) -> StepGrid:
        """The first `n_drawn` images of every class after every step.

        Raises:
            ValueError: no image asked for, or more than there are.
        """
        check_drawn(n_drawn, len(self.final_pixels) // len(self.classes))
        by_class = partial(class_by_class, n_classes=len(self.classes))
        pixels, labels = (by_class(np.asarray(leaf))[:, :, :n_drawn] for leaf in self._last_states)
        return StepGrid(pixels, self._votes(labels), labels)
