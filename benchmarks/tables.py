"""Records as tables for a terminal."""

from collections.abc import Iterable, Sequence

from benchmarks.records import Record


def rates(records: Sequence[Record]) -> str:
    """Updates/ns of every backend side by side, and each as a multiple of thrml."""
    backends = list(dict.fromkeys(record.backend for record in records))
    others = [name for name in backends if name != "thrml"] if "thrml" in backends else []
    rows = [["graph", "chains", "threads", *backends, *(f"{name}/thrml" for name in others)]]
    by_place: dict[tuple[str, int, int], dict[str, float]] = {}
    for record in records:
        by_place.setdefault(_place(record), {})[record.backend] = record.updates_per_ns or 0.0
    for place, rate in sorted(by_place.items(), key=lambda item: _in_order(item[0])):
        numbers = [f"{rate[name]:.3f}" for name in backends]
        ratios = [f"{rate[name] / rate['thrml']:.1f}" for name in others]
        rows.append([*map(str, place), *numbers, *ratios])
    return _aligned(rows)


def times(records: Sequence[Record]) -> str:
    """One row a record, with everything it knows; rates also as multiples of thrml's."""
    header = ["graph", "chains", "threads", "backend", "warm s", "cold s", "updates/ns"]
    rows = [[*header, "/thrml", "ESS/s", "peak MiB"]]
    thrml = {_place(r): r.updates_per_ns for r in records if r.backend == "thrml"}
    for record in records:
        rate, reference = record.updates_per_ns, thrml.get(_place(record))
        ratio = rate / reference if rate and reference else None
        mebibytes = record.peak_bytes / 2**20 if record.peak_bytes else None
        rows.append(
            [
                *map(str, _place(record)),
                record.backend,
                _number(record.seconds_warm, 2),
                _number(record.seconds_cold, 2),
                _number(rate, 3),
                _number(ratio, 1),
                _number(record.ess_per_s, 0),
                _number(mebibytes, 0),
            ]
        )
    return _aligned(rows)


def _place(record: Record) -> tuple[str, int, int]:
    return record.graph, record.chains, record.threads


def _in_order(place: tuple[str, int, int]) -> tuple[list[int], int, int]:
    """Presets by their numbers, not their letters; then threads, then chains."""
    graph, chains, threads = place
    return [int(number) for number in graph.split("_")], threads, chains


def _number(value: float | None, n_digits: int) -> str:
    return "" if value is None else f"{value:.{n_digits}f}"


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    """Columns wide enough for their entries, set to the right; a line under the header."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
