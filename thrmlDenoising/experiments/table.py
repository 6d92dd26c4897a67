"""What a run has measured, as a CSV file that says in its comments what it was made with."""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, get_args

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.config import FIRST_FAMILY, Config
from thrmlDenoising.data import Mode
from thrmlDenoising.quality import at_best_epoch
from thrmlDenoising.runs import History
from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.reading import read_text
from thrmlDenoising.training.results import AUTOCORRELATION

_LARGEST = 2**24
"""Bytes of a table: tens of thousands of epochs."""

_NO_PART_OF_HASH = ("exp.descriptor", "data.data_dir")
"""Fields that change nothing in a table. `Config.free_to_change` lists those that change nothing in
training, such as how images are measured, which does change a table."""

Cell = str | float
"""Of a table: a word, or a number."""


def config_hash(cfg: Config) -> str:
    """16 hexadecimal digits that stand for the fields in which a config differs from the defaults.

    A field that a later version adds leaves the hashes of older runs as they are; a default that
    it changes goes unnoticed. The name of a run and the place of its data are no part of it.
    """
    changed = {name: value for name, value in cfg.changed().items() if name not in _NO_PART_OF_HASH}
    lines = [f"{name}: {value!r}" for name, value in sorted(changed.items())]
    if cfg.family != FIRST_FAMILY:
        lines.append(f"family: {cfg.family}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class RunTable:
    """The measurements of one run.

    Attributes:
        facts: what the comments say, such as "config hash" or "pixel threshold".
        columns: "epoch", "seconds" of training up to it, "autocorr_step_0", ..., and metrics: of
            images "free_fid", "clamped_fid" where they were measured, "free_classifier_fd",
            "clamped_classifier_fd"; NaN where a row has no value.

    Example:
        >>> table = RunTable({"seed": "0"}, {"epoch": np.array([0.0, 1.0])})
        >>> table.columns["epoch"].tolist()
        [0.0, 1.0]
    """

    facts: Mapping[str, str]
    columns: Mapping[str, Float[np.ndarray, " row"]]

    @classmethod
    def of(
        cls, history: History, facts: Mapping[str, str], names: Sequence[str] | None = None
    ) -> Self:
        """The epochs of a history in which anything of this, or any metric, was measured.

        Args:
            names: of metrics and of numbers of parts, in the order of the columns; all metrics and
                autocorrelation if left out. What was never measured has no column.
        """
        names = (AUTOCORRELATION, *history.metric_names) if names is None else names
        measured = {}
        for name in names:
            measured |= _measured(history, name)
        spent = dict(
            zip(
                (record.epoch for record in history.records),
                np.cumsum([record.seconds for record in history.records]),
                strict=True,
            )
        )
        judged = [record.epoch for record in history.records if record.metrics]
        epochs = sorted(set(judged).union(*measured.values()))
        columns = {
            "epoch": _as_column(epochs),
            "seconds": _as_column(spent[epoch] for epoch in epochs),
        }
        for name, by_epoch in measured.items():
            columns[name] = _as_column(by_epoch.get(epoch) for epoch in epochs)
        return cls(dict(facts), columns)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file that `write` made.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is something else; names the file.
        """
        try:
            return cls._parse(read_text(path, _LARGEST))
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path} is no table of a run ({shortened(error)}): remove it, and train.py makes "
                "it again"
            ) from error

    @classmethod
    def _parse(cls, text: str) -> Self:
        lines = text.splitlines()
        comments = [line.removeprefix("# ") for line in lines if line.startswith("#")]
        names, *rows = csv.reader(line for line in lines if not line.startswith("#")) or [[]]
        if len(set(names)) < len(names) or "epoch" not in names:
            raise ValueError("its columns have one name each, and one is the epoch")
        facts = dict(line.split(": ", 1) for line in comments)
        cells = np.array([[float(cell or "nan") for cell in row] for row in rows])
        columns = dict(zip(names, cells.T, strict=True))
        epochs = columns["epoch"]
        if not (np.isfinite(epochs) & (epochs == np.round(epochs)) & (epochs >= 0)).all():
            raise ValueError("its epochs are whole numbers from 0 on")
        return cls(facts, columns)

    def write(self, path: Path) -> None:
        """Writes comments, names and rows; a cell is empty where nothing was measured."""
        with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"# {name}: {value}\n" for name, value in self.facts.items())
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            for row in zip(*self.columns.values(), strict=True):
                writer.writerow(_cell(value) for value in row)

    def series(self, name: str) -> tuple[Int[np.ndarray, " epoch"], Float[np.ndarray, " epoch"]]:
        """The epochs in which a column has a value, and the values.

        Raises:
            ValueError: there is no such column.
        """
        if name not in self.columns:
            raise ValueError(f"no column {name!r}; there are {', '.join(self.columns)}")
        values = self.columns[name]
        measured = ~np.isnan(values)
        return self.columns["epoch"][measured].astype(int), values[measured]

    def best(self, distance: str) -> dict[Mode, float]:
        """A distance of free and of clamped images at the epoch where their sum is lowest.

        A model without labels has free images alone.

        Args:
            distance: one of `DISTANCES`.

        Raises:
            ValueError: it was not measured.
        """
        if found := at_best_epoch(self.distances(distance)):
            return found
        raise ValueError(f"no epoch has a {distance}; the columns are {', '.join(self.columns)}")

    def distances(self, name: str) -> dict[Mode, Float[np.ndarray, " row"]]:
        """A distance of free and of clamped images, of those that were measured.

        Args:
            name: one of `DISTANCES`.
        """
        columns = {mode: f"{mode}_{name}" for mode in get_args(Mode)}
        return {mode: self.columns[name] for mode, name in columns.items() if name in self.columns}

    @property
    def largest_autocorrelation(
        self,
    ) -> tuple[Int[np.ndarray, " epoch"], Float[np.ndarray, " epoch"]]:
        """The epochs in which autocorrelation was measured, and that of the slowest step."""
        names = [name for name in self.columns if name.startswith(f"{AUTOCORRELATION}_")]
        series = [self.series(name) for name in names]
        return series[0][0], np.max([values for _, values in series], axis=0)


def write_rows(path: Path, rows: Iterable[Mapping[str, Cell]]) -> None:
    """A CSV file of whatever a figure shows besides the tables of runs; see `FigureData.rows`."""
    rows = list(rows)
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([_short(cell) for cell in row.values()] for row in rows)


def _short(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:.6g}"


def _measured(history: History, name: str) -> dict[str, dict[int, float | None]]:
    """By column, of which a number of parts has one for each, what was measured by epoch."""
    if name in history.metric_names:
        epochs, values = history.series(name)
        return {name: dict(zip(epochs, values, strict=True))}
    by_epoch = history.of_parts(name)
    n_parts = max(map(len, by_epoch.values()), default=0)
    return {
        f"{name}_{part}": {epoch: values[part] for epoch, values in by_epoch.items()}
        for part in range(n_parts)
    }


def _as_column(values: Iterable[float | None]) -> Float[np.ndarray, " row"]:
    return np.array([np.nan if value is None else value for value in values], float)


def _cell(value: float) -> str:
    """Six digits are more than any of these numbers is worth; epochs are whole."""
    return "" if np.isnan(value) else f"{value:.6g}"
