"""Animations of images while they are being sampled."""

from collections.abc import Sequence
from pathlib import Path

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

_BAR_HEIGHT = 18
_ASPECT = 2.2
_LAST_FRAME_MS = 2000
_FASTEST = 50  # frames per second; viewers slow down what is faster


def write_gif(
    frames: UInt8[np.ndarray, "frame image pixel"],
    votes: Float[np.ndarray, "frame image label_class"],
    captions: Sequence[str],
    image_shape: tuple[int, int],
    n_levels: int,
    class_names: Sequence[str],
    path: Path,
    titles: Sequence[str] | None = None,
    frames_per_second: float = 12,
) -> None:
    """Write an endless GIF of images changing, its last frame held for two seconds.

    The images are ordered by class, equally many of each, and those of one class stand side by side
    under its name, or under one of `titles` where they do not belong to it. `votes` are the shares
    (0..1) of label nodes voting for each class, drawn as bars under the image; a last axis of 0
    classes draws none. Each frame's caption stands on top.
    Raises ValueError where shapes or values do not fit.
    """
    _check_frames(frames, votes, captions, image_shape, n_levels, class_names)
    if not 0 < frames_per_second <= _FASTEST:
        raise ValueError(f"frames_per_second={frames_per_second} has to be in (0, {_FASTEST}].")
    tile = Tile(image_shape, n_levels, _BAR_HEIGHT)
    owned = owners(class_names, titles)
    names = _same_width([title(name) for name in titles or class_names])
    headers = _same_width([text(caption, 14) for caption in captions])
    width = _grid(frames[0], votes[0], names, owned, tile).shape[1]
    bars = [legend(class_names, titles, width)] if votes.shape[-1] else []
    pages = (  # one at a time: a long animation would fill the memory
        as_image(framed(above([header, _grid(images, vote, names, owned, tile), *bars], gap=8), 10))
        for header, images, vote in zip(headers, frames, votes, strict=True)
    )
    durations = [round(1000 / frames_per_second)] * (len(frames) - 1) + [_LAST_FRAME_MS]
    with written_aside(path) as aside:
        next(pages).save(
            aside,
            format="GIF",
            save_all=True,
            append_images=pages,
            duration=durations,
            loop=0,
        )


def _grid(
    images: UInt8[np.ndarray, "image pixel"],
    votes: Float[np.ndarray, "image label_class"],
    names: Sequence[Picture],
    owned: Sequence[int],
    tile: Tile,
) -> Picture:
    """The images of one frame, class by class."""
    n_each = len(images) // len(names)
    blocks = []
    for start, name, own in zip(range(0, len(images), n_each), names, owned, strict=True):
        block = slice(start, start + n_each)
        tiles = [
            tile.draw(image, vote, own)
            for image, vote in zip(images[block], votes[block], strict=True)
        ]
        blocks.append(above([name, beside(tiles, gap=4)], gap=2))
    return page_of(blocks, columns_for(len(blocks), blocks[0], _ASPECT), gap=14)


def _same_width(pictures: Sequence[Picture]) -> list[Picture]:
    width = max(picture.shape[1] for picture in pictures)
    return [padded(picture, picture.shape[0], width) for picture in pictures]


def _check_frames(
    frames: np.ndarray,
    votes: np.ndarray,
    captions: Sequence[str],
    image_shape: tuple[int, int],
    n_levels: int,
    class_names: Sequence[str],
) -> None:
    if frames.ndim != 3:
        raise ValueError(f"Frames have the axes frame, image, pixel; not shape {frames.shape}.")
    check_images(frames, image_shape, n_levels)
    if len(captions) != len(frames):
        raise ValueError(f"{len(captions)} captions do not fit {len(frames)} frames.")
    if not class_names or frames.shape[1] % len(class_names):
        raise ValueError(
            f"{frames.shape[1]} images cannot be shared equally by {len(class_names)} classes: "
            "give the images ordered by class, equally many of each."
        )
    check_votes(votes, frames, len(class_names))
