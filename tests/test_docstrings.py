"""Docstrings speak one dialect: sections, and neither sentences nor bullets in their place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import REPOSITORY

SECTIONS = {"Args", "Returns", "Raises", "Warns", "Attributes", "Example"}

ERROR_IN_PROSE = re.compile(r"\braises? (an? )?`?[A-Z]\w*(Error|Exit|Exception)\b", re.IGNORECASE)
FIELD_AS_BULLET = re.compile(r"^\s*[-*] `[^`]+`", re.MULTILINE)
HEADING = re.compile(r"^\s*([A-Z]\w+):$", re.MULTILINE)


def complaints(docstring: str) -> list[str]:
    """What a docstring says in another dialect."""
    dialects = (ERROR_IN_PROSE, FIELD_AS_BULLET)
    found = [match.group().strip() for dialect in dialects for match in dialect.finditer(docstring)]
    headings = [name for name in HEADING.findall(docstring) if name not in SECTIONS]
    return found + [f"{name}:" for name in headings]


def docstrings_of(path: Path) -> Iterator[tuple[int, str]]:
    """The texts that stand by themselves, under constants and fields too, and their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def test_docstrings_name_errors_and_fields_in_sections():
    folders = (REPOSITORY / name for name in ("thrmlDenoising", "benchmarks", "figures"))
    files = [path for folder in folders for path in folder.rglob("*.py")]
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {complaint}"
        for path in [*files, REPOSITORY / "training_script.py"]
        for line, docstring in docstrings_of(path)
        for complaint in complaints(docstring)
    ]
    assert len(files) > 100
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("docstring", "complaint"),
    [
        ("Raises ValueError for a name that is not allowed.", "Raises ValueError"),
        ("The file in the folder; raises an OSError if there is none.", "raises an OSError"),
        ("Raise `ValueError` unless there are images.", "Raise `ValueError"),
        ("A control.\n\n    - `labels`: of every image.\n", "- `labels`"),
        ("A sum.\n\n    Parameters:\n        a: one of the two.\n", "Parameters:"),
    ],
)
def test_other_dialects_are_noticed(docstring, complaint):
    assert complaints(docstring) == [complaint]


def test_sections_and_other_lists_are_no_dialect():
    assert not complaints(
        """Draws a step.

        - The bias of every pixel: red pulls it up. A callback may raise, to stop.

        Attributes:
            names: of all classes.

        Raises:
            ValueError: there is none.
        """
    )
