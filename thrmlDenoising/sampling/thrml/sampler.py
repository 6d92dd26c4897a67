"""Block Gibbs sampling by thrml's own sampling programs: the reference for all others.

A graph becomes thrml spin nodes, one block per colour and role, and three factors: biases,
edges, and the couplings of the visible nodes to their clamped inputs. thrml compiles factors into
tables of numbers; we let it compile them once with the *position* of every parameter in place of
its value, and look the values up at run time. Graphs of equal shape then differ in the contents
of their tables only, and share thrml blocks, so all steps of a model run one XLA program.
"""

from functools import lru_cache
from typing import Any, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int32, Key, PyTree
from thrml import (
    Block,
    BlockGibbsSpec,
    FactorSamplingProgram,
    SamplingSchedule,
    SpinNode,
    sample_with_observation,
)
from thrml.block_management import block_state_to_global
from thrml.conditional_samplers import AbstractConditionalSampler
from thrml.models import SpinEBMFactor, SpinGibbsConditional
from thrml.observers import AbstractObserver as ThrmlObserver
from thrml.pgm import AbstractNode

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.sampling.protocol import (
    CLAMPS,
    AbstractObserver,
    AbstractSampler,
    Chains,
    Clamp,
    GraphSizes,
    IsingMachine,
    Moments,
    Schedule,
    check_countable,
    clamped_nodes,
    free_nodes,
)
from thrmlDenoising.support.process_settings import library_settings

_CHAINS_AT_ONCE = 1024
"""Chains beyond this many run one group after the other, which bounds memory."""

_SPIN_STATE: dict[type[AbstractNode], jax.ShapeDtypeStruct] = {
    SpinNode: jax.ShapeDtypeStruct((), jnp.bool_)
}


class AnnealedSpinConditional(SpinGibbsConditional):
    """thrml's spin update at an inverse temperature that changes from sweep to sweep.

    The sampler state thrml carries along is the number of the sweep.
    """

    betas: Float[Array, " sweep"]

    # thrml annotates its stateless samplers, whose state is None; any pytree is allowed.
    def init(self) -> Int[Array, ""]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The first sweep is number 0."""
        return jnp.zeros((), jnp.int32)

    def compute_parameters(
        self, key, interactions, active_flags, states, sampler_state: Any, output_sd
    ) -> tuple[Float[Array, " node"], Int[Array, ""]]:
        """Gamma = beta times the local field, so that P(s = +1) = sigmoid(2 gamma)."""
        field, _ = super().compute_parameters(
            key, interactions, active_flags, states, sampler_state, output_sd
        )
        sweep: Int[Array, ""] = sampler_state
        return self.betas[sweep] * field, sweep + 1


class _ApplyObserver(ThrmlObserver):
    """Hands the spins that an observer of ours looks at to it."""

    observed_places: Int32[Array, " observed"]
    observer: AbstractObserver

    def __call__(self, program, state_free, state_clamped, carry, iteration):
        (places,) = block_state_to_global(state_free + state_clamped, program.gibbs_spec)
        return carry, self.observer(places[self.observed_places])


class _CountMoments(ThrmlObserver):
    """Counts, exactly, how often each spin was up and how often the ends of an edge agreed."""

    place_of_node: Int32[Array, " node"]
    edges: Int32[Array, "edge 2"]

    def __call__(self, program, state_free, state_clamped, carry, iteration):
        (places,) = block_state_to_global(state_free + state_clamped, program.gibbs_spec)
        spins = places[self.place_of_node]
        n_up, n_agree, _ = carry
        agree = spins[self.edges[:, 0]] == spins[self.edges[:, 1]]
        return (n_up + spins.astype(jnp.int32), n_agree + agree.astype(jnp.int32), spins), None

    def init(self) -> tuple[Int[Array, " node"], Int[Array, " edge"], Bool[Array, " node"]]:
        n_nodes, n_edges = len(self.place_of_node), len(self.edges)
        return (
            jnp.zeros(n_nodes, jnp.int32),
            jnp.zeros(n_edges, jnp.int32),
            jnp.zeros(n_nodes, bool),
        )


class _Program(eqx.Module):
    """A thrml program for one choice of clamped nodes, and where it keeps our nodes.

    Attributes:
        template: has for every interaction weight a position in `ThrmlSampler._table`.
        place_of_node: its position in thrml's global state: free blocks first, then the clamped
            block, then the inputs.
    """

    template: FactorSamplingProgram
    free_nodes: list[Int32[Array, " _"]]
    clamped_nodes: list[Int32[Array, " clamped"]]
    place_of_node: Int32[Array, " node"]

    def fill(
        self, table: Float[Array, " parameter"], betas: Float[Array, " sweep"]
    ) -> FactorSamplingProgram:
        """The thrml program with parameter values in place of their positions."""
        interactions = jax.tree.map(
            lambda leaf: table[leaf] if eqx.is_array(leaf) else leaf,
            self.template.per_block_interactions,
        )
        samplers: list[AbstractConditionalSampler] = [AnnealedSpinConditional(betas)]
        return eqx.tree_at(
            lambda program: (program.per_block_interactions, program.samplers),
            self.template,
            (interactions, samplers * len(self.free_nodes)),
        )


class ThrmlSampler(AbstractSampler):
    """The sampler that runs on thrml as it comes."""

    sizes: GraphSizes = eqx.field(static=True)
    programs: dict[Clamp, _Program]
    edges: Int32[Array, "edge 2"]
    bias_of_node: Int32[Array, " node"]
    weight_of_edge: Int32[Array, " edge"]

    @classmethod
    @library_settings()
    def from_graph(cls, graph: BaseGraph) -> Self:
        """Builds the thrml programs of a graph, one for each choice of clamped nodes."""
        return cls(
            sizes=GraphSizes.of(graph),
            programs={clamp: _build_program(graph, clamp) for clamp in CLAMPS},
            edges=jnp.asarray(graph.edges),
            bias_of_node=jnp.asarray(graph.bias_of_node),
            weight_of_edge=jnp.asarray(graph.weight_of_edge),
        )

    @library_settings()
    def moments(
        self,
        key: Key[Array, ""],
        machine: IsingMachine,
        chains: Chains,
        schedule: Schedule,
        clamp: Clamp,
    ) -> Moments:
        """See `AbstractSampler.moments`."""
        check_countable(schedule, chains)
        observer = _CountMoments(self.programs[clamp].place_of_node, self.edges)
        (n_up, n_agree, last), _ = _run(self, key, machine, chains, schedule, clamp, observer)
        return _average(n_up, n_agree, last, schedule.n_samples)

    @library_settings()
    def observe(
        self,
        key: Key[Array, ""],
        machine: IsingMachine,
        chains: Chains,
        schedule: Schedule,
        clamp: Clamp,
        observer: AbstractObserver,
    ) -> PyTree:
        """See `AbstractSampler.observe`."""
        apply = _ApplyObserver(self.programs[clamp].place_of_node[observer.nodes], observer)
        _, observed = _run(self, key, machine, chains, schedule, clamp, apply)
        return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), observed)

    def _table(self, machine: IsingMachine) -> Float[Array, " parameter"]:
        """All interaction weights in the order `_build_program` counts them."""
        parameters = machine.parameters
        return jnp.concatenate(
            [
                parameters.biases[self.bias_of_node],
                parameters.weights[self.weight_of_edge],
                machine.input_couplings,
            ]
        )


@eqx.filter_jit
def _run(
    sampler: ThrmlSampler,
    key: Key[Array, ""],
    machine: IsingMachine,
    chains: Chains,
    schedule: Schedule,
    clamp: Clamp,
    observer: ThrmlObserver,
) -> tuple[PyTree, PyTree]:
    """Runs every chain under its own key; leaves of the result start with the chain axis."""
    sampler.sizes.check(machine, chains)
    program = sampler.programs[clamp]
    thrml_program = program.fill(sampler._table(machine), schedule.betas)
    thrml_schedule = SamplingSchedule(
        schedule.n_warmup, schedule.n_samples, schedule.sweeps_per_sample
    )

    def run_chain(chain):
        chain_key, spins, inputs = chain
        free = [spins[nodes] for nodes in program.free_nodes]
        clamped = [spins[nodes] for nodes in program.clamped_nodes] + [inputs]
        return sample_with_observation(
            chain_key, thrml_program, thrml_schedule, free, clamped, observer.init(), observer
        )

    keys = jax.random.split(key, len(chains.spins))
    batch_size = min(len(keys), _CHAINS_AT_ONCE)
    return jax.lax.map(run_chain, (keys, *chains), batch_size=batch_size)


@eqx.filter_jit
def _average(n_up, n_agree, last, n_samples: int) -> Moments:
    """Counts per chain to means of +-1 variables."""
    n_agree_of_all = n_agree.sum(axis=0, dtype=jnp.int32)
    spins = 2 * (n_up.astype(jnp.float32) / n_samples) - 1
    pairs = 2 * (n_agree_of_all.astype(jnp.float32) / (n_samples * len(n_agree))) - 1
    return Moments(spins, pairs, last)


@lru_cache
def _gibbs_spec(
    block_sizes: tuple[int, ...], n_clamped: int, n_inputs: int
) -> tuple[BlockGibbsSpec, list[SpinNode], list[SpinNode]]:
    """thrml blocks of these sizes, their nodes place by place, and the input nodes.

    Cached, because a compiled program is only found again for the very same blocks.
    """
    free_blocks = [Block([SpinNode() for _ in range(size)]) for size in block_sizes]
    clamped_blocks = [Block([SpinNode() for _ in range(n)]) for n in (n_clamped, n_inputs) if n]
    spec = BlockGibbsSpec(free_blocks, clamped_blocks, _SPIN_STATE)
    nodes = [node for block in spec.blocks for node in block]
    n_places = sum(block_sizes) + n_clamped
    return spec, nodes[:n_places], nodes[n_places:]


def _build_program(graph: BaseGraph, clamp: Clamp) -> _Program:
    """Lets thrml compile the factors of a graph, with positions instead of parameters."""
    clamped = clamped_nodes(graph, clamp)
    free = free_nodes(graph, clamp)
    blocks = [free[graph.colors[free] == color] for color in range(graph.n_colors)]
    blocks = [block for block in blocks if len(block)]

    node_of_place = np.concatenate([*blocks, clamped])
    place_of_node = np.argsort(node_of_place)
    spec, spins, inputs = _gibbs_spec(
        tuple(len(block) for block in blocks), len(clamped), len(graph.visible_nodes)
    )

    def block_of(nodes: Int[np.ndarray, " node"]) -> Block:
        return Block([spins[place_of_node[node]] for node in nodes])

    groups = [
        [block_of(np.arange(graph.n_nodes))],
        [block_of(graph.edges[:, 0]), block_of(graph.edges[:, 1])],
        [block_of(graph.visible_nodes), Block(inputs)],
    ]
    starts = np.cumsum([0] + [len(group[0]) for group in groups])
    factors = [
        SpinEBMFactor(group, jnp.arange(start, start + len(group[0]), dtype=jnp.int32))
        for group, start in zip(groups, starts, strict=False)
        if len(group[0])
    ]
    placeholder: list[AbstractConditionalSampler] = [SpinGibbsConditional() for _ in blocks]
    return _Program(
        template=FactorSamplingProgram(spec, placeholder, factors, []),
        free_nodes=[jnp.asarray(block, jnp.int32) for block in blocks],
        clamped_nodes=[jnp.asarray(clamped, jnp.int32)] if len(clamped) else [],
        place_of_node=jnp.asarray(place_of_node, jnp.int32),
    )
