"""IDX files, the format of MNIST: a magic number, big-endian sizes, then bytes."""

import gzip
import hashlib
import math
import struct
import zlib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import UInt8

_UNSIGNED_BYTE = 0x08
_IDX_OF_BYTES = bytes((0, 0, _UNSIGNED_BYTE))
_GZIP = b"\x1f\x8b"
_LARGEST = 64 * 2**20  # bytes; the images of MNIST are 47 million


def read_idx(file: Traversable, sha256: str) -> UInt8[np.ndarray, "..."]:
    """The array in an IDX file of unsigned bytes, gzipped or not, whatever its name says.

    `sha256` is that of the decompressed file, in hexadecimal. The array is read-only.

    Raises:
        ValueError: the file is damaged or is not the one expected.
    """
    content = file.read_bytes()
    if content.startswith(_GZIP) or (file.name.endswith(".gz") and content[:3] != _IDX_OF_BYTES):
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            _raise_damaged(file, f"its gzip compression is broken ({error})", error)
    if len(content) < 4 or content[:3] != _IDX_OF_BYTES:
        _raise_damaged(
            file, f"it does not begin as IDX bytes do: 00 00 08, found {content[:3].hex(' ')!r}"
        )
    n_axes = content[3]
    header_size = 4 + 4 * n_axes
    if len(content) < header_size:
        _raise_damaged(
            file, f"header truncated: expected {header_size} bytes, {len(content)} found"
        )
    shape = struct.unpack_from(f">{n_axes}I", content, offset=4)
    expected_size = header_size + math.prod(shape)
    if len(content) != expected_size:
        what = "truncated" if len(content) < expected_size else "too long"
        _raise_damaged(file, f"{what}: expected {expected_size} bytes, found {len(content)}")
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        _raise_damaged(
            file, f"its content is not the published one: sha256 expected {sha256}, found {found}"
        )
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)


def sha256_of_idx(path: Path) -> str | None:
    """The hash of a file, decompressed; None if it cannot be read or is no IDX file of bytes."""
    try:
        with path.open("rb") as file:
            is_gzip = file.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        return None
    if len(content) > _LARGEST or content[:3] != _IDX_OF_BYTES:
        return None
    return hashlib.sha256(content).hexdigest()


def encode_idx(array: UInt8[np.ndarray, "..."]) -> bytes:
    """The bytes of an IDX file that holds `array`."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def _raise_damaged(file: Traversable, what: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(
        f"damaged data file {file}: {what}. Delete it and put a fresh copy in its place "
        "(download or install the data set again)."
    ) from cause
