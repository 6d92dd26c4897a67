"""Training the runs of an experiment: several at once, none twice, none again from its start."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from thrmlDenoising.experiments.experiment import Run
from thrmlDenoising.experiments.table import RunTable, config_hash
from thrmlDenoising.families import family
from thrmlDenoising.runs import RunFolder, complete_epochs, used_alone
from thrmlDenoising.support.files import append_text
from thrmlDenoising.support.hints import shown_error
from thrmlDenoising.support.host import cpu_model, n_cores
from thrmlDenoising.support.imports import trust
from thrmlDenoising.support.reading import read_text
from thrmlDenoising.training import Trainable, at_work

N_TIMED = 100
"""Images that are generated to see how long it takes."""
_SECONDS = "seconds.txt"
_SECONDS_FOR_THE_DYING = 5.0
"""So long a start waits for a process whose parent has just been killed."""
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

    def lock(self, run: Run) -> Path:
        """There while a process trains the run."""
        return self.runs / f".{run.name}.lock"

    def is_finished(self, run: Run) -> bool:
        """Whether the table of a run is there, made with its config and trained to its end."""
        path = self.table(run)
        if not path.is_file():
            return False
        table = RunTable.read(path)
        is_of_config = table.facts.get("config hash") == config_hash(run.cfg)
        return is_of_config and bool(table.columns["epoch"][-1] == run.n_epochs)

    def folder(self, run: Run) -> Path | None:
        """The newest folder of a run with this config and at least one checkpoint, if any."""
        for config in sorted(self.runs.glob(f"{run.name}_*/model_saving/config.yaml"))[::-1]:
            folder = RunFolder.open(config.parent.parent)
            same = config_hash(type(run.cfg).load(config)) == config_hash(run.cfg)
            if same and complete_epochs(folder.model_saving):
                return folder.root
        return None


def train_all(
    runs: Sequence[Run], places: Places, n_jobs: int, trusted: Sequence[str] = ()
) -> None:
    """Trains what is not finished in `n_jobs` processes, which share the cores evenly.

    Args:
        runs: in the order in which to start them.
        trusted: modules that the processes import, so that configs may name what is in them.

    Raises:
        ValueError: less than one job.
        RuntimeError: some runs failed, after all others are trained; or a process died.
    """
    if n_jobs < 1:
        raise ValueError(f"jobs={n_jobs}: at least one process has to train")
    waiting = [run for run in runs if not places.is_finished(run)]
    print(f"{places.tables}: {len(runs) - len(waiting)} of {len(runs)} runs are there", flush=True)
    for run in waiting:
        if places.table(run).is_file():
            print(f"{run.name}: its table is of another config or length and will be replaced")
    failed: dict[str, BaseException] = {}
    try:
        for number, (run, future) in enumerate(_trained(waiting, places, n_jobs, trusted), 1):
            if error := future.exception():
                failed[run.name] = error
            outcome = f"failed: {shown_error(error)}" if error else f"{future.result():.0f} s"
            print(f"{number} of {len(waiting)}: {run.name}, {outcome}", flush=True)
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a training process died, perhaps for want of memory: start again, with fewer --jobs"
        ) from error
    if failed:
        raise RuntimeError(f"these runs failed: {', '.join(failed)}") from next(
            iter(failed.values())
        )


def _trained(
    runs: Sequence[Run], places: Places, n_jobs: int, trusted: Sequence[str]
) -> Iterator[tuple[Run, Future[float]]]:
    """The runs as they end; one is handed out when a process is free, so none waits in a queue.

    However this process ends, by an interrupt or killed, the others end with it; what they have
    saved is where the next start goes on.
    """
    n_jobs = min(n_jobs, len(runs))
    if not runs:
        return
    queue, running = iter(runs), {}
    # Forked processes could not use JAX, which this one may have started.
    context = get_context("spawn")
    lifeline, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(n_jobs, context, _start_worker, (lifeline, trusted))
    with _shared_cores(n_jobs), lifeline, pool, end:
        while True:
            for run in islice(queue, n_jobs - len(running)):
                running[pool.submit(train_run, run, places)] = run
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                if isinstance(error := future.exception(), BrokenProcessPool):
                    raise error
                yield running.pop(future), future


def _start_worker(lifeline: Connection, trusted: Sequence[str]) -> None:
    """Ends this process once nobody holds the other end, and so when its parent is dead."""

    def watch() -> None:
        with suppress(OSError):  # how Windows tells the end
            lifeline.poll(None)  # nothing is ever sent
        os._exit(128 + signal.SIGTERM)  # as if it were killed: the last whole epoch stands

    threading.Thread(target=watch, daemon=True).start()
    trust(trusted)


def train_run(run: Run, places: Places) -> float:
    """Trains a run to its end, from its last checkpoint if it has one, and writes its table.

    Returns:
        The seconds it took, those of earlier, interrupted processes included.

    Raises:
        ValueError: its folder holds a longer training.
        InUseError: another process trains it.
    """
    what = f"{run.name} in {places.runs}"
    with used_alone(places.lock(run), what, _SECONDS_FOR_THE_DYING):
        return _train_run(run, places)


def _train_run(run: Run, places: Places) -> float:
    folder = places.folder(run)
    of_family = at_work(family(run.cfg.family))
    model = of_family(run.cfg, places.runs) if folder is None else of_family.load(folder)
    n_epochs = run.n_epochs - model.epoch
    if n_epochs < 0:
        raise ValueError(
            f"{folder} is trained for {model.epoch} epochs already, but {run.name} should have "
            f"{run.n_epochs}: remove the folder to train it anew"
        )
    if n_epochs:
        with _timed(model):
            model.train(n_epochs, run.evaluate_every, resume=folder)
    seconds = _seconds_spent(folder or model.logging_and_saving_dir)
    RunTable.of(
        model.history, _facts(run, model, seconds), model.model.tabled(model.history)
    ).write(places.table(run))
    return seconds


@contextmanager
def _timed(model: Trainable) -> Iterator[None]:
    """Adds the seconds spent within, also if they end in an error, to a file of the run folder."""
    started = time.monotonic()
    try:
        yield
    finally:
        if model.logging_and_saving_dir.is_dir():
            append_text(
                model.logging_and_saving_dir / _SECONDS, f"{time.monotonic() - started:.1f}\n"
            )


def _seconds_spent(folder: Path) -> float:
    """Those of processes that ended by themselves; one that is killed writes nothing."""
    path = folder / _SECONDS
    try:
        return sum(map(float, read_text(path, 2**20).split()))
    except FileNotFoundError:
        return 0.0
    except ValueError as error:
        raise ValueError(f"{path} holds other than seconds ({error}): delete it") from error


def _facts(run: Run, model: Trainable, seconds: float) -> dict[str, str]:
    """What a reader of the table has to know."""
    return {
        "run": run.name,
        "config hash": config_hash(run.cfg),
        **run.cfg.data_facts,
        **model.model.facts(),
        "machine": f"{n_cores()} cores of {cpu_model()}",
        "date": date.today().isoformat(),
        "seconds": f"{seconds:.0f}",
        "seconds per sample": f"{_seconds_per_sample(model):.4g}",
    }


def _seconds_per_sample(model: Trainable) -> float:
    """Of free images, once everything is compiled."""
    model.sample(N_TIMED)
    started = time.monotonic()
    model.sample(N_TIMED)
    return (time.monotonic() - started) / N_TIMED


@contextmanager
def _shared_cores(n_jobs: int) -> Iterator[None]:
    """Processes started within sample on an equal share of the cores and draw no progress bars."""
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
