"""A model: its steps with everything that belongs to them, and how a config becomes steps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding, SingleDeviceSharding
from jaxtyping import PyTree

from thrmlDenoising.base_graphs import (
    MANAGERS,
    AbstractBaseGraphManager,
    BaseGraph,
    check_encoding,
    check_graph,
)
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.replication import STEP_NAMES
from thrmlDenoising.families.dtm.state import TrainState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.processes.bit_flips import Rates, time_grid
from thrmlDenoising.runs import History
from thrmlDenoising.sampling import IsingModel, Parameters, sampler_type
from thrmlDenoising.support.other_names import tells
from thrmlDenoising.training.keys import purpose_key

_INITIAL_WEIGHT_SCALE = 0.01
"""Standard deviation of untrained weights: enough to tell hidden nodes apart."""


@dataclass
class ModelStep:
    """A step of a model.

    Attributes:
        graph: its Ising machine's structure.
        diffusion: its noise, couplings and sampler.
        state: what training has made of it.
        autocorrelations: what was measured, by epoch.
    """

    graph: BaseGraph
    diffusion: DiffusionStep
    state: TrainState
    autocorrelations: dict[int, float] = field(default_factory=dict)

    @property
    def machine(self) -> IsingModel:
        """The Ising machine with the parameters as trained so far."""
        return self.diffusion.machine(self.state.parameters)

    @property
    def manager(self) -> AbstractBaseGraphManager:
        """The base-graph manager that built `graph`."""
        return self.diffusion.manager

    @property
    def device(self) -> Sharding:
        """Where the step's arrays live, and so where it is computed."""
        return self.state.parameters.biases.sharding

    @property
    def weights(self) -> np.ndarray:
        """The trained weight of every edge of `graph`."""
        return np.asarray(self.state.parameters.weights)[self.graph.weight_of_edge]

    @property
    def biases(self) -> np.ndarray:
        """The trained bias of every node of `graph`."""
        return np.asarray(self.state.parameters.biases)[self.graph.bias_of_node]

    if not TYPE_CHECKING:
        __getattr__ = tells(STEP_NAMES)


@dataclass
class Model:
    """A whole model: its steps, the cleanest first, and everything measured so far."""

    steps: list[ModelStep]
    history: History

    @property
    def epoch(self) -> int:
        """How many epochs have been trained."""
        return max(step.state.epoch for step in self.steps)

    @contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Puts everything back if the block is interrupted or fails."""
        before = [(step.state, dict(step.autocorrelations)) for step in self.steps]
        records = self.history.records
        try:
            yield
        except BaseException:
            self.history = History(records)
            for step, (state, autocorrelations) in zip(self.steps, before, strict=True):
                step.state, step.autocorrelations = state, autocorrelations
            raise


class NotFiniteError(ValueError):
    """A model holds NaN or infinite numbers: its training has diverged, and it is good for nothing.

    Its samples would look like those of a model that mixes at once.
    """


def check_finite(steps: Sequence[ModelStep]) -> None:
    """Raises NotFiniteError, naming the step and what is not finite, unless all numbers are."""
    for index, step in enumerate(steps):
        parameters = step.state.parameters
        optimizer = [leaf for leaf in jax.tree.leaves(step.state.optimizer) if eqx.is_array(leaf)]
        groups = {
            "biases": [parameters.biases],
            "weights": [parameters.weights],
            "averages of the optimizer": optimizer,
        }
        for name, arrays in groups.items():
            n_bad = sum(int(np.sum(~np.isfinite(array))) for array in arrays)
            if n_bad:
                raise NotFiniteError(
                    f"step {index}: {n_bad} of {sum(array.size for array in arrays)} {name} are "
                    "NaN or infinite: training has diverged. Train again with a smaller "
                    "optim.step_learning_rates, or load an earlier epoch"
                )


def chain_of(steps: Sequence[ModelStep]) -> tuple[list[DiffusionStep], list[IsingModel]]:
    """What the reverse chain needs of the steps.

    Raises:
        NotFiniteError: nothing can be generated with them.
    """
    check_finite(steps)
    return [step.diffusion for step in steps], [step.machine for step in steps]


def make_manager(cfg: DTMConfig) -> AbstractBaseGraphManager:
    """The base-graph manager of a config, once its encoding is known to work.

    Programs are compiled for a manager, so one of the user's own class, which may have been edited
    in place, is made for every model.

    Raises:
        ValueError: it is a class of the user's own that does not keep its promises.
    """
    manager_class = cfg.graph.manager_class
    built_in = manager_class in MANAGERS.values()
    manager = cfg.manager if built_in else manager_class(cfg.graph_spec)
    check_encoding(manager)
    return manager


def draw_graphs(cfg: DTMConfig, manager: AbstractBaseGraphManager) -> list[BaseGraph]:
    """A graph for every step, from `exp.graph_seeds` or, if there are none, from `exp.seed`.

    Raises:
        ValueError: the manager is a class of the user's own that makes graphs that cannot be.
    """
    n_steps = cfg.diffusion_schedule.num_diffusion_steps
    derived = np.random.SeedSequence(cfg.exp.seed).generate_state(n_steps)
    seeds = cfg.per_step(cfg.exp.graph_seeds) if cfg.exp.graph_seeds else derived
    graphs = [manager.build_graph(int(seed)) for seed in seeds]
    for graph in graphs:
        check_graph(manager, graph)
    return graphs


def build_steps(
    cfg: DTMConfig,
    manager: AbstractBaseGraphManager,
    trainer: Trainer,
    graphs: Sequence[BaseGraph],
) -> list[ModelStep]:
    """Untrained steps on these graphs, spread over the devices JAX shows."""
    schedule = cfg.diffusion_schedule
    rates = Rates(cfg.diffusion_rates.image_rate, cfg.diffusion_rates.label_rate)
    intervals = time_grid(schedule.kind, schedule.num_diffusion_steps)
    penalties = cfg.per_step(cfg.cp.correlation_penalty)
    decays = cfg.per_step(cfg.wd.weight_decay)
    sampler = sampler_type(cfg.sampling.backend)
    devices = jax.local_devices()
    steps = []
    for index, (graph, interval) in enumerate(zip(graphs, intervals, strict=True)):
        diffusion = DiffusionStep.build(
            manager, graph, sampler, interval, rates, schedule.diffusion_offset
        )
        state = trainer.init(
            purpose_key(cfg.exp.seed, "training", index),
            _initial_parameters(cfg, graph, index),
            cfg.n_train,
            graph.n_nodes,
            penalties[index],
            decays[index],
        )
        device = SingleDeviceSharding(devices[index % len(devices)])
        steps.append(ModelStep(graph, *put_on(device, (diffusion, state))))
    return steps


def _initial_parameters(cfg: DTMConfig, graph: BaseGraph, index: int) -> Parameters:
    key = purpose_key(cfg.exp.seed, "parameters", index)
    weights = _INITIAL_WEIGHT_SCALE * jax.random.normal(key, (graph.n_weights,), jnp.float32)
    return Parameters(jnp.zeros(graph.n_biases, jnp.float32), weights)


def put_on(device: Sharding, tree: PyTree) -> PyTree:
    """Moves the arrays of a tree, and leaves its other leaves alone."""
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, device), rest)
