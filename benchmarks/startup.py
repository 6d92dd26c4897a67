"""How long a user waits for the first batch of the main job."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.child import output_of
from benchmarks.records import Record, n_cores


def start_up() -> Record:
    """Starts the main job twice: with every cache of the user empty, and with what that left.

    Compiled programs of Numba, of JAX where the package asks JAX to keep them, and other
    packages' files all lie in the same new folder.
    """
    with TemporaryDirectory(prefix="caches_") as caches:
        backend, batch_size, cold = _first_batch(Path(caches))
        _, _, warm = _first_batch(Path(caches))
    return Record(
        "train", backend, "44_12", batch_size, n_cores(), seconds_warm=warm, seconds_cold=cold
    )


def _first_batch(caches: Path) -> tuple[str, int, float]:
    folders = {"XDG_CACHE_HOME": str(caches), "NUMBA_CACHE_DIR": str(caches / "numba")}
    with TemporaryDirectory(prefix="runs_") as runs:
        started = time.time()
        lines = output_of("benchmarks.first_batch", runs, **folders)
    backend, batch_size, finished = lines[-1].split()
    return backend, int(batch_size), float(finished) - started
