"""The fast network: 2 x 2 pixels are read as one, and written as one in the end."""

import equinox as eqx
from jaxtyping import Array, Float, Key

from thrmlDenoising.networks.blocks import ReadOut
from thrmlDenoising.networks.config import NetworkConfig
from thrmlDenoising.networks.layers import GroupNorm, Linear, Rng
from thrmlDenoising.networks.score import Hourglass


def to_patches(
    x: Float[Array, "height width channel"],
) -> Float[Array, "height//2 width//2 4*channel"]:
    """The four pixels of each patch side by side, row by row."""
    rows, columns, n = x.shape
    patches = x.reshape(rows // 2, 2, columns // 2, 2, n).swapaxes(1, 2)
    return patches.reshape(rows // 2, columns // 2, 4 * n)


def from_patches(
    x: Float[Array, "row column four_channels"],
) -> Float[Array, "2*row 2*column four_channels//4"]:
    """The image that `to_patches` has cut."""
    rows, columns, n = x.shape
    pixels = x.reshape(rows, columns, 2, 2, n // 4).swapaxes(1, 2)
    return pixels.reshape(2 * rows, 2 * columns, n // 4)


class PatchNet(eqx.Module):
    """The hourglass on patches, between two linear maps: a quarter of the pixels to work on."""

    first: Linear
    hourglass: Hourglass
    read_out: ReadOut

    def __init__(self, rng: Rng, cfg: NetworkConfig, n_in: int, n_out: int) -> None:
        n = cfg.n_channels[0]
        self.first = Linear(rng, 4 * n_in, n)
        self.hourglass = Hourglass(rng, cfg)
        self.read_out = ReadOut(GroupNorm(n), Linear(rng, n, 4 * n_out, zero=True))

    def __call__(
        self,
        x: Float[Array, "row column channel"],
        condition: Float[Array, " width"],
        key: Key[Array, ""] | None,
    ) -> Float[Array, "row column out_channel"]:
        """The answer, of the same sides; dropout where there is a key."""
        return from_patches(
            self.read_out(self.hourglass(self.first(to_patches(x)), condition, key))
        )
