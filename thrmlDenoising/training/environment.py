"""What results may depend on besides the config, and what they do not, for who reads them later."""

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import jax

from thrmlDenoising.support.process_settings import changed_settings

_VERSIONED = ("thrmlDenoising", "thrml", "jax", "jaxlib", "numpy", "numba")


class Environment(NamedTuple):
    """What a model is trained with; `str` of it is a line for a log.

    Attributes:
        versions: of the packages that compute.
        devices: their number and kind.
        sampler: what computes, such as the class of the sampler.
        settings: what the process has set otherwise than JAX does. The library computes under its
            own settings, see `process_settings`.
    """

    versions: dict[str, str]
    devices: str
    sampler: str
    settings: dict[str, str]

    @classmethod
    def of(cls, backend: str) -> "Environment":
        """That of this process, in which a model computes with this."""
        return cls(
            {name: _version(name) for name in _VERSIONED},
            f"{jax.local_device_count()} {jax.default_backend()} device(s)",
            backend,
            changed_settings(),
        )

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        set_here = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        line = f"{versions}, on {self.devices} with {self.sampler}"
        return f"{line}; set in the process: {set_here}" if set_here else line


def _version(package: str) -> str:
    """Numba is not on every platform."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
