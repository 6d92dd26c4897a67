"""The samplers by the name a config knows them by; this is where a new one is listed."""

import importlib
import warnings

import jax

from thrmlDenoising.sampling.protocol import AbstractSampler

_SAMPLERS = {
    "cpu": ("thrmlDenoising.sampling.cpu", "CpuSampler"),
    "xla": ("thrmlDenoising.sampling.xla.sampler", "XlaSampler"),
    "thrml": ("thrmlDenoising.sampling.thrml.sampler", "ThrmlSampler"),
}
"""Where each is. Imported when chosen: one needs Numba, which not every platform has, one thrml."""


def sampler_type(backend: str) -> type[AbstractSampler]:
    """The sampler of that name; "auto" is the fastest one here.

    That is `cpu` where JAX computes on the processor, and `xla` on an accelerator or, with a
    warning, where Numba is missing.

    Raises:
        ValueError: there is no sampler of that name.
        ImportError: `cpu` is asked for by name and Numba is missing.
    """
    if backend == "auto":
        return _fastest()
    if backend not in _SAMPLERS:
        raise ValueError(f"backend={backend!r}: use 'auto' or one of {sorted(_SAMPLERS)}")
    module, name = _SAMPLERS[backend]
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, OSError) as error:  # OSError: a library of Numba's that does not load
        raise ImportError(
            f"sampling.backend={backend!r} cannot be used here ({error}): install a Numba that "
            "goes with this Python and NumPy, or use sampling.backend='xla'"
        ) from error


def _fastest() -> type[AbstractSampler]:
    if jax.default_backend() != "cpu":
        return sampler_type("xla")
    try:
        return sampler_type("cpu")
    except ImportError as error:
        warnings.warn(
            f"sampling.backend='auto' takes the slower 'xla' sampler: {error}", stacklevel=3
        )
        return sampler_type("xla")
