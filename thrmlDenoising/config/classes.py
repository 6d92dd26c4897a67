"""Classes named in a config: as text "module:QualifiedName" in YAML and on the command line."""

import sys

import tyro

from thrmlDenoising.imports import import_object


def class_reference(cls: type) -> str:
    """`module:QualifiedName` of a class, from which `import_class` gets it back.

    A class of a notebook or a script is `__main__:Name`: another process finds it once it has
    defined or imported a class of that name too.

    Raises:
        ValueError: the name leads to no class, or to another one.
    """
    reference = _spelt(cls)
    try:
        found = import_class(reference)
    except ValueError:
        found = None
    if found is not cls:
        raise ValueError(
            f"the class {reference!r} cannot be written to YAML, because that name does not lead "
            "to it: define it outside of any function; if you have run its cell again since, make "
            "the config again with the new class"
        )
    return reference


def import_class(reference: str) -> type:
    """The class that `module:QualifiedName` names.

    Raises:
        ValueError: there is no such module, or no such class in it.
    """
    module, _, name = reference.partition(":")
    if module == "__main__" and not hasattr(sys.modules["__main__"], name.partition(".")[0]):
        raise ValueError(
            f"the class {name!r} is needed, which was defined in a notebook or a script: define "
            "it here too, or import it under that name, and try again"
        )
    found = import_object(reference)
    if not isinstance(found, type):
        raise ValueError(f"{reference!r} is {found!r}, not a class")
    return found


def _spelt(name_or_class: str | type) -> str:
    if isinstance(name_or_class, str):
        return name_or_class
    return f"{name_or_class.__module__}:{name_or_class.__qualname__}"


# On the command line a name or a class is one word, whatever it becomes in the config.
NAME_OR_CLASS_ARGUMENT = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="NAME|MODULE:CLASS",
    instance_from_str=lambda words: words[0],
    is_instance=lambda value: isinstance(value, (str, type)),
    str_from_instance=lambda value: [_spelt(value)],
)
