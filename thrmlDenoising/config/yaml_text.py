"""Config sections as readable YAML, and back without loss."""

import re
from typing import Any

import yaml

from thrmlDenoising.config.classes import named_reference

_FLOAT_TAG = "tag:yaml.org,2002:float"
# PyYAML follows YAML 1.1, to which 1e-3 is text; people mean the number.
_EXPONENT_WITHOUT_DOT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")


class _Dumper(yaml.SafeDumper):
    """Writes tuples on one line, classes and functions as module:QualifiedName."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number and refuses names that are no text or given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(name, deep=True) for name, _ in node.value]
        for name in names:
            if not isinstance(name, str):
                raise ValueError(f"{name!r} in the YAML text is no name of a section or field")
            if names.count(name) > 1:
                raise ValueError(f"{name!r} is given more than once in the YAML text")
        return super().construct_mapping(node, deep)


def _represent_tuple(dumper: yaml.SafeDumper, values: tuple[Any, ...]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


def _represent_named(dumper: yaml.SafeDumper, named: Any) -> yaml.Node:
    return dumper.represent_str(named_reference(named))


_Dumper.add_representer(tuple, _represent_tuple)
_Dumper.add_multi_representer(object, _represent_named)  # nothing else is left
# Both, so that the text "1e-3" is written in quotes.
for _reader_or_writer in (_Dumper, _Loader):
    _reader_or_writer.add_implicit_resolver(_FLOAT_TAG, _EXPONENT_WITHOUT_DOT, list("-+0123456789"))


def dump(sections: dict[str, dict[str, Any]]) -> str:
    """YAML text of the sections, in their order.

    Raises:
        ValueError: the name of a class or function among the values does not lead to it.
    """
    return yaml.dump(sections, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def parse(text: str) -> dict[str, Any]:
    """The sections in YAML text; an empty section, or text, holds nothing.

    Raises:
        ValueError: the text is no valid YAML, or no mapping of section names to fields.
    """
    try:
        sections = yaml.load(text, Loader=_Loader) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"no valid YAML: {error}") from error
    if not isinstance(sections, dict):
        raise ValueError(
            "a config in YAML is a mapping of section names to fields, such as "
            f"'sampling: {{batch_size: 100}}', not {sections!r}"
        )
    return {name: {} if fields is None else fields for name, fields in sections.items()}
