"""Denoising Thermodynamic Models: chains of small Ising machines that turn noise into images."""

import sys
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thrmlDenoising.DTM import DTM
    from thrmlDenoising.families.dtm.config import DTMConfig
    from thrmlDenoising.utils import make_cfg

__all__ = ["DTM", "DTMConfig", "__version__", "make_cfg"]

__version__ = version("thrmlDenoising")


class _Package(ModuleType):
    """Imports what it offers when that is asked for.

    JAX and what stands on it take seconds, which a command wants to have in its own hands, and
    which nobody needs who only wants one of the other modules.
    """

    if not TYPE_CHECKING:

        @property
        def DTM(self) -> type:
            """The class. Python would leave the module of the same name here, once imported."""
            from thrmlDenoising.DTM import DTM

            return DTM

        @DTM.setter
        def DTM(self, module: ModuleType) -> None:
            pass

    @property
    def DTMConfig(self) -> Any:
        """The hyperparameters of a model."""
        from thrmlDenoising.families.dtm.config import DTMConfig

        return DTMConfig

    @property
    def make_cfg(self) -> Any:
        """Makes a config from sections."""
        from thrmlDenoising.utils import make_cfg

        return make_cfg


sys.modules[__name__].__class__ = _Package
