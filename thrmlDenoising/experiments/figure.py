"""A figure that is drawn from the tables of an experiment, and nothing else."""

import argparse
import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from matplotlib import __version__ as matplotlib_version
from matplotlib.figure import Figure
from PIL import Image

from thrmlDenoising.experiments.table import RunTable
from thrmlDenoising.plots.paper import is_drawn_from, paper_style, save_paper_figure

_MOST_DIFFERENT_PIXELS = 0.001


@dataclass(frozen=True)
class FigureData:
    """The files of a figure at one scale: a table a run, and the published numbers beside them.

    Attributes:
        folder: of the figure, with `published.csv`.
        scale: the folder in it that holds the tables.
    """

    folder: Path
    scale: str

    @property
    def sources(self) -> list[Path]:
        """All files that the figure depends on."""
        return sorted(
            [*self.folder.glob("published*.csv"), *(self.folder / self.scale).glob("*.csv")]
        )

    @property
    def published(self) -> list[dict[str, str]]:
        """The rows of `published.csv`."""
        with (self.folder / "published.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def variants(self) -> list[str]:
        """The variants that have tables, by name."""
        paths = (self.folder / self.scale).glob("*_seed*.csv")
        return sorted({path.stem.rsplit("_seed", 1)[0] for path in paths})

    def seeds(self, variant: str) -> list[RunTable]:
        """The tables of a variant, one a seed.

        Raises:
            FileNotFoundError: there is none.
        """
        tables = self.folder / self.scale
        paths = sorted(tables.glob(f"{variant}_seed*.csv"))
        if not paths:
            raise FileNotFoundError(
                f"no table {variant}_seed*.csv in {tables}: train.py --scale {self.scale} in "
                f"{self.folder} makes it"
            )
        return [RunTable.read(path) for path in paths]


@dataclass(frozen=True)
class PaperFigure:
    """How a figure is drawn, and where it belongs.

    Attributes:
        folder: where tables, published numbers and the figure are.
        draw: makes the figure.
    """

    folder: Path
    draw: Callable[[FigureData], Figure]

    def stem(self, scale: str, into: Path | None = None) -> Path:
        """The files of the figure without their endings."""
        return (into or self.folder) / f"{self.folder.name}_{scale}"

    def redraw(self, scale: str, into: Path | None = None) -> list[Path]:
        """Draws from the tables; returns the PNG and the PDF.

        Args:
            into: another folder than the figure's own.

        Raises:
            FileNotFoundError: a table is missing.
        """
        data = FigureData(self.folder, scale)
        with paper_style():
            return save_paper_figure(self.draw(data), self.stem(scale, into), data.sources)

    def disagreement(self, scale: str) -> str | None:
        """Why the figure in the folder is not what its tables give, or None if it is.

        Its files have to carry the mark of the tables; and drawn again, on the version of
        matplotlib that drew it, it has to look the same.
        """
        stem, data = self.stem(scale), FigureData(self.folder, scale)
        if not is_drawn_from(stem, data.sources):
            return f"{stem}.png and .pdf were not drawn from the tables beside them: redraw them"
        with tempfile.TemporaryDirectory() as folder:
            new, _ = self.redraw(scale, Path(folder))
            old = stem.with_name(new.name)
            if _drawn_by(old) == _drawn_by(new) and _difference(old, new) > _MOST_DIFFERENT_PIXELS:
                return f"{old} looks otherwise when it is drawn again: redraw it"
        return None

    def main(self, argv: Sequence[str] | None = None) -> None:
        """The command line of a plot.py."""
        parser = argparse.ArgumentParser(description=f"Draws {self.folder.name} from its tables.")
        parser.add_argument("--scale", default="laptop", help="whose tables (default: laptop)")
        parser.add_argument("--output", type=Path, help="folder of the files (default: its own)")
        given = parser.parse_args(argv)
        print(*self.redraw(given.scale, given.output), sep="\n")


def _drawn_by(png: Path) -> str:
    with Image.open(png) as image:
        return str(image.info.get("Software", matplotlib_version))


def _difference(first: Path, second: Path) -> float:
    """The share of pixels that plainly differ."""
    one, other = (np.asarray(imageio.imread(path), int) for path in (first, second))
    if one.shape != other.shape:
        return 1.0
    return float(np.mean(np.abs(one - other).max(axis=-1) > 32))
