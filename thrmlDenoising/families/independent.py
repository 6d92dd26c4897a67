"""Independent pixels: the control that every comparison needs, and the smallest family there is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.config import Config, GreyLevels, Section
from thrmlDenoising.data import Mode
from thrmlDenoising.training import Model, Samples, State, Trainable


@dataclass(frozen=True)
class PixelsConfig(Section, name="pixels"):
    """The pixels, and what their frequencies depend on."""

    grayscale_levels: GreyLevels = 1
    """Grey levels above black: 1 (binary images) to 255. Toy sets have their own."""
    pooled: bool = False
    """One set of frequencies for all classes; then none can be asked for."""


@dataclass(frozen=True)
class IndependentConfig(Config):
    """Everything that defines a model of independent pixels."""

    family: ClassVar[str] = "independent"
    pixels: PixelsConfig = field(default_factory=PixelsConfig)

    @property
    def n_levels(self) -> int:
        """Grey levels above 0."""
        return self.data.facts.n_levels or self.pixels.grayscale_levels


class Shares(State):
    """The share of training images in which a pixel has at most each grey level."""

    at_most: Float[np.ndarray, "level label_class pixel"]


class IndependentModel(Model[Shares]):
    """Draws each pixel by itself, as often of each grey level as in training images."""

    config_type = IndependentConfig

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Pooled frequencies know no classes."""
        return ("free",) if self.cfg.pixels.pooled else get_args(Mode)

    def init(self, key: Key[Array, ""]) -> Shares:
        """All grey levels are equally frequent."""
        nowhere = np.zeros((1 if self.cfg.pixels.pooled else self.n_classes, self.cfg.n_pixels))
        return Shares(0, np.linspace(nowhere, 1, self.cfg.n_levels + 2)[1:])

    def train_epoch(self, state: Shares, on_batch: Callable[[], None]) -> Shares:
        """Counts: one epoch says all there is to learn."""
        pixels, classes = self.data.train
        seen = np.zeros_like(state.at_most)
        np.add.at(seen, (pixels, classes[:, None] % seen.shape[1], np.arange(pixels.shape[1])), 1)
        return Shares(state.epoch + 1, seen.cumsum(axis=0) / seen.sum(axis=0))

    def sample(self, state: Shares, key: Key[Array, ""], n: int,
               classes: Int[np.ndarray, " example"] | None = None,
               every: int | None = None) -> Samples:  # fmt: skip
        """All pixels at once; free images are of any class, with equal chances."""
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        chosen = rng.integers(state.at_most.shape[1], size=n) if classes is None else classes
        number = rng.random((n, self.cfg.n_pixels))
        levels = sum(number >= at_most[chosen] for at_most in state.at_most[:-1])
        known = None if self.cfg.pixels.pooled or self.cfg.data.n_condition_bits else chosen
        return Samples(np.asarray(levels, np.uint8)[None], known, None, ["independent pixels"])


class IndependentPixels(Trainable.of(IndependentModel)):
    """A model of independent pixels at work."""
