"""How a config becomes a chain of steps."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding, SingleDeviceSharding
from jaxtyping import Array, Key, PyTree

from thrmlDenoising.base_graphs import (
    MANAGERS,
    AbstractBaseGraphManager,
    BaseGraph,
    check_encoding,
    check_graph,
)
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.state import DTMState, StepState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.processes import Rates, time_grid
from thrmlDenoising.sampling import Parameters, sampler_type
from thrmlDenoising.training.keys import key_for

_INITIAL_WEIGHT_SCALE = 0.01
"""Standard deviation of untrained weights: enough to tell hidden nodes apart."""


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
    derived = np.random.SeedSequence(cfg.exp.seed).generate_state(cfg.n_steps)
    seeds = cfg.per_step(cfg.exp.graph_seeds) if cfg.exp.graph_seeds else derived
    graphs = [manager.build_graph(int(seed)) for seed in seeds]
    for graph in graphs:
        check_graph(manager, graph)
    return graphs


def build_steps(
    cfg: DTMConfig, manager: AbstractBaseGraphManager, graphs: Sequence[BaseGraph]
) -> list[DiffusionStep]:
    """What is fixed about each step, spread over the devices JAX shows."""
    schedule = cfg.diffusion_schedule
    rates = Rates(cfg.diffusion_rates.image_rate, cfg.diffusion_rates.label_rate)
    intervals = time_grid(schedule.kind, schedule.num_diffusion_steps)
    sampler = sampler_type(cfg.sampling.backend)
    devices = jax.local_devices()
    steps = []
    for index, (graph, interval) in enumerate(zip(graphs, intervals, strict=True)):
        step = DiffusionStep.build(
            manager, graph, sampler, interval, rates, schedule.diffusion_offset
        )
        steps.append(put_on(SingleDeviceSharding(devices[index % len(devices)]), step))
    return steps


def initial_state(
    key: Key[Array, ""],
    cfg: DTMConfig,
    graphs: Sequence[BaseGraph],
    steps: Sequence[DiffusionStep],
    trainer: Trainer,
) -> DTMState:
    """Untrained steps, each on its device."""
    penalties = cfg.per_step(cfg.cp.correlation_penalty)
    decays = cfg.per_step(cfg.wd.weight_decay)

    def initial(index: int, graph: BaseGraph, step: DiffusionStep) -> StepState:
        state = trainer.init(
            key_for(key, "training", index),
            _initial_parameters(key_for(key, "parameters", index), graph),
            cfg.n_train,
            graph.n_nodes,
            penalties[index],
            decays[index],
        )
        return put_on(step.device, state)

    pairs = enumerate(zip(graphs, steps, strict=True))
    return DTMState(0, tuple(initial(index, *pair) for index, pair in pairs))


def _initial_parameters(key: Key[Array, ""], graph: BaseGraph) -> Parameters:
    weights = _INITIAL_WEIGHT_SCALE * jax.random.normal(key, (graph.n_weights,), jnp.float32)
    return Parameters(jnp.zeros(graph.n_biases, jnp.float32), weights)


def put_on(device: Sharding, tree: PyTree) -> PyTree:
    """Moves the arrays of a tree, and leaves its other leaves alone."""
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(arrays, device), rest)
