"""Everything measured on one set of generated images, with all it takes to repeat it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from thrmlDenoising.quality.bootstrap import Estimate
from thrmlDenoising.support.hints import counted, shown_error
from thrmlDenoising.support.html import paragraph
from thrmlDenoising.support.html import table as html_table
from thrmlDenoising.support.markdown import table


class Measurement(NamedTuple):
    """A number and where it comes from.

    Attributes:
        estimate: value and 95 % interval.
        extractor: what looked at the images.
        n_images: how many were generated.
        n_reference: how many real ones they were compared with.
        reference: the hash of what they were compared with.
    """

    name: str
    estimate: Estimate
    extractor: str
    n_images: int
    n_reference: int
    reference: str


@dataclass
class QualityReport:
    """Measurements of one set of generated images.

    Attributes:
        reference: the real images: data set, split, classes, threshold or grey levels, hash.
        extractors: the fingerprint of each, such as the hash of a network's weights.
        measurements: by name, in the order of measuring.
        notes: what was not measured, and why.
        failures: measurements that raised something, by name, which stands in the notes too.
    """

    reference: dict[str, Any]
    extractors: dict[str, str | None]
    measurements: dict[str, Measurement] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A measurement that costs itself, and nothing beside it, if it fails."""
        try:
            yield
        except Exception as error:
            self.failures[name] = error
            self.notes.append(f"{name}: {shown_error(error)}")

    def raise_failure(self) -> None:
        """Raises what the first measurement that failed has raised, if any did."""
        for error in self.failures.values():
            raise error

    def add(self, measurement: Measurement) -> None:
        """Adds a measurement under its name."""
        self.measurements[measurement.name] = measurement

    @property
    def values(self) -> dict[str, float]:
        """The bare numbers."""
        return {name: found.estimate.value for name, found in self.measurements.items()}

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        rows = [found._asdict() | found.estimate._asdict() for found in self.measurements.values()]
        for row in rows:
            del row["estimate"]
        return {
            "reference": self.reference,
            "extractors": self.extractors,
            "measurements": rows,
            "notes": self.notes,
        }

    @property
    def facts(self) -> str:
        """What the images were compared with, in a line."""
        return "; ".join(f"{name} {value}" for name, value in self.reference.items())

    def __repr__(self) -> str:
        """The first measurements and how many others there are; `str` has all."""
        first = [f"{name} {value:.4g}" for name, value in list(self.values.items())[:_IN_A_LINE]]
        if len(self.measurements) > len(first):
            first.append(counted(len(self.measurements) - len(first), "other"))
        if self.notes:
            first.append(f"{len(self.notes)} not measured")
        return f"<{type(self).__name__}: {', '.join(first) or 'nothing measured'}>"

    def _repr_html_(self) -> str:
        notes = "".join(paragraph(f"not measured: {note}") for note in self.notes)
        return html_table([_HEAD, *map(_row, self.measurements.values())], self.facts) + notes

    def __str__(self) -> str:
        """What the images were compared with, and a table in Markdown."""
        notes = [f"not measured: {note}" for note in self.notes]
        rows = [_HEAD, *map(_row, self.measurements.values())]
        return "\n".join([self.facts, "", table(rows), *notes])


_IN_A_LINE = 3

_HEAD = ("measurement", "value", "95 % interval", "extractor", "generated", "real", "reference")


def _row(found: Measurement) -> tuple[str, ...]:
    value, low, high = found.estimate
    return (
        found.name,
        f"{value:.4g}",
        f"{low:.4g} to {high:.4g}",
        found.extractor,
        str(found.n_images),
        str(found.n_reference),
        found.reference,
    )
