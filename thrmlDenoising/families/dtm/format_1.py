"""The states of steps as the library first saved them."""

from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array, PyTree, UInt32

from thrmlDenoising.families.dtm.negative_start import Memory
from thrmlDenoising.families.dtm.state import StepState
from thrmlDenoising.sampling import Parameters
from thrmlDenoising.training.saved_run import SavedRun


class _Strength(NamedTuple):
    value: float
    previous_autocorrelation: float  # which the history has too


class _FirstState(eqx.Module):
    """Its fields in the order in which they lie in the file."""

    parameters: Parameters
    optimizer: PyTree
    correlation_penalty: _Strength
    weight_decay: _Strength
    epoch: int
    key: UInt32[Array, " word"]
    negative_chains: Memory


def read_first_step(saved: SavedRun, index: int, like: StepState) -> StepState:
    """A step of a checkpoint of format 1.

    Raises:
        CheckpointError: see `SavedRun.part`; or it has been trained for another number of epochs
            than the checkpoint says.
    """
    inf = float("inf")
    found = saved.part(
        index,
        _FirstState(
            like.parameters,
            like.optimizer,
            _Strength(0.0, inf),
            _Strength(0.0, inf),
            0,
            like.key,
            like.negative_chains,
        ),
    )
    epoch = saved.checkpoint.epoch
    if found.epoch != epoch and not (saved.stitched and 0 <= found.epoch < epoch):
        problem = f"it has been trained for {found.epoch} epochs"
        raise saved.damaged_part(index, problem)
    strengths: list[Any] = [found.correlation_penalty, found.weight_decay]
    if any(np.isnan(strength.previous_autocorrelation) for strength in strengths):
        raise saved.damaged_part(index, "a number that training goes on from is NaN")
    return StepState(
        found.parameters,
        found.optimizer,
        found.correlation_penalty.value,
        found.weight_decay.value,
        found.key,
        found.negative_chains,
    )
