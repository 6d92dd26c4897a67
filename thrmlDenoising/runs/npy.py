"""Arrays in NumPy's format, from files that may say anything: looked at before they are read."""

import warnings
from typing import IO

import numpy as np

_LONGEST_HEADER = 1000  # characters; ours have fewer than 200


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of the array that begins here; nothing of its size is allocated.

    Raises:
        ValueError: no array of numbers begins here, in the form in which NumPy writes ours.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of syntax in a header that is no header
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("of another version")
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(
                file, max_header_size=_LONGEST_HEADER
            )
    except Exception as error:  # NumPy hands the text to Python's parser, which raises anything
        raise ValueError(f"no array begins where one should ({type(error).__name__})") from error
    if fortran_order or dtype.kind not in "biuf" or min(shape, default=0) < 0:
        raise ValueError(f"an array of {dtype} is none that a checkpoint has")
    return shape, dtype


def read_values(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The values that follow a header; the caller has decided that they are not too many.

    Raises:
        ValueError: the file ends before.
    """
    n_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
    content = file.read(n_bytes)
    if len(content) != n_bytes:
        raise ValueError(f"it ends after {len(content)} of the {n_bytes} bytes of an array")
    return np.frombuffer(content, dtype).reshape(shape)
