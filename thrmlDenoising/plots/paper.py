"""Figures for a paper: one style, PNG and PDF, bands over seeds, and a mark of their data."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import our_style
from thrmlDenoising.support.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("paper.mplstyle")
MODE_LINES = {"clamped": "-", "free": (0, (3, 1.5))}
"""How curves of clamped and of free images are drawn."""

_MARK = "Source"


def paper_style() -> AbstractContextManager[None]:
    """A context in which figures are made and saved in the style of `paper.mplstyle`."""
    return our_style(STYLE)


def draw_band(
    axes: "Axes",
    x: Sequence[float] | np.ndarray,
    values: Float[np.ndarray, "seed x"],
    **line: Any,
) -> None:
    """The mean over seeds as a line, and from the lowest to the highest as a band.

    Neither is drawn where a value is NaN.
    """
    (drawn,) = axes.plot(x, values.mean(axis=0), **line)
    if len(values) > 1:
        low, high = values.min(axis=0), values.max(axis=0)
        axes.fill_between(x, low, high, color=drawn.get_color(), alpha=0.18, linewidth=0)


def log_axis(axes: "Axes", label: str, ticks: Sequence[int] = (1, 2, 3, 5)) -> None:
    """A logarithmic upward axis with plain numbers at these multiples of the powers of ten."""
    axes.set(yscale="log", ylabel=label)
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=ticks))
    axes.yaxis.set_major_formatter(mpl.ticker.ScalarFormatter())
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())


def plain_ticks(axis: "Axis", places: Sequence[float]) -> None:
    """Plain numbers at these places, and no others."""
    axis.set_major_locator(mpl.ticker.FixedLocator(places))
    axis.set_major_formatter(mpl.ticker.ScalarFormatter())
    axis.set_minor_formatter(mpl.ticker.NullFormatter())


def digest_of(files: Iterable[Path]) -> str:
    """16 hexadecimal digits that stand for the names and contents of files."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def save_paper_figure(figure: "Figure", stem: Path, sources: Iterable[Path]) -> list[Path]:
    """Writes `stem`.png and `stem`.pdf, marked with the digest of the files they were drawn from.

    The same figure makes the same files on the same version of matplotlib.
    """
    mark = digest_of(sources)
    # A PDF has no fields of one's own; without its date it is the same the next time.
    kinds = {"png": {_MARK: mark}, "pdf": {"Keywords": mark, "CreationDate": None}}
    files = []
    for kind, metadata in kinds.items():
        path = stem.with_name(f"{stem.name}.{kind}")
        with written_aside(path) as aside:
            figure.savefig(aside, format=kind, metadata=metadata)
        files.append(path)
    return files


def is_drawn_from(stem: Path, sources: Iterable[Path]) -> bool:
    """Whether both files of a figure are there and carry the mark of these sources."""
    png, pdf = (stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "pdf"))
    if not (png.is_file() and pdf.is_file()):
        return False
    mark = digest_of(sources)
    with Image.open(png) as image:
        marked = image.info.get(_MARK) == mark
    return marked and mark.encode() in pdf.read_bytes()
