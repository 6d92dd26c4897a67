"""Whether the state of a step in a checkpoint is one that training can have left there."""

import jax
import numpy as np

from thrmlDenoising.families.dtm.state import TrainState
from thrmlDenoising.runs import History, StepIdentity
from thrmlDenoising.support.hints import shown


def is_stitched(history: History, epoch: int) -> bool:
    """Whether the steps of a model come from several checkpoints, and may be of several epochs.

    The history of a stitched model begins where it was stitched, that of any other at epoch 0.
    """
    first = history.records[0].epoch if history.records else epoch
    return first > 0


def last_epoch(history: History) -> int:
    """The epoch a history ends with, -1 if it is empty."""
    return history.records[-1].epoch if history.records else -1


def identity_problem(
    wanted: StepIdentity, state: TrainState, found: StepIdentity | None
) -> str | None:
    """Why this is not the step it should be, or not as far in its training.

    Args:
        found: what the file says, if it says anything.
    """
    if found:
        for name in ("step", "n_steps", "epoch", "graph"):
            said, value = getattr(found, name), getattr(wanted, name)
            if said != value:
                return f"it says that its {name} is {shown(said)}, where {shown(value)} belongs"
        if (found.stitched, found.recorded) != (wanted.stitched, wanted.recorded):
            return "history.json begins or ends at another epoch than when it was saved"
    if state.epoch != wanted.epoch and not (wanted.stitched and state.epoch < wanted.epoch):
        return f"it has been trained for {state.epoch} epochs"
    return None


def numbers_problem(state: TrainState) -> str | None:
    """Why no training goes on from these numbers, or no image can be made with them."""
    parameters = np.concatenate([np.ravel(leaf) for leaf in state.parameters])
    n_bad = int((~np.isfinite(parameters)).sum())
    if n_bad:
        return f"{n_bad} of its {len(parameters)} parameters are not finite (NaN or infinite)"
    leaves = map(np.asarray, jax.tree.leaves(state))
    if any(np.isnan(leaf).any() for leaf in leaves if leaf.dtype.kind == "f"):
        return "a number that training goes on from is NaN"
    strengths = state.correlation_penalty.value, state.weight_decay.value
    if not all(0 <= strength < np.inf for strength in strengths):
        return f"its penalty and weight decay are {strengths}: finite and at least 0 are possible"
    optimizer = map(np.asarray, jax.tree.leaves(state.optimizer))
    if state.epoch < 0 or any((leaf < 0).any() for leaf in optimizer if leaf.dtype.kind == "i"):
        return "it has counted below 0"
    return None
