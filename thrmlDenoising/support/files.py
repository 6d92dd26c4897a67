"""Files that appear whole or not at all, and are never written through a link."""

import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Lend a neighbouring path to write to; it takes the name `path` once the block is through.

    The parent folder is created. If the block raises, what it wrote is removed and an older file
    of that name stays as it was. A link of that name is replaced, and what it leads to left alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # No two processes write to the same place, even if they write the same file.
    aside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        aside.unlink(missing_ok=True)  # somebody may have put a link there
        yield aside
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def append_text(path: Path, text: str) -> None:
    """Adds text at the end of a file, which is made if there is none.

    Raises:
        OSError: `path` is a link, which may lead to a file that is no part of the run, or no file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)

    def without_links(name: str, flags: int) -> int:
        no_links = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        return os.open(name, flags | no_links, mode=0o666)

    try:
        with open(path, "a", encoding="utf-8", opener=without_links) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _no_file(path)
            file.write(text)
    except OSError as error:
        if path.is_symlink():
            raise through_link(path) from error
        if error.errno == errno.ENXIO:  # nobody reads from the pipe
            raise _no_file(path) from error
        raise


def refuse_linked_folders(folder: Path) -> None:
    """Checks that no folder in this one is a link: writing there would write elsewhere.

    Raises:
        OSError: one is.
    """
    for inside in folder.iterdir():
        if inside.is_symlink() and inside.is_dir():
            raise OSError(errno.ELOOP, "is a link, through which nothing is written", str(inside))


def through_link(path: Path) -> OSError:
    """The error about a link where a file is going to be written."""
    message = "is a link, through which nothing is written: remove it"
    return OSError(errno.ELOOP, message, str(path))


def _no_file(path: Path) -> OSError:
    message = "is no regular file, but a named pipe or a device: remove it"
    return OSError(errno.ENXIO, message, str(path))


def check_can_be_written(path: Path, option: str) -> None:
    """Checks that a file can be written, before hours are spent on its content.

    A file is made beside it and removed, and so are the folders that were missing.

    Args:
        option: what the message calls it, such as "--output".

    Raises:
        OSError: it cannot.
    """
    made: list[Path] = []
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise _NoFileError(f"{option} {path} is {kind}: give the name of a file")
        made = [parent for parent in path.parents if not parent.exists()]
        with written_aside(path) as aside:
            aside.touch(exist_ok=False)
            raise _JustATryError
    except _JustATryError:
        return
    except _NoFileError:
        raise
    except (OSError, ValueError) as error:
        raise OSError(
            f"{option} {path} cannot be written ({error}): give a file in a folder that can"
        ) from error
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def check_can_hold_files(folder: Path, option: str) -> None:
    """Checks that files can be written in a folder; makes none.

    Raises:
        OSError: they cannot.
    """
    try:
        check_can_be_written(folder / "file", option)
    except OSError as error:
        reason = error.__cause__ or error
        raise OSError(
            f"{option} {folder} cannot be written into ({reason}): give a folder that can"
        ) from error


class _NoFileError(OSError):
    """Something else has the name of a file."""


class _JustATryError(Exception):
    """Ends an attempt that has gone well."""


def write_json(path: Path, content: Any) -> None:
    """Writes JSON that every language reads: NaN and infinity, which it has not, become text."""
    text = json.dumps(_without_infinities(content), indent=1, allow_nan=False)
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _without_infinities(content: Any) -> Any:
    """Text such as "inf", from which `float` makes the number again."""
    match content:
        case dict():
            return {name: _without_infinities(value) for name, value in content.items()}
        case list() | tuple():
            return [_without_infinities(value) for value in content]
        case float() if not math.isfinite(content):
            return repr(float(content))
    return content
