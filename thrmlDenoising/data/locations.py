"""Where the complete data sets are looked for, and how they are got when they are nowhere."""

import importlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from thrmlDenoising.data.idx import sha256_of_idx
from thrmlDenoising.support.paths import user_path

DATA_DIR_VARIABLE = "THRML_DENOISING_DATA"
"""Environment variable that names the directory with the complete data sets."""

DEFAULT_DATA_DIR = Path("datasets")

_MOST_LISTED = 8


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
    name: str, sha256: Mapping[str, str], data_dir: str | os.PathLike[str] | None
) -> dict[str, Path]:
    """The path of each file of a complete set, .gz or not, downloaded if need and means be.

    `sha256` has the hash of every file, decompressed, by the file's published name.

    With `data_dir` only that directory is looked in. Otherwise, in this order: the directory
    named by `THRML_DENOISING_DATA`, `datasets/` in the working directory, and where Debian's
    package puts the set. Directories are laid out as torchvision lays them, Debian's is flat. Files
    that are not there under their published names are looked for by their content, under the other
    names and in the other folders that people keep them in. Downloads go to `data_dir`, or to
    `datasets/`.

    Raises:
        FileNotFoundError: the set is in none of the places and could not be downloaded.
    """
    file_names = tuple(sha256)
    for place in _places(name, data_dir):
        for found in (_files_in(place.folder, file_names), _by_content(place.folders(), sha256)):
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


class _Place(NamedTuple):
    """A directory where a set may be, and the folder in it where its files should be."""

    root: Path
    folder: Path
    names: Collection[str]

    def folders(self) -> list[Path]:
        """Where else people keep the files: beside, or in folders named after the set."""
        inside = [folder for folder in _sorted(self.root) if _plain(folder.name) in self.names]
        return [self.root, *inside, *(folder / "raw" for folder in inside)]


def _places(name: str, data_dir: str | os.PathLike[str] | None) -> list[_Place]:
    if data_dir is not None:
        roots = [user_path(data_dir)]
    else:
        roots = [DEFAULT_DATA_DIR]
        if variable := os.environ.get(DATA_DIR_VARIABLE):
            roots.insert(0, user_path(variable))
    names = {"raw", _plain(name)}
    places = [_Place(root, _torchvision_folder(name, root), names) for root in roots]
    debian_folder = PUBLISHED[name].debian_folder
    if data_dir is None and debian_folder is not None:
        places.append(_Place(debian_folder, debian_folder, names))
    return places


def _plain(name: str) -> str:
    """Letters and digits alone, in lower case: "Fashion-MNIST" is "fashion_mnist"."""
    return "".join(filter(str.isalnum, name)).lower()


def _sorted(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _torchvision_folder(name: str, root: Path) -> Path:
    return root / PUBLISHED[name].torchvision_class / "raw"


def _by_content(folders: Iterable[Path], sha256: Mapping[str, str]) -> dict[str, Path]:
    """The files whose content is the published one, by their published names."""
    named = {digest: file_name for file_name, digest in sha256.items()}
    found = {}
    for path in _candidates(folders):
        digest = sha256_of_idx(path)
        if digest in named:
            found.setdefault(named[digest], path)
    return found


def _candidates(folders: Iterable[Path]) -> list[Path]:
    """Files of images or labels by their names, also those in folders that have such names."""
    paths = [path for folder in folders for path in _sorted(folder) if _may_be_idx(path)]
    inside = [inner for path in paths if path.is_dir() for inner in _sorted(path)]
    return [path for path in (*paths, *inside) if _may_be_idx(path) and path.is_file()]


def _may_be_idx(path: Path) -> bool:
    return any(word in path.name.lower() for word in ("images", "labels"))


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
    looked = "\n".join(
        f"  {place.folder.absolute()}: {_state(place.folder, file_names)}" for place in places
    )
    others = [
        path
        for place in places
        for path in _candidates(place.folders())
        if path.name.removesuffix(".gz") not in file_names
    ]
    if others:
        listed = ", ".join(str(path) for path in others[:_MOST_LISTED])
        looked += f"\n  whose content is not all of the published one: {listed}"
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
