"""Config sections as readable YAML, and back without loss."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

try:  # ten times faster than the other, which a file of many values would keep busy for long
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader

from thrmlDenoising.config.classes import named_reference
from thrmlDenoising.support.hints import shortened, shown

_MOST_VALUES = 100_000
"""Of a config, values that stand for others (YAML's aliases) written out."""

_TOO_MANY_VALUES = f"no valid config: the YAML text has more than {_MOST_VALUES:,} values"

_FLOAT_TAG = "tag:yaml.org,2002:float"
# PyYAML follows YAML 1.1, to which 1e-3 is text; people mean the number.
_EXPONENT_WITHOUT_DOT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


_LINE_BREAKS = frozenset("\x85\u2028\u2029")
"""Characters at which YAML would fold text into one line, unless they are written as escapes."""


class _Dumper(yaml.SafeDumper):
    """Writes tuples on one line, classes and functions as module:QualifiedName."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(SafeLoader):  # pyright: ignore[reportGeneralTypeIssues]
    """Reads 1e-3 as a number and refuses names that are no text or given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for name_node, _ in node.value:
            name = self.construct_object(name_node, deep=True)
            if not isinstance(name, str):
                raise ValueError(f"{shown(name)} in the YAML text is no name of a section or field")
            if name in seen:
                raise ValueError(f"{shown(name)} is given more than once in the YAML text")
            seen.add(name)
        return super().construct_mapping(node, deep)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = '"' if _LINE_BREAKS.intersection(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_tuple(dumper: yaml.SafeDumper, values: tuple[Any, ...]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


def _represent_named(dumper: yaml.SafeDumper, named: Any) -> yaml.Node:
    return dumper.represent_str(named_reference(named))


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(tuple, _represent_tuple)
_Dumper.add_multi_representer(object, _represent_named)  # nothing else is left
# Both, so that the text "1e-3" is written in quotes.
for _reader_or_writer in (_Dumper, _Loader):
    _reader_or_writer.add_implicit_resolver(_FLOAT_TAG, _EXPONENT_WITHOUT_DOT, list("-+0123456789"))


def dump(sections: dict[str, Any]) -> str:
    """YAML text of the sections, in their order.

    Raises:
        ValueError: the name of a class or function among the values does not lead to it, or there
            are more values than are read again.
    """
    n_values = _n_written(sections)
    if n_values > _MOST_VALUES:
        raise ValueError(
            f"the config has {n_values:,} values, and no more than {_MOST_VALUES:,} could be read "
            "again: use fewer classes, or shorter lists"
        )
    return yaml.dump(sections, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def parse(text: str) -> dict[str, Any]:
    """The sections in YAML text; an empty section, or text, holds nothing.

    Raises:
        ValueError: the text is no valid YAML, or no mapping of section names to fields.
    """
    sections = parse_value(text) or {}
    if not isinstance(sections, dict):
        raise ValueError(
            "a config in YAML is a mapping of section names to fields, such as "
            f"'sampling: {{batch_size: 100}}', not {shown(sections)}"
        )
    return {name: {} if fields is None else fields for name, fields in sections.items()}


def parse_value(text: str) -> Any:
    """The value in YAML text: a number, text, a list, ...; None where there is nothing.

    Raises:
        ValueError: the text is no valid YAML.
    """
    try:
        return _load(text)
    except ValueError as error:
        raise ValueError(shortened(error)) from error
    except RecursionError as error:
        raise ValueError("no valid YAML: it is nested too deeply") from error
    except Exception as error:  # what PyYAML raises for values that are none, such as !!int ""
        raise ValueError(f"no valid YAML: {shortened(error)}") from error


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        _check_length(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _n_values(node, {}) > _MOST_VALUES:
            raise ValueError(_TOO_MANY_VALUES)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check_length(text: str) -> None:
    """Checks how many values a text has, before all of it has been read.

    Raises:
        ValueError: they are too many.
    """
    values = (yaml.ScalarEvent, yaml.CollectionStartEvent, yaml.AliasEvent)
    n_values = 0
    for event in yaml.parse(text, _Loader):
        n_values += isinstance(event, values)
        if n_values > _MOST_VALUES:
            raise ValueError(_TOO_MANY_VALUES)


def _n_written(value: Any) -> int:
    """How many values this is in YAML, names and collections included."""
    match value:
        case dict():
            return 1 + len(value) + sum(map(_n_written, value.values()))
        case list() | tuple():
            return 1 + sum(map(_n_written, value))
    return 1


def _n_values(node: yaml.Node, known: dict[Hashable, int | None]) -> int:
    """How many values a node of YAML stands for, those it repeats by aliases counted each time.

    Raises:
        ValueError: a value contains itself.
    """
    if node not in known:
        known[node] = None  # being counted
        inside = node.value if isinstance(node, yaml.CollectionNode) else []
        pairs = [pair if isinstance(pair, tuple) else (pair,) for pair in inside]
        known[node] = 1 + sum(_n_values(each, known) for pair in pairs for each in pair)
    number = known[node]
    if number is None:
        raise ValueError("no valid config: a value in the YAML text contains itself")
    return number
