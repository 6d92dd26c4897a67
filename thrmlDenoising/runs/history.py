"""What a run has measured so far, epoch by epoch."""

import csv
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any, Self

from thrmlDenoising.runs.showing import history_line, history_table
from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.hints import shortened, shown


@dataclass(frozen=True)
class EpochRecord:
    """What was measured at the end of one epoch; epoch 0 is the untrained model.

    Scalars of NumPy or JAX are taken and kept as Python floats of exactly their value.

    Attributes:
        epoch: number of the epoch.
        seconds: wall-clock time of its training, without measurements and pictures.
        metrics: of its images, by name, such as {"free_classifier_fd": 41.2}; may be empty.
        per_part: numbers of every part of the model, by a name that ends with what a part is, such
            as {"autocorr_step": (0.1, 0.02)}; None where one was not measured.
        streamed: whether it was trained on a stream of batches, which a run does not keep.
    """

    epoch: int
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    per_part: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    streamed: bool = False

    def __post_init__(self) -> None:
        exact = {
            "epoch": operator.index(self.epoch),
            "seconds": float(self.seconds),
            "metrics": {name: float(value) for name, value in self.metrics.items()},
            "per_part": {
                name: tuple(None if value is None else float(value) for value in values)
                for name, values in self.per_part.items()
            },
        }
        for name, value in exact.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> dict[str, int]:
        """How many numbers there are of each kind: the same in all records of a run."""
        return {name: len(values) for name, values in self.per_part.items()}

    @cached_property
    def json(self) -> str:
        """Its lines in the JSON of a history.

        Kept, since a history is saved after every epoch: made anew each time, the records of
        10,000 epochs would cost more than their training.
        """
        return indent(json.dumps(asdict(self), indent=1), " ")


class History:
    """The records of a run in the order of their epochs; never changes.

    Raises:
        ValueError: epochs that do not increase, or a record of other parts than those before.
    """

    def __init__(self, records: Iterable[EpochRecord] = ()) -> None:
        self._records = tuple(records)
        for before, record in zip(self._records, self._records[1:], strict=False):
            _check_follows(before, record)

    def __repr__(self) -> str:
        return history_line(self)

    def _repr_html_(self) -> str:
        return history_table(self)

    @property
    def records(self) -> tuple[EpochRecord, ...]:
        """All records, oldest first."""
        return self._records

    @property
    def last(self) -> EpochRecord | None:
        """The newest record, if there is one."""
        return self._records[-1] if self._records else None

    @property
    def metric_names(self) -> list[str]:
        """Names of the metrics in the order of their first appearance."""
        return list(dict.fromkeys(name for record in self._records for name in record.metrics))

    def followed_by(self, record: EpochRecord) -> "History":
        """This history and one more record.

        Raises:
            ValueError: it is not later than the last, or of other parts.
        """
        if self._records:
            _check_follows(self._records[-1], record)
        longer = History()
        longer._records = (*self._records, record)
        return longer

    def series(self, metric: str) -> tuple[list[int], list[float]]:
        """The epochs in which `metric` was measured, and its values there.

        Raises:
            ValueError: it never was.
        """
        if metric not in self.metric_names:
            known = ", ".join(self.metric_names) or "none yet"
            raise ValueError(
                f"Metric {shown(metric)} was never measured. Measured: {shortened(known)}."
            )
        measured = [record for record in self._records if metric in record.metrics]
        return [record.epoch for record in measured], [
            record.metrics[metric] for record in measured
        ]

    def of_parts(self, name: str) -> dict[int, tuple[float | None, ...]]:
        """A number of every part by epoch, where any was measured."""
        found = {record.epoch: record.per_part.get(name, ()) for record in self._records}
        return {
            epoch: values
            for epoch, values in found.items()
            if any(value is not None for value in values)
        }

    def to_json(self) -> str:
        """The history as JSON that `from_json` reads back exactly, NaN and infinity included."""
        if not self._records:
            return "[]"
        return "[\n{}\n]".format(",\n".join(record.json for record in self._records))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The history written by `to_json`, or by the library's first versions.

        Raises:
            ValueError: `text` is something else.
        """
        try:
            rows = json.loads(text)
            if not isinstance(rows, list):
                raise ValueError("it is no list of records")
            return cls(EpochRecord(**_checked_row(row)) for row in rows)
        except (ValueError, OverflowError, RecursionError) as error:
            reason = shortened(error)
            raise ValueError(f"This is no history of a training run: {reason}") from error

    def write_csv(self, path: Path) -> None:
        """Writes one row an epoch; a cell is empty where nothing was measured.

        The file is replaced as a whole, so a reader never sees half a table.
        """
        with (
            written_aside(path) as aside,
            aside.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            metrics = self.metric_names
            writer.writerow(self._columns(metrics))
            writer.writerows(_row(record, metrics) for record in self._records)

    def _columns(self, metrics: Sequence[str]) -> list[str]:
        shape = self._records[0].shape if self._records else {}
        per_part = [f"{name}_{part}" for name, n_parts in shape.items() for part in range(n_parts)]
        return ["epoch", "seconds", *per_part, *metrics]


def _row(record: EpochRecord, metrics: Sequence[str]) -> list[str]:
    values = [
        record.seconds,
        *(value for values in record.per_part.values() for value in values),
        *(record.metrics.get(name) for name in metrics),
    ]
    return [str(record.epoch), *("" if value is None else repr(value) for value in values)]


def _check_follows(before: EpochRecord, record: EpochRecord) -> None:
    if record.epoch <= before.epoch:
        raise ValueError(
            f"A record of epoch {record.epoch} cannot follow one of epoch {before.epoch}: epochs "
            "have to increase."
        )
    if record.shape != before.shape:
        raise ValueError(
            f"A record of {shown(record.shape)} cannot follow one of {shown(before.shape)}: all "
            "records of a run are of the same parts."
        )


_FIRST_FORMAT = {
    "autocorrelation": "autocorr_step",
    "correlation_penalty": "penalty_step",
    "weight_decay": "decay_step",
}
"""What the library's first runs wrote besides, and what it is called now."""


def _checked_row(row: object) -> dict[str, Any]:
    """A record as JSON, every value of the kind that `to_json` writes."""
    if isinstance(row, dict) and _FIRST_FORMAT.keys() <= row.keys():
        per_part = {new: row[old] for old, new in _FIRST_FORMAT.items()}
        others = {name: value for name, value in row.items() if name not in _FIRST_FORMAT}
        row = {"per_part": per_part, "streamed": False} | others
    names = [entry.name for entry in fields(EpochRecord)]
    if not isinstance(row, dict) or row.keys() != set(names):
        raise ValueError(f"a record has the fields {', '.join(names)}")
    metrics, per_part = row["metrics"], row["per_part"]
    if not isinstance(metrics, dict) or not isinstance(per_part, dict):
        raise ValueError("metrics and per_part are numbers by name")
    if not all(isinstance(values, list) for values in per_part.values()):
        raise ValueError("per_part has a list of numbers, one a part")
    measured = [value for values in per_part.values() for value in values if value is not None]
    numbers = [row["seconds"], *metrics.values(), *measured]
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError("what was measured are numbers")
    if type(row["epoch"]) is not int or row["epoch"] < 0:
        raise ValueError("an epoch is a whole number, at least 0")
    if type(row["streamed"]) is not bool:
        raise ValueError("streamed is true or false")
    per_part = {name: tuple(values) for name, values in per_part.items()}
    return row | {"per_part": per_part}
