"""Own classes and functions in a config: as text "module:QualifiedName" in YAML and elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tyro

from thrmlDenoising.support.imports import find_object, reference_of

Named = type | Callable[..., Any]


def named_reference(named: Named) -> str:
    """`module:QualifiedName` of a class or function, from which it is found again.

    One of a notebook or a script is `__main__:Name`: another process finds it once it has
    defined or imported one of that name too.

    Raises:
        ValueError: the name leads to nothing, or to another object.
    """
    reference = reference_of(named)
    try:
        found = find_object(reference)
    except ValueError:
        found = None
    if found is not named:
        kind = "class" if isinstance(named, type) else "function"
        raise ValueError(
            f"the {kind} {reference!r} cannot be written to YAML, because that name does not lead "
            "to it: define it outside of any function; if you have run its cell again since, make "
            f"the config again with the new {kind}"
        )
    return reference


def find_class(reference: str) -> type:
    """The class that `module:QualifiedName` names.

    Raises:
        ValueError: there is no such class in what is imported.
    """
    found = find_object(reference)
    if not issubclass(type(found), type):
        raise ValueError(f"{reference!r} is of type {type(found).__name__}, and no class")
    return found


def with_given(sections: Mapping[str, Any], classes: Sequence[Named]) -> dict[str, Any]:
    """Sections of a config in which classes and functions stand in place of their names.

    Args:
        sections: as `parse` reads them from YAML.

    Raises:
        ValueError: something else than a class or function is given, or two of one name.
    """
    if callable(classes):
        raise ValueError("classes= takes a list: classes=[MyManager]")
    given = {reference_of(named): named for named in classes}
    if len(given) < len(classes):
        raise ValueError(f"classes=[...] of one name: {', '.join(map(reference_of, classes))}")

    def known(value: Any) -> Any:
        return given.get(value, value) if isinstance(value, str) else value

    return {
        name: {
            field: [known(entry) for entry in value] if isinstance(value, list) else known(value)
            for field, value in section.items()
        }
        if isinstance(section, dict)
        else section
        for name, section in sections.items()
    }


def name_of(named: str | Named) -> str:
    """The text that stands for a class or function; text as it is."""
    return named if isinstance(named, str) else reference_of(named)


def _one_word(metavar: str) -> tyro.constructors.PrimitiveConstructorSpec[Any]:
    """On the command line this is one word, whatever it becomes in the config."""
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: isinstance(value, str) or callable(value),
        str_from_instance=lambda value: [name_of(value)],
    )


NAME_OR_CLASS_ARGUMENT = _one_word("NAME|MODULE:CLASS")
NAME_OR_FUNCTION_ARGUMENT = _one_word("NAME|MODULE:FUNCTION")
