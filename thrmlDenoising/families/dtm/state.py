"""What training carries from batch to batch, a checkpoint holds and a resume starts from."""

from collections.abc import Iterator
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree, UInt32

from thrmlDenoising.families.dtm.negative_start import Memory
from thrmlDenoising.sampling import Parameters
from thrmlDenoising.training.model import State


class StepState(eqx.Module):
    """Everything about one step that training changes.

    Attributes:
        optimizer: Adam's averages and the position in the learning-rate schedule.
        correlation_penalty: its strength.
        weight_decay: its strength.
        key: the data of the random key of the next epoch.
        negative_chains: see `Memory`.
    """

    parameters: Parameters
    optimizer: PyTree
    correlation_penalty: float
    weight_decay: float
    key: UInt32[Array, " word"]
    negative_chains: Memory

    def not_relaxed_from(self, before: "StepState") -> "StepState":
        """This state, with no strength below that of the state before."""
        return replace(
            self,
            correlation_penalty=max(self.correlation_penalty, before.correlation_penalty),
            weight_decay=max(self.weight_decay, before.weight_decay),
        )

    def not_finite(self) -> Iterator[tuple[str, int, int]]:
        """What is NaN or infinite: its name, and how many of how many numbers are."""
        optimizer = [leaf for leaf in jax.tree.leaves(self.optimizer) if eqx.is_array(leaf)]
        groups = {
            "biases": [self.parameters.biases],
            "weights": [self.parameters.weights],
            "averages of the optimizer": optimizer,
        }
        for name, arrays in groups.items():
            n_bad = sum(int(np.sum(~np.isfinite(array))) for array in arrays)
            if n_bad:
                yield name, n_bad, sum(array.size for array in arrays)

    def problem(self) -> str | None:
        """Why no training can have left it so."""
        parameters = np.concatenate([np.ravel(leaf) for leaf in self.parameters])
        n_bad = int((~np.isfinite(parameters)).sum())
        if n_bad:
            return f"{n_bad} of its {len(parameters)} parameters are not finite (NaN or infinite)"
        strengths = self.correlation_penalty, self.weight_decay
        if any(strength < 0 or strength == np.inf for strength in strengths):
            return (
                f"its penalty and weight decay are {strengths}: finite and at least 0 are possible"
            )
        return None


class DTMState(State):
    """Everything about a model that training changes.

    Attributes:
        epoch: how many epochs have been trained; of a stitched model, the latest of its steps.
        steps: the cleanest first.
    """

    steps: tuple[StepState, ...]
