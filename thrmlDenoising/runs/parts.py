"""The files of a part of a model in a checkpoint: its state, and arrays that never change."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thrmlDenoising.runs.manifest import CheckpointError, Manifest
from thrmlDenoising.runs.npy import read_header, read_values
from thrmlDenoising.support.hints import shortened, shown

Part = TypeVar("Part")

_MOST_STATIC = 2**28
"""Bytes of arrays in memory, and the most of their file: of a graph, 20 million edges."""
_MOST_PACKED = 100
"""Bytes that a byte of such a file can become: no two edges of a graph are the same, so they cannot
be packed as zeros can, and a graph becomes less than 20 times smaller."""
_LONGEST_IDENTITY = 1000
_LONGEST_HEADER = 1000
_ENTRY_OF_ZIP = b"PK\x01\x02"


class PartIdentity(NamedTuple):
    """Which part of which model a state belongs to; written behind it, so that it goes with it.

    Attributes:
        step: its place among the parts, from 0; those of a DTM are its steps.
        n_steps: how many parts there are.
        epoch: that of the checkpoint.
        stitched: whether the parts come from several checkpoints.
        recorded: the last epoch of the history beside it, -1 if that is empty.
        graph: sha256 of the file with the part's static arrays; "" if it has none.
    """

    step: int
    n_steps: int
    epoch: int
    stitched: bool
    recorded: int
    graph: str = ""


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes static arrays of a part."""
    with path.open("wb") as file:
        np.savez_compressed(file, **dict[str, Any](arrays))


def write_part(path: Path, part: object, identity: PartIdentity) -> None:
    """Writes the state of a part, and behind it which one it is."""
    with path.open("wb") as file:
        eqx.tree_serialise_leaves(file, part)
        np.save(file, np.frombuffer(json.dumps(identity._asdict()).encode(), np.uint8))


def read_arrays(
    checkpoint: Manifest, name: str, arrays: Sequence[str], at_most: int | None = None
) -> dict[str, np.ndarray]:
    """Static arrays of these names, from the file of that name.

    Args:
        at_most: bytes that they can have together, where that is known.

    Raises:
        CheckpointError: the file cannot be read, or holds more.
    """
    content = checkpoint.read_file(name, _MOST_STATIC)
    unpacked = min(_MOST_STATIC, 2**16 + _MOST_PACKED * len(content))
    try:
        return _read_npz(content, arrays, unpacked if at_most is None else min(unpacked, at_most))
    except Exception as error:  # a broken zip file makes zipfile raise anything
        reason = shortened(error if str(error) else type(error).__name__)
        raise CheckpointError(
            f"{checkpoint.folder / name} does not hold the arrays of {name}: {reason}"
        ) from error


def read_part(checkpoint: Manifest, name: str, like: Part) -> tuple[Part, PartIdentity | None]:
    """The state of a part; `like` is one of the same shapes.

    Returns:
        The state, and which part it is, where the file says so.

    Raises:
        CheckpointError: the file does not fit, so it comes from another config or version.
    """
    leaves = jax.tree.leaves(like)
    n_bytes = sum(np.asarray(leaf).nbytes for leaf in leaves)
    at_most = n_bytes + _LONGEST_HEADER * len(leaves) + 2 * _LONGEST_IDENTITY
    file = io.BytesIO(checkpoint.read_file(name, at_most))
    try:
        part = eqx.tree_deserialise_leaves(file, like, filter_spec=_read_leaf)
        return part, _read_identity(file)
    except (RuntimeError, ValueError) as error:
        leaf = jax.tree_util.keystr(getattr(error, "path", ()))  # what Equinox says it stopped at
        while isinstance(error, RuntimeError) and error.__cause__:
            error = error.__cause__
        reason = f"{leaf} {shortened(error)}".strip()
        raise CheckpointError(
            f"{checkpoint.folder / name} does not fit the config it is loaded with (another number "
            f"of parameters, another optimiser, or another version of the library): {reason}"
        ) from error


def _read_npz(content: bytes, names: Sequence[str], at_most: int) -> dict[str, np.ndarray]:
    # A small file may list millions of entries, which takes longer than anything else here.
    if content.count(_ENTRY_OF_ZIP) > 100:
        raise ValueError("it holds far more arrays than it should")
    left = at_most
    arrays = {}
    with ZipFile(io.BytesIO(content)) as entries:
        for name in names:
            entry = entries.getinfo(f"{name}.npy")
            if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise ValueError(f"{name} is compressed in a way that is not ours")
            with entries.open(entry) as file:
                shape, dtype = read_header(file)
                left -= dtype.itemsize * math.prod(shape)
                if left < 0:
                    raise ValueError(
                        f"{name} has the shape {shown(shape)}: nothing is so large, of this "
                        f"config and in so small a file (at most {at_most:,} bytes)"
                    )
                arrays[name] = read_values(file, shape, dtype)
                if file.read(1):
                    raise ValueError(f"{name} goes on after its last number")
    return arrays


def _read_leaf(file: io.BytesIO, leaf: Any) -> Any:
    """The next leaf of a state, of the type, shape and dtype of `leaf`."""
    if isinstance(leaf, (bool, int, float)):
        wanted = (), np.asarray(leaf).dtype
    elif eqx.is_array(leaf):
        wanted = leaf.shape, np.dtype(leaf.dtype)
    else:
        return leaf
    found = read_header(file)
    if found != wanted:
        (shape, dtype), (wanted_shape, wanted_dtype) = found, wanted
        raise ValueError(
            f"an array of {dtype} {shown(shape)} was saved, {wanted_dtype} {wanted_shape} is needed"
        )
    values = read_values(file, *wanted)
    if isinstance(leaf, jax.Array):
        return jnp.asarray(values)
    return values if isinstance(leaf, np.ndarray) else type(leaf)(values.item())


def _read_identity(file: io.BytesIO) -> PartIdentity | None:
    """What follows the last leaf; nothing does in the library's first ones."""
    if not file.getbuffer()[file.tell() :]:
        return None
    shape, dtype = read_header(file)
    if dtype != np.uint8 or len(shape) != 1 or shape[0] > _LONGEST_IDENTITY:
        raise ValueError("it goes on after its last number")
    content = json.loads(read_values(file, shape, dtype).tobytes())
    if file.read(1):
        raise ValueError("it goes on after its end")
    kinds = PartIdentity.__annotations__
    if not isinstance(content, dict) or content.keys() != kinds.keys():
        raise ValueError("what it says of itself is damaged")
    if any(type(content[name]) is not kind for name, kind in kinds.items()):
        raise ValueError("what it says of itself is damaged")
    return PartIdentity(**content)
