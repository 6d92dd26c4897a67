"""How a history is shown: what its epochs cost, and a table of a few of them."""

from typing import TYPE_CHECKING

from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import table

if TYPE_CHECKING:
    from thrmlDenoising.runs.history import EpochRecord, History

_LAST_EPOCHS = 5
_MOST_METRICS = 40


def history_line(history: "History") -> str:
    """How many epochs there are, what their training took and what was measured last."""
    records = history.records
    if not records:
        return f"<{type(history).__name__}: nothing recorded yet>"
    seconds = sum(record.seconds for record in records)
    measured = [record for record in records if record.metrics]
    evaluated = "never evaluated"
    if measured:
        times = counted(len(measured), "time")
        evaluated = f"evaluated {times}, the last time at epoch {measured[-1].epoch}"
    return (
        f"<{type(history).__name__}: epochs {records[0].epoch} to {records[-1].epoch}, "
        f"{seconds:,.1f} s of training, {evaluated}>"
    )


def history_table(history: "History") -> str:
    """HTML of the metrics of the first and the last epochs in which any were measured."""
    measured = [record for record in history.records if record.metrics] or history.records
    shown = [*measured[:1], *measured[1:][-_LAST_EPOCHS:]]
    title = history_line(history)
    if len(shown) < len(measured):
        title += f"; below, the first and the last {_LAST_EPOCHS} of them: series(metric) has all"
    names = list(dict.fromkeys(name for record in shown for name in record.metrics))
    rows = [_row(name, shown) for name in names[:_MOST_METRICS]]
    if len(names) > _MOST_METRICS:
        rows.append([f"and {counted(len(names) - _MOST_METRICS, 'other metric')}"])
    head = ["epoch", *(record.epoch for record in shown)]
    seconds = ["seconds", *(f"{record.seconds:.1f}" for record in shown)]
    return table([head, seconds, *rows], title)


def _row(name: str, records: "list[EpochRecord]") -> list[str]:
    values = (record.metrics.get(name) for record in records)
    return [name, *("" if value is None else f"{value:.4g}" for value in values)]
