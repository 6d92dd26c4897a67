import csv
import errno
import json
import math
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from thrmlDenoising.runs import (
    CheckpointError,
    EpochRecord,
    History,
    Manifest,
    RunFolder,
    TrainingLog,
    checkpoint_path,
    complete_epochs,
    save_checkpoint,
)
from thrmlDenoising.support.files import written_aside

NOW = datetime(2026, 11, 21, 23, 59, 59)


def write_steps(content: bytes):
    def write(folder: Path):
        (folder / "step_00.eqx").write_bytes(content)
        (folder / "graphs").mkdir()
        (folder / "graphs" / "step_00.npz").write_bytes(content * 2)

    return write


def verify(path: Path) -> None:
    """Reads every file as loading does."""
    manifest = Manifest.read(path)
    for name in manifest.files:
        manifest.read_file(name, at_most=2**20)


def content_of(path: Path) -> bytes:
    verify(path)
    return (path / "step_00.eqx").read_bytes()


# Run folders


def test_a_new_run_is_planned_then_made(tmp_path):
    run = RunFolder.new(tmp_path / "runs", "acp_T8", NOW)
    assert not list(tmp_path.iterdir())
    run.create()
    assert run.root == tmp_path / "runs" / "acp_T8_20261121_235959"
    assert run.training_log == run.root / "training_log_acp_T8.txt"
    assert run.config == run.root / "model_saving" / "config.yaml"
    assert run.image(3, "free") == run.root / "images" / "epoch3_free.png"
    assert {path.name for path in run.root.iterdir()} == {
        "images",
        "gifs",
        "model_saving",
    }


def test_names_taken_get_a_number_and_nothing_is_overwritten(tmp_path):
    for name in ("run_20261121_235959", "run_20261121_235959_2", "run_20261121_235959_3"):
        run = RunFolder.new(tmp_path, "", NOW)
        run.create()
        assert run.root.name == name
        assert run.training_log.name == "training_log.txt"
    with pytest.raises(FileExistsError, match="exists already"):
        run.create()


@pytest.mark.parametrize("descriptor", ["", "acp_T8", "lr=0.03,T=8", "größe-1.5"])
def test_a_run_is_opened_again_by_either_folder(tmp_path, descriptor):
    run = RunFolder.new(tmp_path, descriptor, NOW)
    run.create()
    run.config.write_text("exp: {}")
    TrainingLog(run.training_log).write("begun")
    assert RunFolder.open(run.root) == run
    assert RunFolder.open(run.model_saving) == run


def test_opening_what_is_no_run_says_what_to_give(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder.*config\.yaml"):
        RunFolder.open(tmp_path / "missing")
    run = RunFolder.new(tmp_path, "a", NOW)
    run.create()
    with pytest.raises(FileNotFoundError, match="no run folder"):
        RunFolder.open(run.root)
    run.config.write_text("exp: {}")
    with pytest.raises(FileNotFoundError, match=f"Runs inside .*{run.root.name}"):
        RunFolder.open(tmp_path)
    for name in ("a", "b"):
        (run.root / f"training_log_{name}.txt").touch()
    with pytest.raises(ValueError, match="2 training logs"):
        RunFolder.open(run.root)


@pytest.mark.parametrize("descriptor", ["a/b", "..", "-rf", "a b", "a\n", "x" * 201, "a\0"])
def test_descriptors_have_to_be_file_names(tmp_path, descriptor):
    with pytest.raises(ValueError, match="descriptor"):
        RunFolder.new(tmp_path, descriptor, NOW)


def test_the_longest_descriptor_still_makes_a_folder(tmp_path):
    run = RunFolder.new(tmp_path, "x" * 200, NOW)
    run.create()
    TrainingLog(run.training_log).write("begun")
    assert run.training_log.exists()


# Checkpoints


def test_checkpoints_are_saved_listed_and_verified(tmp_path):
    saving = tmp_path / "run" / "model_saving"
    assert complete_epochs(saving) == []
    for epoch in (0, 5, 1000):
        save_checkpoint(saving, epoch, write_steps(b"%d" % epoch))
    assert [path.name for path in sorted(saving.iterdir())] == [
        "epoch_000",
        "epoch_005",
        "epoch_1000",
    ]
    assert complete_epochs(saving) == [0, 5, 1000]
    assert content_of(checkpoint_path(saving, None)) == b"1000"
    assert content_of(checkpoint_path(saving, 5)) == b"5"
    with pytest.raises(FileNotFoundError, match=r"epoch 7 .* epochs 0, 5, 1000"):
        checkpoint_path(saving, 7)
    with pytest.raises(FileNotFoundError, match="no complete checkpoint"):
        checkpoint_path(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="epoch=-1"):
        save_checkpoint(saving, -1, write_steps(b""))


@pytest.mark.parametrize("failure", [ValueError("bug"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("epoch", [4, 5])
def test_a_save_that_raises_leaves_everything_as_it_was(tmp_path, failure, epoch):
    save_checkpoint(tmp_path, 4, write_steps(b"old"))

    def write(folder):
        write_steps(b"new")(folder)
        raise failure

    with pytest.raises(type(failure)):
        save_checkpoint(tmp_path, epoch, write)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_004"]
    assert content_of(tmp_path / "epoch_004") == b"old"


@pytest.mark.parametrize(
    ("call", "nth"), [*(("rename", nth) for nth in range(2)), *(("fsync", nth) for nth in range(6))]
)
def test_an_interrupt_at_any_system_call_leaves_one_complete_checkpoint(
    tmp_path, monkeypatch, call, nth
):
    save_checkpoint(tmp_path, 4, write_steps(b"old"))
    original, seen = getattr(os, call), []

    def interrupted(*arguments):
        seen.append(arguments)
        if len(seen) == nth + 1:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(os, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 4, write_steps(b"new"))
    monkeypatch.undo()
    in_place = call == "fsync" and nth == 5  # only the folder with the new name was to be synced
    assert complete_epochs(tmp_path) == [4]
    assert content_of(checkpoint_path(tmp_path)) == (b"new" if in_place else b"old")
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_004"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_named_and_earlier_checkpoints_stand(tmp_path, number):
    save_checkpoint(tmp_path, 3, write_steps(b"old"))

    def write(folder):
        (folder / "step_00.eqx").write_bytes(b"ha")
        raise OSError(number, os.strerror(number))

    message = rf"checkpoint of epoch 4 in {tmp_path}.*{os.strerror(number)}.*last is epoch 3"
    with pytest.raises(OSError, match=message) as caught:
        save_checkpoint(tmp_path, 4, write)
    assert caught.value.errno == number
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_003"]


def test_a_folder_that_cannot_be_made_is_an_oserror_too(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Could not save .*No checkpoint was saved before") as caught:
        save_checkpoint(tmp_path / "file" / "model_saving", 1, write_steps(b""))
    assert caught.value.errno == errno.ENOTDIR


KILLED = """
import os, signal, sys
from pathlib import Path
from thrmlDenoising.runs import save_checkpoint

die_at = int(sys.argv[2])
calls = 0

def die():
    global calls
    calls += 1
    if calls == die_at:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(call):
    def wrapped(*arguments):
        die()
        return call(*arguments)
    return wrapped

def write(folder):
    (folder / "step_00.eqx").write_bytes(b"ne")
    die()
    (folder / "step_00.eqx").write_bytes(b"new")

os.rename, os.fsync = dying(os.rename), dying(os.fsync)
save_checkpoint(Path(sys.argv[1]), 4, write)
"""
# write, two files and the folder synced, old aside, new in place, parent synced
KILLED_CALLS = 7


def kill_save(model_saving: Path, die_at: int) -> int:
    command = [sys.executable, "-c", KILLED, str(model_saving), str(die_at)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, env=environment, check=False).returncode


@pytest.mark.parametrize("die_at", range(1, KILLED_CALLS + 1))
@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_save_loses_no_checkpoint(tmp_path, die_at):
    save_checkpoint(tmp_path, 3, write_steps(b"three"))
    save_checkpoint(tmp_path, 4, write_steps(b"old"))
    assert kill_save(tmp_path, die_at) == -signal.SIGKILL
    assert complete_epochs(tmp_path) == [3, 4]
    after = content_of(checkpoint_path(tmp_path))
    assert after in (b"old", b"new")
    save_checkpoint(tmp_path, 5, write_steps(b"five"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch_003",
        "epoch_004",
        "epoch_005",
    ]
    assert content_of(tmp_path / "epoch_004") == after


@pytest.mark.slow
def test_the_kills_cover_the_whole_save(tmp_path):
    save_checkpoint(tmp_path, 4, write_steps(b"old"))
    assert kill_save(tmp_path, KILLED_CALLS + 1) == 0
    assert content_of(checkpoint_path(tmp_path)) == b"new"


def corrupt_byte(path):
    file = path / "step_00.eqx"
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


def edit_manifest(**changes):
    def damage(path):
        file = path / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (corrupt_byte, r"step_00\.eqx: its contents have changed"),
        (lambda path: (path / "step_00.eqx").write_bytes(b""), r"step_00\.eqx: it has 0 bytes"),
        (lambda path: shutil.rmtree(path / "graphs"), r"graphs/step_00\.npz: the file is missing"),
        (lambda path: (path / "manifest.json").unlink(), "missing or unreadable"),
        (lambda path: (path / "manifest.json").write_text("{"), "missing or unreadable"),
        (edit_manifest(format_version=99), "format version 99 is unknown"),
        (edit_manifest(epoch=2), "written for epoch 2"),
        (edit_manifest(files={"step_00.eqx": 3}), "list of files is damaged"),
    ],
)
def test_a_damaged_checkpoint_names_file_problem_and_way_out(tmp_path, damage, message):
    for epoch in (3, 4, 5):
        save_checkpoint(tmp_path, epoch, write_steps(b"content"))
    damage(tmp_path / "epoch_005")
    with pytest.raises(CheckpointError, match=rf"epoch_005.*{message}.*another epoch: 3, 4\."):
        verify(tmp_path / "epoch_005")
    verify(tmp_path / "epoch_004")


def test_a_folder_without_manifest_is_no_complete_checkpoint(tmp_path):
    save_checkpoint(tmp_path, 3, write_steps(b"x"))
    (tmp_path / "epoch_004").mkdir()
    (tmp_path / "epoch_best").mkdir()
    (tmp_path / "config.yaml").touch()
    assert complete_epochs(tmp_path) == [3]
    assert checkpoint_path(tmp_path, 3) == tmp_path / "epoch_003"
    with pytest.raises(CheckpointError, match=r"epoch_004 .*manifest.json: it is missing.* 3\."):
        checkpoint_path(tmp_path)
    with pytest.raises(FileNotFoundError, match="epoch 4"):
        checkpoint_path(tmp_path, 4)


def linked(path: Path) -> None:
    path.symlink_to("epoch_003")


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, linked])
@pytest.mark.parametrize("name", ["epoch_004", "epoch_0004", "epoch_4"])
def test_what_has_the_name_of_a_newer_checkpoint_is_not_passed_over(tmp_path, make, name):
    for epoch in (2, 3):
        save_checkpoint(tmp_path, epoch, write_steps(b"%d" % epoch))
    make(tmp_path / name)
    with pytest.raises(CheckpointError, match=rf"{name} .*another epoch: 2, 3\..*move this folder"):
        checkpoint_path(tmp_path)
    assert content_of(checkpoint_path(tmp_path, 3)) == b"3"
    assert complete_epochs(tmp_path) == [2, 3]


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, linked])
@pytest.mark.parametrize(
    "name", ["epoch_003 (copy)", "epoch_0003", "epoch_best", "epoch_٤", "epoch_009.saving"]
)
def test_what_has_another_name_changes_nothing(tmp_path, make, name):
    save_checkpoint(tmp_path, 3, write_steps(b"3"))
    make(tmp_path / name)
    assert content_of(checkpoint_path(tmp_path)) == b"3"
    save_checkpoint(tmp_path, 4, write_steps(b"4"))
    assert content_of(checkpoint_path(tmp_path)) == b"4"


@pytest.mark.parametrize(
    "number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EIO]
)
def test_a_folder_that_cannot_be_synced_matters_only_if_the_disk_fails(
    tmp_path, monkeypatch, number
):
    original = os.fsync

    def refusing(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        return original(descriptor)

    monkeypatch.setattr(os, "fsync", refusing)
    if number == errno.EIO:
        with pytest.raises(OSError, match=r"Could not save .*epoch 3"):
            save_checkpoint(tmp_path, 3, write_steps(b"x"))
    else:
        assert content_of(save_checkpoint(tmp_path, 3, write_steps(b"x"))) == b"x"


def test_a_folder_that_may_be_written_and_not_be_read_takes_checkpoints(tmp_path, monkeypatch):
    original = os.open

    def refusing(path, flags, *rest, **options):
        if flags == os.O_RDONLY and os.path.isdir(path) and not options:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)
    assert content_of(save_checkpoint(tmp_path, 3, write_steps(b"x"))) == b"x"


def test_very_many_manifests_keep_nobody_waiting(tmp_path):
    save_checkpoint(tmp_path, 2, write_steps(b"x"))
    manifest = tmp_path / "epoch_002/manifest.json"
    content = json.loads(manifest.read_text()) | {"padding": ["x"] * 60_000}
    for epoch in range(3, 403):
        folder = tmp_path / f"epoch_{epoch:03d}"
        folder.mkdir()
        other = tmp_path / "padded.json"
        if epoch == 3:
            other.write_text(json.dumps(content))
        os.link(other, folder / "manifest.json")
    started = time.process_time()
    assert checkpoint_path(tmp_path, 2).name == "epoch_002"
    with pytest.raises(CheckpointError, match="None of the last 60 beside it"):
        checkpoint_path(tmp_path)
    with pytest.raises(FileNotFoundError, match="no complete checkpoint"):
        checkpoint_path(tmp_path, 1)
    assert time.process_time() - started < 2


def test_a_file_that_cannot_be_synced_matters_always(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EINVAL, "no")))
    with pytest.raises(OSError, match="Could not save"):
        save_checkpoint(tmp_path, 3, write_steps(b"x"))


def listing(**names):
    """The files of a manifest replaced by some that lie elsewhere."""

    def damage(path):
        entry = json.loads((path / "manifest.json").read_text())["files"]["step_00.eqx"]
        edit_manifest(files=dict.fromkeys(names.values(), entry))(path)

    return damage


def replaced_by_link(path):
    (path.parent / "elsewhere").write_bytes((path / "step_00.eqx").read_bytes())
    (path / "step_00.eqx").unlink()
    (path / "step_00.eqx").symlink_to(path.parent / "elsewhere")


def replaced_by_pipe(path):
    (path / "step_00.eqx").unlink()
    os.mkfifo(path / "step_00.eqx")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (listing(a="../../etc/passwd"), "no path inside the checkpoint"),
        (listing(a="/etc/passwd"), "no path inside the checkpoint"),
        (listing(a="./step_00.eqx"), "no path inside the checkpoint"),
        (listing(a="x" * 10**5), "no path inside the checkpoint"),
        (edit_manifest(files={}), "list of files is damaged"),
        (edit_manifest(files={"step_00.eqx": {"sha256": "0", "bytes": 1}}), "list of files"),
        (edit_manifest(epoch=-5), "written for epoch -5"),
        (edit_manifest(epoch=5.0), r"written for epoch 5\.0"),
        (edit_manifest(format_version=True), "format version True is unknown"),
        (edit_manifest(format_version="a" * 10**5), "format version 'aaa"),
        (lambda path: (path / "manifest.json").write_text("[" * 10**5), "missing or unreadable"),
        (replaced_by_link, r"step_00\.eqx: it is a link"),
        (replaced_by_pipe, r"step_00\.eqx: it is no regular file"),
    ],
)
def test_a_forged_checkpoint_is_refused_in_few_words(tmp_path, damage, message):
    save_checkpoint(tmp_path, 5, write_steps(b"content"))
    damage(tmp_path / "epoch_005")
    with pytest.raises(CheckpointError, match=f"epoch_005.*{message}") as caught:
        verify(tmp_path / "epoch_005")
    assert len(str(caught.value)) < 2000


def test_a_checkpoint_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").mkdir()
    path = save_checkpoint(tmp_path, 1, write_steps(b"x"))
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


# History


def record(epoch, **changes):
    given = {
        "epoch": epoch,
        "seconds": 0.1 + 0.2,
        "per_part": {
            "autocorr_step": (None, math.nan),
            "penalty_step": (1 / 3, 0.0),
            "decay_step": (5e-324, math.inf),
        },
        "metrics": {},
    }
    return EpochRecord(**(given | changes))


def example_history():
    return History(
        [
            record(0),
            record(5, metrics={"free": np.float32(0.1), "clamped": 81.2}),
            record(7, metrics={"clamped": math.nan, "late": 1}),
        ]
    )


def test_history_survives_json_exactly():
    history = example_history()
    again = History.from_json(history.to_json())
    assert again.to_json() == history.to_json()
    assert history.to_json() == json.dumps([asdict(r) for r in history.records], indent=1)
    first, second, third = again.records
    assert first.seconds == 0.1 + 0.2
    assert first.per_part["autocorr_step"][0] is None
    assert str(first.per_part["autocorr_step"][1]) == "nan"
    assert first.per_part["decay_step"] == (5e-324, math.inf)
    assert second.metrics == {"free": float(np.float32(0.1)), "clamped": 81.2}
    assert math.isnan(third.metrics["clamped"])


def test_what_was_saved_after_every_epoch_is_written_down_once(monkeypatch):
    """Or the records of 10,000 epochs would cost more than their training."""
    written, dumps = [], json.dumps

    def counted(value, **options):
        written.append(value)
        return dumps(value, **options)

    monkeypatch.setattr(json, "dumps", counted)
    history = History()
    for epoch in range(50):
        history = history.followed_by(record(epoch))
        history.to_json()
    assert len(written) == 50
    assert len(History.from_json(history.to_json()).records) == 50


def test_csv_has_one_row_an_epoch_and_reads_back_exactly(tmp_path):
    example_history().write_csv(tmp_path / "new" / "metrics.csv")
    with (tmp_path / "new" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("epoch", "seconds", "autocorr_step_0", "autocorr_step_1"),
        *("penalty_step_0", "penalty_step_1", "decay_step_0", "decay_step_1"),
        *("free", "clamped", "late"),
    ]
    assert [row["epoch"] for row in rows] == ["0", "5", "7"]
    assert rows[0]["autocorr_step_0"] == rows[0]["free"] == rows[1]["late"] == ""
    assert rows[0]["autocorr_step_1"] == rows[2]["clamped"] == "nan"
    assert float(rows[0]["seconds"]) == 0.1 + 0.2
    assert float(rows[0]["penalty_step_0"]) == 1 / 3
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["metrics.csv"]


def test_series_has_the_epochs_that_were_measured():
    history = example_history()
    assert history.series("free") == ([5], [float(np.float32(0.1))])
    epochs, values = history.series("clamped")
    assert epochs == [5, 7]
    assert values[0] == 81.2
    with pytest.raises(ValueError, match=r"'fid' was never measured.*free, clamped, late"):
        history.series("fid")


def test_history_refuses_what_cannot_follow():
    history = example_history()
    with pytest.raises(ValueError, match="epoch 7 cannot follow one of epoch 7"):
        history.followed_by(record(7))
    for other in ({}, {"autocorr_step": (0.0,)}, {**record(8).per_part, "decay_step": (0.0,)}):
        with pytest.raises(ValueError, match="all records of a run are of the same parts"):
            history.followed_by(record(8, per_part=other))
    assert len(history.followed_by(record(8)).records) == 4
    assert len(history.records) == 3


def with_value(name: str, value: object) -> str:
    return json.dumps([json.loads(History([record(1)]).to_json())[0] | {name: value}])


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "3", "[1]", '[{"epoch": 1}]', "null", "[" * 10**5),
        with_value("epoch", -1),
        with_value("epoch", True),
        with_value("seconds", "1.5"),
        with_value("seconds", 10**400),
        with_value("per_part", {"a": 1}),
        with_value("per_part", [1.0]),
        with_value("streamed", 1),
        with_value("metrics", {"fid": [1]}),
    ],
    ids=lambda text: text[:9],
)
def test_what_is_no_history_is_refused(text):
    with pytest.raises(ValueError, match="no history"):
        History.from_json(text)


# Log and files


def test_log_stamps_every_line_and_keeps_what_was_there(tmp_path):
    log = TrainingLog(tmp_path / "run" / "log.txt")
    log.write("begun")
    log.write("exp:\n  seed: 42 · ü")
    lines = log.path.read_text(encoding="utf-8").splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == ["begun", "exp:", "  seed: 42 · ü"]
    assert all(datetime.fromisoformat(line.split("  ", 1)[0]).tzinfo for line in lines)


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("precious")
    run = RunFolder(tmp_path / "run", "a")
    run.create()
    for path in (run.training_log, run.metrics_csv):
        path.symlink_to(outside)
    with pytest.raises(OSError, match=r"training_log_a\.txt") as caught:
        TrainingLog(run.training_log).write("begun")
    assert caught.value.errno == errno.ELOOP
    example_history().write_csv(run.metrics_csv)
    assert run.metrics_csv.is_file()
    assert not run.metrics_csv.is_symlink()
    assert outside.read_text() == "precious"
    run.refuse_links()
    run.gifs.rmdir()
    run.gifs.symlink_to(tmp_path)
    with pytest.raises(OSError, match="gifs"):
        run.refuse_links()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_file_written_aside_replaces_the_old_one_or_leaves_it(tmp_path, failure):
    path = tmp_path / "a.csv"
    with written_aside(path) as aside:
        aside.write_text("old")

    def write():
        with written_aside(path) as aside:
            aside.write_text("ne")
            assert path.read_text() == "old"
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
