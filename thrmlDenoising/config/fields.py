"""How one field of the config is checked: its type, its range, and what a mistake is told.

A field says what it allows in its annotation alone, e.g. `Annotated[int, Must(...)]`, and
`Section` holds every value against it. Values keep their meaning and never change it: a list
becomes a tuple, 1 becomes 1.0 where a float is meant, a NumPy scalar becomes Python's. Anything
else is an error.
"""

import functools
import math
import numbers
import types
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Self,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from thrmlDenoising.config.showing import section_line, section_table
from thrmlDenoising.support.hints import did_you_mean, shown


class Must(NamedTuple):
    """What the values of a field have to fulfil beyond their type.

    Attributes:
        text: the end of "must be a ...".
    """

    text: str
    holds: Callable[[Any], object]


# The upper bounds are far beyond any use: they refuse a damaged or hostile file before it asks for
# more memory or time than there is.
Count = Annotated[int, Must("of at least 1 and at most 10**9", lambda n: 1 <= n <= 10**9)]
CountOrZero = Annotated[int, Must("of at least 0 and at most 10**9", lambda n: 0 <= n <= 10**9)]
# JAX and NumPy both take these; longer seeds would be cut without a word.
Seed = Annotated[int, Must("from 0 to 2**32 - 1", lambda n: 0 <= n < 2**32)]
Positive = Annotated[float, Must("above 0", lambda x: x > 0)]
NonNegative = Annotated[float, Must("of at least 0", lambda x: x >= 0)]
Fraction = Annotated[float, Must("from 0 to 1", lambda x: 0 <= x <= 1)]
FractionBelowOne = Annotated[float, Must("of at least 0 and below 1", lambda x: 0 <= x < 1)]
GreyLevels = Annotated[int, Must("from 1 to 255", lambda n: 1 <= n <= 255)]
NOT_EMPTY = Must("with at least one entry", len)
NO_REPEATS = Must("and no repeats", lambda entries: len(set(entries)) == len(entries))


@dataclass(frozen=True)
class Section:
    """One section of the config: a frozen dataclass that checks every field on construction."""

    section_name: ClassVar[str]

    def __init_subclass__(cls, name: str) -> None:
        cls.section_name = name
        if "__repr__" not in vars(cls):  # else `dataclass` writes one, of all fields
            cls.__repr__ = Section.__repr__

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            value = checked(f"{self.section_name}.{name}", getattr(self, name), kind)
            object.__setattr__(self, name, value)
        self.check_together()

    def __repr__(self) -> str:
        return section_line(self)

    def _repr_html_(self) -> str:
        return section_table(self)

    def check_together(self) -> None:
        """Checks that the fields go together; a section has its rules here.

        Raises:
            ValueError: they do not.
        """

    def check_left_out(self, names: Iterable[str], why: str) -> None:
        """Checks that fields which would do nothing are at their defaults.

        Args:
            why: they would do nothing, as the end of a sentence, such as "points have no classes".

        Raises:
            ValueError: one was given.
        """
        defaults = {field.name: field.default for field in fields(self)}
        for name in names:
            if (given := getattr(self, name)) != defaults[name]:
                raise ValueError(
                    f"{self.section_name}.{name}={shown(given)} would do nothing: {why}. Leave it "
                    f"at {shown(defaults[name])}"
                )

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed.

        Raises:
            ValueError: an unknown field or a wrong value.
        """
        kinds = _kinds(type(self))
        check_known(f"field of section {self.section_name!r}", changes, kinds)
        return replace(self, **{name: _kept(value, kinds[name]) for name, value in changes.items()})


def check_known(what: str, given: Collection[Any], allowed: Collection[str]) -> None:
    """Checks that all names are allowed ones.

    Raises:
        ValueError: one is not; says the nearest of the allowed names, and all of them.
    """
    for name in given:
        if name not in allowed:
            hint = did_you_mean(name, allowed)
            raise ValueError(f"unknown {what}: {shown(name)}{hint} Allowed: {', '.join(allowed)}")


def checked(name: str, value: Any, kind: Any) -> Any:
    """`value` as a value of the annotation `kind`.

    Raises:
        ValueError: it is none; says the field's name, what was given and what is allowed.
    """
    try:
        return _fit(value, kind)
    except _MisfitError:
        raise ValueError(
            f"{name} must be {_describe(kind)}, not {shown(value)} ({type(value).__name__})"
            f"{_hint(value, kind)}"
        ) from None


class _MisfitError(Exception):
    """A value is not of the wanted kind."""


@functools.cache
def _kinds(section: type[Section]) -> dict[str, Any]:
    hints = get_type_hints(section, include_extras=True)
    return {field.name: hints[field.name] for field in fields(section)}


def _kept(value: Any, kind: Any) -> Any:
    """A value as a field of this kind keeps it; one that it will refuse is left as it is."""
    try:
        return _fit(value, kind)
    except _MisfitError:
        return value


def _fit(value: Any, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        value = _fit(value, arguments[0])
        _require(all(must.holds(value) for must in _musts(kind)))
    elif origin is Literal:
        _require(isinstance(value, str) and value in arguments)
    elif origin in (Union, types.UnionType):
        return _fit_first(value, arguments)
    elif origin is tuple:
        return _fit_tuple(value, arguments)
    elif origin is Callable:
        _require(callable(value))
    elif kind in (int, float):
        return _fit_number(value, kind)
    else:
        _require(isinstance(value, kind))
        return str(value) if kind is str else value
    return value


def _require(condition: bool) -> None:
    if not condition:
        raise _MisfitError


def _fit_first(value: Any, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        try:
            return _fit(value, kind)
        except _MisfitError:
            continue
    raise _MisfitError


def _fit_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    _require(isinstance(value, (tuple, list, range, np.ndarray)))
    if kinds[-1] is ...:
        return tuple(_fit(entry, kinds[0]) for entry in value)
    _require(len(value) == len(kinds))
    return tuple(_fit(entry, kind) for entry, kind in zip(value, kinds, strict=True))


def _fit_number(value: Any, kind: type[int] | type[float]) -> int | float:
    # Python counts True as the integer 1; a config that says so is a mistake.
    _require(not isinstance(value, bool))
    _require(isinstance(value, numbers.Integral if kind is int else numbers.Real))
    try:
        number = kind(value)
        _require(kind is int or math.isfinite(number))
    except (OverflowError, ValueError):  # an integer too large for a float, or a float that is none
        raise _MisfitError from None
    return number


_PLAIN_WORDS = {
    bool: "True or False",
    int: "an integer",
    float: "a finite number",
    str: "text",
    type: "a class",
    type(None): "None",
}


def _describe(kind: Any) -> str:
    """The values of an annotation in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return " ".join([_describe(arguments[0]), *(must.text for must in _musts(kind))])
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in arguments)
    if origin is Callable:
        return "a function"
    if origin in (Union, types.UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is tuple and arguments[-1] is ...:
        return f"a tuple (each entry {_describe(arguments[0])})"
    if origin is tuple:
        return f"({', '.join(_describe(argument) for argument in arguments)})"
    return _PLAIN_WORDS[kind]


def _musts(kind: Any) -> list[Must]:
    # An annotation may carry notes for others too, e.g. for the command line.
    return [note for note in get_args(kind)[1:] if isinstance(note, Must)]


def _hint(value: Any, kind: Any) -> str:
    """What to do about the most common mistakes."""
    if get_origin(kind) is Annotated:
        return _hint(value, get_args(kind)[0])
    if get_origin(kind) is Literal:
        return did_you_mean(value, get_args(kind))
    if get_origin(kind) is tuple and isinstance(value, numbers.Real):
        return f"; a single value is written ({value},)"
    return ""
