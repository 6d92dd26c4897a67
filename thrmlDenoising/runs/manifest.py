"""What a checkpoint vouches for: the folders that claim to be one, and the manifest in each.

A folder with the name of a checkpoint is one, whatever state it is in: an unreadable checkpoint
must not pass for one that was never saved. Saving makes no such folder (see
`thrmlDenoising.runs.checkpoint`): `epoch_XXX` gets its name when its manifest is on the disk.
"""

import hashlib
import json
import re
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from thrmlDenoising.support.hints import shortened, shown
from thrmlDenoising.support.reading import open_regular, read_text

FORMAT_VERSION = 2
_READABLE = (1, FORMAT_VERSION)
MANIFEST = "manifest.json"
_IDENTIFIED = "steps_identified"
_LARGEST_MANIFEST = 2**19
"""Bytes: twice those of a thousand steps, and no model has more."""
_MOST_TRIED = 60


class CheckpointError(ValueError):
    """A checkpoint is there but damaged, incomplete or of an unknown format."""


class FileEntry(NamedTuple):
    """What a manifest says of a file."""

    sha256: str
    n_bytes: int


class Manifest(NamedTuple):
    """The manifest of the checkpoint in a folder: which files belong to it.

    Attributes:
        format_version: 1 before a checkpoint held one state of the whole model.
        steps_identified: whether every part says which one it is, see `PartIdentity`. Those of
            the library's first checkpoints do not.
        files: by their paths relative to the folder.
    """

    folder: Path
    epoch: int
    format_version: int
    steps_identified: bool
    files: dict[str, FileEntry]

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Reads the manifest of a checkpoint; looks at no other file.

        Raises:
            CheckpointError: it is missing, unreadable or of another epoch than its folder; says
                which other epochs one could load.
        """
        try:
            return _parse_manifest(folder)
        except (ValueError, OSError, RecursionError) as error:
            reason = shortened(error if str(error) else type(error).__name__)
            raise damaged(folder, MANIFEST, reason) from error

    def check_names(self, names: set[str]) -> None:
        """Checks that just these files are listed, and lie there as they should.

        No file is read: links and files of another size than was written are noticed.

        Raises:
            CheckpointError: they are not.
        """
        listed = set(self.files)
        if listed != names:
            missing, unknown = sorted(names - listed), sorted(listed - names)
            wrong = [
                f"it {verb} {', '.join(map(shown, found[:5]))}{' ...' if len(found) > 5 else ''}"
                for verb, found in (("leaves out", missing), ("lists unknown files:", unknown))
                if found
            ]
            raise damaged(self.folder, MANIFEST, " and ".join(wrong))
        for name in self.files:
            self._check_place(name)

    def read_file(self, name: str, at_most: int) -> bytes:
        """The verified content of a file.

        Raises:
            CheckpointError: the file is not as it was written, or larger than such a file can be.
        """
        self._check_place(name)
        size = self.files[name].n_bytes
        if size > at_most:
            what = f"it has {size:,} bytes, and such a file has at most {at_most:,}"
            raise damaged(self.folder, name, what)
        with self._opened(name) as file:
            content = file.read(size)
        self._check_hash(name, hashlib.sha256(content).hexdigest())
        return content

    def _opened(self, name: str) -> Any:
        try:
            return open_regular(self.folder / name)
        except (OSError, ValueError) as error:
            raise damaged(self.folder, name, shortened(error)) from error

    def _check_hash(self, name: str, found: str) -> None:
        if found != self.files[name].sha256:
            what = "its contents have changed since they were written (sha256 differs)"
            raise damaged(self.folder, name, what)

    def _check_place(self, name: str) -> None:
        if problem := _place_problem(self.folder, name, self.files[name].n_bytes):
            raise damaged(self.folder, name, problem)


def checkpoint_name(epoch: int) -> str:
    """The name of an epoch's checkpoint folder."""
    return f"epoch_{epoch:03d}"


def replaced_name(epoch: int) -> str:
    """The name of an older checkpoint of that epoch while a newer one takes its place."""
    return f"{checkpoint_name(epoch)}.replaced"


def checkpoint_places(model_saving: Path) -> dict[int, Path]:
    """Where the checkpoint of every epoch lies that claims to be there, in ascending order.

    A copy beside it ("epoch_003 (copy)") claims nothing, but everything called epoch_ and a number
    does, a file, a link or epoch_0003 too: `Manifest.read` says what is wrong with those.
    """
    if not model_saving.is_dir():
        return {}
    places: dict[int, Path] = {}
    for path in sorted(model_saving.iterdir()):
        name = re.fullmatch(r"epoch_([0-9]{1,18})(\.replaced)?", path.name)
        if name is None:
            continue
        epoch = int(name[1])
        # Of two, the right name wins; after a crash only the replaced one may be there.
        if path.name == checkpoint_name(epoch) or epoch not in places:
            places[epoch] = path
    return dict(sorted(places.items()))


def complete_epochs(model_saving: Path) -> list[int]:
    """The epochs of all checkpoints with a readable manifest, ascending. Nothing is hashed."""
    return [epoch for epoch, path in checkpoint_places(model_saving).items() if _is_readable(path)]


def last_complete(places: Mapping[int, Path]) -> list[int]:
    """The epochs with a readable manifest among the last sixty places, ascending.

    For messages, which name no more: reading the manifests of very many takes long.
    """
    return [epoch for epoch in sorted(places)[-_MOST_TRIED:] if _is_readable(places[epoch])]


def damaged(folder: Path, name: str, what: str) -> CheckpointError:
    """The error about a file of a checkpoint, with the epochs one could load instead."""
    return CheckpointError(f"Checkpoint {folder} is damaged: {name}: {what}.{_way_out(folder)}")


def listed(epochs: list[int]) -> str:
    """Epochs in words; of very many the last ones."""
    shown_epochs = ", ".join(map(str, epochs[-50:]))
    return shown_epochs if len(epochs) <= 50 else f"..., {shown_epochs}"


def write_manifest(folder: Path, epoch: int, made_with: Mapping[str, Any]) -> None:
    """Lists the files of a folder that is going to be a checkpoint, and what made them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format_version": FORMAT_VERSION,
        "epoch": epoch,
        "made_with": dict(made_with),
        _IDENTIFIED: True,
        "files": {
            path.relative_to(folder).as_posix(): {
                "sha256": sha256_of(path),
                "bytes": path.stat().st_size,
            }
            for path in files
        },
    }
    with (folder / MANIFEST).open("x", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_readable(folder: Path) -> bool:
    try:
        _parse_manifest(folder)
    except (ValueError, OSError, RecursionError):
        return False
    return True


def _parse_manifest(folder: Path) -> Manifest:
    epoch = _epoch_of(folder)
    if (folder / MANIFEST).is_symlink():
        raise ValueError("it is a link")
    try:
        content = json.loads(read_text(folder / MANIFEST, _LARGEST_MANIFEST))
    except (OSError, ValueError, RecursionError) as error:
        reason = shortened(error if str(error) else type(error).__name__)
        raise ValueError(f"it is missing or unreadable ({reason})") from error
    if not isinstance(content, dict):
        raise ValueError("it is missing or unreadable (no manifest, but some other JSON)")
    version = content.get("format_version")
    if not _is_count(version) or version not in _READABLE:
        raise ValueError(
            f"format version {shown(version)} is unknown to this version of thrmlDenoising, which "
            f"reads {_READABLE} (a newer one may have written it: then update the library)"
        )
    if not _is_count(content.get("epoch")) or content["epoch"] != epoch:
        raise ValueError(
            f"it was written for epoch {shown(content.get('epoch'))}, the folder has been renamed"
        )
    identified, files = content.get(_IDENTIFIED, version > 1), content.get("files")
    if not isinstance(identified, bool) or (version > 1 and not identified):
        raise ValueError(f"{_IDENTIFIED} is {shown(identified)}, which it cannot be")
    if not isinstance(files, dict) or not files or not all(map(_is_entry, files.values())):
        raise ValueError("its list of files is damaged")
    for name in files:
        _check_inside(name)
    entries = {name: FileEntry(entry["sha256"], entry["bytes"]) for name, entry in files.items()}
    return Manifest(folder, epoch, version, identified, entries)


def _epoch_of(folder: Path) -> int:
    """The epoch in the name of a checkpoint's folder."""
    if folder.is_symlink():
        raise ValueError("the folder is a link, and a checkpoint lies in its run")
    if not folder.is_dir():
        raise ValueError("the checkpoint is no folder")
    number = re.fullmatch(r"epoch_([0-9]{1,18})(\.replaced)?", folder.name)
    if number and folder.name in (checkpoint_name(int(number[1])), replaced_name(int(number[1]))):
        return int(number[1])
    raise ValueError(
        f"{shown(folder.name)} is no name of a checkpoint: that is epoch_ and at least three digits"
    )


def _is_count(value: object) -> bool:
    """JSON's 1.0 and true are equal to 1 in Python."""
    return type(value) is int and value >= 0


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"sha256", "bytes"}
        and isinstance(entry["sha256"], str)
        and re.fullmatch("[0-9a-f]{64}", entry["sha256"]) is not None
        and _is_count(entry["bytes"])
    )


def _check_inside(name: str) -> None:
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts
    if not plain or not re.fullmatch(r"[\w./-]{1,200}", name):
        raise ValueError(f"it lists {shown(name)}, which is no path inside the checkpoint")


def _place_problem(folder: Path, name: str, n_bytes: int) -> str | None:
    """What is wrong with a file before it is opened."""
    path = folder / name
    parents = [folder / parent for parent in PurePosixPath(name).parents]
    if path.is_symlink() or any(parent.is_symlink() for parent in parents):
        return "it is a link, not a file"
    if not path.exists():
        return "the file is missing"
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_size != n_bytes:
        return f"it has {found.st_size} bytes, {n_bytes} were written"
    return None


def _way_out(folder: Path) -> str:
    places = checkpoint_places(folder.parent)
    others = last_complete({epoch: path for epoch, path in places.items() if path != folder})
    if not others and len(places) > _MOST_TRIED:
        return (
            f" None of the last {_MOST_TRIED} beside it can be read either: ask for an older "
            "epoch, or restore it from a copy."
        )
    if not others:
        return (
            " There is no other checkpoint beside it: restore it from a copy, or delete it and "
            "train again."
        )
    return (
        f" Load another epoch: {listed(others)}. To resume from the last of them, move this "
        "folder out of the way or delete it."
    )
