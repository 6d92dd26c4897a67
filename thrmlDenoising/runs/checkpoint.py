"""Checkpoints that appear whole or not at all.

A checkpoint is a folder `epoch_XXX` with a manifest of every file's size and sha256. It is written
as `epoch_XXX.saving` and renamed when everything, manifest included, has reached the disk. An older
checkpoint of the same epoch is first renamed to `epoch_XXX.replaced`: should the machine stop
between the two renames, readers find it there, and the next save gives it its name back.
One process at a time saves into a folder.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from thrmlDenoising.runs.manifest import (
    MANIFEST,
    Manifest,
    checkpoint_name,
    checkpoint_places,
    complete_epochs,
    last_complete,
    listed,
    write_manifest,
)

_NO_SYNC_OF_FOLDERS = {
    errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES,
}  # fmt: skip
"""What file systems say that cannot do it, or folders that may be written and not be read."""


def save_checkpoint(
    model_saving: Path,
    epoch: int,
    write: Callable[[Path], None],
    made_with: Mapping[str, Any] | None = None,
) -> Path:
    """Save a checkpoint of `epoch` in the folder `model_saving`; return its path.

    If anything is raised before all files are on disk, Ctrl-C included, nothing of them remains,
    and a checkpoint of the same epoch that was there before stands as before.

    Args:
        write: gets an empty folder and puts the files of the checkpoint there.
        made_with: what they may depend on; written into the manifest.

    Raises:
        OSError: the disk does not take it; has the errno of the cause.
        ValueError: a negative epoch.
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
        write_manifest(saving, epoch, made_with or {})
        _sync_tree(saving)
        _put_in_place(saving, final)
    except BaseException as error:
        with suppress(OSError):
            _clean_up(model_saving)
        if isinstance(error, OSError):
            raise _could_not_save(error, epoch, model_saving) from error
        raise
    return final


def remove_checkpoint(model_saving: Path, epoch: int) -> None:
    """Remove the checkpoint of `epoch`, whole or not at all; nothing is done if there is none."""
    final = model_saving / checkpoint_name(epoch)
    if final.is_dir() and not final.is_symlink():
        # Under this name nobody reads it, and should the machine stop the next save removes it.
        os.rename(final, leaving := _saving(final))
        shutil.rmtree(leaving, ignore_errors=True)


def checkpoint_path(model_saving: Path, epoch: int | None = None) -> Path:
    """The folder of a complete checkpoint: of `epoch`, or the last one for None.

    Raises:
        FileNotFoundError: there is none; names the epochs there are.
        CheckpointError: there is one, and it has no readable manifest. An older one never takes
            its place by itself.
    """
    places = checkpoint_places(model_saving)
    wanted = max(places, default=None) if epoch is None else epoch
    if wanted is None or _is_empty(places.get(wanted)):
        complete = last_complete(places)
        if not complete or wanted is None:
            raise FileNotFoundError(
                f"There is no complete checkpoint in {model_saving}"
                f"{'' if model_saving.is_dir() else ', which is no folder'}. Give the model_saving "
                "folder of a run that has saved at least one epoch."
            )
        if epoch is not None:
            raise FileNotFoundError(
                f"There is no complete checkpoint of epoch {wanted} in {model_saving}. "
                f"Complete are the epochs {listed(complete)}."
            )
    return Manifest.read(places[wanted]).folder


def _is_empty(path: Path | None) -> bool:
    """Whether this is no place of a checkpoint, or a folder without a manifest."""
    return path is None or (path.is_dir() and not os.path.lexists(path / MANIFEST))


def _saving(final: Path) -> Path:
    return final.with_name(f"{final.name}.saving")


def _replaced(final: Path) -> Path:
    return final.with_name(f"{final.name}.replaced")


# Writing


def _put_in_place(saving: Path, final: Path) -> None:
    replaced = _replaced(final)
    if os.path.lexists(final):
        os.rename(final, replaced)
    os.rename(saving, final)
    _sync_folder(final.parent)
    shutil.rmtree(replaced, ignore_errors=True)  # what remains goes with the next save


def _clean_up(model_saving: Path) -> None:
    """Remove what saves that did not finish have left; give a replaced checkpoint its name back."""
    for path in list(model_saving.iterdir()):
        name = re.fullmatch(r"(epoch_[0-9]{3,})\.(saving|replaced)", path.name)
        if name is None:
            continue
        final = path.with_name(name[1])
        if name[2] == "saving" or os.path.lexists(final):
            _remove(path)
        else:
            os.rename(path, final)


def _remove(path: Path) -> None:
    """A folder with all that is in it; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


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
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # Some file systems cannot do this to a folder, and need not; a failing disk says EIO.
        if error.errno not in _NO_SYNC_OF_FOLDERS:
            raise


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
