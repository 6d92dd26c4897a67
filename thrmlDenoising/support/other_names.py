"""What code written for dtm-replication meets here: names that are told, paths that add up."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any


def module_tells(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that says what to use in place of these names."""

    def __getattr__(name: str) -> Any:
        if name in names:  # of an AttributeError, `from ... import` would not show the words
            raise ImportError(f"{module} has no {name!r} of dtm-replication: {names[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


def refuse_arguments(method: str, given: Mapping[str, Any], told: Mapping[str, str]) -> None:
    """Says what to use in place of arguments that are not there.

    Raises:
        ValueError: one of dtm-replication.
        TypeError: another, as Python says it.
    """
    for name in given:
        if name in told:
            raise ValueError(f"{method} has no {name!r} of dtm-replication: {told[name]}")
        raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")


def tells(names: Mapping[str, str]) -> Callable[[Any, str], Any]:
    """A `__getattr__` that says what to use in place of these names.

    Classes define it where no type checker sees it: to one, any name would exist.
    """

    def __getattr__(self: Any, name: str) -> Any:
        if name in names:
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r} of dtm-replication: {names[name]}"
            )
        return object.__getattribute__(self, name)  # raises what was raised first

    return __getattr__


if TYPE_CHECKING:
    _PathOfThisSystem = Path
else:
    _PathOfThisSystem = type(Path())  # before Python 3.12, Path itself cannot be derived from


class RunPath(_PathOfThisSystem):
    """A path that text can be added to, `run + "/images"`, as if it were text itself."""

    def __add__(self, text: str) -> str:
        return str(self) + text

    def __radd__(self, text: str) -> str:
        return text + str(self)
