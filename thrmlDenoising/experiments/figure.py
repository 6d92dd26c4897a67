"""A figure that is drawn from the tables of an experiment, and nothing else."""

import argparse
import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import imageio.v3 as imageio
import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from thrmlDenoising.experiments.table import RunTable
from thrmlDenoising.plots.paper import is_drawn_from, paper_style, save_paper_figure
from thrmlDenoising.quality import DISTANCES
from thrmlDenoising.support.command_line import exits_in_words
from thrmlDenoising.support.paths import user_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_DIFFERENT_PIXELS = 2e-5


class Distance(NamedTuple):
    """Which distance a figure shows: its name in the columns of a table, and in words."""

    name: str
    label: str


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

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a table that `write_rows` wrote, such as "transitions"."""
        path = self.folder / self.scale / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def variants(self) -> list[str]:
        """The variants that have tables, by name.

        Raises:
            FileNotFoundError: there is none.
        """
        paths = list((self.folder / self.scale).glob("*_seed*.csv"))
        if not paths:
            raise self._no_table("*")
        return sorted({path.stem.rsplit("_seed", 1)[0] for path in paths})

    @property
    def distance(self) -> Distance:
        """The best known distance that every run has.

        Raises:
            FileNotFoundError: there are no tables.
            ValueError: there is none.
        """
        tables = [table for variant in self.variants for table in self.seeds(variant)]
        for name, label in DISTANCES.items():
            if all(table.distances(name) for table in tables):
                return Distance(name, label)
        raise ValueError(
            f"the tables in {self.folder / self.scale} have no distance in common: remove them, "
            "and train.py makes them again"
        )

    def seeds(self, variant: str) -> list[RunTable]:
        """The tables of a variant, one a seed.

        Raises:
            FileNotFoundError: there is none.
        """
        paths = sorted((self.folder / self.scale).glob(f"{variant}_seed*.csv"))
        if not paths:
            raise self._no_table(variant)
        return [RunTable.read(path) for path in paths]

    def over_seeds(
        self, variant: str, series: Callable[[RunTable], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[Int[np.ndarray, " epoch"], Float[np.ndarray, "seed epoch"]]:
        """The epochs of a variant's seeds, and what `series` takes from each of their tables.

        Raises:
            ValueError: the seeds were measured at different epochs.
        """
        epochs, values = zip(*(series(table) for table in self.seeds(variant)), strict=True)
        if any(not np.array_equal(other, epochs[0]) for other in epochs):
            raise ValueError(
                f"the seeds of {variant} in {self.folder / self.scale} were measured at different "
                "epochs: remove those of another training, and train.py makes them again"
            )
        return epochs[0], np.array(values)

    def _no_table(self, variant: str) -> FileNotFoundError:
        tables = self.folder / self.scale
        return FileNotFoundError(
            f"no table {variant}_seed*.csv in {tables}: train.py --scale {self.scale} in "
            f"{self.folder} makes it"
        )


@dataclass(frozen=True)
class PaperFigure:
    """How a figure is drawn, and where it belongs.

    Attributes:
        folder: where tables, published numbers and the figure are.
        draw: makes the figure.
    """

    folder: Path
    draw: "Callable[[FigureData], Figure]"

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

        Its files have to carry the mark of the tables; and drawn again, it has to look the same.
        Another version of matplotlib draws a little otherwise: then the marks alone count, and
        that is printed.
        """
        stem, data = self.stem(scale), FigureData(self.folder, scale)
        if not is_drawn_from(stem, data.sources):
            return f"{stem}.png and .pdf were not drawn from the tables beside them: redraw them"
        with tempfile.TemporaryDirectory() as folder:
            new, _ = self.redraw(scale, Path(folder))
            old = stem.with_name(new.name)
            if _drawn_by(old) != _drawn_by(new):
                print(f"{old.name}: marks compared, not pixels, as {_drawn_by(old)} drew it")
            elif _difference(old, new) > _MOST_DIFFERENT_PIXELS:
                return f"{old} looks otherwise when it is drawn again: redraw it"
        return None

    def main(self, argv: Sequence[str] | None = None) -> None:
        """The command line of a plot.py."""
        parser = argparse.ArgumentParser(description=f"Draws {self.folder.name} from its tables.")
        parser.add_argument("--scale", default="laptop", help="whose tables (default: laptop)")
        parser.add_argument(
            "--output", type=user_path, help="folder of the files (default: its own)"
        )
        given = parser.parse_args(argv)
        with exits_in_words():
            print(*self.redraw(given.scale, given.output), sep="\n")


def _drawn_by(png: Path) -> str:
    """The version of matplotlib, which writes it into the file."""
    with Image.open(png) as image:
        return str(image.info.get("Software", "another program"))


def _difference(first: Path, second: Path) -> float:
    """The share of pixels that plainly differ."""
    one, other = (np.asarray(imageio.imread(path), int) for path in (first, second))
    if one.shape != other.shape:
        return 1.0
    return float(np.mean(np.abs(one - other).max(axis=-1) > 32))
