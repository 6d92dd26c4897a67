"""Independent pixels: the control that every comparison needs, and the smallest family there is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from thrmlDenoising.config import GreyLevels, ImageConfig, Section
from thrmlDenoising.config.fields import NonNegative
from thrmlDenoising.data import Mode
from thrmlDenoising.training import Finding, ImageModel, ImageTrainable, Samples, State


@dataclass(frozen=True)
class PixelsConfig(Section, name="pixels"):
    """The pixels, and what their frequencies depend on."""

    grayscale_levels: GreyLevels = 1
    """Grey levels above black: 1 (binary images) to 255. Toy sets have their own."""
    pooled: bool = False
    """One set of frequencies for all classes; then none can be asked for."""
    added_counts: NonNegative = 0.0
    """Added to how often each grey level was counted: at least 0. With some,
    no image is impossible, so that bits per dimension are finite."""


@dataclass(frozen=True)
class IndependentConfig(ImageConfig):
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


class IndependentModel(ImageModel[Shares]):
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
        seen = np.full_like(state.at_most, self.cfg.pixels.added_counts)
        np.add.at(seen, (pixels, classes[:, None] % seen.shape[1], np.arange(pixels.shape[1])), 1)
        return Shares(state.epoch + 1, seen.cumsum(axis=0) / seen.sum(axis=0))

    def bits(
        self,
        state: Shares,
        pixels: UInt8[np.ndarray, "image pixel"],
        classes: Int[np.ndarray, " image"],
    ) -> Float[np.ndarray, " image"]:
        """-log2 p(image | class) / pixels: infinite if a grey level was never counted there."""
        shares = np.diff(state.at_most, axis=0, prepend=0)
        groups = classes[:, None] % shares.shape[1]
        with np.errstate(divide="ignore"):
            return -np.log2(shares[pixels, groups, np.arange(pixels.shape[1])]).mean(axis=1)

    def findings(self, state: Shares) -> Iterator[Finding]:
        """Bits per dimension of all held-out images, exact."""
        bits = self.bits(state, *self.data.test)
        n, n_impossible = len(bits), int(np.isinf(bits).sum())
        value = float(bits.mean())
        error = np.inf if n_impossible else float(bits.std(ddof=1) / np.sqrt(n))
        text = (
            f"infinite: {n_impossible} of {n} images have a grey level where no training image of "
            "their class has it. With pixels.added_counts=1 none is impossible"
            if n_impossible
            else f"{value:.4f} +- {error:.4f} bits per dimension, of {n} images"
        )
        content = {"value": value, "standard_error": error, "n_images": n}
        yield Finding("bits_per_dim", "Bits per dimension of held-out images", text, content)

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


class IndependentPixels(ImageTrainable.of(IndependentModel)):
    """A model of independent pixels at work."""
