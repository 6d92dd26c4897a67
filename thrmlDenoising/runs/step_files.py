"""The files of one step in a checkpoint: its graph and its training state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import equinox as eqx
import numpy as np

from thrmlDenoising.runs.checkpoint import CheckpointError

State = TypeVar("State")


def write_step(
    folder: Path, index: int, graph_arrays: Mapping[str, np.ndarray], state: object
) -> None:
    """Writes `step_YY_graph.npz` and `step_YY.eqx`."""
    with _graph_file(folder, index).open("wb") as file:
        np.savez_compressed(file, **dict[str, Any](graph_arrays))
    with _state_file(folder, index).open("wb") as file:
        eqx.tree_serialise_leaves(file, state)


def read_graph(folder: Path, index: int) -> dict[str, np.ndarray]:
    """The arrays of a step's graph.

    Raises:
        CheckpointError: there is no such step, or its file cannot be read.
    """
    path = _graph_file(folder, index)
    if not path.is_file():
        n_steps = len(list(folder.glob("step_*.eqx")))
        raise CheckpointError(
            f"{folder} holds {n_steps} steps and has no step {index}: its steps are 0 to "
            f"{n_steps - 1}"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise CheckpointError(f"{path} is no saved graph: {error}") from error


def read_state(folder: Path, index: int, like: State) -> State:
    """The training state of a step; `like` is a state of the same shapes.

    Raises:
        CheckpointError: the file does not fit, so it comes from another config or version.
    """
    path = _state_file(folder, index)
    try:
        with path.open("rb") as file:
            return eqx.tree_deserialise_leaves(file, like)
    except (RuntimeError, ValueError, EOFError, TypeError) as error:
        raise CheckpointError(
            f"{path} does not fit the config it is loaded with (another number of parameters, "
            f"another optimiser, or another version of the library): {error}"
        ) from error


def _state_file(folder: Path, index: int) -> Path:
    return folder / f"step_{index:02d}.eqx"


def _graph_file(folder: Path, index: int) -> Path:
    return folder / f"step_{index:02d}_graph.npz"
