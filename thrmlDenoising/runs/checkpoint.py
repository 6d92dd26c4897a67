"""Checkpoints that appear whole or not at all.

A checkpoint is a folder `epoch_XXX` with a manifest of every file's size and sha256. It is written
as `epoch_XXX.saving` and renamed when everything, manifest included, has reached the disk. An older
checkpoint of the same epoch is first renamed to `epoch_XXX.replaced`: should the machine stop
between the two renames, readers find it there, and the next save gives it its name back.
One process at a time saves into a folder.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """A checkpoint is there but damaged, incomplete or of an unknown format."""


def save_checkpoint(
    model_saving: Path,
    epoch: int,
    write: Callable[[Path], None],
    made_with: Mapping[str, Any] | None = None,
) -> Path:
    """Save a checkpoint of `epoch` in the folder `model_saving`; return its path.

    `write` gets an empty folder and puts the files of the checkpoint there; `made_with`, what they
    may depend on, is written into the manifest. If anything is raised
    before they are all on disk, Ctrl-C included, nothing of them remains, and a checkpoint of the
    same epoch that was there before stands as before. Raises OSError, with the errno of the
    cause, if the disk does not take it, and ValueError for a negative epoch.
    """
    if epoch < 0:
        raise ValueError(f"epoch={epoch}: a checkpoint's epoch is 0 or more.")
    final = model_saving / checkpoint_name(epoch)
    try:
        model_saving.mkdir(parents=True, exist_ok=True)
        _clean_up(model_saving)
        saving = _saving(final)
        saving.mkdir()
        write(saving)
        _write_manifest(saving, epoch, made_with or {})
        _sync_tree(saving)
        _put_in_place(saving, final)
    except BaseException as error:
        with suppress(OSError):
            _clean_up(model_saving)
        if isinstance(error, OSError):
            raise _could_not_save(error, epoch, model_saving) from error
        raise
    return final


def complete_epochs(model_saving: Path) -> list[int]:
    """The epochs of all checkpoints with a readable manifest, ascending. Nothing is hashed."""
    if not model_saving.is_dir():
        return []
    epochs = {_epoch_of(path) for path in model_saving.iterdir()}
    return sorted(epoch for epoch in epochs if epoch is not None and _complete(model_saving, epoch))


def checkpoint_path(model_saving: Path, epoch: int | None = None) -> Path:
    """The folder of a complete checkpoint: of `epoch`, or the last one for None.

    Raises FileNotFoundError, naming the epochs there are.
    """
    epochs = complete_epochs(model_saving)
    if not epochs:
        raise FileNotFoundError(
            f"There is no complete checkpoint in {model_saving}"
            f"{'' if model_saving.is_dir() else ', which is no folder'}. Give the model_saving "
            "folder of a run that has saved at least one epoch."
        )
    path = _complete(model_saving, epochs[-1] if epoch is None else epoch)
    if path is None:
        raise FileNotFoundError(
            f"There is no complete checkpoint of epoch {epoch} in {model_saving}. "
            f"Complete are the epochs {_listed(epochs)}."
        )
    return path


def verify_checkpoint(path: Path) -> None:
    """Check the checkpoint folder `path` against its manifest: version, epoch, sizes, sha256.

    Files that the manifest does not name are ignored. Raises CheckpointError, naming the file, what
    is wrong with it and the other epochs one could load; FileNotFoundError if there is no folder.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"There is no checkpoint folder {path}.{_way_out(path)}")
    manifest = _read_manifest(path)
    problem = (
        "it is missing or unreadable" if manifest is None else _manifest_problem(path, manifest)
    )
    if manifest is None or problem:
        raise CheckpointError(f"Checkpoint {path}: {MANIFEST}: {problem}.{_way_out(path)}")
    for name, expected in manifest["files"].items():
        if problem := _file_problem(path / name, expected):
            raise CheckpointError(
                f"Checkpoint {path} is damaged: {name}: {problem}.{_way_out(path)}"
            )


def checkpoint_name(epoch: int) -> str:
    """The name of an epoch's checkpoint folder."""
    return f"epoch_{epoch:03d}"


def _epoch_of(path: Path) -> int | None:
    name = re.fullmatch(r"epoch_(\d{3,})(\.replaced)?", path.name)
    return int(name[1]) if name else None


def _saving(final: Path) -> Path:
    return final.with_name(f"{final.name}.saving")


def _replaced(final: Path) -> Path:
    return final.with_name(f"{final.name}.replaced")


# Writing


def _put_in_place(saving: Path, final: Path) -> None:
    replaced = _replaced(final)
    if final.exists():
        os.rename(final, replaced)
    os.rename(saving, final)
    _sync_folder(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)  # what remains goes with the next save


def _clean_up(model_saving: Path) -> None:
    """Remove what saves that did not finish have left; give a replaced checkpoint its name back."""
    for saving in model_saving.glob("epoch_*.saving"):
        shutil.rmtree(saving)
    for replaced in model_saving.glob("epoch_*.replaced"):
        final = replaced.with_suffix("")
        if final.exists():
            shutil.rmtree(replaced)
        else:
            os.rename(replaced, final)


def _write_manifest(folder: Path, epoch: int, made_with: Mapping[str, Any]) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format_version": FORMAT_VERSION,
        "epoch": epoch,
        "made_with": dict(made_with),
        "files": {
            path.relative_to(folder).as_posix(): {
                "sha256": _sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in files
        },
    }
    with (folder / MANIFEST).open("x", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
        else:
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders, and needs no fsync for a rename
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _could_not_save(error: OSError, epoch: int, model_saving: Path) -> OSError:
    earlier = complete_epochs(model_saving)
    consolation = (
        f"The checkpoints saved before are intact; the last is epoch {earlier[-1]}."
        if earlier
        else "No checkpoint was saved before it."
    )
    message = (
        f"Could not save the checkpoint of epoch {epoch} in {model_saving}: "
        f"{error.strerror or error}. {consolation}"
    )
    # An OSError made with an errno becomes the fitting subclass, PermissionError and the like.
    # NumPy reports a short write without one.
    return OSError(message) if error.errno is None else OSError(error.errno, message)


# Reading


def _complete(model_saving: Path, epoch: int) -> Path | None:
    """Where the complete checkpoint of `epoch` lies, if there is one."""
    final = model_saving / checkpoint_name(epoch)
    places = (final, _replaced(final))
    return next((path for path in places if _read_manifest(path) is not None), None)


def _read_manifest(path: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _manifest_problem(path: Path, manifest: dict[str, Any]) -> str | None:
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        return (
            f"format version {version!r} is unknown to this version of thrmlDenoising, which reads "
            f"{FORMAT_VERSION} (a newer one may have written it: then update the library)"
        )
    if _epoch_of(path) not in (None, manifest.get("epoch")):
        return f"it was written for epoch {manifest.get('epoch')}, the folder has been renamed"
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(map(_is_file_entry, files.values())):
        return "its list of files is damaged"
    return None


def _is_file_entry(entry: object) -> bool:
    return isinstance(entry, dict) and set(entry) == {"sha256", "bytes"}


def _file_problem(path: Path, expected: dict[str, Any]) -> str | None:
    if not path.is_file():
        return "the file is missing"
    size = path.stat().st_size
    if size != expected["bytes"]:
        return f"it has {size} bytes, {expected['bytes']} were written"
    if _sha256(path) != expected["sha256"]:
        return "its contents have changed since they were written (sha256 differs)"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _way_out(path: Path) -> str:
    others = [epoch for epoch in complete_epochs(path.parent) if epoch != _epoch_of(path)]
    if not others:
        return " There is no other checkpoint beside it: restore it from a copy, or train again."
    return (
        f" Load another epoch: {_listed(others)}. To resume from the last of them, move this "
        "folder out of the way."
    )


def _listed(epochs: list[int]) -> str:
    return ", ".join(map(str, epochs))
