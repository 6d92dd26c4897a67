"""Objects named in text as "module:QualifiedName"."""

import importlib
import operator
from typing import Any


def import_object(reference: str) -> Any:
    """The object that `module:QualifiedName` names.

    Raises:
        ValueError: there is no such module, or no such name in it.
    """
    module, _, name = reference.partition(":")
    try:
        return operator.attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"cannot import {reference!r} (module:QualifiedName): {error}. Run from the folder "
            "that holds the module, or put that folder on PYTHONPATH"
        ) from error
