"""While the tests run, every call of a function of the library is held against its annotations.

jaxtyping checks that axes of one name are of one length, beartype all else. Both look when a call
has succeeded: what the library refuses, it refuses in words of its own, which tests read.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from io import IOBase
from types import ModuleType
from typing import IO, Self, get_args

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype
from jaxtyping import install_import_hook

_KERNELS = "thrmlDenoising.sampling.cpu.kernels"
_RESULT = "ret0"

_HOLDS = beartype(
    conf=BeartypeConf(
        hint_overrides=FrozenDict(
            {
                float: float | int | np.floating,  # NumPy's own are kept as Python's
                IO[bytes]: IOBase,  # beartype takes a BytesIO for none
            }
        ),
    )
)


def checked(call: Callable) -> Callable:
    """beartype for what jaxtyping asks after a call, and nothing for what it asks before it.

    Args:
        call: takes the arguments of the library's function and, after the call, the result as
            one more, `ret0`, which it returns.
    """
    if _RESULT not in call.__code__.co_varnames:
        return call
    hints, owner = call.__annotations__, call.__qualname__.rpartition(".")[0]
    hints |= {name: owner for name, hint in hints.items() if hint is Self}
    hints |= {name: type for name, hint in hints.items() if get_args(hint) == (Self,)}
    return _HOLDS(call)


class _NotTheKernels(MetaPathFinder):
    """Finds the module whose functions Numba compiles, which have to stay as they are."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, path, target) if fullname == _KERNELS else None


def check_types(package: str = "thrmlDenoising") -> None:
    """Has the modules of a package checked that are imported from now on."""
    install_import_hook(package, f"{__name__}.{checked.__name__}")
    sys.meta_path.insert(0, _NotTheKernels())
