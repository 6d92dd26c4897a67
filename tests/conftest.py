"""Compiled programs, shared by all test processes of one run."""

import os
import tempfile

import jax
import pytest

_FOLDER = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config: pytest.Config) -> None:
    """Lends the run a folder for compiled programs.

    Compiling takes most of the time of a small test, and workers and subprocesses compile the
    same programs. They inherit the variables; this process may have read them already.
    """
    if _FOLDER not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="compiled_", ignore_cleanup_errors=True)
        config.add_cleanup(folder.cleanup)
        os.environ[_FOLDER] = folder.name
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    jax.config.update("jax_compilation_cache_dir", os.environ[_FOLDER])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
