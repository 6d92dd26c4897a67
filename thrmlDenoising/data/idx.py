"""IDX files, the format of MNIST: a magic number, big-endian sizes, then bytes."""

import gzip
import hashlib
import io
import math
import struct
import zlib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import UInt8

from thrmlDenoising.support.reading import read_regular

_UNSIGNED_BYTE = 0x08
_BYTES = bytes((0, 0, _UNSIGNED_BYTE))
_GZIP = b"\x1f\x8b"
_LARGEST = 2**28
"""Bytes of a file, packed or not: five times the largest one of MNIST."""


def read_idx(file: Traversable, sha256: str) -> UInt8[np.ndarray, "..."]:
    """The array in an IDX file of unsigned bytes, gzipped or not, whatever its name.

    `sha256` is that of the decompressed file, in hexadecimal. The array is read-only.

    Raises:
        ValueError: the file is damaged or is not the one expected.
    """
    content = _read_content(file)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        _raise_damaged(
            file, f"its content is not the published one: sha256 expected {sha256}, found {found}"
        )
    shape = _shape(content)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _read_content(file: Traversable) -> bytes:
    """The file, unpacked."""
    packed = read_regular(file, _LARGEST) if isinstance(file, Path) else file.read_bytes()
    try:
        if packed[:2] == _GZIP or (file.name.endswith(".gz") and packed[:3] != _BYTES):
            # Unpacked only as far as the header says: a small file may unpack to any size.
            return _read_array(file, gzip.GzipFile(fileobj=io.BytesIO(packed)))
        return _read_array(file, io.BytesIO(packed))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        _raise_damaged(file, f"its gzip compression is broken ({error})", error)


def _read_array(file: Traversable, stream: io.BufferedIOBase) -> bytes:
    """Header and values, as many as the header says and none more."""
    header = stream.read(4)
    if len(header) < 4 or header[:3] != _BYTES:
        _raise_damaged(
            file, f"it does not begin as IDX bytes do: 00 00 08, found {header[:3].hex(' ')!r}"
        )
    header_size = 4 + 4 * header[3]
    header += stream.read(header_size - 4)
    if len(header) < header_size:
        _raise_damaged(file, f"header truncated: expected {header_size} bytes, {len(header)} found")
    expected_size = header_size + math.prod(_shape(header))
    if expected_size > _LARGEST:
        _raise_damaged(file, f"its header promises {expected_size} bytes, at most {_LARGEST} are")
    content = header + stream.read(expected_size - header_size)
    found_size = len(content) + len(stream.read(2**20))  # to the end, if it is near
    if found_size != expected_size:
        what = "truncated" if found_size < expected_size else "too long"
        _raise_damaged(file, f"{what}: expected {expected_size} bytes, found {found_size}")
    return content


def _shape(header: bytes) -> tuple[int, ...]:
    return struct.unpack_from(f">{header[3]}I", header, offset=4)


def sha256_of_idx(path: Path) -> str | None:
    """The hash of a file, decompressed; None if it cannot be read or is no IDX file of bytes."""
    try:
        return hashlib.sha256(_read_content(path)).hexdigest()
    except (OSError, ValueError):
        return None


def encode_idx(array: UInt8[np.ndarray, "..."]) -> bytes:
    """The bytes of an IDX file that holds `array`."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def _raise_damaged(file: Traversable, what: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(
        f"damaged data file {file}: {what}. Delete it and put a fresh copy in its place "
        "(download or install the data set again)."
    ) from cause
