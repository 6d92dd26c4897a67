"""Stops trainings at random moments, resumes them, and compares with one that was left alone.

    python tests/kill_runs.py --kills 50 --terminations 20 --interrupts 30

A run is killed (SIGKILL), terminated (SIGTERM) or interrupted (SIGINT), again and again until it
has all its epochs. It must then be bit for bit the run that was never stopped; a signal that asks
must end the process with 143 or 130, without a traceback, and with a line in the log of what is
saved. Not collected by pytest: it takes a minute for every few stops.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tiny import REPOSITORY, TINY, measured, python, states_of

from thrmlDenoising import DTM
from thrmlDenoising.runs import complete_epochs

N_EPOCHS = 30
STATUS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}
BEGUN = "  training on "
STOPPED = {
    signal.SIGTERM: "  stopped by SIGTERM; complete checkpoints: ",
    signal.SIGINT: "  stopped by KeyboardInterrupt; complete checkpoints: ",
}

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have switched it off
import runpy
script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
runpy.run_path(script, run_name="__main__")
"""


def start(folder: Path, n_epochs: int) -> subprocess.Popen[str]:
    """A training to the last epoch: new, or resumed if something is saved."""
    runs = [run for run in folder.glob("tiny_*") if complete_epochs(run / "model_saving")]
    arguments = ["--epochs", str(n_epochs), "--evaluate-every", "5", "--output-dir", folder]
    if runs:
        (run,) = runs
        left = n_epochs - complete_epochs(run / "model_saving")[-1]
        arguments = ["--resume", run, "--epochs", str(left), "--evaluate-every", "5"]
    else:
        TINY.save(folder / "tiny.yaml")
        arguments = [folder / "tiny.yaml", *arguments]
    return python("-c", SCRIPT, REPOSITORY / "training_script.py", *arguments)


def last_epoch(folder: Path) -> int:
    """The last one that is saved; -1 if there is none."""
    epochs = [complete_epochs(run / "model_saving") for run in folder.glob("tiny_*")]
    return max((saved[-1] for saved in epochs if saved), default=-1)


def stop_once(folder: Path, number: signal.Signals, rng: random.Random) -> tuple[bool, str, float]:
    """Trains, and stops the process a random time after an epoch of it is saved, or one in eight
    times after it has begun.

    Returns:
        Whether it was stopped before its end; what was wrong; seconds until it had ended.
    """
    logged = log_of(folder)
    process, before = start(folder, N_EPOCHS), last_epoch(folder)
    early = rng.random() < 1 / 8
    while process.poll() is None:
        if has_begun(folder, before) if early else last_epoch(folder) > before:
            break
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1))
    process.send_signal(number)
    sent = time.monotonic()
    try:
        _, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        return True, "it did not end", 120.0
    seconds = time.monotonic() - sent
    if process.returncode == 0:
        if last_epoch(folder) < N_EPOCHS:
            return False, "the signal was lost", seconds
        return False, "", seconds
    log = log_of(folder)[len(logged) :]
    return True, what_is_wrong(number, process.returncode, errors, log, folder), seconds


def what_is_wrong(number: signal.Signals, status: int, errors: str, log: str, folder: Path) -> str:
    """About a process that was stopped, by what it said and what it has added to the log.

    Before training, and after it, a process dies of SIGTERM in the ordinary way. In between it
    says what is saved.
    """
    if number == signal.SIGKILL:
        return "" if status == STATUS[number] else f"exit status {status}: {errors[-500:]}"
    in_training = BEGUN in log and last_epoch(folder) < N_EPOCHS
    dies = not in_training and number == signal.SIGTERM and status == -number
    if status != STATUS[number] and not dies:
        return f"exit status {status}: {errors[-500:]}"
    if "Traceback" in errors or "Exception ignored" in errors:
        return errors[-1500:]
    if in_training and STOPPED[number] not in log:
        return f"the log ends without a word of the signal: {log[-500:]}"
    return ""


def log_of(folder: Path) -> str:
    """What the runs in it have logged."""
    logs = sorted(folder.glob("tiny_*/training_log*.txt"))
    return "".join(log.read_text(encoding="utf-8") for log in logs)


def has_begun(folder: Path, before: int) -> bool:
    """Whether the log says that this process has made, or resumed, a run."""
    return (f"resumed after epoch {before};" if before >= 0 else "config") in log_of(folder)


def stopped_runs(number: signal.Signals, n_stops: int, straight: DTM, rng: random.Random) -> None:
    """Prints how many stops, and how many runs put together of them, were right."""
    outcomes, times, problems, stops = Counter(), [], [], 0
    while stops < n_stops:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            while last_epoch(folder) < N_EPOCHS:
                stopped, problem, seconds = stop_once(folder, number, rng)
                stops += stopped
                times += [seconds] * stopped
                if problem:
                    problems.append(problem)
                for run in folder.glob("tiny_*"):
                    if not complete_epochs(run / "model_saving"):
                        shutil.rmtree(run)  # stopped before the untrained model was saved
                epoch = last_epoch(folder)
                print(
                    f"{number.name} {stops}: {seconds:.2f} s, epoch {epoch} {problem}", flush=True
                )
            (run,) = folder.glob("tiny_*")
            outcomes["right" if is_same(DTM.load(run), straight) else "WRONG"] += 1
    print(
        f"{number.name}: {stops} stops in {outcomes.total()} runs, {outcomes['right']} of them bit "
        f"for bit as if never stopped, {len(problems)} problems; the process ended "
        f"{max(times):.2f} s after the signal at the latest, {sum(times) / len(times):.2f} s on "
        "average",
        *problems,
        sep="\n  ",
        flush=True,
    )


def is_same(ours: DTM, theirs: DTM) -> bool:
    """Every number of the state, and everything measured."""
    pairs = zip(states_of(ours), states_of(theirs), strict=True)
    return measured(ours) == measured(theirs) and all((a == b).all() for a, b in pairs)


def main() -> None:
    """Parses, trains the run to compare with, and stops others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--terminations", type=int, default=20)
    parser.add_argument("--interrupts", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    wanted = {
        signal.SIGKILL: given.kills,
        signal.SIGTERM: given.terminations,
        signal.SIGINT: given.interrupts,
    }
    with tempfile.TemporaryDirectory() as place:
        straight = DTM(TINY, base_dir=place)
        straight.train(N_EPOCHS, evaluate_every=5)
        for number, n_stops in wanted.items():
            if n_stops:
                stopped_runs(number, n_stops, straight, rng)


if __name__ == "__main__":
    sys.exit(main())
