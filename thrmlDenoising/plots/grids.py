"""Still images: what every denoising step made of every class."""

import math
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from jaxtyping import Float, UInt8

from thrmlDenoising.plots.pictures import (
    Picture,
    Tile,
    above,
    as_image,
    beside,
    check_images,
    check_votes,
    columns_for,
    framed,
    legend,
    owners,
    padded,
    page_of,
    text,
    title,
)
from thrmlDenoising.runs.files import written_aside

_BAR_HEIGHT = 10
_ASPECT = 1.3
_BETWEEN = 215  # light grey, so that black and white images both show their edge


def draw_grid(
    grid: UInt8[np.ndarray, "class step drawn pixel"],
    label_grid: Float[np.ndarray, "class step drawn label_class"],
    image_shape: tuple[int, int],
    n_levels: int,
    class_names: Sequence[str],
    path: Path,
    titles: Sequence[str] | None = None,
) -> None:
    """Write a PNG with a block a class, in it a row a denoising step in the order they were run.

    Under every image stand bars of the shares (0..1) of label nodes voting for each class, the
    class of the block in colour; a last axis of 0 classes draws none. `class_names` has a name for
    each block; `titles` replaces them where images do not belong to the class of their block;
    `n_levels` is the grey level of white. Raises ValueError where shapes or values do not fit.
    """
    _check_grid(grid, label_grid, image_shape, n_levels, class_names)
    tile = Tile(image_shape, n_levels, _BAR_HEIGHT)
    captions = _captions(titles or class_names, grid.shape[1])
    blocks = [
        _class_block(images, votes, caption, own, tile)
        for images, votes, caption, own in zip(
            grid, label_grid, captions, owners(class_names, titles), strict=True
        )
    ]
    page = page_of(blocks, columns_for(len(blocks), blocks[0], _ASPECT), gap=24)
    if label_grid.shape[-1]:
        page = above([page, legend(class_names, titles, page.shape[1])], gap=16)
    with written_aside(path) as aside:
        colours = np.asarray(as_image(framed(page, 16)).convert("RGB"))
        imageio.imwrite(aside, colours, extension=".png", optimize=True)


def tile_images(
    images: UInt8[np.ndarray, "image pixel"] | UInt8[np.ndarray, "image row column"],
    n_columns: int,
    image_shape: tuple[int, int],
    n_levels: int,
) -> UInt8[np.ndarray, "height width"]:
    """The images row by row in `n_columns`, as greys 0 (black) to 255, a light grey pixel between.

    Places left over in the last row are light grey too. Raises ValueError where shapes or values
    do not fit.
    """
    if images.ndim == 3 and images.shape[1:] == tuple(image_shape):
        images = images.reshape(len(images), -1)
    check_images(images, image_shape, n_levels)
    if n_columns < 1:
        raise ValueError(f"n_columns={n_columns}: at least one column is needed.")
    height, width = image_shape
    n_rows = math.ceil(len(images) / n_columns)
    places = np.full((n_rows * n_columns, height + 1, width + 1), _BETWEEN, np.uint8)
    greys = np.round(images * (255 / n_levels)).astype(np.uint8)
    places[: len(images), :height, :width] = greys.reshape(-1, height, width)
    rows = places.reshape(n_rows, n_columns, height + 1, width + 1).swapaxes(1, 2)
    return rows.reshape(n_rows * (height + 1), n_columns * (width + 1))[:-1, :-1]


def _class_block(
    images: UInt8[np.ndarray, "step drawn pixel"],
    votes: Float[np.ndarray, "step drawn label_class"],
    captions: Sequence[Picture],
    own: int,
    tile: Tile,
) -> Picture:
    rows = [
        beside([caption, *(tile.draw(image, vote, own) for image, vote in pairs)], gap=4)
        for caption, pairs in zip(captions, map(zip, images, votes), strict=True)
    ]
    return above(rows, gap=6)


def _captions(class_names: Sequence[str], n_steps: int) -> list[list[Picture]]:
    """The caption of every class and step, all of one width."""
    captions = [
        [above([title(name), text(f"step {step} of {n_steps}")]) for step in range(1, n_steps + 1)]
        for name in class_names
    ]
    width = max(caption.shape[1] for row in captions for caption in row) + 4
    return [[padded(caption, caption.shape[0], width) for caption in row] for row in captions]


def _check_grid(
    grid: np.ndarray,
    label_grid: np.ndarray,
    image_shape: tuple[int, int],
    n_levels: int,
    class_names: Sequence[str],
) -> None:
    if grid.ndim != 4:
        raise ValueError(f"A grid has the axes class, step, drawn, pixel; not shape {grid.shape}.")
    check_images(grid, image_shape, n_levels)
    if len(class_names) != len(grid):
        raise ValueError(
            f"{len(class_names)} class names do not fit {len(grid)} classes of images."
        )
    check_votes(label_grid, grid, len(class_names))
