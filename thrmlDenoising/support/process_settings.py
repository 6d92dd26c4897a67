"""What a user's process sets for JAX and NumPy, and what this library computes under.

A notebook may have switched on 64-bit numbers, another random generator or strict promotion for
work of its own. Results, checkpoints and pictures do not depend on that: what the library computes
runs under the settings it is written and tested for, and with it the functions and classes of a
user's own that it calls, such as an extractor or a manager's `encode`.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar

import jax
import numpy as np

_DEFAULTS = {
    "jax_enable_x64": False,
    "jax_explicit_x64_dtypes": 1,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_legacy_prng_key": "allow",
    "jax_numpy_rank_promotion": "allow",
    "jax_numpy_dtype_promotion": "standard",
    "jax_default_dtype_bits": "64",
    "jax_default_matmul_precision": None,
    "jax_default_device": None,
    "jax_transfer_guard": None,
    "jax_disable_jit": False,
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_debug_key_reuse": False,
    "jax_check_tracer_leaks": False,
    "jax_enable_checks": False,
}
"""The settings that are recorded where they are not JAX's own."""

_VARIABLES = ("XLA_FLAGS", "NUMBA_DISABLE_JIT")
"""Variables of the environment that no context can undo."""

_outside: ContextVar[dict[str, str] | None] = ContextVar("settings outside", default=None)


@contextmanager
def library_settings() -> Iterator[None]:
    """Runs a block, or as a decorator a function, under the settings the library is written for.

    For this thread only, as everything in JAX of the kind: a new thread enters them anew.
    """
    outside = _outside.set(changed_settings())
    try:
        with ExitStack() as settings:
            for setting in _ours():
                settings.enter_context(setting)
            yield
    finally:
        _outside.reset(outside)


def _ours() -> tuple[AbstractContextManager, ...]:
    """JAX's and NumPy's own defaults, of everything that could change a result or refuse it."""
    return (
        _without_x64(),
        jax.default_prng_impl("threefry2x32"),
        jax.threefry_partitionable(True),
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
        jax.default_matmul_precision(None),
        jax.transfer_guard("allow"),
        jax.debug_key_reuse(False),  # phases that are paired share their key on purpose
        jax.disable_jit(False),  # operation by operation, sums are rounded otherwise
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
    )


def _without_x64() -> AbstractContextManager:
    """JAX 0.8 renamed it."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(False)
    from jax.experimental import disable_x64  # pyright: ignore[reportAttributeAccessIssue]

    return disable_x64()


def changed_settings() -> dict[str, str]:
    """By name, what the user's process has set otherwise than JAX does."""
    if (outside := _outside.get()) is not None:
        return outside
    found = jax.config.values
    settings = {
        name: str(found[name])
        for name, default in _DEFAULTS.items()
        if name in found and found[name] != default
    }
    return settings | {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
