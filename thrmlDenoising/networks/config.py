"""The hyperparameters of a network, and what has to go together."""

from dataclasses import dataclass
from typing import Annotated, Literal

from thrmlDenoising.config import Must, Section
from thrmlDenoising.config.fields import NOT_EMPTY, CountOrZero, FractionBelowOne

Few = Annotated[int, Must("from 1 to 64", lambda n: 1 <= n <= 64)]
Channels = Annotated[int, Must("from 1 to 4096", lambda n: 1 <= n <= 4096)]


@dataclass(frozen=True)
class NetworkConfig(Section, name="network"):
    """The neural network: its kind and its size."""

    kind: Literal["patches", "score", "unet"] = "patches"
    """patches: 2 x 2 pixels as one, the fast one; score: small; unet: that of DDPM and D3PM."""
    channels: Channels = 32
    """Channels at the first level."""
    multipliers: Annotated[tuple[Few, ...], NOT_EMPTY] = (1, 2)
    """How many times as many channels each level has; sides halve from one to the next."""
    n_blocks: Few = 2
    """Residual blocks a level; a U-Net has as many on its way down, and one more on its way up."""
    attention_levels: tuple[CountOrZero, ...] = (1,)
    """The levels with attention, from 0; the middle of a U-Net has some in any case."""
    dropout: FractionBelowOne = 0.0
    """The share of numbers that are left out in residual blocks, in training."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """In which is computed; parameters, norms and softmax are float32 in any case."""

    def check_together(self) -> None:
        """Attention is at levels that there are."""
        n_levels = len(self.multipliers)
        if wrong := [level for level in self.attention_levels if level >= n_levels]:
            raise ValueError(
                f"network.attention_levels names level {wrong[0]}, but network.multipliers has "
                f"{n_levels} of them: use levels from 0 to {n_levels - 1}"
            )

    @property
    def n_halvings(self) -> int:
        """How often the sides of an image are halved."""
        return len(self.multipliers) - 1 + (self.kind == "patches")

    @property
    def n_channels(self) -> tuple[int, ...]:
        """At each level."""
        return tuple(self.channels * multiplier for multiplier in self.multipliers)

    @property
    def width(self) -> int:
        """Of what blocks are told of time and class."""
        return 4 * self.channels

    def check_sides(self, image_shape: tuple[int, int]) -> None:
        """Checks that images can be halved as often as the network does.

        Raises:
            ValueError: they cannot; says what can.
        """
        rows, columns = image_shape
        factor = 2**self.n_halvings
        if rows % factor == columns % factor == 0:
            return
        most = self.n_halvings
        while rows % 2**most or columns % 2**most:
            most -= 1
        patches = self.kind == "patches"
        advice = (
            f"use at most {most + 1 - patches} multipliers"
            if most >= patches
            else 'use kind="score" or kind="unet" with one multiplier'
        )
        raise ValueError(
            f"images of {rows} x {columns} do not halve {self.n_halvings} times, as a network of "
            f"kind {self.kind!r} with multipliers {self.multipliers} does it: both sides have to "
            f"be multiples of {factor}. Crop or pad the images, or {advice}"
        )
