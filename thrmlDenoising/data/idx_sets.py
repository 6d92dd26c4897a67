"""The data sets kept in IDX files: their file names, their hashes, and how they are read."""

import os
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np

from thrmlDenoising.data.dataset import Split
from thrmlDenoising.data.idx import read_idx
from thrmlDenoising.data.locations import find_files

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"

# sha256 of each file, decompressed.
SHA256: dict[str, dict[str, str]] = {
    "fashion_mnist": {
        TRAIN_IMAGES: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        TRAIN_LABELS: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        TEST_IMAGES: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        TEST_LABELS: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    "fashion_mnist_10k": {
        TRAIN_IMAGES: "ed2e37ed5a3a57d212141a69fe0a0de5a7126ffba14ac3f7e76f5f52cc04b1f0",
        TRAIN_LABELS: "a69f2dad024ca220a8c4d85f621fdf929042d40c444abde2868903e9220ad517",
        TEST_IMAGES: "7a6d8e07ea021ec5bc73135ebd0a5770799557ec6f8242d8749c4f32a3cf4643",
        TEST_LABELS: "b40abac7ec8228f434940f579deb7cf7b6e3103b5274cb91d1545771f5ef1c8b",
    },
    "mnist": {
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
}


def read_embedded(name: str) -> tuple[Split, Split]:
    """Training and test images of a set that is shipped inside the package."""
    folder = resources.files("thrmlDenoising.data") / "embedded"
    return _read_splits(name, {file_name: folder / f"{file_name}.gz" for file_name in SHA256[name]})


def read_complete(name: str, data_dir: str | os.PathLike[str] | None = None) -> tuple[Split, Split]:
    """Training and test images of a set from the places `find_files` describes."""
    return _read_splits(name, find_files(name, SHA256[name], data_dir))


def _read_splits(name: str, files: Mapping[str, Traversable]) -> tuple[Split, Split]:
    arrays = {
        file_name: read_idx(file, SHA256[name][file_name]) for file_name, file in files.items()
    }
    return (
        _as_split(arrays[TRAIN_IMAGES], arrays[TRAIN_LABELS]),
        _as_split(arrays[TEST_IMAGES], arrays[TEST_LABELS]),
    )


def _as_split(images: np.ndarray, labels: np.ndarray) -> Split:
    return Split(images.reshape(len(images), -1), labels.astype(np.int32))
