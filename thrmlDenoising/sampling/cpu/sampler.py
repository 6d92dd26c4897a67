"""The sampler for processors: blocks of chains, shared out over threads."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Int32, Int64, Key, PyTree, Shaped, UInt32
from numba.core import config as numba_config

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.sampling.cpu import kernels
from thrmlDenoising.sampling.cpu.lanes import LANES
from thrmlDenoising.sampling.neighbors import Neighbors
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
    free_nodes,
)
from thrmlDenoising.support.process_settings import library_settings


class CpuSampler(AbstractSampler):
    """Runs compiled kernels on the processor's cores; NUMBA_NUM_THREADS says on how many.

    Every chain has a random stream of its own and what is counted are whole numbers, so results
    do not depend on the number of threads. Neighbours are listed as in `Neighbors`.
    """

    sizes: GraphSizes = eqx.field(static=True)
    update_order: dict[Clamp, Int32[Array, " _"]]
    first_neighbor: Int32[Array, " node_and_end"]
    place_of_neighbor: Int32[Array, " entry"]
    coupling_of_neighbor: Int32[Array, " entry"]
    edges: Int32[Array, "edge 2"]
    bias_of_node: Int32[Array, " node"]

    @classmethod
    @library_settings()
    def from_graph(cls, graph: BaseGraph) -> Self:
        """Prepares the tables of a graph."""
        neighbors = Neighbors.of(graph)
        return cls(
            sizes=GraphSizes.of(graph),
            update_order={clamp: _int32(_sweep_order(graph, clamp)) for clamp in CLAMPS},
            first_neighbor=_int32(neighbors.first),
            place_of_neighbor=_int32(neighbors.place),
            coupling_of_neighbor=_int32(neighbors.coupling),
            edges=_int32(graph.edges),
            bias_of_node=_int32(graph.bias_of_node),
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
        self.sizes.check(machine, chains)
        tables, edges = self._tables(machine, clamp), _unsigned(self.edges)
        betas, sample_times = _host(schedule.betas), _read_only(schedule.sweeps_before)
        n_chains, _ = shape = chains.spins.shape
        means, last = np.empty(shape, np.float32), np.empty(shape, bool)

        def run(block: _Block) -> Int64[np.ndarray, " edge"]:
            state = block.packed, block.streams
            results = means[block.chains], last[block.chains]
            return kernels.moments(tables, edges, betas, sample_times, *state, *results)

        n_agree = np.zeros(len(edges), np.int64)
        with _threads() as map_blocks:
            for n_agree_in_block in map_blocks(run, _blocks(key, chains)):
                n_agree += n_agree_in_block
        pairs = 2 * n_agree / (schedule.n_samples * n_chains) - 1
        return Moments(jnp.asarray(means), jnp.asarray(pairs, jnp.float32), jnp.asarray(last))

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
        self.sizes.check(machine, chains)
        tables, nodes = self._tables(machine, clamp), _unsigned(observer.nodes)
        blocks, observed = _blocks(key, chains), []
        with _threads() as map_blocks:
            for betas in np.split(_host(schedule.betas), schedule.sweeps_before[:-1]):
                # JAX may keep what it is given: a new one for each sample.
                seen = np.empty((len(chains.spins), len(nodes)), bool)

                def run(block: _Block, betas=betas, seen=seen) -> None:
                    state = block.packed, block.streams
                    kernels.observe(tables, betas, *state, nodes, seen[block.chains])

                deque(map_blocks(run, blocks), maxlen=0)
                observed.append(_apply(observer, jnp.asarray(seen)))
        return jax.tree.map(lambda *samples: jnp.asarray(np.stack(samples)), *observed)

    def _tables(self, machine: IsingMachine, clamp: Clamp) -> kernels.Tables:
        """The numbers of a machine where the kernels look for them."""
        biases, weights = (_host(leaf) for leaf in machine.parameters)
        couplings = np.concatenate([weights, _host(machine.input_couplings)])
        coupling = couplings[_host(self.coupling_of_neighbor)]
        n_nodes = self.sizes.n_nodes
        node = np.repeat(np.arange(n_nodes), np.diff(_host(self.first_neighbor)))
        all_couplings = np.bincount(node, coupling, n_nodes)  # in double precision
        field_all_down = biases[_host(self.bias_of_node)] - all_couplings
        return kernels.Tables(
            update_order=_unsigned(self.update_order[clamp]),
            first_neighbor=_unsigned(self.first_neighbor),
            place_of_neighbor=_unsigned(self.place_of_neighbor),
            double_coupling=_read_only(2 * coupling),
            field_all_down=_read_only(field_all_down.astype(np.float32)),
        )


@eqx.filter_jit
def _apply(observer: AbstractObserver, spins: Bool[Array, "chain observed"]) -> PyTree:
    return jax.vmap(observer)(spins)


class _Block(NamedTuple):
    """Up to `LANES` chains that are sampled together.

    Attributes:
        packed: a mask of chains for every node, then for every input: who is up.
        streams: the state of every chain's random stream.
    """

    chains: slice
    packed: UInt32[np.ndarray, " place"]
    streams: UInt32[np.ndarray, "4 lane"]


def _blocks(key: Key[Array, ""], chains: Chains) -> list[_Block]:
    """Every chain's stream starts at 128 bits of its own, which Philox draws from the key."""
    spins, inputs = _host(chains.spins), _host(chains.inputs)
    n_chains = len(spins)
    own_chains = [slice(start, start + LANES) for start in range(0, n_chains, LANES)]
    seeds = np.zeros((len(own_chains), LANES, 4), np.uint32)
    # Neither compiled nor run by JAX: a fork of a process that has used JAX could do neither.
    words = np.random.Philox(np.asarray(jax.random.key_data(key)).tolist())
    seeds.reshape(-1, 4)[:n_chains] = words.random_raw(2 * n_chains).view(np.uint32).reshape(-1, 4)
    streams = np.ascontiguousarray(seeds.swapaxes(1, 2))
    return [
        _Block(own, kernels.pack(spins[own], inputs[own]), own_streams)
        for own, own_streams in zip(own_chains, streams, strict=True)
    ]


@contextmanager
def _threads() -> Iterator[Callable[..., Iterator]]:
    """A `map` over blocks on all threads; a failure, or the user's interrupt, drops the rest.

    Threads of its own for every run, so that runs in several threads, or in a forked process,
    never meet.
    """
    # Numba makes the attributes of this module when it is imported.
    n_threads: int = numba_config.NUMBA_NUM_THREADS  # pyright: ignore[reportAttributeAccessIssue]
    pool = ThreadPoolExecutor(n_threads)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _sweep_order(graph: BaseGraph, clamp: Clamp) -> Int[np.ndarray, " free"]:
    """The free nodes, colour after colour."""
    free = free_nodes(graph, clamp)
    return free[np.argsort(graph.colors[free], kind="stable")]


def _int32(numbers: Int[np.ndarray, "..."]) -> Int32[Array, "..."]:
    return jnp.asarray(numbers, jnp.int32)


def _host(array: Shaped[Array, "..."]) -> Shaped[np.ndarray, "..."]:
    """As the kernels are compiled for: in NumPy, contiguous and read-only. No copy on a CPU."""
    return _read_only(np.ascontiguousarray(array))


def _unsigned(array: Int32[Array, "..."]) -> UInt32[np.ndarray, "..."]:
    """Numbers that cannot be negative: as indices they need no check for it."""
    return _read_only(np.asarray(array).astype(np.uint32))


def _read_only(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    view = array.view()
    view.flags.writeable = False
    return view
