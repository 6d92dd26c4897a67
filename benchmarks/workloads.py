"""What is measured, one function each. An update is one free spin of one chain drawn once."""

import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.records import Record, n_cores
from benchmarks.timing import interleaved
from thrmlDenoising import DTMConfig, make_cfg
from thrmlDenoising.base_graphs import AbstractBaseGraphManager, BaseGraph, parse_preset
from thrmlDenoising.families.dtm.autocorrelation import (
    N_DIRECTIONS,
    ProjectImage,
    integrated_time,
    stationary_curve,
)
from thrmlDenoising.families.dtm.building import make_manager
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.families.dtm.reverse import ObserveSpins
from thrmlDenoising.families.dtm.state import StepState
from thrmlDenoising.sampling import (
    AbstractSampler,
    Chains,
    IsingMachine,
    Parameters,
    Schedule,
    free_nodes,
    sampler_type,
)
from thrmlDenoising.training.keys import seed_key

FIGURE_5B = make_cfg(
    graph=dict(graph_preset_architecture="70_12", num_label_spots=10),
    sampling=dict(batch_size=400, n_samples=50, steps_per_sample=8, steps_warmup=400),
    generation=dict(steps_warmup=800),
    diffusion_schedule=dict(num_diffusion_steps=8, diffusion_offset=0.15),
    diffusion_rates=dict(image_rate=0.9, label_rate=0.2),
    optim=dict(step_learning_rates=(0.016,), alpha_cosine_decay=0.18, n_epochs_for_lrd=20),
)
"""The paper's setting (arXiv 2510.23972, Figure 5b)."""

SHORT = FIGURE_5B.replace(sampling=dict(n_samples=5, steps_warmup=40))
"""The same with 72 sweeps a phase instead of 792: memory does not depend on them."""

# As trials 7 levels take 5488 nodes, and 80_48 has 3200 places; as bits they take 2352.
_GREY = dict(grayscale_levels=7, base_graph_manager="binary_representation", num_label_spots=20)

_TERMS_PER_NS = {"thrml": 1.0, "xla": 8.0, "cpu": 30.0}
"""Neighbours added to fields, a nanosecond: decides how many sweeps a call makes, no more."""


# --- sampling ------------------------------------------------------------------------------


def sample(
    backends: Sequence[str], graph: str, chains: Sequence[int], repeats: int, seconds: float
) -> list[Record]:
    """Free sweeps at random couplings, and nothing else.

    Args:
        graph: a preset; binary images with 10 label spots, but 80_48 has 7 levels and 20 spots.
        seconds: how long a call should take, roughly.
    """
    base_graph = make_manager(cfg_of(graph)).build_graph(seed=0)
    samplers = {name: sampler_type(name).from_graph(base_graph) for name in backends}
    return [
        record
        for n_chains in chains
        for record in time_samplers(samplers, graph, base_graph, n_chains, repeats, seconds)
    ]


def mix(
    backends: Sequence[str], graph: str, n_chains: int, repeats: int, seconds: float
) -> list[Record]:
    """Effective samples a second: chains * (sweeps / second) / tau, tau in sweeps."""
    manager = make_manager(cfg_of(graph))
    base_graph = manager.build_graph(seed=0)
    records = []
    for record in sample(backends, graph, [n_chains], repeats, seconds):
        sampler = sampler_type(record.backend).from_graph(base_graph)
        assert record.updates_per_ns is not None, "`sample` measures it"
        chain_sweeps_per_s = 1e9 * record.updates_per_ns / base_graph.n_nodes
        tau = _integrated_time(sampler, manager, base_graph, n_chains)
        records.append(replace(record, ess_per_s=chain_sweeps_per_s / tau))
    return records


def time_samplers(
    samplers: Mapping[str, AbstractSampler],
    graph: str,
    base_graph: BaseGraph,
    n_chains: int,
    repeats: int,
    seconds: float,
) -> list[Record]:
    """Times samplers of one graph in turn."""
    machine, chains = _random_problem(base_graph, n_chains)
    calls, updates = {}, {}
    for name, sampler in samplers.items():
        terms = 2 * base_graph.n_edges * n_chains
        n_sweeps = max(1, round(1e9 * seconds * _TERMS_PER_NS.get(name, 1.0) / terms))
        calls[name] = partial(
            sampler.observe,
            jax.random.key(0),
            machine,
            chains,
            Schedule.constant(1.0, n_sweeps),
            "nothing",
            ObserveSpins(jnp.zeros(1, jnp.int32)),
        )
        updates[name] = base_graph.n_nodes * n_sweeps * n_chains
    blank = Record("sample", "", graph, n_chains, n_cores())
    return _timed(blank, calls, updates, repeats)


def cfg_of(graph: str) -> DTMConfig:
    """The config of a preset: see `sample`."""
    grey = _GREY if graph == "80_48" else {}
    return FIGURE_5B.replace(graph=dict(graph_preset_architecture=graph, **grey))


def _random_problem(graph: BaseGraph, n_chains: int) -> tuple[IsingMachine, Chains]:
    """Moderate couplings, one input that all chains share, and chains that start anywhere."""
    keys = jax.random.split(jax.random.key(0), 4)
    n_visible = len(graph.visible_nodes)
    parameters = Parameters(
        0.1 * jax.random.normal(keys[0], (graph.n_biases,)),
        0.1 * jax.random.normal(keys[1], (graph.n_weights,)),
    )
    inputs = jnp.tile(jax.random.bernoulli(keys[2], 0.5, (n_visible,)), (n_chains, 1))
    spins = jax.random.bernoulli(keys[3], 0.5, (n_chains, graph.n_nodes))
    return IsingMachine(parameters, jnp.full(n_visible, 0.5)), Chains(spins, inputs)


def _integrated_time(
    sampler: AbstractSampler, manager: AbstractBaseGraphManager, graph: BaseGraph, n_chains: int
) -> float:
    """The integrated autocorrelation time, in sweeps, of projected images."""
    directions = jax.random.normal(jax.random.key(1), (manager.n_pixels, N_DIRECTIONS))
    observer = ProjectImage(jnp.asarray(graph.image_nodes), manager, directions)
    schedule = Schedule.constant(1.0, n_warmup=100, n_samples=100, sweeps_per_sample=1)
    machine, chains = _random_problem(graph, n_chains)
    seen = sampler.observe(jax.random.key(2), machine, chains, schedule, "nothing", observer)
    of_one_image = np.asarray(seen)[:, None]  # all chains have the same input
    return max(1.0, integrated_time(stationary_curve(of_one_image)))


# --- training and generation ---------------------------------------------------------------


def train(backends: Sequence[str], repeats: int, cfg: DTMConfig = FIGURE_5B) -> list[Record]:
    """A whole batch of the first step: noise, both phases, gradient and update."""
    calls, updates = {}, {}
    for name in backends:
        model = _build(cfg, name)
        calls[name], updates[name] = _training(model, 1), _updates_of_batch(model, 1)
    blank = Record("train", "", graph_name(cfg), cfg.batch_size, n_cores())
    return _timed(blank, calls, updates, repeats)


def train_chain(backend: str, n_steps: int, repeats: int) -> list[Record]:
    """A batch of every step of a chain at the `SHORT` schedule, and the memory that takes.

    Memory is the whole process's, data set included: use a process for each call.
    """
    cfg = SHORT.replace(diffusion_schedule=dict(num_diffusion_steps=n_steps))
    model = _build(cfg, backend)
    blank = Record("train", "", _chain_name(cfg), cfg.batch_size, n_cores())
    call, updates = _training(model, n_steps), _updates_of_batch(model, n_steps)
    (record,) = _timed(blank, {backend: call}, {backend: updates}, repeats)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [replace(record, peak_bytes=1024 * kibibytes)]


def generate_images(
    backends: Sequence[str], n_images: int, repeats: int, cfg: DTMConfig = FIGURE_5B
) -> list[Record]:
    """A whole generation, from noise through every step, labels free."""
    calls, updates = {}, {}
    for name in backends:
        model = _build(cfg, name)
        state, n_sweeps = model.init(seed_key(cfg.exp.seed)), model.annealing.n_sweeps
        calls[name] = partial(model.run, state, jax.random.key(0), n_images)
        updates[name] = n_images * n_sweeps * sum(graph.n_nodes for graph in model.graphs)
    blank = Record("generate", "", _chain_name(cfg), n_images, n_cores())
    return _timed(blank, calls, updates, repeats)


def _build(cfg: DTMConfig, backend: str) -> DTMModel:
    return DTMModel(cfg.replace(sampling=dict(backend=backend)))


def _training(model: DTMModel, n_steps: int) -> Callable[[], list[StepState]]:
    """A call that trains one batch of the first steps: an epoch of a data set that small."""
    trainer, cfg = model.trainer, model.cfg
    clean = model.clean(model.data.train)
    batch = jax.tree.map(lambda leaf: leaf[: trainer.batch_size], clean)
    rates = cfg.per_step(cfg.optim.step_learning_rates)
    state = model.init(seed_key(cfg.exp.seed))
    steps = list(zip(model.steps, state.steps, rates, strict=True))[:n_steps]

    def train_batch() -> list[StepState]:
        return [
            trainer.train_epoch(step, state, batch, rate, on_batch=lambda: None)
            for step, state, rate in steps
        ]

    return train_batch


def _updates_of_batch(model: DTMModel, n_steps: int) -> int:
    n_sweeps = len(model.trainer.schedule.betas)
    n_free = sum(
        len(free_nodes(graph, clamp))
        for graph in model.graphs[:n_steps]
        for clamp in ("visible", "nothing")
    )
    return model.cfg.batch_size * n_sweeps * n_free


def graph_name(cfg: DTMConfig) -> str:
    """The preset of a config as records name it."""
    preset = parse_preset(cfg.graph.graph_preset_architecture)
    return f"{preset.side}_{preset.degree}"


def _chain_name(cfg: DTMConfig) -> str:
    return f"{graph_name(cfg)}, T={cfg.diffusion_schedule.num_diffusion_steps}"


# --- what they share -----------------------------------------------------------------------


def _timed(
    blank: Record,
    calls: Mapping[str, Callable[[], object]],
    updates: Mapping[str, int],
    repeats: int,
) -> list[Record]:
    """Times the calls, one for each backend, and fills in a record for each."""
    return [
        replace(
            blank,
            backend=name,
            updates_per_ns=updates[name] / (1e9 * timing.warm),
            seconds_warm=timing.warm,
            seconds_cold=timing.cold,
        )
        for name, timing in interleaved(calls, repeats).items()
    ]
