"""How long a user waits for the first batch of the main job."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.child import output_of
from benchmarks.records import Record, n_cores
from benchmarks.workloads import graph_name
from training_script import SHORT_RUN


def start_up() -> Record:
    """Starts the main job twice: with every cache of the user empty, and with what that left.

    Compiled programs of Numba, of JAX where the package asks JAX to keep them, and other
    packages' files all lie in the same new folder.
    """
    with TemporaryDirectory(prefix="caches_") as caches:
        cold, warm = (_seconds_to_first_batch(Path(caches)) for _ in range(2))
    cfg = SHORT_RUN
    of_first_batch = "train", cfg.sampling.backend, graph_name(cfg), cfg.batch_size, n_cores()
    return Record(*of_first_batch, seconds_warm=warm, seconds_cold=cold)


def _seconds_to_first_batch(caches: Path) -> float:
    folders = {"XDG_CACHE_HOME": str(caches), "NUMBA_CACHE_DIR": str(caches / "numba")}
    with TemporaryDirectory(prefix="runs_") as runs:
        started = time.time()
        lines = output_of("benchmarks.first_batch", runs, **folders)
    return float(lines[-1]) - started
