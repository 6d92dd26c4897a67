"""A place that cannot be written is refused before anything is measured; a cache may fail."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

import benchmarks.samplers
import thrmlDenoising.evaluate.__main__ as evaluate
import training_script
from thrmlDenoising import DTM
from thrmlDenoising.experiments import Experiment, train_command
from thrmlDenoising.quality import reference
from thrmlDenoising.quality.features.inception import find_weights
from thrmlDenoising.quality.features.protocol import UnavailableError
from thrmlDenoising.support.cache import CACHE_VARIABLE, cache_folder
from thrmlDenoising.support.files import check_can_be_written
from thrmlDenoising.support.paths import user_path


@pytest.fixture
def blocked(tmp_path) -> Path:
    """A path below a file, which root, too, can write nothing into."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "below"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    dtm = DTM(TINY, base_dir=tmp_path_factory.mktemp("runs"))
    dtm.save_epoch()
    return dtm.logging_and_saving_dir


def told(call, monkeypatch, *words) -> str:
    """What a command says as it refuses to start."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        call()
    return str(ended.value.code)


@pytest.mark.parametrize("place", ["file", "file/below", "folder", "a" * 300, "fifo", "\0"])
def test_places_that_cannot_be_files(tmp_path, place):
    (tmp_path / "file").write_text("older")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.iterdir())
    if place == "file":
        check_can_be_written(tmp_path / place, "--output")
        check_can_be_written(tmp_path / "new" / "file", "--output")
        assert (tmp_path / "file").read_text() == "older"
        assert sorted(tmp_path.iterdir()) == before
        return
    with pytest.raises((OSError, ValueError), match="--output"):
        check_can_be_written(tmp_path / place, "--output")
    assert sorted(tmp_path.iterdir()) == before


def test_evaluations_are_not_measured_in_vain(run, blocked, monkeypatch):
    def never(*_):
        raise AssertionError("measured")

    monkeypatch.setattr("thrmlDenoising.training.images.model.Judge", never)
    said = told(evaluate.main, monkeypatch, run, "--output", blocked)
    assert said.startswith(f"error: --output {blocked} cannot be written")
    monkeypatch.setattr("thrmlDenoising.evaluate.compare.draw_comparison", never)
    said = told(evaluate.main, monkeypatch, "compare", run, "--output", blocked)
    assert said.startswith(f"error: --output {blocked} cannot be written")


def test_trainings_are_not_started_in_vain(blocked, monkeypatch, tmp_path, run):
    said = told(training_script.main, monkeypatch, "--output-dir", blocked)
    assert said.startswith(f"error: --output-dir {blocked} cannot be written into")
    with pytest.raises(OSError, match=f"base_dir {blocked} cannot be written into"):
        DTM(TINY, base_dir=blocked).train(1)
    scales = {"one": Experiment(TINY, {"a": {}}, n_epochs=1, evaluate_every=1)}
    with pytest.raises(SystemExit, match=r"--runs .* cannot be written into"):
        train_command(tmp_path, scales, ["--scale", "one", "--runs", str(blocked)])
    with pytest.raises(SystemExit, match=r"tables of this figure.* cannot be written into"):
        train_command(blocked, scales, ["--scale", "one", "--runs", str(tmp_path)])


def test_benchmarks_are_not_measured_in_vain(blocked, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["samplers", "--json", str(blocked), "--backends", "xla"])
    with pytest.raises(SystemExit):
        benchmarks.samplers.parse()
    assert f"--json {blocked} cannot be written" in capsys.readouterr().err


# The cache of real images


@pytest.fixture
def no_cache_named(monkeypatch):
    for variable in (CACHE_VARIABLE, "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def no_home(no_cache_named, monkeypatch):
    """As in a container whose user is in no list."""

    def expanduser(path: Path) -> Path:
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    monkeypatch.setattr(Path, "expanduser", expanduser)


def kept() -> np.ndarray:
    return reference._kept("name", lambda: {"a": np.arange(3)}, ["a"])["a"]


@pytest.mark.parametrize("folder", [None, "~", "~/cache"])
def test_no_home_means_no_cache(no_home, monkeypatch, folder):
    if folder is not None:
        monkeypatch.setenv(CACHE_VARIABLE, folder)
    with pytest.warns(UserWarning, match=r"no home directory.*THRML_DENOISING_CACHE"):
        assert kept().tolist() == [0, 1, 2]
    with pytest.raises(UnavailableError):
        find_weights()


def test_a_cache_that_cannot_be_written_is_none(blocked, monkeypatch):
    for folder in (blocked, blocked.parent, Path("/proc/nowhere")):
        monkeypatch.setenv(CACHE_VARIABLE, str(folder))
        with pytest.warns(UserWarning, match="not kept in .*Name another folder"):
            assert kept().tolist() == [0, 1, 2]


def other_arrays(file: Path) -> None:
    np.savez(file, b=np.arange(2))


def a_single_array(file: Path) -> None:
    np.save(file.with_suffix(".npy"), np.arange(2))
    file.with_suffix(".npy").replace(file)


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: os.truncate(file, 0),
        lambda file: os.truncate(file, 100),
        lambda file: file.write_bytes(b"PK\x03\x04" + bytes(300)),
        lambda file: file.write_bytes(np.random.default_rng(0).bytes(1000)),
        lambda file: file.write_bytes(file.read_bytes().replace(b"(3,)", b"(10**18,)")),
        other_arrays,
        a_single_array,
        a_pipe,
    ],
)
def test_damaged_files_of_the_cache_are_replaced(tmp_path, monkeypatch, damage):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    kept()
    damage(tmp_path / "name.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept().tolist() == [0, 1, 2]
    monkeypatch.setattr(reference, "written_aside", None)
    assert kept().tolist() == [0, 1, 2], "from the file that was put in its place"


def test_the_cache_is_in_no_folder_that_nobody_named(no_cache_named, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("", "here", "./here"):  # such are no caches, says their specification
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert cache_folder() == tmp_path / ".cache/thrmlDenoising"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "there"))
    assert cache_folder() == tmp_path / "there/thrmlDenoising"


@pytest.mark.skipif(os.name == "nt", reason="HOME is not where Windows looks")
def test_an_empty_home_is_none(no_cache_named, monkeypatch):
    monkeypatch.setenv("HOME", "")
    assert cache_folder() is None
    with pytest.raises(ValueError, match=r"HOME is empty.*write the whole path"):
        user_path("~/runs")
    assert user_path("runs/~") == Path("runs/~")
