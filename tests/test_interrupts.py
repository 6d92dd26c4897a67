"""Ctrl-C, SIGTERM, a full disk: a clear message, and every checkpoint announced still loads."""

import errno
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import kill_runs
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny import REPOSITORY, TINY, assert_same_states, measured, python, rest_slow, trained
from tqdm import tqdm

from thrmlDenoising import DTM
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.runs import History
from thrmlDenoising.training.images.judging import Judge
from thrmlDenoising.training.signals import StopSignals

# Runs the training script; prints a line at the moment to interrupt, and then takes its time.
SCRIPT = """
import os, runpy, signal, sys, time
from pathlib import Path
from tqdm import tqdm

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have switched it off
moment, script, *arguments = sys.argv[1:]

once = iter([True])

def slowed(call, is_it):
    def wrapped(*arguments):
        if is_it(*arguments) and next(once, False):
            print("now", flush=True)
            time.sleep(1)
        return call(*arguments)
    return wrapped

updates = iter(range(10**9))
if moment == "epoch":  # the bar moves after both batches of an epoch
    tqdm.update = slowed(tqdm.update, lambda *_: next(updates) == 5)
else:
    def in_checkpoint(file):
        return "epoch_002.saving" in os.readlink(f"/proc/self/fd/{file}")
    os.fsync = slowed(os.fsync, in_checkpoint)
sys.argv = [script, *arguments]
runpy.run_path(script, run_name="__main__")
"""


def announced(run: Path) -> list[int]:
    """The checkpoints that the log speaks of."""
    log = next(run.glob("training_log*.txt")).read_text()
    return [int(epoch) for epoch in re.findall(r"; checkpoint epoch_(\d+)", log)]


def assert_announced_load(run: Path) -> None:
    for epoch in announced(run):
        assert DTM.load(run, epoch=epoch).epoch == epoch


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("straight"), 4)


# What reaches the script, the epochs that are saved by then, the exit status, and what it says.
CTRL_C = 130, "interrupted; complete checkpoints: {}"
SIGTERM = 143, "stopped by SIGTERM; complete checkpoints: {}"
STOPS = {
    "Ctrl-C in an epoch": ("epoch", [signal.SIGINT], [0, 1, 2], *CTRL_C),
    "Ctrl-C waits for a save": ("save", [signal.SIGINT], [0, 1, 2], *CTRL_C),
    "a second Ctrl-C does not": ("save", [signal.SIGINT, signal.SIGINT], [0, 1], *CTRL_C),
    "SIGTERM in an epoch": ("epoch", [signal.SIGTERM], [0, 1, 2], *SIGTERM),
}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the moment through /proc")
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.slow
def test_a_signal_ends_the_script_and_resume_goes_on(tmp_path, straight, stop):
    moment, signals, expected, status, says = STOPS[stop]
    TINY.save(tmp_path / "tiny.yaml")
    script = REPOSITORY / "training_script.py"
    arguments = [tmp_path / "tiny.yaml", "--epochs", "4", "--output_dir", tmp_path / "runs"]
    process = python("-c", SCRIPT, moment, script, *arguments)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    for number in signals:
        process.send_signal(number)
        sleep(0.2)  # two at once would be one
    _, errors = process.communicate(timeout=60)

    assert process.returncode == status
    assert "Traceback" not in errors
    (run,) = (tmp_path / "runs").iterdir()
    assert says.format(expected) in errors
    assert f"--resume {run}" in errors
    assert announced(run) == expected
    assert_announced_load(run)
    name = "SIGTERM" if signal.SIGTERM in signals else "KeyboardInterrupt"
    assert f"stopped by {name}" in (run / "training_log_tiny.txt").read_text()

    resumed = DTM(TINY)
    resumed.train(4 - expected[-1], evaluate_every=2, resume=run)
    assert_same_states(resumed, straight)


# Imports JAX for a long time, and says when it begins.
SLOW_IMPORT = """
import runpy, signal, sys, time

class Slow:
    def find_spec(self, name, *_):
        if name == "jax":
            print("now", flush=True)
            time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Slow())
runpy.run_module(sys.argv[1], run_name="__main__")
"""

COMMANDS = [
    "training_script",
    "thrmlDenoising.train",
    "thrmlDenoising.evaluate",
    "figures.all",
    "thrmlDenoising.display",
    *(
        f"figures.{path.parent.name}.{path.stem}"
        for name in ("train", "plot")
        for path in sorted((REPOSITORY / "figures").glob(f"*/{name}.py"))
    ),
]


@pytest.mark.parametrize("command", rest_slow(COMMANDS, 4))
def test_ctrl_c_while_libraries_are_imported_says_nothing(command):
    process = python("-c", SLOW_IMPORT, command)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


@pytest.fixture
def dtm(tmp_path) -> DTM:
    return trained(tmp_path / "run", 2)


def assert_stands_at(dtm: DTM, epoch: int) -> None:
    """The model is as it was after this epoch, on disk and in memory."""
    run = dtm.logging_and_saving_dir
    assert announced(run) == list(range(epoch + 1))
    assert_announced_load(run)
    saved = DTM.load(run)
    assert dtm.epoch == saved.epoch == epoch
    assert_same_states(dtm, saved)
    assert measured(dtm) == measured(saved)
    for ours, theirs in zip(dtm.steps, saved.steps, strict=True):
        assert ours.autocorrelations == theirs.autocorrelations
    assert not list(dtm.model_saving_path.glob("*.saving"))


def assert_it_goes_on(dtm: DTM, straight: DTM) -> None:
    """To the fourth epoch, as if it had never been stopped."""
    dtm.train(4 - dtm.epoch, evaluate_every=2)
    assert_same_states(dtm, straight)
    assert measured(dtm) == measured(straight)
    assert announced(dtm.logging_and_saving_dir) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.slow
def test_an_epoch_that_fails_leaves_the_model_as_it_was(dtm, straight, monkeypatch, error):
    updates = iter([None, error])  # the first step trains, the second does not

    def update(_bar: tqdm) -> None:
        if (failure := next(updates)) is not None:
            raise failure

    with monkeypatch.context() as patch:
        patch.setattr(tqdm, "update", update)
        with pytest.raises(error):
            dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 2)
    assert_it_goes_on(dtm, straight)


def test_a_disk_too_full_for_tables_costs_no_trained_epoch(dtm, straight, monkeypatch):
    def write(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(History, "write_csv", write)
        with pytest.raises(OSError, match=r"epoch 3, whose checkpoint is complete.*No space"):
            dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 3)
    assert_it_goes_on(dtm, straight)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), RuntimeError("latex could not be found")]
)
def test_pictures_that_cannot_be_drawn_cost_themselves(tmp_path, straight, monkeypatch, error):
    def save(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(Figure, "savefig", save)
    with pytest.warns(UserWarning, match="could not be drawn") as warned:
        dtm = trained(tmp_path, 4)
    assert_same_states(dtm, straight)
    assert measured(dtm) == measured(straight)
    run = dtm.logging_and_saving_dir
    log = (run / "training_log_tiny.txt").read_text()
    for picture in ("fid_vs_epoch.png", "autocorr_vs_epoch.png", "autocorrelation_vs_lags/epoch3"):
        assert any(f"{picture}" in str(warning.message) for warning in warned)
        assert f"warning: {picture}" in log
    assert not list(run.glob("*.png"))
    assert len(list((run / "images").iterdir())) == 6  # which another library draws
    assert (run / "metrics.csv").is_file()


@pytest.mark.parametrize("number", range(1, 6, 2))
def test_one_picture_that_fails_costs_no_other(tmp_path, monkeypatch, number):
    """The untrained model has five: curves over epochs, lags, and images, free and clamped."""
    numbers, save = count(1), Image.Image.save

    def failing(*arguments: Any, **options: Any) -> None:
        if next(numbers) == number:
            raise Image.DecompressionBombError("too large")
        save(*arguments, **options)

    monkeypatch.setattr(Image.Image, "save", failing)
    dtm = DTM(TINY, base_dir=tmp_path)
    with pytest.warns(UserWarning, match="could not be drawn: .*too large") as warned:
        dtm.train(1, evaluate_every=1)
    (warning,) = warned
    # those over the epochs are drawn again after the next one
    pictures = {path.name for path in dtm.logging_and_saving_dir.rglob("*.png")}
    again = "_vs_epoch.png" in str(warning.message)
    assert len(pictures) == (8 if again else 7)
    assert any(name in str(warning.message) for name in pictures) == again


def test_an_interrupted_drawing_costs_no_trained_epoch(dtm, straight, monkeypatch):
    def save(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", save)
        with pytest.raises(KeyboardInterrupt):
            dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 3)
    assert_it_goes_on(dtm, straight)


def test_a_full_disk_is_named_and_what_was_saved_stands(dtm, straight, monkeypatch):
    def fsync(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match=r"epoch 3 .*No space left.*the last is epoch 2") as error:
            dtm.train(2, evaluate_every=2)
    assert error.value.errno == errno.ENOSPC
    assert_stands_at(dtm, 2)
    assert_it_goes_on(dtm, straight)


# Signals within a process


@pytest.fixture
def default_handlers() -> Iterator[None]:
    """Python's own, whatever runs the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for number, handler in before.items():
        signal.signal(number, handler)


def at_an_update(monkeypatch, act: Callable[[], None]) -> None:
    """Does it in the next batch."""
    acts = iter([act])
    monkeypatch.setattr(tqdm, "update", lambda _bar: next(acts, lambda: None)())


def send(number: signal.Signals) -> None:
    """To this process; an exception that it raises is dropped, as callbacks of JAX do."""
    with suppress(BaseException):
        os.kill(os.getpid(), number)
        sleep(0.01)


@pytest.mark.usefixtures("default_handlers")
@pytest.mark.parametrize(
    ("number", "stop"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_no_signal_is_lost(dtm, straight, monkeypatch, caplog, number, stop):
    with monkeypatch.context() as patch:
        at_an_update(patch, lambda: send(number))
        with pytest.raises(stop) as stopped:
            dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 2)
    terminated = number == signal.SIGTERM
    assert stopped.value.args == ((143,) if terminated else ())
    said = "stopped by SIGTERM; complete checkpoints: [0, 1, 2]" in caplog.text
    assert said == terminated
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert_it_goes_on(dtm, straight)


def ends_by(number: signal.Signals) -> None:
    """Sends the signal to this process, where it must raise at once."""
    assert signal.getsignal(number) is not signal.SIG_DFL  # which would end the tests
    os.kill(os.getpid(), number)
    sleep(1)
    raise AssertionError("it did not raise at once")


@pytest.mark.usefixtures("default_handlers")
@pytest.mark.parametrize("moment", ["DTMModel.data", "Judge.suite"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_data_are_read_stops_at_once(tmp_path, monkeypatch, moment, number):
    owner, name = moment.split(".")
    owner = {"DTMModel": DTMModel, "Judge": Judge}[owner]
    monkeypatch.setattr(owner, name, property(lambda _: ends_by(number)))
    dtm = DTM(TINY, base_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit) as stopped:
        dtm.train(1)
    assert stopped.value.args == (() if number == signal.SIGINT else (143,))
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("default_handlers")
def test_a_signal_that_a_callback_drops_while_data_are_read_is_not_lost(tmp_path, monkeypatch):
    suite = Judge.suite

    def dropping(judge: Judge) -> object:
        with suppress(BaseException):
            ends_by(signal.SIGTERM)
        return suite.__get__(judge)

    monkeypatch.setattr(Judge, "suite", property(dropping))
    with pytest.raises(SystemExit, match="143"):
        DTM(TINY, base_dir=tmp_path).train(1)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("default_handlers")
def test_a_signal_after_the_last_batch_is_not_lost(tmp_path, monkeypatch):
    write = History.write_csv

    def interrupted(history: History, path: Path) -> None:
        write(history, path)
        if history.records[-1].epoch == 2:
            send(signal.SIGINT)

    monkeypatch.setattr(History, "write_csv", interrupted)
    dtm = DTM(TINY, base_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 2)


@pytest.mark.usefixtures("default_handlers")
def test_handlers_of_the_users_own_stay(dtm, straight, monkeypatch):
    received = []
    signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    with monkeypatch.context() as patch:
        at_an_update(patch, lambda: send(signal.SIGTERM))
        dtm.train(2, evaluate_every=2)
    assert received == [signal.SIGTERM]
    assert_same_states(dtm, straight)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("default_handlers")
def test_processes_that_are_forked_meanwhile_can_be_terminated():
    """As the workers of a pool are, whose end would be waited for in vain."""
    reads, writes = os.pipe()
    with StopSignals() as signals:
        child = os.fork()
        if child == 0:
            os.write(writes, b"!")
            sleep(60)
            os._exit(0)
        os.read(reads, 1)  # before that Python forgets signals in a fork
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        signals.look()
    assert os.WTERMSIG(status) == signal.SIGTERM


def test_training_works_outside_the_main_thread(dtm, straight):
    thread = threading.Thread(target=dtm.train, args=(2, 2))
    thread.start()
    thread.join()
    assert_same_states(dtm, straight)


# What the script that stops many trainings holds them to

SAID = "x  training on images\nx  stopped by {}; complete checkpoints: [0]\n"


@pytest.mark.parametrize(
    ("number", "status", "log", "right"),
    [
        (signal.SIGTERM, 143, SAID.format("SIGTERM"), True),
        (signal.SIGTERM, 143, SAID.format("KeyboardInterrupt"), False),
        (signal.SIGTERM, 143, SAID[:23], False),
        (signal.SIGTERM, -15, SAID[:23], False),
        (signal.SIGTERM, -15, "x  resumed after epoch 3;", True),
        (signal.SIGINT, 130, SAID.format("KeyboardInterrupt"), True),
        (signal.SIGINT, -2, "", False),
        (signal.SIGKILL, -9, SAID[:23], True),
    ],
)
def test_a_stop_is_right_only_if_training_says_so(tmp_path, number, status, log, right):
    assert (kill_runs.what_is_wrong(number, status, "", log, tmp_path) == "") == right
