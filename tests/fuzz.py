"""Damaged and hostile checkpoints, configs, tables and IDX files, as many as are asked for.

    python -m tests.fuzz --n 10000 --seed 0 --output results.txt    # about an hour on one core

Every case has to end in the right model (or table, or images), or in a ValueError or OSError that
names the file, within 5 seconds of the processor, 30 of the clock (others may be at work) and 1 GiB
of memory, and import nothing that a file names. Cases run in processes of some hundred each, so
that one that hangs or dies is found. A part of them runs in `tests/test_fuzz.py`.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from tests.mutations import (
    CHECKPOINT_MUTATIONS,
    PLANTED,
    Outcome,
    Target,
    altered,
    damage_bytes,
    hostile_yaml,
)
from tests.tiny import REPOSITORY, states_of, tiny_cfg
from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.data.idx import encode_idx, read_idx
from thrmlDenoising.experiments.table import RunTable
from thrmlDenoising.runs import History

_SECONDS, _ON_THE_CLOCK, _WAITED, _BYTES = 5.0, 30.0, 60.0, 2**30
_CHUNK = 250
_GOOD = ("right", "refused")


class Original(NamedTuple):
    """A run as it was saved, and what its files hold."""

    run: Path
    models: dict[int, DTM]
    table: Path


class Result(NamedTuple):
    """How a case ended.

    Attributes:
        kind: what was done to which file.
        ended: "right", "refused", or what was wrong.
    """

    kind: str
    ended: str
    seconds: float
    n_bytes: int


class Trial(NamedTuple):
    """A file, or several, ready to be read.

    Attributes:
        kind: what was done to which file.
        outcome: what must become of it.
        load: reads it.
        problem: what is wrong with what was read, if anything.
        name: what an error has to name.
    """

    kind: str
    outcome: Outcome
    load: Callable[[], Any]
    problem: Callable[[Any], str | None]
    name: str


class HangError(BaseException):
    """A case has taken too long."""


def make_original(folder: Path) -> Original:
    """Trains a run of three epochs that uses every part of a state."""
    cfg = tiny_cfg(sampling=dict(negative_start="persistent"))
    dtm = DTM(cfg, base_dir=folder)
    dtm.train(3, evaluate_every=3)
    run = dtm.logging_and_saving_dir
    table = folder / "table.csv"
    RunTable.of(dtm.history, {"config hash": "abc", "note": "a: b"}).write(table)
    return opened(run, table)


def opened(run: Path, table: Path) -> Original:
    """A run that `make_original` has made."""
    return Original(run, {epoch: DTM.load(run, epoch) for epoch in range(4)}, table)


def plant(folder: Path) -> None:
    """Puts a module where it can be imported, which some of the files name."""
    (folder / f"{PLANTED}.py").write_text("class Manager: ...\ndef f(images): ...\n")


def run_case(original: Original, seed: int, number: int, scratch: Path) -> Result:
    """One case, decided by its seed and its number; `scratch` is emptied for it."""
    rng = random.Random(f"{seed} {number}")
    kinds = {_checkpoint: 65, _config: 17, _table: 8, _idx: 10}
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    trial = rng.choices(list(kinds), list(kinds.values()))[0](original, rng, scratch)
    _forget_peak()
    began, started, memory = time.monotonic(), time.process_time(), _memory("VmRSS")
    signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, _WAITED)
    try:
        ended = _judged(trial)
    except HangError:
        ended = "hang"
    except Exception:
        ended = traceback.format_exc()[-2000:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    waited = time.monotonic() - began
    seconds, grown = time.process_time() - started, _memory("VmHWM") - memory
    if sys.modules.pop(PLANTED, None):
        ended = "imported what a file names"
    elif ended in _GOOD and seconds > _SECONDS:
        ended = f"took {seconds:.1f} s"
    elif ended in _GOOD and waited > _ON_THE_CLOCK:
        ended = f"took {waited:.1f} s on the clock"
    elif ended in _GOOD and grown > _BYTES:
        ended = f"took {grown / 2**30:.1f} GiB"
    return Result(trial.kind, ended, seconds, grown)


def _judged(trial: Trial) -> str:
    """How a trial ends: one of `_GOOD`, or what was wrong."""
    try:
        loaded = trial.load()
    except (ValueError, OSError) as error:
        if trial.name not in str(error):
            return f"does not name its file: {error!r:.300}"
        if len(str(error)) > 10_000:
            return f"a message of {len(str(error))} characters"
        return f"refused what is right: {error!r:.500}" if trial.outcome == "same" else "refused"
    if trial.outcome == "refused":
        return "loaded what is wrong"
    return trial.problem(loaded) or "right"


def _checkpoint(original: Original, rng: random.Random, scratch: Path) -> Trial:
    run = Path(shutil.copytree(original.run, scratch / "run"))
    (scratch / "outside").mkdir()
    target = Target(run, rng.choice([3, 3, 3, 2]), scratch / "outside")
    mutation = rng.choices(list(CHECKPOINT_MUTATIONS), list(CHECKPOINT_MUTATIONS.values()))[0]
    outcome = mutation(target, rng)
    asked = rng.choice([target.epoch, target.epoch, None, None, 1])
    wanted = 3 if asked is None else asked
    if asked is None and any(run.glob("model_saving/epoch_*4")):
        outcome = "refused"
    elif wanted != target.epoch:
        outcome = "same"
        if not (run / "model_saving/config.yaml").is_file():
            outcome = "refused"  # without it this is no run
    return Trial(
        f"{mutation.__name__} of epoch {target.epoch}, asked for {asked}",
        outcome,
        lambda: DTM.load(run, asked),
        lambda model: _model_problem(model, wanted, original, outcome, run),
        str(run),
    )


def _model_problem(
    model: DTM, wanted: int, original: Original, outcome: Outcome, run: Path
) -> str | None:
    """What is wrong with a loaded model."""
    if model.epoch != wanted:
        return f"epoch {model.epoch} instead of {wanted}"
    if outcome == "forged":
        return _forged_problem(model, run / f"model_saving/epoch_{wanted:03d}")
    saved = original.models[wanted]
    same = model.cfg == saved.cfg and model.history.to_json() == saved.history.to_json()
    graphs = [(a.graph.to_arrays(), b.graph.to_arrays()) for a, b in _pairs(model, saved)]
    same &= all(np.array_equal(a[name], b[name]) for a, b in graphs for name in b)
    same &= all(a.tobytes() == b.tobytes() for a, b in _pairs(states_of(model), states_of(saved)))
    return None if same else "another model than was saved"


def _forged_problem(model: DTM, folder: Path) -> str | None:
    """What is not as the files of a checkpoint say, which somebody has put together."""
    history = History.from_json((folder / "history.json").read_text()).to_json()
    same = DTMConfig.load(folder / "config.yaml") == model.cfg
    same &= history == model.history.to_json()
    for index, step in enumerate(model.steps):
        with (folder / f"step_{index:02d}.eqx").open("rb") as file:
            written = [np.load(file), np.load(file)]
        parameters = [step.state.parameters.biases, step.state.parameters.weights]
        same &= all(np.array_equal(a, b) for a, b in zip(parameters, written, strict=True))
        same &= all(np.isfinite(array).all() for array in written)
        with np.load(folder / f"step_{index:02d}_graph.npz") as graph:
            arrays = step.graph.to_arrays()
            same &= all(np.array_equal(graph[name], arrays[name]) for name in arrays)
    return None if same else "another model than its files describe"


def _pairs(ours: Any, theirs: Any) -> Any:
    ours, theirs = (model.steps if isinstance(model, DTM) else model for model in (ours, theirs))
    return zip(ours, theirs, strict=True)


def _config(original: Original, rng: random.Random, scratch: Path) -> Trial:
    text = (original.run / "model_saving/config.yaml").read_text()
    path = scratch / "given.yaml"
    if rng.random() < 0.05:
        _no_file(path, rng)
    elif rng.random() < 0.4:
        path.write_bytes(damage_bytes(text.encode(), rng, [text.encode()]))
    else:
        path.write_bytes(hostile_yaml(text, rng))
    return Trial("config", "either", lambda: DTMConfig.load(path), _config_problem, str(path))


def _no_file(path: Path, rng: random.Random) -> None:
    """Something else under the name of a file."""
    rng.choice([path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")])()


def _config_problem(cfg: DTMConfig) -> str | None:
    return None if DTMConfig.from_yaml(cfg.to_yaml()) == cfg else "a config that is not itself"


def _table(original: Original, rng: random.Random, scratch: Path) -> Trial:
    path, text = scratch / "given.csv", original.table.read_text()
    if rng.random() < 0.05:
        _no_file(path, rng)
    elif rng.random() < 0.6:
        path.write_bytes(
            damage_bytes(text.encode(), rng, [b",,,,\n\n", b'"', b"#", b"nan,inf,1e9"])
        )
    else:
        rows = altered([line.split(",") for line in text.splitlines()], rng)
        rows = rows if isinstance(rows, list) else [rows]
        lines = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    return Trial("table", "either", lambda: RunTable.read(path), _table_problem, str(path))


def _table_problem(table: RunTable) -> str | None:
    lengths = {len(column) for column in table.columns.values()}
    return None if len(lengths) == 1 and "epoch" in table.columns else "columns of several lengths"


def _idx(original: Original, rng: random.Random, scratch: Path) -> Trial:
    images = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    content = encode_idx(images)
    expected = sha256(content).hexdigest()
    packed = rng.random() < 0.5
    path = scratch / ("images.gz" if packed else "images")
    bombs = [
        bytes((0, 0, 8, 3)) + b"\xff" * 12,
        bytes((0, 0, 8, 255)) + b"\xff" * 1020,
        bytes((0, 0, 8, 1)) + (2**31).to_bytes(4, "big") + bytes(10**7),
    ]
    if rng.random() < 0.05:
        _no_file(path, rng)
    elif rng.random() < 0.3:
        content = rng.choice([*bombs, damage_bytes(content, rng, [content])])
        path.write_bytes(gzip.compress(content, 1) if packed else content)
    else:
        content = gzip.compress(content) if packed else content
        path.write_bytes(damage_bytes(content, rng, [content, b"\x1f\x8b"]))
    return Trial(
        "idx",
        "either",
        lambda: read_idx(path, expected),
        lambda found: None if np.array_equal(found, images) else "other images",
        str(path),
    )


def _hang(*_: object) -> None:
    raise HangError


def _memory(name: Literal["VmRSS", "VmHWM"]) -> int:
    """Bytes of memory that this process has now, or the most it has had since `_forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split(f"{name}:")[1].split()[0])


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


# Many cases, in processes of their own


def _work(folder: Path, seed: int, first: int, last: int) -> None:
    """Runs cases and prints a line of JSON for each, before it begins and when it has ended."""
    warnings.simplefilter("ignore")
    (run,) = (path for path in folder.iterdir() if path.is_dir() and path.name.startswith("tiny"))
    original = opened(run, folder / "table.csv")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(folder)
        sys.path.insert(0, "")
        for number in range(first, last):
            print(json.dumps([number]), flush=True)
            result = run_case(original, seed, number, Path(scratch) / "case")
            print(json.dumps([number, *result]), flush=True)


def _chunk(folder: Path, seed: int, first: int, last: int) -> dict[int, Result]:
    """The results of some cases; a process that dies or hangs costs one of them."""
    results: dict[int, Result] = {}
    while first < last:
        arguments = ["--work", str(folder), "--seed", str(seed), "--first", str(first)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", *arguments, "--n", str(last - first)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            out, _ = process.communicate(timeout=120 + 20 * (last - first))
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        lines = [json.loads(line) for line in out.splitlines()]
        results |= {number: Result(*fields) for number, *fields in lines if fields}
        begun = max((line[0] for line in lines), default=first)
        if begun not in results:
            results[begun] = Result("?", f"the process ended with {process.returncode}", 0.0, 0)
        first = begun + 1
    return results


def main() -> None:
    """Runs the cases and writes down how they ended."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--n", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--output", type=Path)
    arguments.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    last = given.first + given.n
    if given.work:
        _work(given.work, given.seed, given.first, last)
        return
    results: dict[int, Result] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_original(folder)
        plant(folder)
        for first in range(given.first, last, _CHUNK):
            results |= _chunk(folder, given.seed, first, min(first + _CHUNK, last))
            summary = _summary(results)
            print(summary.splitlines()[0], flush=True)
            if given.output:
                given.output.write_text(summary)
    print(_summary(results))


def _summary(results: dict[int, Result]) -> str:
    ends = Counter(
        result.ended if result.ended in _GOOD else "wrong" for result in results.values()
    )
    slowest = max(results.values(), key=lambda result: result.seconds)
    largest = max(results.values(), key=lambda result: result.n_bytes)
    lines = [
        f"{len(results)} cases: {dict(ends)}; slowest {slowest.seconds:.2f} s ({slowest.kind}); "
        f"most memory {largest.n_bytes / 2**20:.0f} MiB ({largest.kind})",
        *(
            f"{number}: {result.kind}: {result.ended}"
            for number, result in sorted(results.items())
            if result.ended not in _GOOD
        ),
    ]
    kinds = Counter(
        (result.kind.split(" of epoch")[0], result.ended) for result in results.values()
    )
    lines += [f"{kind}: {ended:.80}: {n}" for (kind, ended), n in sorted(kinds.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
