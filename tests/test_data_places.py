"""The files of MNIST, as people have them: under other names, in other folders."""

import gzip
import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from thrmlDenoising.data import DATA_DIR_VARIABLE, idx_sets, load_dataset
from thrmlDenoising.data.idx import encode_idx
from thrmlDenoising.data.idx_sets import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

SHAPES = {
    TRAIN_IMAGES: (10, 28, 28),
    TRAIN_LABELS: (10,),
    TEST_IMAGES: (10, 28, 28),
    TEST_LABELS: (10,),
}


@pytest.fixture
def files(monkeypatch, tmp_path) -> dict[str, bytes]:
    """A small set in the place of MNIST, and nothing that could be downloaded."""
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 256, shape, dtype=np.uint8) for name, shape in SHAPES.items()}
    arrays[TRAIN_LABELS], arrays[TEST_LABELS] = np.arange(10, dtype=np.uint8), np.arange(10)[::-1]
    contents = {name: encode_idx(array.astype(np.uint8)) for name, array in arrays.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setitem(idx_sets.SHA256, "mnist", hashes)
    return contents


def load(folder: Path | None = None):
    return load_dataset(
        "mnist", target_classes=range(10), n_levels=255, pixel_threshold=0.1, data_dir=folder
    )


def dotted(name: str) -> str:
    return name.replace("-idx", ".idx")


LAYOUTS = {
    "dots": lambda name, data: {f"MNIST/raw/{dotted(name)}": data},
    "dots, gzipped": lambda name, data: {f"MNIST/raw/{dotted(name)}.gz": gzip.compress(data)},
    "a folder of that name": lambda name, data: {f"MNIST/raw/{name}/{name}": data},
    "a folder of that name, dots": lambda name, data: {f"{dotted(name)}/{name}": data},
    "unpacked, still called .gz": lambda name, data: {f"MNIST/raw/{name}.gz": data},
    "gzipped without saying so": lambda name, data: {f"MNIST/raw/{name}": gzip.compress(data)},
    "not in raw": lambda name, data: {f"MNIST/{name}": data},
    "nothing but raw": lambda name, data: {f"raw/{name}.gz": gzip.compress(data)},
    "flat": lambda name, data: {f"{name}.gz": gzip.compress(data)},
    "lower case": lambda name, data: {f"mnist/raw/{name}": data},
    "upper case": lambda name, data: {f"MNIST/{name.upper()}.GZ": gzip.compress(data)},
    "a second download": lambda name, data: {f"{name} (1).gz": gzip.compress(data)},
    "other sets beside it": lambda name, data: {
        f"{name}.gz": gzip.compress(data[:-1] + b"\x00"),
        f"A-{name}": b"no IDX file",
        f"B-{name}.gz": gzip.compress(data)[:-9],
        f"mnist/{name}": data,
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_are_known_by_their_content(files, tmp_path, layout):
    for name, data in files.items():
        for path, content in LAYOUTS[layout](name, data).items():
            place = tmp_path / "mine" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    read = load(tmp_path / "mine")
    assert read.train.pixels.tobytes() == files[TRAIN_IMAGES][16:]
    assert read.test.pixels.tobytes() == files[TEST_IMAGES][16:]
    assert read.test.classes.tolist() == list(files[TEST_LABELS][8:])


def test_files_of_several_names_make_one_set(files, tmp_path):
    for place, (name, content) in zip(
        ("", "raw", "MNIST", "MNIST/raw"), files.items(), strict=True
    ):
        (tmp_path / "datasets" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "datasets" / place / name).write_bytes(content)
    assert len(load().train.classes) == 10


def test_what_was_found_and_is_something_else_is_named(files, tmp_path):
    for name, content in files.items():
        (tmp_path / dotted(name)).write_bytes(content)
    (tmp_path / dotted(TRAIN_LABELS)).write_bytes(b"\x00\x00\x08\x01")
    with pytest.raises(
        FileNotFoundError, match=r"not all of the published one.*train-labels\.idx1"
    ):
        load(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)
    with pytest.raises(FileNotFoundError, match="no such directory"):
        load(tmp_path)
