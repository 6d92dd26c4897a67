"""What training carries from batch to batch, a checkpoint holds and a resume starts from."""

from dataclasses import replace
from typing import Self

import equinox as eqx
from jaxtyping import Array, PyTree, UInt32

from thrmlDenoising.families.dtm.controllers import Strength
from thrmlDenoising.families.dtm.negative_start import Memory
from thrmlDenoising.sampling import Parameters


class TrainState(eqx.Module):
    """The whole changing state of one step of a model.

    Attributes:
        optimizer: Adam's averages and the position in the learning-rate schedule.
        epoch: how many epochs have been trained.
        key: the data of the random key of the next epoch.
        negative_chains: see `Memory`.
    """

    parameters: Parameters
    optimizer: PyTree
    correlation_penalty: Strength
    weight_decay: Strength
    epoch: int
    key: UInt32[Array, " word"]
    negative_chains: Memory

    def not_relaxed_from(self, before: Self) -> Self:
        """This state, with no strength below that of the state before."""
        return replace(
            self,
            correlation_penalty=self.correlation_penalty.at_least(before.correlation_penalty),
            weight_decay=self.weight_decay.at_least(before.weight_decay),
        )
