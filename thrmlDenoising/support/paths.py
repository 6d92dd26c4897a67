"""Paths that a user gives."""

import argparse
import os
from pathlib import Path

from thrmlDenoising.support.hints import shown


class NoPathError(argparse.ArgumentTypeError, ValueError):
    """What is given cannot be a path."""


class UnknownHomeError(argparse.ArgumentTypeError, ValueError):
    """There is no home directory to put in place of `~`; argparse shows the message as it is."""


def user_path(given: str | os.PathLike[str]) -> Path:
    """The path a user means, where `~` and `~name` are home directories.

    A folder that is really called "~" is reached by its absolute path.

    Raises:
        UnknownHomeError: there is no such home directory.
        ValueError: no file can be called so, since it has a null byte; or it is no path at all.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise NoPathError(f"{shown(given)} is no path: give text or a pathlib.Path")
    if "\0" in os.fspath(given):
        raise NoPathError(f"the path {shown(os.fspath(given))} has a null byte: no file has one")
    try:
        if Path(given).parts[:1] == ("~",) and os.environ.get("HOME") == "":
            raise RuntimeError("HOME is empty")  # pathlib would take the root for it
        return Path(given).expanduser()
    except RuntimeError as error:
        raise UnknownHomeError(
            f"{os.fspath(given)!r}: there is no home directory to put in place of "
            f"{Path(given).parts[0]} ({error}): write the whole path"
        ) from error
