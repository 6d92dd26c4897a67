"""What a run has measured so far, epoch by epoch."""

import csv
import json
import operator
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.hints import shortened, shown


@dataclass(frozen=True)
class EpochRecord:
    """What was measured at the end of one epoch; epoch 0 is the untrained model.

    - `epoch`: number of the epoch.
    - `seconds`: wall-clock time of its training, without measurements and pictures.
    - `autocorrelation`: one value a diffusion step, None where not measured.
    - `correlation_penalty`, `weight_decay`: one value a diffusion step.
    - `metrics`: any others by name, such as {"free_centroid_accuracy": 81.2}; may be empty.
    - `streamed`: whether it was trained on a stream of batches, which a run does not keep.

    Scalars of NumPy or JAX are taken and kept as Python floats of exactly their value.
    """

    epoch: int
    seconds: float
    autocorrelation: tuple[float | None, ...]
    correlation_penalty: tuple[float, ...]
    weight_decay: tuple[float, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    streamed: bool = False

    def __post_init__(self):
        exact = {
            "epoch": operator.index(self.epoch),
            "seconds": float(self.seconds),
            "autocorrelation": tuple(
                None if value is None else float(value) for value in self.autocorrelation
            ),
            "correlation_penalty": tuple(map(float, self.correlation_penalty)),
            "weight_decay": tuple(map(float, self.weight_decay)),
            "metrics": {name: float(value) for name, value in self.metrics.items()},
        }
        for name, value in exact.items():
            object.__setattr__(self, name, value)
        if not self.n_steps == len(self.correlation_penalty) == len(self.weight_decay):
            raise ValueError(
                f"Epoch {shown(self.epoch)}: one value a diffusion step is needed, but there are "
                f"{self.n_steps} autocorrelations, {len(self.correlation_penalty)} correlation "
                f"penalties and {len(self.weight_decay)} weight decays."
            )

    @property
    def n_steps(self) -> int:
        """Number of diffusion steps."""
        return len(self.autocorrelation)


class History:
    """The records of a run in the order of their epochs."""

    def __init__(self, records: Iterable[EpochRecord] = ()):
        self._records: list[EpochRecord] = []
        for record in records:
            self.append(record)

    @property
    def records(self) -> tuple[EpochRecord, ...]:
        """All records, oldest first."""
        return tuple(self._records)

    @property
    def metric_names(self) -> list[str]:
        """Names of the metrics in the order of their first appearance."""
        return list(dict.fromkeys(name for record in self._records for name in record.metrics))

    def append(self, record: EpochRecord) -> None:
        """Add a record; ValueError unless it is later than the last and has as many steps."""
        if self._records and record.epoch <= self._records[-1].epoch:
            raise ValueError(
                f"A record of epoch {record.epoch} cannot follow one of epoch "
                f"{self._records[-1].epoch}: epochs have to increase."
            )
        if self._records and record.n_steps != self._records[-1].n_steps:
            raise ValueError(
                f"A record of {record.n_steps} diffusion steps cannot follow one of "
                f"{self._records[-1].n_steps}."
            )
        self._records.append(record)

    def series(self, metric: str) -> tuple[list[int], list[float]]:
        """The epochs in which `metric` was measured, and its values there.

        Raises ValueError if it never was.
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

    def to_json(self) -> str:
        """The history as JSON that `from_json` reads back exactly, NaN and infinity included."""
        return json.dumps([asdict(record) for record in self._records], indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The history written by `to_json`. Raises ValueError if `text` is something else."""
        try:
            rows = json.loads(text)
            if not isinstance(rows, list) or not all(map(_is_row, rows)):
                names = sorted(entry.name for entry in fields(EpochRecord))
                raise ValueError(f"a list of records with the fields {names} is needed")
            return cls(EpochRecord(**row) for row in rows)
        except (ValueError, OverflowError, RecursionError) as error:
            reason = shortened(error)
            raise ValueError(f"This is no history of a training run: {reason}") from error

    def write_csv(self, path: Path) -> None:
        """Write one row an epoch; a cell is empty where nothing was measured.

        The file is replaced as a whole, so a reader never sees half a table.
        """
        with (
            written_aside(path) as aside,
            aside.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self._columns())
            writer.writerows(map(self._row, self._records))

    def _columns(self) -> list[str]:
        n_steps = self._records[0].n_steps if self._records else 0
        per_step = [
            f"{name}_step_{step}"
            for name in ("autocorr", "penalty", "decay")
            for step in range(n_steps)
        ]
        return ["epoch", "seconds", *per_step, *self.metric_names]

    def _row(self, record: EpochRecord) -> list[str]:
        values = [
            record.seconds,
            *record.autocorrelation,
            *record.correlation_penalty,
            *record.weight_decay,
            *(record.metrics.get(name) for name in self.metric_names),
        ]
        return [str(record.epoch), *("" if value is None else repr(value) for value in values)]


def _is_row(row: object) -> bool:
    """Whether this is a record as JSON, every value of the kind that `to_json` writes.

    The library's first runs do not say whether they were streamed.
    """
    names = {entry.name for entry in fields(EpochRecord)}
    if not isinstance(row, dict) or set(row) | {"streamed"} != names:
        return False
    if not isinstance(row.get("streamed", False), bool):
        return False
    metrics, per_step = row["metrics"], ("autocorrelation", "correlation_penalty", "weight_decay")
    if not isinstance(metrics, dict) or not all(isinstance(row[name], list) for name in per_step):
        return False
    numbers = [row["seconds"], *metrics.values(), *row["correlation_penalty"], *row["weight_decay"]]
    numbers += [value for value in row["autocorrelation"] if value is not None]
    is_epoch = type(row["epoch"]) is int and row["epoch"] >= 0
    return is_epoch and all(type(number) in (int, float) for number in numbers)
