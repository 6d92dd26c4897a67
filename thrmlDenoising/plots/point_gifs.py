"""Animations of points on their way from noise to data."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.plots.excerpts import evenly_spread, what_is_shown
from thrmlDenoising.plots.gifs import save_gif
from thrmlDenoising.plots.lettering import paragraph, text
from thrmlDenoising.plots.pictures import (
    OWN_CLASS,
    WHITE,
    Picture,
    above,
    framed,
    padded,
)
from thrmlDenoising.plots.window import Window, check_points, shares, shown_axes

_SIDE = 440  # pixels
_MARGIN = 1.5  # noise is wider than data
_N_BARS = 88
_BAR_WIDTH = _SIDE // _N_BARS
_DATA_GREY, _DATA_LINE = 160, 60
_MOST_POINTS = 4000
_MOST_FRAMES = 300
_FRAMES_PER_SECOND = 12
_DOT = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
_DATA_DOT = ((0, 0), (0, 1), (1, 0), (1, 1))


def write_points_gif(
    frames: Float[np.ndarray, "frame point axis"],
    captions: Sequence[str],
    real: Float[np.ndarray, "real axis"],
    path: Path,
) -> None:
    """Write an endless GIF of points that move, its last frame held for two seconds.

    Real points are grey behind them. The limits stay: those that hold 99 % of the real points, half
    as wide again, and every frame says how many points are beyond. Points with one axis are
    histograms; of more than two axes the first two are drawn. Where points or frames are too many,
    evenly spread ones are shown, and the picture says how many.

    Args:
        captions: what stands on top of each frame.

    Raises:
        ValueError: points of other axes, no finite real ones, or captions that do not fit.
    """
    check_points(frames, "frame point axis", real)
    if len(captions) != len(frames):
        raise ValueError(f"{len(captions)} captions do not fit {len(frames)} frames.")
    window, n_points = Window.around(real, _MARGIN), frames.shape[1]
    shown = evenly_spread(len(frames), _MOST_FRAMES)
    drawing = (_Bars if window.n_axes == 1 else _Plane)(frames[shown], real, window)
    counts = {"points": (drawing.n_shown, n_points), "frames": (len(shown), len(frames))}
    below = _paragraph(window, shown_axes(real), what_is_shown(counts))
    headers = [text(captions[frame], 14, widest=_SIDE) for frame in shown]
    height = max(header.shape[0] for header in headers)

    def page(header: Picture, points: Float[np.ndarray, "point axis"]) -> Picture:
        n_beyond = window.n_beyond(points)
        said = text(f"{n_beyond:,} of {n_points:,} points are beyond the limits", widest=_SIDE)
        pictures = [padded(header, height, _SIDE), drawing.of(points), said, below]
        return framed(above(pictures, gap=4), 10)

    pages = map(page, headers, frames[shown])
    save_gif(pages, len(shown), _FRAMES_PER_SECOND, path)


class _Plane:
    """Points of a plane as dots."""

    def __init__(self, frames: np.ndarray, real: np.ndarray, window: Window) -> None:
        self._window = window
        self._places = evenly_spread(frames.shape[1], _MOST_POINTS)
        self._data = np.full((_SIDE, _SIDE), WHITE, np.uint8)
        self._dot(self._data, real[evenly_spread(len(real), _MOST_POINTS)], _DATA_DOT, _DATA_GREY)
        self.n_shown = len(self._places)

    def of(self, points: Float[np.ndarray, "point axis"]) -> Picture:
        """One frame."""
        picture = self._data.copy()
        self._dot(picture, points[self._places], _DOT, OWN_CLASS)
        return picture

    def _dot(
        self,
        picture: Picture,
        points: Float[np.ndarray, "point axis"],
        dot: Sequence[tuple[int, int]],
        colour: int,
    ) -> None:
        inside = points[self._window.holds(points)]
        (left, right), (_, top) = self._window.limits
        scale = _SIDE / (right - left)
        columns = ((inside[:, 0] - left) * scale).astype(int)
        rows = ((top - inside[:, 1]) * scale).astype(int)
        for below, beside in dot:
            at = (rows + below).clip(0, _SIDE - 1), (columns + beside).clip(0, _SIDE - 1)
            picture[at] = colour


class _Bars:
    """Points of a line as a histogram, of the same height for the same share in every frame."""

    def __init__(self, frames: np.ndarray, real: np.ndarray, window: Window) -> None:
        ((left, right),) = window.limits
        self._edges = np.linspace(left, right, _N_BARS + 1)
        data, *moving = [shares(points, self._edges) for points in (real, *frames)]
        self._scale = (_SIDE - 4) / max(np.max(data), np.max(moving), 1e-9)
        self._data_tops = self._tops(data)
        self.n_shown = frames.shape[1]

    def of(self, points: Float[np.ndarray, "point axis"]) -> Picture:
        """One frame."""
        tops, rows = self._tops(shares(points, self._edges)), np.arange(_SIDE)[:, None]
        bars = np.full((_SIDE, _N_BARS), WHITE, np.uint8)
        bars[rows >= self._data_tops] = _DATA_GREY
        bars[rows >= tops] = OWN_CLASS
        bars[abs(rows - self._data_tops + 1) <= 1] = _DATA_LINE
        return bars.repeat(_BAR_WIDTH, axis=1)

    def _tops(self, heights: Float[np.ndarray, " bin"]) -> Int[np.ndarray, " bin"]:
        """The rows at which bars begin."""
        return _SIDE - np.round(heights * self._scale).astype(int)


def _paragraph(window: Window, *sentences: str) -> Picture:
    """What a picture says below its frames."""
    limits = [f"{low:.3g} to {high:.3g}" for low, high in window.limits]
    said = [f"grey: data; limits {', '.join(limits)}", *filter(None, sentences)]
    return padded(below := paragraph("; ".join(said), _SIDE), below.shape[0], _SIDE)
