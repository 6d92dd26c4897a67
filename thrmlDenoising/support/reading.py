"""Reading files that somebody else may have made: regular files only, and no more than expected.

A named pipe would never end, a device may do anything, and a file may be larger than memory.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file, or a link to one, for reading bytes; never waits for a pipe.

    Raises:
        OSError: it cannot be opened, or is a folder.
        ValueError: it is a pipe, a device or a socket; names it.
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    flags = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # not all of them are everywhere
    number = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    kind = stat.S_IFMT(os.fstat(number).st_mode)
    if kind == stat.S_IFREG:
        return os.fdopen(number, "rb")
    os.close(number)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise ValueError(f"{path} is {_KINDS.get(kind, 'something else')}: a regular file is needed")


def read_regular(path: str | os.PathLike[str], at_most: int) -> bytes:
    """The content of a regular file of at most so many bytes.

    Raises:
        OSError, ValueError: see `open_regular`.
        ValueError: it is larger; names it.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > at_most else file.read(size + 1)
        if len(content) > size:  # it grows, or the system makes it up while it is read
            content += file.read(at_most + 1 - len(content))
    if max(size, len(content)) > at_most:
        raise ValueError(
            f"{path} has {max(size, len(content)):,} bytes: a file of this kind has at most "
            f"{at_most:,}"
        )
    return content


def read_text(path: str | os.PathLike[str], at_most: int) -> str:
    """The UTF-8 text of a regular file of at most so many bytes.

    Raises:
        OSError, ValueError: see `read_regular`.
        ValueError: it is no UTF-8 text; names it.
    """
    return decoded(read_regular(path, at_most), Path(path))


def decoded(content: bytes, path: Path) -> str:
    """The text in the content of the file `path`, with every kind of line end as \\n.

    Raises:
        ValueError: it is no UTF-8 text; names the file.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
