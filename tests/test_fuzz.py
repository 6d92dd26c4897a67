"""A part of the damaged and hostile files that `tests.fuzz` tries by the thousand."""

import sys

import pytest
from tiny import rest_slow

if not sys.platform.startswith("linux"):
    pytest.skip("pipes, devices and the peak of memory are Linux's here", allow_module_level=True)

from tests.fuzz import Original, make_original, plant, run_case

N_CASES, N_PARTS = 160, 8


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Original:
    return make_original(tmp_path_factory.mktemp("original"))


@pytest.mark.parametrize("part", rest_slow(range(N_PARTS)))
def test_files_of_any_content_are_read_right_or_refused_by_name(
    original, part, tmp_path, monkeypatch
):
    plant(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    for number in range(part, N_CASES, N_PARTS):
        result = run_case(original, 1, number, tmp_path / "case")
        assert result.ended in ("right", "refused"), (number, result)
