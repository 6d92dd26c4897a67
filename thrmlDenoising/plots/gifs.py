"""Animations of images while they are being sampled."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

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

_BAR_HEIGHT = 18
_ASPECT = 2.2
_LAST_FRAME_MS = 2000
_GAP = 14  # between classes
_LONGEST_BLOCK = 1500  # pixels of the images of one class side by side
_MOST_PIXELS = 2_000_000  # of a frame, but for places left empty and the words around
_MOST_FRAMES = 1000
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
    classes: Sequence[int] | None = None,
) -> None:
    """Write an endless GIF of images changing, its last frame held for two seconds.

    A frame has about 2 megapixels at most, and there are at most 1000. Where classes, images or
    frames are too many for that, some are shown, the picture says how many, and a last bar stands
    for the classes that are not.

    Args:
        frames: the images, ordered by class, equally many of each; those of one class stand side
            by side under its name.
        votes: shares (0..1) of label nodes voting for each class, drawn as bars under the image; a
            last axis of 0 classes draws none.
        captions: what stands on top of each frame.
        image_shape: (height, width) of an image.
        n_levels: the grey level of white.
        class_names: of all classes.
        path: where to write.
        titles: replace the names where images do not belong to the class of their block.
        frames_per_second: above 0.
        classes: the places in `class_names` of those the images are of; all of them if left out.

    Raises:
        ValueError: shapes or values do not fit.
    """
    given = np.arange(len(class_names)) if classes is None else np.asarray(classes)
    _check_frames(frames, votes, captions, image_shape, n_levels, class_names, given)
    if not 0 < frames_per_second <= _FASTEST:
        raise ValueError(f"frames_per_second={frames_per_second} has to be in (0, {_FASTEST}].")
    tile = Tile(image_shape, n_levels, _BAR_HEIGHT)
    n_frames, n_each = len(frames), frames.shape[1] // len(given)
    n_classes, n_side_by_side = _shown_counts(
        len(given), n_each, tile, len(class_names) if votes.shape[-1] else 0
    )
    blocks = evenly_spread(len(given), n_classes)
    shown = ShownClasses(class_names, given[blocks].tolist())
    owned = owners(len(shown), titles)
    names = _same_width([title(name) for name in shown.of(titles or class_names)])
    shown_frames = evenly_spread(n_frames, _MOST_FRAMES)
    headers = _same_width([text(captions[frame], 14) for frame in shown_frames])
    images = (np.array(blocks)[:, None] * n_each + np.arange(n_side_by_side)).ravel()

    def drawn(frame: int) -> Picture:
        bars = shown.votes(votes[frame, images])
        return _grid(frames[frame, images], bars, names, owned, tile)

    width = drawn(0).shape[1]
    below = [legend(shown.bars, titles is None, width)] if votes.shape[-1] else []
    counts = {
        "classes": (len(shown), len(class_names)),
        "images of each class": (n_side_by_side, n_each),
        "frames": (len(shown_frames), n_frames),
    }
    if said := what_is_shown(counts):
        below.append(paragraph(said, width))
    pages = (
        framed(above([header, drawn(frame), *below], gap=8), 10)
        for header, frame in zip(headers, shown_frames, strict=True)
    )
    save_gif(pages, len(shown_frames), frames_per_second, path)


def save_gif(pages: Iterator[Picture], n_pages: int, frames_per_second: float, path: Path) -> None:
    """Writes pages of one size as an endless GIF, its last frame held for two seconds.

    Args:
        pages: made one at a time, as a long animation would fill the memory.
    """
    durations = [round(1000 / frames_per_second)] * (n_pages - 1) + [_LAST_FRAME_MS]
    images = map(as_image, pages)
    with written_aside(path) as aside:
        next(images).save(
            aside,
            format="GIF",
            save_all=True,
            append_images=images,
            duration=durations,
            loop=0,
        )


def _shown_counts(n_classes: int, n_each: int, tile: Tile, n_voted_for: int) -> list[int]:
    """How many classes, and images of each, a frame has room for."""
    n_classes = min(n_classes, MOST_CLASSES)
    n_bars = n_classes + (n_classes < n_voted_for) if n_voted_for else 0
    height, width = tile.size(n_bars)
    n_each = min(n_each, max(1, _LONGEST_BLOCK // (width + 4)))

    def fits(counts: Sequence[int]) -> bool:
        n_classes, n_each = counts
        return n_classes * (height + 30) * (n_each * (width + 4) + _GAP) <= _MOST_PIXELS

    return lowered([n_classes, n_each], fits)


def _grid(
    images: UInt8[np.ndarray, "image pixel"],
    votes: Float[np.ndarray, "image bar"],
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
    return page_of(blocks, columns_for(len(blocks), blocks[0], _ASPECT), gap=_GAP)


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
    classes: Int[np.ndarray, " given"],
) -> None:
    if frames.ndim != 3:
        raise ValueError(f"Frames have the axes frame, image, pixel; not shape {frames.shape}.")
    check_images(frames, image_shape, n_levels)
    if len(captions) != len(frames):
        raise ValueError(f"{len(captions)} captions do not fit {len(frames)} frames.")
    if len(classes) and not (0 <= classes.min() <= classes.max() < len(class_names)):
        raise ValueError(f"classes={classes.tolist()} are not all among {len(class_names)} names.")
    if not len(classes) or frames.shape[1] % len(classes):
        raise ValueError(
            f"{frames.shape[1]} images cannot be shared equally by {len(classes)} classes: "
            "give the images ordered by class, equally many of each."
        )
    check_votes(votes, frames, len(class_names))
