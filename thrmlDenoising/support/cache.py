"""Where the library keeps on disk what it would otherwise compute, or compile, once more."""

import os
import stat
from pathlib import Path

import jax

from thrmlDenoising.support.files import check_can_hold_files
from thrmlDenoising.support.host import cpu_digest
from thrmlDenoising.support.paths import UnknownHomeError, user_path
from thrmlDenoising.support.warn import warn

CACHE_VARIABLE = "THRML_DENOISING_CACHE"
"""Environment variable that names the folder."""

_LARGEST = 2**30
"""Bytes of compiled programs; those that were not used for longest go first."""


def cache_folder() -> Path | None:
    """`$THRML_DENOISING_CACHE`, or `thrmlDenoising` in the user's cache folder.

    None where that is in a home directory that cannot be found.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    try:
        return user_path(chosen) if chosen else _users_cache() / "thrmlDenoising"
    except UnknownHomeError:
        return None


def keep_compiled_programs() -> None:
    """What JAX compiles from now on is kept, for the next process to find.

    For commands, which call it before anything is compiled. JAX has one such folder for a whole
    process, and in a notebook or a program of the user's it is the user's to choose: where one is
    chosen already, or JAX is told to keep nothing, that stands.

    Programs are machine code, run as it is found. So there is a folder for each kind of
    processor, and one that another user could write to is not used, which is warned about.
    """
    folder = cache_folder()
    if folder is None or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    folder = folder / "compiled" / cpu_digest()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_can_hold_files(folder, CACHE_VARIABLE)
        _check_private(folder)
    except (OSError, ValueError) as error:
        warn(f"compiled programs are not kept: {error}")
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": _LARGEST,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)  # for the processes that this one starts


def _users_cache() -> Path:
    given = user_path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification of that variable says to take no notice of relative paths.
    return given if given.is_absolute() else user_path("~/.cache")


def _check_private(folder: Path) -> None:
    """Checks that nobody else can put a program there.

    Raises:
        ValueError: somebody can.
    """
    if os.name != "posix":
        return  # where a user's cache folder is the user's alone
    facts = folder.stat()
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or facts.st_uid != os.getuid():
        raise ValueError(f"others may write into {str(folder)!a}: make it yours alone, chmod 700")
