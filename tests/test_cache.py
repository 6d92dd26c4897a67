"""Compiled programs are kept on disk by commands, and by nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from tiny import REPOSITORY, tiny_cfg

from thrmlDenoising.support import host
from thrmlDenoising.support.cache import CACHE_VARIABLE, keep_compiled_programs

_COUNTING = """
from collections import Counter
from jax import monitoring

seen = Counter()
monitoring.register_event_listener(lambda name, **_: seen.update([name.rpartition("/")[2]]))
from thrmlDenoising.train.__main__ import main

main()
print(seen["cache_hits"], seen["cache_misses"])
"""


def trained(tmp_path: Path, name: str) -> tuple[int, int]:
    """Programs found on disk, and compiled, by a process that trains."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    environment |= {CACHE_VARIABLE: str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY)}
    words = ["dtm", tmp_path / "tiny.yaml", "--epochs", "1", "--output-dir", tmp_path / name]
    told = subprocess.run(
        [sys.executable, "-c", _COUNTING, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found, compiled = told.stdout.split()[-2:]
    return int(found), int(compiled)


@pytest.fixture
def nothing_chosen(monkeypatch, tmp_path):
    """A process in which nobody has named a folder for compiled programs."""
    names = [name for name in jax.config.values if "compilation_cache" in name]
    names.append("jax_persistent_cache_min_compile_time_secs")
    before = {name: jax.config.values[name] for name in names}
    for name in names:
        monkeypatch.delenv(name.upper(), raising=False)
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    yield tmp_path / "cache" / "compiled" / host.cpu_digest()
    for name, value in before.items():
        jax.config.update(name, value)


def test_a_folder_of_the_users_alone_is_chosen(nothing_chosen):
    keep_compiled_programs()
    assert jax.config.values["jax_compilation_cache_dir"] == str(nothing_chosen)
    assert nothing_chosen.stat().st_mode & 0o777 == 0o700
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(nothing_chosen)  # for its children


def test_what_the_user_has_chosen_stands(nothing_chosen, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    keep_compiled_programs()
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "mine")
    assert not nothing_chosen.exists()


def test_where_others_may_write_nothing_is_run(nothing_chosen):
    nothing_chosen.mkdir(parents=True)
    nothing_chosen.chmod(0o770)
    with pytest.warns(UserWarning, match=r"compiled programs are not kept: others may write.*700"):
        keep_compiled_programs()
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_where_nothing_can_be_written_work_goes_on(nothing_chosen, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, "/dev/null/none")
    with pytest.warns(UserWarning, match="compiled programs are not kept: "):
        keep_compiled_programs()
    assert jax.config.values["jax_compilation_cache_dir"] is None


def test_another_processor_has_another_folder(monkeypatch):
    here = host.cpu_digest()
    facts = host._cpu_facts()
    monkeypatch.setattr(host, "_cpu_facts", lambda: facts | {"flags": "fpu sse2"})
    assert host.cpu_digest() != here


@pytest.mark.slow
def test_the_second_process_compiles_nothing(tmp_path):
    """The same command twice: all programs of the second are found, and it draws the same."""
    (tmp_path / "tiny.yaml").write_text(tiny_cfg(sampling=dict(backend="xla")).to_yaml())
    found, compiled = trained(tmp_path, "first")
    assert compiled > 10 > found
    assert trained(tmp_path, "second")[1] == 0
    first, second = (
        {path.name: path.read_bytes() for path in tmp_path.glob(f"{name}/*/images/*")}
        for name in ("first", "second")
    )
    assert first == second != {}
