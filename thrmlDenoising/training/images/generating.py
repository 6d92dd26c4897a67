"""Generating images of every class, to be judged, laid out or animated."""

from collections.abc import Sequence
from typing import NamedTuple, get_args

import numpy as np
from jaxtyping import Array, Float, Int, Key, Shaped, UInt8

from thrmlDenoising.config import ImageExpConfig
from thrmlDenoising.data import Mode
from thrmlDenoising.plots.excerpts import MOST_CLASSES, evenly_spread
from thrmlDenoising.training.images.maker import ImageMaker
from thrmlDenoising.training.images.samples import Samples
from thrmlDenoising.training.keys import purpose_key
from thrmlDenoising.training.model import State


class Grid(NamedTuple):
    """A few images of every class on their way, and the votes for each class."""

    pixels: UInt8[np.ndarray, "class frame drawn pixel"]
    votes: Float[np.ndarray, "class frame drawn label_class"]


class Animation(NamedTuple):
    """Images on their way, and the classes that they are of, class by class."""

    samples: Samples
    classes: Sequence[int]


def check_mode(mode: str) -> None:
    """Checks that there are images of this kind.

    Raises:
        ValueError: it is neither free nor clamped.
    """
    if mode not in get_args(Mode):
        raise ValueError(f"mode={mode!r}: labels are 'free' or 'clamped'")


def generate(
    model: ImageMaker,
    state: State,
    key: Key[Array, ""],
    mode: Mode,
    n_per_class: int,
    every: int | None = None,
    classes: Sequence[int] | None = None,
) -> Samples:
    """Equally many images of every class, or of some, class by class.

    Free images choose their own label: there, the class an image stands under is only a place.

    Raises:
        ValueError: an unknown mode, clamped labels of a model without labels, or less than 1
            image.
    """
    n, wanted = asked_classes(model, mode, n_per_class, classes)
    return model.sample(state, key, n, wanted, every)


def asked_classes(
    model: ImageMaker, mode: Mode, n_per_class: int, classes: Sequence[int] | None = None
) -> tuple[int, Int[np.ndarray, " example"] | None]:
    """How many images these are, and the class of each where labels are clamped.

    Raises:
        ValueError: see `generate`.
    """
    check_mode(mode)
    chosen = np.arange(model.n_classes) if classes is None else np.asarray(classes)
    if mode == "clamped":
        model.check_classes()
    if n_per_class < 1:
        raise ValueError(f"{n_per_class} images a class asked for: generate at least 1")
    return len(chosen) * n_per_class, chosen.repeat(n_per_class) if mode == "clamped" else None


def grid_of(samples: Samples, n_classes: int, n_drawn: int) -> Grid:
    """The first `n_drawn` images of every class.

    Raises:
        ValueError: no image asked for, or more than there are.
    """
    check_drawn(n_drawn, len(samples.images) // n_classes)
    shown = (samples.frames, samples.drawn_votes)
    return Grid(*(class_by_class(frames, n_classes)[:, :, :n_drawn] for frames in shown))


def check_drawn(n_drawn: int, n_per_class: int) -> None:
    """Checks that at least one image of a class is drawn, and no more than there are.

    Raises:
        ValueError: another number is asked for.
    """
    if not 1 <= n_drawn <= n_per_class:
        raise ValueError(
            f"cannot draw {n_drawn} of {n_per_class} images of a class: draw at least 1 and at "
            "most all"
        )


def class_by_class(
    frames: Shaped[np.ndarray, "frame example size"], n_classes: int
) -> Shaped[np.ndarray, "class frame drawn size"]:
    """Examples that stand class by class, with an axis of their own for the class."""
    n_frames, n_examples, size = frames.shape
    return frames.reshape(n_frames, n_classes, n_examples // n_classes, size).swapaxes(0, 1)


def animate(
    model: ImageMaker,
    state: State,
    mode: Mode,
    n_per_class: int | None = None,
    every: int | None = None,
) -> Animation:
    """A few images of every class, or of as many as a picture can show, on their way.

    As many, and as often seen, as `exp` says, by default.

    Raises:
        ValueError: less than one step between two frames, or see `generate`.
    """
    exp: ImageExpConfig = model.cfg.exp
    n: int = exp.animated_images_per_digit if n_per_class is None else n_per_class
    every = exp.steps_per_sample_in_gif if every is None else every
    if every < 1:
        raise ValueError(f"exp.steps_per_sample_in_gif={every}: give steps_per_sample instead")
    key = purpose_key(exp.seed, "animation", state.epoch)
    classes = evenly_spread(model.n_classes, MOST_CLASSES)
    return Animation(generate(model, state, key, mode, n, every, classes), classes)
