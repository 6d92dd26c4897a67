"""Where the complete data sets are looked for, and how they are got when they are nowhere."""

import importlib
import os
from pathlib import Path
from typing import NamedTuple

from thrmlDenoising.paths import user_path

DATA_DIR_VARIABLE = "THRML_DENOISING_DATA"
"""Environment variable that names the directory with the complete data sets."""

DEFAULT_DATA_DIR = Path("datasets")


class Published(NamedTuple):
    """A data set that torchvision can download."""

    torchvision_class: str
    """Also the name of its folder."""
    debian_folder: Path | None = None
    debian_package: str | None = None


PUBLISHED = {
    "fashion_mnist": Published(
        "FashionMNIST", Path("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist"
    ),
    "mnist": Published("MNIST"),
}


def find_files(
    name: str, file_names: tuple[str, ...], data_dir: str | os.PathLike[str] | None
) -> dict[str, Path]:
    """The path of each file of a complete set, .gz or not, downloaded if need and means be.

    With `data_dir` only that directory is looked in. Otherwise, in this order: the directory
    named by `THRML_DENOISING_DATA`, `datasets/` in the working directory, and where Debian's
    package puts the set. Directories are laid out as torchvision lays them, Debian's is flat.
    Downloads go to `data_dir`, or to `datasets/`.

    Raises:
        FileNotFoundError: the set is in none of the places and could not be downloaded.
    """
    for folder in _places(name, data_dir):
        found = _files_in(folder, file_names)
        if len(found) == len(file_names):
            return found
    root = user_path(data_dir or DEFAULT_DATA_DIR)
    try:
        _download(name, root)
    except ImportError as error:
        reason = f"torchvision, which could download it, cannot be imported ({error})"
        raise FileNotFoundError(_absent(name, file_names, data_dir, reason)) from error
    except (OSError, RuntimeError) as error:
        reason = f"torchvision could not download it into {root} ({error})"
        raise FileNotFoundError(_absent(name, file_names, data_dir, reason)) from error
    found = _files_in(_torchvision_folder(name, root), file_names)
    assert len(found) == len(file_names), "torchvision downloads all files or raises"
    return found


def _places(name: str, data_dir: str | os.PathLike[str] | None) -> list[Path]:
    if data_dir is not None:
        return [_torchvision_folder(name, user_path(data_dir))]
    roots = [DEFAULT_DATA_DIR]
    if variable := os.environ.get(DATA_DIR_VARIABLE):
        roots.insert(0, user_path(variable))
    places = [_torchvision_folder(name, root) for root in roots]
    debian_folder = PUBLISHED[name].debian_folder
    return places if debian_folder is None else [*places, debian_folder]


def _torchvision_folder(name: str, root: Path) -> Path:
    return root / PUBLISHED[name].torchvision_class / "raw"


def _files_in(folder: Path, file_names: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for file_name in file_names:
        candidates = (folder / file_name, folder / f"{file_name}.gz")
        path = next(filter(Path.is_file, candidates), None)
        if path is not None:
            found[file_name] = path
    return found


def _download(name: str, root: Path) -> None:
    datasets = importlib.import_module("torchvision.datasets")
    getattr(datasets, PUBLISHED[name].torchvision_class)(root, download=True)


def _absent(
    name: str,
    file_names: tuple[str, ...],
    data_dir: str | os.PathLike[str] | None,
    reason: str,
) -> str:
    places = _places(name, data_dir)
    looked = "\n".join(f"  {folder.absolute()}: {_state(folder, file_names)}" for folder in places)
    package = PUBLISHED[name].debian_package
    debian = (
        f"\n  - or, on Debian and Ubuntu: apt install {package}, and give no data_dir"
        if package
        else ""
    )
    folder = _torchvision_folder(name, Path("<directory>"))
    return (
        f"data set {name!r} not found, and {reason}. Looked in:\n{looked}\n"
        "To get it, either\n"
        f"  - put its files ({', '.join(file_names)}; each plain or .gz) into {folder}, and give "
        f"<directory> as data_dir or in the environment variable {DATA_DIR_VARIABLE}\n"
        f"  - or let torchvision download it: pip install 'thrmlDenoising[torchvision]'{debian}"
    )


def _state(folder: Path, file_names: tuple[str, ...]) -> str:
    if not folder.is_dir():
        return "no such directory"
    missing = [
        file_name for file_name in file_names if file_name not in _files_in(folder, file_names)
    ]
    return f"without {', '.join(missing)}"
