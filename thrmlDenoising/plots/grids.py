"""Still images: what every denoising step made of every class."""

import math
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from jaxtyping import Float, UInt8

from thrmlDenoising.plots.excerpts import (
    MOST_CLASSES,
    ShownClasses,
    evenly_spread,
    lowered,
    what_is_shown,
)
from thrmlDenoising.plots.lettering import legend, paragraph, text, title
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
    owners,
    padded,
    page_of,
)
from thrmlDenoising.support.files import written_aside

_BAR_HEIGHT = 10
_ASPECT = 1.3
_GAP = 24  # between classes
_LONGEST_BLOCK = 3000  # pixels of one class, in height and in width
_MOST_PIXELS = 8_000_000  # of a page, but for places left empty and the words below
_TILES_HEIGHT = 600  # pixels, about
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

    A page has about 8 megapixels at most. Where classes, steps or images are too many for that,
    some are shown, the page says how many, and a last bar stands for the classes that are not.

    Args:
        grid: the images, in grey levels.
        label_grid: shares (0..1) of label nodes voting for each class, drawn as bars under every
            image, that of the class of the block in colour; a last axis of 0 classes draws none.
        image_shape: (height, width) of an image.
        n_levels: the grey level of white.
        class_names: a name for each block.
        path: where to write.
        titles: replace the names where images do not belong to the class of their block.

    Raises:
        ValueError: shapes or values do not fit.
    """
    _check_grid(grid, label_grid, image_shape, n_levels, class_names)
    tile = Tile(image_shape, n_levels, _BAR_HEIGHT)
    n_classes, n_steps, n_drawn = _shown_counts(grid, label_grid, tile, titles or class_names)
    classes = ShownClasses(class_names, evenly_spread(len(class_names), n_classes))
    steps = evenly_spread(grid.shape[1], n_steps)
    places = np.ix_(classes.shown, steps, range(n_drawn))
    captions = _captions(classes.of(titles or class_names), steps, grid.shape[1])
    blocks = [
        _class_block(images, votes, caption, own, tile)
        for images, votes, caption, own in zip(
            grid[places],
            classes.votes(label_grid[places]),
            captions,
            owners(len(classes), titles),
            strict=True,
        )
    ]
    parts = [page_of(blocks, columns_for(len(blocks), blocks[0], _ASPECT), gap=_GAP)]
    if label_grid.shape[-1]:
        parts.append(legend(classes.bars, titles is None, parts[0].shape[1]))
    counts = zip((n_classes, n_steps, n_drawn), grid.shape, strict=False)
    names = ("classes", "steps", "images of each class")
    if said := what_is_shown(dict(zip(names, counts, strict=True))):
        parts.append(paragraph(said, parts[0].shape[1]))
    with written_aside(path) as aside:
        colours = np.asarray(as_image(framed(above(parts, gap=16), 16)).convert("RGB"))
        imageio.imwrite(aside, colours, extension=".png", optimize=True)


def tile_images(
    images: UInt8[np.ndarray, "image pixel"] | UInt8[np.ndarray, "image row column"],
    n_columns: int,
    image_shape: tuple[int, int],
    n_levels: int,
) -> UInt8[np.ndarray, "height width"]:
    """The images row by row in `n_columns`, as greys 0 (black) to 255, a light grey pixel between.

    Places left over in the last row are light grey too.

    Raises:
        ValueError: shapes or values do not fit.
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


def draw_tiles(
    images: UInt8[np.ndarray, "image pixel"],
    n_columns: int,
    image_shape: tuple[int, int],
    n_levels: int,
    path: Path,
) -> None:
    """Write a PNG with images of no class, row by row; see `tile_images`.

    Raises:
        ValueError: shapes or values do not fit.
    """
    tiles = tile_images(images, n_columns, image_shape, n_levels)
    scale = max(1, round(_TILES_HEIGHT / tiles.shape[0]))
    with written_aside(path) as aside:
        enlarged = tiles.repeat(scale, axis=0).repeat(scale, axis=1)
        imageio.imwrite(aside, enlarged, extension=".png", optimize=True)


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


def _captions(
    class_names: Sequence[str], steps: Sequence[int], n_steps: int
) -> list[list[Picture]]:
    """The caption of every class and step shown, all of one width."""
    captions = [
        [above([title(name), text(f"step {step + 1} of {n_steps}")]) for step in steps]
        for name in class_names
    ]
    width = max(caption.shape[1] for row in captions for caption in row) + 4
    return [[padded(caption, caption.shape[0], width) for caption in row] for row in captions]


def _shown_counts(
    grid: np.ndarray, votes: np.ndarray, tile: Tile, titles: Sequence[str]
) -> list[int]:
    """How many classes, steps and images of each a page has room for."""
    n_classes, n_steps, n_drawn = grid.shape[:3]
    n_classes = min(n_classes, MOST_CLASSES)
    candidates = [titles[place] for place in evenly_spread(len(titles), n_classes)]
    caption_width = _captions(candidates, [n_steps - 1], n_steps)[0][0].shape[1]
    n_bars = n_classes + (n_classes < len(titles)) if votes.shape[-1] else 0
    height, width = tile.size(n_bars)
    n_steps = min(n_steps, max(1, _LONGEST_BLOCK // (height + 6)))
    n_drawn = min(n_drawn, max(1, (_LONGEST_BLOCK - caption_width) // (width + 4)))

    def fits(counts: Sequence[int]) -> bool:
        n_classes, n_steps, n_drawn = counts
        block = (n_steps * (height + 6) + _GAP) * (caption_width + n_drawn * (width + 4) + _GAP)
        return n_classes * block <= _MOST_PIXELS

    return lowered([n_classes, n_steps, n_drawn], fits)


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
