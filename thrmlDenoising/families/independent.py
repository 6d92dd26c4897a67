"""Independent pixels: the control that every comparison needs, and the smallest family there is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.config import Config, Section
from thrmlDenoising.config.fields import Count
from thrmlDenoising.data import Mode
from thrmlDenoising.training import Model, Samples, State, Trainable


@dataclass(frozen=True)
class PixelsConfig(Section, name="pixels"):
    """The pixels, and what their frequencies depend on."""

    grayscale_levels: Count = 1
    """Grey levels above 0: at least 1."""
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
        return self.pixels.grayscale_levels


class Counts(State):
    """How often each grey level was seen, and once more (Laplace): then none is impossible."""

    of_level: Float[Array, "label_class pixel level"]


class IndependentModel(Model[Counts]):
    """Draws each pixel by itself, as often of each grey level as in training images."""

    config_type = IndependentConfig

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Pooled frequencies know no classes."""
        return ("free",) if self.cfg.pixels.pooled else get_args(Mode)

    def init(self, key: Key[Array, ""]) -> Counts:
        """Nothing was seen."""
        n_seen = 1 if self.cfg.pixels.pooled else self.n_classes
        return Counts(0, jnp.ones((n_seen, self.cfg.n_pixels, self.cfg.n_levels + 1)))

    def train_epoch(self, state: Counts, on_batch: Callable[[], None]) -> Counts:
        """Counts anew: one epoch says all there is to learn."""
        pixels, classes = self.data.train
        counts = np.ones(state.of_level.shape, np.float32)
        seen = classes[:, None] % len(counts)
        np.add.at(counts, (seen, np.arange(pixels.shape[1]), pixels), 1)
        return Counts(state.epoch + 1, jnp.asarray(counts))

    def sample(self, state: Counts, key: Key[Array, ""], n: int,
               classes: Int[np.ndarray, " example"] | None = None,
               every: int | None = None) -> Samples:  # fmt: skip
        """All pixels at once; free images are of any class, with equal chances."""
        class_key, pixel_key = jax.random.split(key)
        drawn = jax.random.randint(class_key, (n,), 0, len(state.of_level))
        chosen = np.asarray(drawn if classes is None else classes)
        pixels = jax.random.categorical(pixel_key, jnp.log(state.of_level)[chosen])
        known = None if self.cfg.pixels.pooled else chosen
        return Samples(np.asarray(pixels, np.uint8)[None], known, None, ["independent pixels"])


class IndependentPixels(Trainable[IndependentModel, Counts]):
    """A model of independent pixels at work."""

    model_type = IndependentModel
