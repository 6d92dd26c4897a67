"""Small pictures as arrays, and how they are put together into larger ones.

A picture is an array "height width" of palette indices: greys rising from 0, black, to
`WHITE`, then the accent colours. Text can so be smoothed within the greys, colours stay exact, and
a GIF needs no colour search. The paper is a light grey, on which black and white images stand out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

Picture: TypeAlias = UInt8[np.ndarray, "_ _"]

WHITE = 251
PAPER = 212
INK = 0
EMPTY_BAR = 235
OTHER_CLASS = 100
OWN_CLASS = 252
_ACCENTS = {OWN_CLASS: (213, 94, 0)}  # vermilion of the colour-blind-safe set of Okabe and Ito
_DRAWN_SIDE = 84  # pixels the longer side of an image is brought near: 28 x 28 is drawn threefold
_LONGEST_SIDE = 256  # pixels; what is larger is drawn smaller
_NARROWEST_BAR = 4


def above(pictures: Sequence[Picture], gap: int = 0) -> Picture:
    """Stack pictures, left-aligned, with `gap` pixels of paper between them."""
    width = max(picture.shape[1] for picture in pictures)
    rows = [padded(picture, picture.shape[0] + gap, width) for picture in pictures[:-1]]
    return np.concatenate([*rows, padded(pictures[-1], pictures[-1].shape[0], width)], axis=0)


def beside(pictures: Sequence[Picture], gap: int = 0) -> Picture:
    """Put pictures side by side, top-aligned, with `gap` pixels of paper between them."""
    return above([picture.T for picture in pictures], gap).T


def padded(picture: Picture, height: int, width: int) -> Picture:
    """The picture with paper below it and to its right, up to the given size."""
    page = np.full((height, width), PAPER, np.uint8)
    page[: picture.shape[0], : picture.shape[1]] = picture
    return page


def framed(picture: Picture, margin: int) -> Picture:
    """The picture with a margin of paper all around."""
    return np.pad(picture, margin, constant_values=PAPER)


def page_of(blocks: Sequence[Picture], n_columns: int, gap: int) -> Picture:
    """Blocks of one size row by row in `n_columns`."""
    rows = [blocks[start : start + n_columns] for start in range(0, len(blocks), n_columns)]
    return above([beside(row, gap) for row in rows], gap)


def columns_for(n_blocks: int, block: Picture, aspect: float) -> int:
    """The number of columns that brings a page nearest to width / height = `aspect`, few places
    left empty.
    """
    height, width = block.shape

    def mismatch(n_columns: int) -> float:
        n_rows = math.ceil(n_blocks / n_columns)
        n_empty = n_rows * n_columns - n_blocks
        return (
            abs(math.log(n_columns * width / (n_rows * height) / aspect)) + 2 * n_empty / n_blocks
        )

    return min(range(1, n_blocks + 1), key=mismatch)


NO_CLASS = -1
"""The `own` class of images that stand under no class."""


def owners(n_blocks: int, titles: Sequence[str] | None) -> list[int]:
    """The bar that is coloured in each block: its own, or none if it has another title."""
    return list(range(n_blocks)) if titles is None else [NO_CLASS] * n_blocks


@dataclass(frozen=True)
class Tile:
    """How one image is drawn, with bars of its label votes under it.

    Attributes:
        image_shape: (height, width) of the image in its own pixels.
        n_levels: the grey level of white; 0 is black.
        bar_height: height of a bar of all votes, in drawn pixels.
    """

    image_shape: tuple[int, int]
    n_levels: int
    bar_height: int

    def draw(
        self,
        image: UInt8[np.ndarray, " pixel"],
        votes: Float[np.ndarray, " label_class"],
        own: int,
    ) -> Picture:
        """The image over its bars, that of class `own` coloured; alone if there are no classes."""
        picture = self.enlarged(image)
        if len(votes) == 0:
            return picture
        width = max(picture.shape[1], _NARROWEST_BAR * len(votes))
        return above([picture, self._bars(votes, own, width)], gap=2)

    def enlarged(self, image: UInt8[np.ndarray, " pixel"]) -> Picture:
        """The image with every pixel a square of the same size.

        Of an image too large for that, squares of pixels are averaged.
        """
        greys = np.round(image.reshape(self.image_shape) * (WHITE / self.n_levels))
        greys, longest = greys.astype(np.uint8), max(self.image_shape)
        if longest > _LONGEST_SIDE:
            return np.asarray(Image.fromarray(greys).reduce(math.ceil(longest / _LONGEST_SIDE)))
        scale = max(1, round(_DRAWN_SIDE / longest))
        return greys.repeat(scale, axis=0).repeat(scale, axis=1)

    def size(self, n_bars: int) -> tuple[int, int]:
        """Height and width of an image drawn with so many bars."""
        blank = np.zeros(math.prod(self.image_shape), np.uint8)
        return self.draw(blank, np.zeros(n_bars), NO_CLASS).shape

    def _bars(self, votes: Float[np.ndarray, " label_class"], own: int, width: int) -> Picture:
        picture = np.full((self.bar_height, width), PAPER, np.uint8)
        edges = np.linspace(0, width + 1, len(votes) + 1).astype(int)
        for label, share in enumerate(votes):
            bar = picture[:, edges[label] : edges[label + 1] - 1]
            bar[:] = EMPTY_BAR
            bar[self.bar_height - round(float(share) * self.bar_height) :] = (
                OWN_CLASS if label == own else OTHER_CLASS
            )
        return picture


def as_image(picture: Picture) -> Image.Image:
    """The picture as a palette image, ready to be saved."""
    greys = np.repeat(np.round(np.arange(WHITE + 1) * (255 / WHITE)), 3).astype(np.uint8)
    colours = [channel for colour in _ACCENTS.values() for channel in colour]
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.putpalette(greys.tobytes() + bytes(colours))
    return image


def check_images(images: np.ndarray, image_shape: tuple[int, int], n_levels: int) -> None:
    """Checks that the last axis holds images of that shape and levels 0..n_levels.

    Raises:
        ValueError: it does not, or there are no images.
    """
    if images.size == 0:
        raise ValueError(f"There are no images to draw: the array has shape {images.shape}.")
    if images.shape[-1] != math.prod(image_shape):
        raise ValueError(
            f"Images of {images.shape[-1]} pixels cannot have the shape {tuple(image_shape)}, "
            f"which holds {math.prod(image_shape)}."
        )
    if not 1 <= n_levels <= 255:
        raise ValueError(f"n_levels={n_levels}: it has to be 1..255, the level of white.")
    if images.min() < 0 or images.max() > n_levels:
        raise ValueError(
            f"Grey levels have to be 0..n_levels={n_levels}, but the images hold "
            f"{images.min()}..{images.max()}."
        )


def check_votes(votes: np.ndarray, images: np.ndarray, n_classes: int) -> None:
    """Checks that there are shares of votes 0..1 for every class, or for none.

    Raises:
        ValueError: there are not.
    """
    if votes.shape[:-1] != images.shape[:-1] or votes.shape[-1] not in (0, n_classes):
        raise ValueError(
            f"Votes of shape {votes.shape} do not fit images of shape {images.shape}: "
            f"{(*images.shape[:-1], n_classes)} is needed, or a last axis of 0 for no labels."
        )
    if not ((votes >= 0) & (votes <= 1)).all():
        raise ValueError("Votes are shares of the label nodes and have to be 0..1.")
