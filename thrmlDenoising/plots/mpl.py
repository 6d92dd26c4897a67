"""matplotlib, imported when something is first drawn: it takes long, and not all programs draw.

`mpl.ticker.MaxNLocator` is the class of that module. Pictures use no settings of this machine, and
so it is imported where those would stop it: a backend that does not exist, or a matplotlibrc that
is no UTF-8 or cannot be read, makes `import matplotlib` raise, and would so take training from a
user.
"""

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib import (  # noqa: F401
        collections,
        colormaps,
        colors,
        figure,
        font_manager,
        ft2font,
        get_data_path,
        lines,
        patches,
        style,
        ticker,
    )


def __getattr__(name: str) -> Any:
    """What matplotlib, or else a module of it, is called."""
    if name.startswith("_"):  # Python asks modules for such, which is no reason to import anything
        raise AttributeError(name)
    matplotlib = _imported()
    if not hasattr(matplotlib, name):
        importlib.import_module(f"matplotlib.{name}")
    return getattr(matplotlib, name)


def _imported() -> ModuleType:
    """With the user's settings if they can be had, else without, which is warned about."""
    try:
        return importlib.import_module("matplotlib")
    except (ValueError, OSError) as error:
        # What a failed import leaves behind would be half of the next one.
        for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
            del sys.modules[name]
        with _no_settings():
            matplotlib = importlib.import_module("matplotlib")
        warnings.warn(
            f"matplotlib cannot be imported with the settings here ({error}), so it is without "
            "them: mend the environment variable MPLBACKEND, or the file matplotlibrc",
            stacklevel=3,
        )
        return matplotlib


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
