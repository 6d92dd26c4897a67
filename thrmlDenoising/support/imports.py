"""Classes and functions named in text as "module:QualifiedName".

Text never imports anything, wherever it comes from: a config may be somebody else's, and importing
a module runs it. A name is looked up in what this process has imported already; `trust` is how the
user of a command says what else to import.
"""

import argparse
import importlib
import inspect
import sys
from argparse import Namespace
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from thrmlDenoising.support.hints import shortened, shown


def reference_of(named: Any) -> str:
    """`module:QualifiedName` of a class or function.

    Raises:
        ValueError: it has no such name.
    """
    module, name = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
    if not (isinstance(module, str) and isinstance(name, str)):
        raise ValueError(
            f"an object of type {type(named).__name__} has no name that could be written down: "
            "give a class or a function, such as one that calls it"
        )
    # So are the names of a script called in the processes that it starts.
    return f"{'__main__' if module == '__mp_main__' else module}:{name}"


def check_reference(reference: str) -> tuple[str, list[str]]:
    """The module that is named, and the names that lead from it to the object.

    Raises:
        ValueError: it is no `module:QualifiedName`, or one of Python itself, which no config has
            any business to name.
    """
    module, colon, name = reference.partition(":")
    names = name.split(".")
    if not (colon and all(map(str.isidentifier, [*module.split("."), *names]))):
        raise ValueError(f"{shown(reference)} must be written module:QualifiedName")
    if _is_of_python(module):
        raise ValueError(
            f"{shown(reference)} is part of Python itself, where no class or function of "
            "your own can be: name one of yours"
        )
    return module, names


def find_object(reference: str) -> Any:
    """The object that `module:QualifiedName` names in a module that is imported already.

    Raises:
        ValueError: it is not written like that, there is no such thing, or it is one of Python's.
    """
    module_name, names = check_reference(reference)
    module = sys.modules.get(module_name)
    found = module
    for name in names:
        members = _members(found, of=ModuleType if found is module else type)
        if name not in members:
            raise ValueError(_unknown(reference, module_name, names, imported=module is not None))
        found = members[name]
    knows_its_module = issubclass(type(found), type | FunctionType | BuiltinFunctionType)
    if knows_its_module and _is_of_python(str(found.__module__)):
        raise ValueError(
            f"{shown(reference)} comes from Python itself: name a class or function of your own"
        )
    return found


def redefined(given: Any) -> str | None:
    """The name of a function to which that name no longer leads, as its cell has run again.

    None where it still does, or where nothing has that name, as for functions within functions.
    """
    if not isinstance(given, FunctionType):
        return None
    try:
        name = reference_of(given)
        found = find_object(name)
    except ValueError:
        return None
    # A decorator that keeps the name has not defined anything again.
    same = inspect.unwrap(found) is inspect.unwrap(given) if callable(found) else True
    return None if same else name


def trust(modules: Sequence[str]) -> None:
    """Imports modules whose code may run, so that configs can name what is in them.

    Raises:
        ValueError: there is no such module.
    """
    for module in modules:
        if not all(map(str.isidentifier, module.split("."))):
            raise ValueError(f"--trust {module}: give the name of a module, such as my.module")
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(
                f"--trust {module}: {error}. Put the folder that holds the module on PYTHONPATH"
            ) from error


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust MODULE ...`, which may be repeated; `trust` takes what it holds."""
    parser.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        metavar="MODULE",
        help="import these modules: their code runs, and configs may name what is in them",
    )


def parse_trusting(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Namespace:
    """The arguments, with `--trust` among them, once the trusted modules are imported.

    Raises:
        ValueError: there is no such module.
    """
    add_trust_option(parser)
    given = parser.parse_args(argv)
    trust(given.trust)
    return given


def _members(holder: Any, of: type) -> dict[str, Any]:
    """What stands in a module or class; nothing for other objects.

    Not by `getattr`, or even `vars`: lazy modules import what is asked for. And names lead from a
    module through classes alone, as qualified names do: through modules they would lead anywhere.
    """
    if not issubclass(type(holder), of):
        return {}
    return of.__dict__["__dict__"].__get__(holder)


def _is_of_python(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _unknown(reference: str, module: str, names: list[str], *, imported: bool) -> str:
    if module == "__main__":
        return (
            f"the class or function {shown('.'.join(names))} is needed, which was defined in a "
            "notebook or a script: define it here too, or import it under that name, and try again"
        )
    why = "has no such name" if imported else "is not imported here"
    return (
        f"{shown(reference)} is code of somebody's own, and the module {shown(module)} "
        f"{why}. Nothing is imported because a file or a config says so. If you trust that code, "
        f"give it in Python, as in DTM.load(run, classes=[{shortened(names[-1], 200)}]), "
        f"or import the module first; on the command line, add --trust {shortened(module, 200)}"
    )
