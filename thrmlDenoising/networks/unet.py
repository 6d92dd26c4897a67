"""The U-Net of DDPM and D3PM: what was made on the way down is handed to the way up."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from thrmlDenoising.networks.blocks import Attention, Doubling, ReadOut, ResidualBlock, Unit
from thrmlDenoising.networks.config import NetworkConfig
from thrmlDenoising.networks.layers import Conv, GroupNorm, Rng, endless


class Level(eqx.Module):
    """Units at one size of image, and what leads to the next size, if there is a next."""

    units: list[Unit]
    resized: Conv | Doubling | None


class UNet(eqx.Module):
    """Down the levels, a middle with attention, and up again with one unit more a level.

    On the way up each unit is given, beside what comes from below, what a unit or a halving on the
    way down has made, the last one first.
    """

    first: Conv
    down: list[Level]
    middle: tuple[ResidualBlock, Attention, ResidualBlock]
    up: list[Level]
    read_out: ReadOut

    def __init__(self, rng: Rng, cfg: NetworkConfig, n_in: int, n_out: int) -> None:
        n, last = cfg.n_channels, len(cfg.multipliers) - 1

        def units(level: int, given: list[int]) -> list[Unit]:
            attends = level in cfg.attention_levels
            one = (n[level], cfg.width, cfg.dropout, attends)
            return [Unit(rng, n_given, *one) for n_given in given]

        def block() -> ResidualBlock:
            return ResidualBlock(rng, n[last], n[last], cfg.width, cfg.dropout)

        self.first = Conv(rng, n_in, n[0])
        self.down, self.up, handed = [], [], [n[0]]
        for level in range(last + 1):
            given = [n[max(level - 1, 0)], *[n[level]] * (cfg.n_blocks - 1)]
            halving = Conv(rng, n[level], n[level], stride=2) if level < last else None
            self.down.append(Level(units(level, given), halving))
            handed += [n[level]] * (cfg.n_blocks + (level < last))
        self.middle = (block(), Attention(rng, n[last]), block())
        for level in range(last, -1, -1):
            from_below = [n[min(level + 1, last)], *[n[level]] * cfg.n_blocks]
            given = [below + handed.pop() for below in from_below]
            doubling = Doubling(rng, n[level]) if level else None
            self.up.append(Level(units(level, given), doubling))
        self.read_out = ReadOut(GroupNorm(n[0]), Conv(rng, n[0], n_out, zero=True))

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column out_channel"]:
        """The answer, of the same sides; dropout where there is a key."""
        keys = endless(key)
        x = self.first(x)
        made = [x]
        for level in self.down:
            for unit in level.units:
                x = unit(x, condition, next(keys))
                made.append(x)
            if level.resized is not None:
                x = level.resized(x)
                made.append(x)
        before, attention, after = self.middle
        x = after(attention(before(x, condition, next(keys))), condition, next(keys))
        for level in self.up:
            for unit in level.units:
                x = unit(jnp.concatenate([x, made.pop()], axis=-1), condition, next(keys))
            x = x if level.resized is None else level.resized(x)
        return self.read_out(x)
