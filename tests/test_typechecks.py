"""What `typechecks` sees: without these, a check that has fallen asleep would look like success."""

import importlib
import sys
from io import BytesIO
from types import ModuleType

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from typechecks import check_types

ANNOTATED = """
from dataclasses import dataclass
from typing import IO, Any, Self

import numpy as np
from jaxtyping import Float

Rows = Float[np.ndarray, "row column"]


def turned(x: Rows, is_right: bool) -> Float[np.ndarray, "column row"]:
    return x.T if is_right else x


def counted(x: Any, is_right: bool) -> int:
    return len(x) if is_right else str(len(x))


def product(x: Float[np.ndarray, "a b"], y: Float[np.ndarray, "b c"]) -> None:
    pass


def halved(x: float) -> float:
    return x / 2


def read(file: IO[bytes]) -> bytes:
    return file.read()


def refusing(x: int) -> int:
    raise ValueError("in words of its own")


@dataclass
class Pair:
    numbers: tuple[int, int]

    def swapped(self, is_right: bool) -> Self:
        return Pair(self.numbers[::-1]) if is_right else self.numbers
"""


@pytest.fixture
def annotated(tmp_path, monkeypatch) -> ModuleType:
    """A module under the checks, some functions of which can be told to do wrong."""
    (tmp_path / "annotated.py").write_text(ANNOTATED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    monkeypatch.delitem(sys.modules, "annotated", raising=False)
    check_types("annotated")
    return importlib.import_module("annotated")


def test_calls_as_annotated_pass(annotated):
    assert annotated.turned(np.zeros((2, 3)), True).shape == (3, 2)
    assert annotated.counted([1, 2], True) == 2
    annotated.product(np.zeros((2, 3)), np.zeros((3, 4)))
    assert annotated.halved(3) == annotated.halved(np.float32(3)) == 1.5
    assert annotated.read(BytesIO(b"12")) == b"12"
    assert annotated.Pair((1, 2)).swapped(True).numbers == (2, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.turned(np.zeros((2, 3)), False),
        lambda module: module.counted([1, 2], False),
        lambda module: module.Pair((1, 2)).swapped(False),
    ],
    ids=["shape", "type", "class"],
)
def test_wrong_results_are_caught(annotated, call):
    with pytest.raises(TypeCheckError, match="return value"):
        call(annotated)


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.turned(np.zeros(3), True),
        lambda module: module.turned(np.zeros((2, 3), int), True),
        lambda module: module.product(np.zeros((2, 3)), np.zeros((2, 4))),
        lambda module: module.counted([1, 2], "yes"),
        lambda module: module.halved(np.array(3.0)),
        lambda module: module.Pair([1, 2]),
    ],
    ids=["axes", "kind of number", "lengths", "type", "array for a number", "list for a tuple"],
)
def test_wrong_arguments_are_caught(annotated, call):
    with pytest.raises(TypeCheckError):
        call(annotated)


def test_what_is_refused_is_refused_in_words_of_its_own(annotated):
    with pytest.raises(ValueError, match="in words of its own"):
        annotated.refusing("no integer")
