"""The small network: what was made on the way down is added on the way back, once a level."""

import equinox as eqx
from jaxtyping import Array, Float, Key

from thrmlDenoising.networks.blocks import Doubling, ReadOut, Unit
from thrmlDenoising.networks.config import NetworkConfig
from thrmlDenoising.networks.layers import Conv, GroupNorm, Linear, Rng, endless


class Pass(eqx.Module):
    """From one level to the next, and back.

    Attributes:
        down: halves the sides.
        back: brings the channels to those of the level, before the sides are doubled.
        after: the units that follow once both are added.
    """

    down: Conv
    back: Linear
    doubling: Doubling
    after: list[Unit]


class Hourglass(eqx.Module):
    """Down the levels and back, at the first level's sides and channels in the end.

    Of a level's units every second one stands on the way back; all of the last level's stand in
    the middle.
    """

    levels: list[list[Unit]]
    passes: list[Pass]

    def __init__(self, rng: Rng, cfg: NetworkConfig) -> None:
        n = cfg.n_channels
        last = len(n) - 1

        def units(level: int, how_many: int) -> list[Unit]:
            attends = level in cfg.attention_levels
            one = (n[level], n[level], cfg.width, cfg.dropout, attends)
            return [Unit(rng, *one) for _ in range(how_many)]

        on_the_way_back = cfg.n_blocks // 2
        self.levels = [
            *(units(level, cfg.n_blocks - on_the_way_back) for level in range(last)),
            units(last, cfg.n_blocks),
        ]
        self.passes = [
            Pass(
                down=Conv(rng, n[level], n[level + 1], stride=2),
                back=Linear(rng, n[level + 1], n[level]),
                doubling=Doubling(rng, n[level]),
                after=units(level, on_the_way_back),
            )
            for level in range(last)
        ]

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column channel"]:
        """The image after all units; dropout where there is a key."""
        keys = endless(key)
        made = []
        for level, units in enumerate(self.levels):
            x = self.passes[level - 1].down(x) if level else x
            for unit in units:
                x = unit(x, condition, next(keys))
            made.append(x)
        for between, seen in zip(reversed(self.passes), reversed(made[:-1]), strict=True):
            x = seen + between.doubling(between.back(x))
            for unit in between.after:
                x = unit(x, condition, next(keys))
        return x


class ScoreNet(eqx.Module):
    """The hourglass on all pixels, between two convolutions."""

    first: Conv
    hourglass: Hourglass
    read_out: ReadOut

    def __init__(self, rng: Rng, cfg: NetworkConfig, n_in: int, n_out: int) -> None:
        n = cfg.n_channels[0]
        self.first = Conv(rng, n_in, n)
        self.hourglass = Hourglass(rng, cfg)
        self.read_out = ReadOut(GroupNorm(n), Conv(rng, n, n_out, zero=True))

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column out_channel"]:
        """The answer, of the same sides; dropout where there is a key."""
        return self.read_out(self.hourglass(self.first(x), condition, key))
