"""One process at a time writes into a run, and a dead one keeps nobody out."""

import errno
import json
import os
import shutil
from pathlib import Path

import filelock
import pytest
from tiny import assert_same_states, python, tiny_cfg, trained

from thrmlDenoising import DTM
from thrmlDenoising.runs import InUseError, RunFolder, run_used_alone
from thrmlDenoising.support.files import append_text

CFG = tiny_cfg(exp=dict(compute_autocorr=False), cp=dict(adaptive_cp=False))

HOLD = """
import sys, time
from pathlib import Path
from thrmlDenoising.runs import RunFolder, run_used_alone
with run_used_alone(RunFolder.open(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("straight"), 2, CFG)


@pytest.fixture
def dtm(tmp_path) -> DTM:
    """Trained for an epoch."""
    return trained(tmp_path, 1, CFG)


def hidden_in(run: Path) -> list[Path]:
    return list(run.glob(".*"))


def test_the_second_is_told_who_is_first_and_a_dead_process_keeps_nobody_out(dtm, straight):
    run = dtm.logging_and_saving_dir
    holder = python("-c", HOLD, run)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    for attempt in (
        lambda: DTM(CFG).train(1, 2, resume=run),
        lambda: dtm.train(1, 2),
        dtm.save_epoch,
        lambda: dtm.generate_gif(1),
        lambda: dtm.eval_epoch(1),
        lambda: dtm.compute_autocorr(1),
    ):
        with pytest.raises(InUseError, match=rf"{run.name}.* by process {holder.pid} on .*wait"):
            attempt()
    assert DTM.load(run).epoch == 1, "loading needs no lock"
    holder.kill()
    holder.communicate()
    assert len(hidden_in(run)) == 2, "it could not clean up"
    dtm.train(1, 2)
    assert_same_states(dtm, straight)
    assert hidden_in(run) == []


def test_one_model_trains_twice_and_another_resumes_between(dtm, straight):
    run = dtm.logging_and_saving_dir
    other = DTM(CFG)
    other.train(1, 2, resume=run)
    assert_same_states(other, straight)
    for late in (lambda: dtm.train(1, 2), dtm.save_epoch):
        with pytest.raises(ValueError, match=r"gone on to epoch 2.* at epoch 1.*new DTM"):
            late()
    other.train(1, 2)
    assert (other.epoch, DTM.load(run).epoch) == (3, 3)


def test_a_model_of_the_same_process_waits_as_well(dtm):
    with (
        run_used_alone(RunFolder.open(dtm.logging_and_saving_dir)),
        pytest.raises(InUseError, match="another model of this process"),
    ):
        dtm.train(1, 2)


def test_training_that_fails_lets_go(dtm, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("thrmlDenoising.training.loop.TrainingLoop.epochs", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dtm.train(1, 2)
    assert hidden_in(dtm.logging_and_saving_dir) == []
    dtm.train(1, 2)


def test_a_folder_that_is_deleted_meanwhile_raises_nothing_of_its_own(tmp_path):
    run = RunFolder(tmp_path / "run")
    with run_used_alone(run):
        shutil.rmtree(run.root)
    with run_used_alone(run):
        pass
    assert hidden_in(run.root) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_warned_about(tmp_path, monkeypatch, number):
    def acquire(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    reached = False
    with pytest.warns(UserWarning, match="has no locks"), run_used_alone(RunFolder(tmp_path)):
        reached = True
    assert reached


def test_other_errors_of_the_disk_are_not(tmp_path, monkeypatch):
    def acquire(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with pytest.raises(OSError, match="Input/output"), run_used_alone(RunFolder(tmp_path)):
        pass


def test_an_error_without_locks_is_told_alone(tmp_path, monkeypatch):
    def acquire(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with (
        pytest.raises(ZeroDivisionError) as caught,
        pytest.warns(UserWarning, match="no locks"),
        run_used_alone(RunFolder(tmp_path)),
    ):
        raise ZeroDivisionError
    assert caught.value.__context__ is None


def test_a_link_in_place_of_the_lock_is_named_and_leads_nowhere(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".lock").symlink_to("victim")
    message = r"is a link, through which nothing is written: remove it: .*\.lock"
    with pytest.raises(OSError, match=message), run_used_alone(RunFolder(tmp_path)):
        pass
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("read", [True, False])
def test_a_pipe_in_place_of_the_log_is_named(tmp_path, read):
    os.mkfifo(tmp_path / "log.txt")
    reader = os.open(tmp_path / "log.txt", os.O_RDONLY | os.O_NONBLOCK) if read else None
    with pytest.raises(OSError, match=r"is no regular file.* remove it: .*log\.txt"):
        append_text(tmp_path / "log.txt", "a line")
    if reader is not None:
        os.close(reader)


@pytest.mark.parametrize("holder", ["", "[]", json.dumps({"pid": 1})])
def test_a_holder_that_says_nothing_of_itself_holds_all_the_same(tmp_path, holder):
    run = RunFolder(tmp_path)
    with run_used_alone(run):
        (tmp_path / ".lock.holder").write_text(holder)
        with pytest.raises(InUseError, match="by another process"), run_used_alone(run):
            pass
