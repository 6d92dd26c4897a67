"""How kernels are compiled, and kept on disk so that the next process need not wait for it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from thrmlDenoising.support.hints import shown_error
from thrmlDenoising.support.warn import warn

_TO_SAVE_SECONDS = (
    "every process compiles it for itself. Name a folder in NUMBA_CACHE_DIR to save the seconds "
    "that takes"
)


class _ForgivingCache(FunctionCache):
    """Numba's cache, which saves time and nothing else: what it cannot read is compiled anew.

    Files may be cut short (a full disk, a writer that was killed), unreadable or gone, and Numba
    lets the caller of a kernel have whatever `pickle` or the file system then raise. It asks its
    cache when a kernel meets new types, never at a later call, so nothing here costs time.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or None if it has to be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            warn(
                f"the cache of kernel {self._py_func.__name__} in {self.cache_path!a} cannot "
                f"be read ({shown_error(error)}): it is compiled anew",
                stacklevel=2,
            )
            with suppress(Exception):
                self.flush()  # a broken index would also stop what is compiled from being kept
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps a compiled kernel, if the disk takes it."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            warn(
                f"kernel {self._py_func.__name__} cannot be kept in {self.cache_path!a} "
                f"({shown_error(error)}): {_TO_SAVE_SECONDS}",
                stacklevel=2,
            )


def compiled(function: Callable) -> Any:
    """Compiles a kernel, to run without Python's lock, and keeps it on disk if there is a place."""
    kernel: Any = njit(nogil=True)(function)
    try:
        kernel._cache = _ForgivingCache(function)  # what njit(cache=True) does with Numba's own
    except RuntimeError as error:  # Numba's word for having nowhere to write
        warn(f"{error}: {_TO_SAVE_SECONDS}", stacklevel=2)
    return kernel
