"""A step of a model, as a user reads it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jax.sharding import Sharding
from jaxtyping import Float

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, BaseGraph
from thrmlDenoising.families.dtm.replication import STEP_NAMES
from thrmlDenoising.families.dtm.showing import step_line, step_table
from thrmlDenoising.families.dtm.state import StepState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.sampling import IsingMachine
from thrmlDenoising.support.other_names import tells


@dataclass(frozen=True, repr=False)
class ModelStep:
    """What is known of a step.

    Attributes:
        graph: its Ising machine's structure.
        diffusion: its noise, couplings and sampler.
        state: what training has made of it.
        autocorrelations: what was measured, by epoch.
    """

    graph: BaseGraph
    diffusion: DiffusionStep
    state: StepState
    autocorrelations: dict[int, float]

    def __repr__(self) -> str:
        return step_line(self.graph, self._last_autocorrelation)

    def _repr_html_(self) -> str:
        return step_table(self.graph, self._last_autocorrelation)

    @property
    def _last_autocorrelation(self) -> float | None:
        return self.autocorrelations[max(self.autocorrelations)] if self.autocorrelations else None

    @property
    def machine(self) -> IsingMachine:
        """The Ising machine with the parameters as trained so far."""
        return self.diffusion.machine(self.state.parameters)

    @property
    def manager(self) -> AbstractBaseGraphManager:
        """The base-graph manager that built `graph`."""
        return self.diffusion.manager

    @property
    def device(self) -> Sharding:
        """Where the step's arrays live, and so where it is computed."""
        return self.diffusion.device

    @property
    def weights(self) -> Float[np.ndarray, " edge"]:
        """The trained weight of every edge of `graph`."""
        return np.asarray(self.state.parameters.weights)[self.graph.weight_of_edge]

    @property
    def biases(self) -> Float[np.ndarray, " node"]:
        """The trained bias of every node of `graph`."""
        return np.asarray(self.state.parameters.biases)[self.graph.bias_of_node]

    if not TYPE_CHECKING:
        __getattr__ = tells(STEP_NAMES)
