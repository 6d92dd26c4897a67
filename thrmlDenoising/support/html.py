"""HTML for notebooks: tables and folds of plain text. All text that comes in is escaped."""

from collections.abc import Sequence
from html import escape

from thrmlDenoising.support.user_text import one_line

_LEFT = ' style="text-align:left"'
"""Notebooks would set numbers and words alike against the right."""


def table(rows: Sequence[Sequence[object]], title: object = "") -> str:
    """The rows as a table below a line of text; the first is its head."""
    head, *body = rows
    lines = [_row("th", head), *(_row("td", line) for line in body)]
    return f"{paragraph(title) if title else ''}<table>{''.join(lines)}</table>"


def paragraph(text: object) -> str:
    """A line of text."""
    return f"<p>{escaped(text)}</p>"


def fold(summary: object, html: str) -> str:
    """HTML that is shown when its summary is clicked on."""
    return f"<details><summary>{escaped(summary)}</summary>{html}</details>"


def escaped(text: object) -> str:
    """Text as HTML; characters that cannot be shown are written out, as in "a\\n"."""
    return escape(one_line(str(text)))


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}{_LEFT}>{escaped(cell)}</{tag}>' for cell in cells)}</tr>"
