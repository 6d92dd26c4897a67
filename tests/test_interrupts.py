"""Ctrl-C and a full disk: a clear message, and every checkpoint announced still loads."""

import errno
import os
import re
import signal
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny import REPOSITORY, TINY, assert_same_states, finished, measured, python, trained
from tqdm import tqdm

from thrmlDenoising import DTM

# Runs the training script; prints a line at the moment to interrupt, and then takes its time.
SCRIPT = """
import os, runpy, signal, sys, time
from pathlib import Path
from tqdm import tqdm

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have switched it off
moment, script, *arguments = sys.argv[1:]

def slowed(call, is_it):
    def wrapped(*arguments):
        if is_it(*arguments):
            print("now", flush=True)
            time.sleep(60)
        return call(*arguments)
    return wrapped

updates = iter(range(10**9))
if moment == "epoch":  # a bar moves after both batches of an epoch and after the epoch
    tqdm.update = slowed(tqdm.update, lambda *_: next(updates) == 7)
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


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the moment through /proc")
@pytest.mark.parametrize("moment", ["epoch", "save"])
def test_ctrl_c_ends_the_script_and_resume_goes_on(tmp_path, moment):
    TINY.save(tmp_path / "tiny.yaml")
    script = REPOSITORY / "training_script.py"
    arguments = [tmp_path / "tiny.yaml", "--epochs", "4", "--output_dir", tmp_path / "runs"]
    process = python("-c", SCRIPT, moment, script, *arguments)
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in errors
    (run,) = (tmp_path / "runs").iterdir()
    expected = {"epoch": [0, 1, 2], "save": [0, 1]}[moment]
    assert f"interrupted; complete checkpoints: {expected}" in errors
    assert f"--resume {run}" in errors
    assert announced(run) == expected
    assert_announced_load(run)
    assert "stopped by KeyboardInterrupt" in (run / "training_log_tiny.txt").read_text()

    out = finished(python(script, "--resume", run, "--epochs", str(5 - expected[-1])))
    assert str(run) in out
    straight = trained(tmp_path / "straight", 5)
    assert_same_states(DTM.load(run), straight)


@pytest.fixture
def dtm(tmp_path) -> DTM:
    return trained(tmp_path / "run", 2)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("straight"), 4)


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


def test_a_disk_too_full_for_pictures_costs_no_trained_epoch(dtm, straight, monkeypatch):
    def save(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", save)
        with pytest.raises(OSError, match=r"epoch 3, whose checkpoint is complete.*No space"):
            dtm.train(2, evaluate_every=2)
    assert_stands_at(dtm, 3)
    assert_it_goes_on(dtm, straight)


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
