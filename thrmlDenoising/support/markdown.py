"""Tables in Markdown."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a table; the first is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(estimate: tuple[float, float, float]) -> str:
    """A value and its interval."""
    value, low, high = estimate
    return f"{value:.3g} ({low:.3g} to {high:.3g})"
