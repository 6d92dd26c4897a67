"""Points that are dense where an image is bright, or where it is dark."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int

from thrmlDenoising.support.hints import shown

Pixels = Literal["bright", "dark"]


@dataclass(frozen=True, eq=False)
class ImageDensity:
    """Points drawn from the pixels of a grey image, uniform within each pixel.

    The longer side reaches from -1 to 1, the other one is as much shorter as in the image. The
    second axis points up.

    Attributes:
        density: how likely each pixel is, up to a factor.

    Raises:
        ValueError: these are no densities, or all are 0.
    """

    density: Float[np.ndarray, "row column"]

    def __post_init__(self) -> None:
        density = np.asarray(self.density)
        if density.ndim != 2 or not density.size:
            raise ValueError(
                f"an image of shape {density.shape}: give one grey image, of shape (row, column); "
                "of colours (row, column, channel) take the mean, image.mean(axis=-1)"
            )
        if not np.isfinite(density).all() or density.min() < 0:
            raise ValueError(
                "an image with pixels that are below 0 or not finite: give brightness of at least 0"
            )
        if not density.max():
            raise ValueError(
                "an image whose pixels all have the density 0: bright points need a pixel that is "
                'not black, dark ones (pixels="dark") two of different brightness'
            )

    @classmethod
    def of(cls, image: str | Path | np.ndarray, pixels: Pixels = "bright") -> "ImageDensity":
        """The density of an image.

        Args:
            image: a file that Pillow reads, of which the grey values are taken, or brightness as
                an array (row, column).
            pixels: "bright" if the brightness is the density, "dark" if it is how much darker a
                pixel is than the brightest one.

        Raises:
            ValueError: it has no density, or `pixels` is another word.
        """
        if pixels not in ("bright", "dark"):
            raise ValueError(f'pixels={shown(pixels)}: give "bright" or "dark"')
        given = _read(Path(image)) if isinstance(image, str | Path) else image
        brightness = np.asarray(given, np.float64)
        if pixels == "dark" and brightness.size:
            brightness = brightness.max() - brightness
        return cls(brightness)

    @property
    def n_axes(self) -> int:
        """Coordinates of a point."""
        return 2

    def draw(self, rng: np.random.Generator, n: int) -> Float32[np.ndarray, "point axis"]:
        """Independent points."""
        return self._points(*self._pixels(rng, n), rng.random((2, n))).astype(np.float32)

    def _pixels(
        self, rng: np.random.Generator, n: int
    ) -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
        """Rows and columns of as many pixels."""
        shares = self.density.ravel() / self.density.max()
        pixels = rng.choice(shares.size, size=n, p=shares / shares.sum())
        rows, columns = np.unravel_index(pixels, self.density.shape)
        return np.asarray(rows), np.asarray(columns)

    def _points(
        self,
        rows: Int[np.ndarray, " point"],
        columns: Int[np.ndarray, " point"],
        within: Float[np.ndarray, "axis point"],
    ) -> Float[np.ndarray, "point axis"]:
        n_rows, n_columns = self.density.shape
        x = 2 * (columns + within[0]) - n_columns
        y = n_rows - 2 * (rows + within[1])
        return np.stack([x, y], axis=1) / max(n_rows, n_columns)


def _read(path: Path) -> Float[np.ndarray, "row column"]:
    from PIL import Image

    if not path.is_file():
        raise ValueError(f"no image at {path}: give the path of a file, or an array (row, column)")
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float64)
