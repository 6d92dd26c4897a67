"""Compiled programs, shared by all test processes of one run."""

import os
import sys
import tempfile
from pathlib import Path

import jax
import pytest

if "THRML_DENOISING_CHECK_TYPES" in os.environ:
    from typechecks import check_types

    check_types()  # before `tiny` imports the library

from tiny import HAS_NUMBA

# What cannot be imported everywhere is not collected there.
collect_ignore = [
    *(
        []
        if HAS_NUMBA
        else ["test_backends.py", "test_cpu_sampler.py", "test_kernel_cache.py", "test_lanes.py"]
    ),
    *([] if sys.platform == "linux" else ["test_benchmarks.py"]),
]

_FOLDERS = ("JAX_COMPILATION_CACHE_DIR", "NUMBA_CACHE_DIR", "THRML_DENOISING_CACHE")


def pytest_configure(config: pytest.Config) -> None:
    """Lends the run folders for compiled programs and for statistics of real images.

    Compiling takes most of the time of a small test, and workers and subprocesses compile the
    same programs. They inherit the variables; this process may have read JAX's already. Numba's own
    cache beside the source would serve kernels that were compiled before `lanes.py` was changed.
    """
    for variable in _FOLDERS:
        if variable not in os.environ:
            folder = tempfile.TemporaryDirectory(prefix="compiled_", ignore_cleanup_errors=True)
            config.add_cleanup(folder.cleanup)
            os.environ[variable] = folder.name
    # Workers keep the cores busy: linear algebra with threads of its own would make them wait.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    jax.config.update("jax_compilation_cache_dir", os.environ[_FOLDERS[0]])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


@pytest.fixture(scope="module", autouse=True)
def programs_are_forgotten():
    """What modules have compiled stays on disk; in memory it would add up to many gigabytes.

    Loading it again takes a second a module, so it is forgotten once it has grown large.
    """
    yield
    if resident_bytes() > 2**31:
        jax.clear_caches()


def resident_bytes() -> float:
    """The memory that this process takes; on Linux alone, elsewhere infinitely much."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return float("inf")
    return int(statistics.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved while a test runs."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def spy(figure, *arguments, **options):
        figures.append(figure)
        return save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", spy)
    return figures
