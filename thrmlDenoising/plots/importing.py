"""Imports matplotlib where the settings of this machine would stop it: pictures use none of them.

A backend that does not exist, or a matplotlibrc that is no UTF-8 or cannot be read, makes
`import matplotlib` raise, and would so take training and everything else from a user.
"""

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _import_matplotlib() -> None:
    """With the user's settings if they can be had, else without, which is warned about."""
    try:
        importlib.import_module("matplotlib")
    except (ValueError, OSError) as error:
        # What a failed import leaves behind would be half of the next one.
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]
        with _no_settings():
            importlib.import_module("matplotlib")
        warnings.warn(
            f"matplotlib cannot be imported with the settings here ({error}), so it is without "
            "them: mend the environment variable MPLBACKEND, or the file matplotlibrc",
            stacklevel=3,
        )


@contextmanager
def _no_settings() -> Iterator[None]:
    """Within, matplotlib finds its own matplotlibrc alone; the process is as it was afterwards."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    own = Path(spec.origin).parent / "mpl-data"
    names = "MPLBACKEND", "MATPLOTLIBRC"
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    folder = os.getcwd()  # whose matplotlibrc would count before any other
    os.environ["MATPLOTLIBRC"] = str(own)
    os.chdir(own)
    try:
        yield
    finally:
        os.chdir(folder)
        del os.environ["MATPLOTLIBRC"]
        os.environ.update(before)


_import_matplotlib()
