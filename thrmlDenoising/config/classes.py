"""Classes named in a config: as text "module:QualifiedName" in YAML and on the command line."""

import tyro

from thrmlDenoising.imports import import_object


def class_reference(cls: type) -> str:
    """`module:QualifiedName` of a class, from which `import_class` gets it back.

    Raises:
        ValueError: the class could not be imported again.
    """
    reference = _spelt(cls)
    try:
        # A class of a script or notebook can be found now, but not by the next process.
        importable = cls.__module__ != "__main__" and import_class(reference) is cls
    except ValueError:
        importable = False
    if not importable:
        raise ValueError(
            f"the class {reference!r} cannot be written to YAML, because it cannot be imported "
            "again by that name: define it at the top level of a .py file and import it from there"
        )
    return reference


def import_class(reference: str) -> type:
    """The class that `module:QualifiedName` names.

    Raises:
        ValueError: there is no such module, or no such class in it.
    """
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
