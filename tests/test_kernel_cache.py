"""Kernels kept on disk: whatever becomes of the files, the same samples come out."""

import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba.core import config

from thrmlDenoising.sampling.cpu.compiling import compiled


def double(x):
    return 2 * x


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder with the kernel in it."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "kernels"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled(double)(3) == 6
    return tmp_path / "kernels"


def files(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.nb?"))


def was_loaded() -> bool:
    """Whether the next process finds the kernel in the cache."""
    kernel = compiled(double)
    kernel(3)
    return sum(kernel.stats.cache_hits.values()) == 1


def cut(size):
    return lambda file: os.truncate(file, size)


def into_a_folder(file):
    file.unlink()
    file.mkdir()


DAMAGES = [
    cut(0),
    cut(100),
    lambda file: file.write_bytes(b"\x00" * 500),
    lambda file: file.write_bytes(np.random.default_rng(0).bytes(2000)),
    lambda file: file.write_bytes(file.read_bytes()[:-1]),
]


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(cache, damage, ending):
    assert was_loaded()
    for file in files(cache):
        if file.suffix == ending:
            damage(file)
    with pytest.warns(UserWarning, match=r"kernel double in .*kernels.* cannot be read"):
        assert compiled(double)(3) == 6
    assert was_loaded()


def test_a_cache_that_is_gone_is_made_anew(cache):
    kernel = compiled(double)
    shutil.rmtree(cache)
    assert kernel(3) == 6
    assert was_loaded()


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_what_can_neither_be_read_nor_replaced_costs_time_alone(cache, ending):
    for file in files(cache):
        if file.suffix == ending:
            into_a_folder(file)
    with pytest.warns(UserWarning, match="every process compiles it for itself"):
        assert compiled(double)(3) == 6


def test_a_full_disk_costs_time_alone(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    shutil.rmtree(cache)
    kernel = compiled(double)
    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match=r"kernel double cannot be kept.*No space left"):
        assert kernel(3) == 6


def test_threads_may_meet_a_damaged_cache_together(cache):
    for file in files(cache):
        os.truncate(file, 10)
    kernel = compiled(double)
    with pytest.warns(UserWarning, match="cannot be read"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(kernel, range(8))) == [2 * n for n in range(8)]
