"""Files that somebody else may have made: what is opened, how much of it is read, what is said."""

import os
from pathlib import Path

import numpy as np
import pytest

from thrmlDenoising.support.hints import did_you_mean, shortened, shown
from thrmlDenoising.support.reading import read_regular, read_text

NEEDS_PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 3) == read_regular(tmp_path / "link", 3) == b"abc"


@NEEDS_PIPES
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is a named pipe: a regular file is needed"):
        read_regular(tmp_path / "pipe", 10)
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="link is a device"):
        read_regular(tmp_path / "link", 10)


def test_no_more_is_read_than_a_file_of_its_kind_has(tmp_path):
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 2**40)  # takes no place on the disk
    with pytest.raises(ValueError, match=r"large has 1,099,511,627,776 bytes: .* at most 1,000"):
        read_regular(path, 1000)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 10)


def test_text_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "text").write_bytes(b"ab\xff")
    with pytest.raises(ValueError, match=r"text is no UTF-8 text: .* at byte 2"):
        read_text(tmp_path / "text", 10)
    (tmp_path / "text").write_bytes(b"a\r\nb")
    assert read_text(tmp_path / "text", 10) == "a\nb"


def endless() -> list:
    content = []
    content.append(content)
    return content


@pytest.mark.parametrize(
    "value",
    ["a" * 10**7, 10**50_000, [[1] * 100] * 10**6, {f"k{i}": i for i in range(10**5)}, endless()],
    ids=["text", "integer", "lists", "names", "endless"],
)
def test_values_are_shown_in_few_words(value):
    assert 5 < len(shown(value)) < 600


@pytest.mark.parametrize(
    "value", [0.1, None, "x", (1, 2), [1.5] * 12, {"a": (1, 2)}, 10**18, tuple(range(10))]
)
def test_ordinary_values_are_shown_in_full(value):
    assert shown(value) == repr(value)


def test_long_texts_lose_their_middle():
    assert shortened("short") == "short"
    assert shortened("a" * 600 + "b" * 600) == "a" * 250 + "…" + "b" * 249
    assert did_you_mean("a" * 10**6, ["aa", "b"]) == "."
    assert did_you_mean(np.float64(0.1), ["x"]) == "."
    assert Path.__name__ in did_you_mean("Pth", ["Path", "other"])
