"""Training the runs of an experiment: several at once, none twice, none again from its start."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from thrmlDenoising.DTM import DTM
from thrmlDenoising.evaluation.hardware_energy import QUOTED_TOTALS
from thrmlDenoising.experiments.experiment import Run
from thrmlDenoising.experiments.table import RunTable, config_hash
from thrmlDenoising.machine import cpu_model, n_cores
from thrmlDenoising.runs import RunFolder, complete_epochs

_THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Places:
    """Where an experiment keeps what it makes.

    Attributes:
        tables: folder of the CSV files, one a run.
        runs: folder of the run folders.
    """

    tables: Path
    runs: Path

    def table(self, run: Run) -> Path:
        """The CSV file of a run."""
        return self.tables / f"{run.name}.csv"

    def is_finished(self, run: Run) -> bool:
        """Whether the table of a run is there, made with its config and trained to its end."""
        path = self.table(run)
        if not path.is_file():
            return False
        table = RunTable.read(path)
        is_of_config = table.facts.get("config hash") == config_hash(run.cfg)
        return is_of_config and table.columns["epoch"][-1] == run.n_epochs

    def folder(self, run: Run) -> Path | None:
        """The newest folder of a run with this config and at least one checkpoint, if any."""
        for config in sorted(self.runs.glob(f"{run.name}_*/model_saving/config.yaml"))[::-1]:
            folder = RunFolder.open(config.parent.parent)
            same = config_hash(type(run.cfg).load(config)) == config_hash(run.cfg)
            if same and complete_epochs(folder.model_saving):
                return folder.root
        return None


def train_all(runs: Sequence[Run], places: Places, n_jobs: int) -> None:
    """Trains what is not finished in `n_jobs` processes, which share the cores evenly.

    Args:
        runs: in the order in which to start them.

    Raises:
        ValueError: less than one job.
        RuntimeError: some runs failed; names them. The others are trained all the same.
    """
    if n_jobs < 1:
        raise ValueError(f"jobs={n_jobs}: at least one process has to train")
    waiting = [run for run in runs if not places.is_finished(run)]
    print(f"{places.tables}: {len(runs) - len(waiting)} of {len(runs)} runs are there", flush=True)
    if not waiting:
        return
    failed = {}
    # Forked processes could not use JAX, which this one may have started.
    context = get_context("spawn")
    with _shared_cores(n_jobs), ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = {pool.submit(train_run, run, places): run for run in waiting}
        try:
            for number, future in enumerate(as_completed(futures), 1):
                run, error = futures[future], future.exception()
                if error:
                    failed[run.name] = error
                outcome = f"failed: {error}" if error else f"{future.result():.0f} s"
                print(f"{number} of {len(waiting)}: {run.name}, {outcome}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        raise RuntimeError(f"{len(failed)} runs failed: {failed}") from next(iter(failed.values()))


def train_run(run: Run, places: Places) -> float:
    """Trains a run to its end, from its last checkpoint if it has one, and writes its table.

    Returns:
        The seconds it took.
    """
    started = time.monotonic()
    folder = places.folder(run)
    if folder is None:
        first_epoch, dtm = 0, DTM(run.cfg, base_dir=places.runs)
        dtm.train(run.n_epochs, run.evaluate_every)
    else:
        dtm = DTM.load(folder)
        first_epoch = dtm.epoch
        if first_epoch < run.n_epochs:
            dtm.train(run.n_epochs - first_epoch, run.evaluate_every, resume=folder)
    seconds = time.monotonic() - started
    facts = _facts(run, dtm) | {"seconds": f"{seconds:.0f}"}
    if first_epoch:
        facts["seconds"] += f" from epoch {first_epoch} on"
    RunTable.of(dtm.history, facts).write(places.table(run))
    return seconds


def _facts(run: Run, dtm: DTM) -> dict[str, str]:
    """What a reader of the table has to know."""
    data = run.cfg.data
    energies = (f"{dtm.hardware_energy(name).joules:.4g} ({name})" for name in QUOTED_TOTALS)
    return {
        "run": run.name,
        "config hash": config_hash(run.cfg),
        "data": data.dataset_name,
        "pixel threshold": str(data.pixel_threshold_for_single_trials),
        "images judged, per mode": str(
            run.cfg.generation.fid_images_per_digit * len(run.cfg.target_classes)
        ),
        "joules per sample": ", ".join(energies),
        "machine": f"{n_cores()} cores of {cpu_model()}",
        "date": date.today().isoformat(),
    }


@contextmanager
def _shared_cores(n_jobs: int) -> Iterator[None]:
    """Processes started within get an equal share of the cores, and draw no progress bars."""
    threads = str(max(1, n_cores() // n_jobs))
    wanted = dict.fromkeys(_THREAD_VARIABLES, threads) | {"TQDM_DISABLE": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
