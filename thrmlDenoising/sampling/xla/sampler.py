"""The sampler that XLA compiles: for accelerators, and for processors without Numba.

The state is a boolean array [place, chain]. A colour is updated at once: rows of neighbours are
gathered, one neighbour of every node after the other, each adding to the local field

    f_i = h_i + sum_j J_ij s_j = (h_i - sum_j J_ij) + sum over neighbours j that are up of 2 J_ij

and everything from the gathers to the comparison with a random number fuses into one loop over
[node, chain], so that no field and no random number is ever written to memory. Chains never
meet: sharded along the chain axis, the program is partitioned by XLA with no communication but
the sums over chains of the pair counts.

What is fast was measured on two processor cores, on a 70 x 70 torus of degree 12 with 400 chains.
`jax.random.bits` writes its words to memory: Threefry written out here, so that it fuses, makes
the whole sweep three times faster, and narrower draws cost as much as wide ones. Writing the rows
of a colour back by a scatter leaves the gathers in the one loop, while writing a slice of a state
sorted by colour takes them out (0.7 times as fast, five times the bytes in XLA's cost analysis).
Booleans and int8 are equally fast; 32 chains packed into a word, which could not be divided over
devices, 0.6 times. An array [degree, node, chain] is 5 times slower, a dense product 50 times.
"""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int32, Key, PyTree, UInt32

from thrmlDenoising.base_graphs import BaseGraph
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
    check_countable,
    clamped_nodes,
)
from thrmlDenoising.support.process_settings import library_settings

_NEIGHBORS_AT_ONCE = 16
"""So many are added to a field before it is written: more take longer to compile."""

_Key = UInt32[Array, "2"]
_Words = UInt32[Array, "..."]


class _Color(eqx.Module):
    """The nodes of one colour and, slot by slot, their `Neighbors`, padded to one degree.

    The coupling of the padding is one more than there are.
    """

    nodes: Int32[Array, " node"]
    place_of_neighbor: Int32[Array, "degree node"]
    coupling_of_neighbor: Int32[Array, "degree node"]


class _ColorUpdate(eqx.Module):
    """What updating one colour of one machine takes.

    Attributes:
        target: the node of every spin or, where that is clamped, past the end: it is dropped.
        double_coupling: 2 J.
        field_all_down: h_i - sum_j J_ij.
    """

    target: Int32[Array, " node"]
    place_of_neighbor: Int32[Array, "degree node"]
    double_coupling: Float[Array, "degree node"]
    field_all_down: Float[Array, " node"]

    def fields(self, spins: Bool[Array, "place chain"]) -> Float[Array, "node chain"]:
        """The local field of every node of the colour."""

        def add_neighbor(field, neighbor):
            place, double_coupling = neighbor
            return field + jnp.where(_row(spins, place), double_coupling[:, None], 0), None

        start = jnp.broadcast_to(self.field_all_down[:, None], (len(self.target), spins.shape[1]))
        neighbors = self.place_of_neighbor, self.double_coupling
        field, _ = jax.lax.scan(add_neighbor, start, neighbors, unroll=_NEIGHBORS_AT_ONCE)
        return field

    def apply(
        self, spins: Bool[Array, "place chain"], beta: Float[Array, ""], sweep_key: _Key
    ) -> Bool[Array, "place chain"]:
        """Draws the free spins of the colour anew."""
        words = random_words(sweep_key, self.target, spins.shape[1])
        up = up_at_random(2 * beta * self.fields(spins), words)
        return spins.at[self.target].set(up, mode="drop", unique_indices=True)


class XlaSampler(AbstractSampler):
    """Runs wherever JAX does; chains may be sharded over devices along their axis.

    All nodes of a colour are computed and clamped ones not written: one program serves all
    clamps, and all graphs of equal shape wherever their visible nodes are. The random number of
    a spin depends on the key, the sweep, its node and its chain alone.
    """

    sizes: GraphSizes = eqx.field(static=True)
    colors: list[_Color]
    free: dict[Clamp, Bool[Array, " node"]]
    edges: Int32[Array, "edge 2"]
    bias_of_node: Int32[Array, " node"]

    @classmethod
    @library_settings()
    def from_graph(cls, graph: BaseGraph) -> Self:
        """Lists the neighbours of every node, colour by colour."""
        nodes = np.arange(graph.n_nodes)
        free = {clamp: ~np.isin(nodes, clamped_nodes(graph, clamp)) for clamp in CLAMPS}
        return cls(
            sizes=GraphSizes.of(graph),
            colors=_colors(graph),
            free=jax.tree.map(jnp.asarray, free),
            edges=jnp.asarray(graph.edges),
            bias_of_node=jnp.asarray(graph.bias_of_node),
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
        check_countable(schedule, chains)
        n_samples, n_chains = schedule.n_samples, len(chains.spins)
        n_up, n_agree, last = _count(self, key, machine, chains, schedule, self.free[clamp])
        # Divided here: a compiler that knows the divisor multiplies by its rounded reciprocal.
        spins = n_up.astype(jnp.float32) / (n_samples / 2) - 1
        pairs = n_agree.astype(jnp.float32) / (n_samples * n_chains / 2) - 1
        return Moments(spins, pairs, last)

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
        return _observe(self, key, machine, chains, schedule, self.free[clamp], observer)

    def _updates(self, machine: IsingMachine, free: Bool[Array, " node"]) -> list[_ColorUpdate]:
        """The numbers of a machine, colour by colour."""
        biases, weights = machine.parameters
        couplings = jnp.pad(jnp.concatenate([weights, machine.input_couplings]), (0, 1))
        n_places = self.sizes.n_nodes + self.sizes.n_visible

        def update(color: _Color) -> _ColorUpdate:
            coupling = couplings[color.coupling_of_neighbor]
            return _ColorUpdate(
                target=jnp.where(free[color.nodes], color.nodes, n_places + color.nodes),
                place_of_neighbor=color.place_of_neighbor,
                double_coupling=2 * coupling,
                field_all_down=biases[self.bias_of_node[color.nodes]] - coupling.sum(axis=0),
            )

        return [update(color) for color in self.colors]


@eqx.filter_jit
def _count(
    sampler: XlaSampler,
    key: Key[Array, ""],
    machine: IsingMachine,
    chains: Chains,
    schedule: Schedule,
    free: Bool[Array, " node"],
) -> tuple[Int32[Array, "chain node"], Int32[Array, " edge"], Bool[Array, "chain node"]]:
    """How often each spin was up and, over all chains, the ends of an edge agreed; the end."""
    edges, n_nodes = sampler.edges, sampler.sizes.n_nodes

    def count(counts, spins):
        n_up, n_agree = counts

        def agreements(edge):
            return (_row(spins, edge[0]) == _row(spins, edge[1])).sum(dtype=jnp.int32)

        # All edges at once would need [edge, chain] numbers where [node, chain] do.
        n_agree += jax.lax.map(agreements, edges, batch_size=n_nodes)
        return (n_up + spins[:n_nodes].astype(jnp.int32), n_agree), None

    none = jnp.zeros((n_nodes, len(chains.spins)), jnp.int32), jnp.zeros(len(edges), jnp.int32)
    updates = sampler._updates(machine, free)
    (spins, (n_up, n_agree)), _ = _run(updates, key, chains, schedule, none, count)
    return n_up.T, n_agree, spins[:n_nodes].T


@eqx.filter_jit
def _observe(
    sampler: XlaSampler,
    key: Key[Array, ""],
    machine: IsingMachine,
    chains: Chains,
    schedule: Schedule,
    free: Bool[Array, " node"],
    observer: AbstractObserver,
) -> PyTree:
    def look(nothing, spins):
        return nothing, jax.vmap(observer)(_row(spins, observer.nodes).T)

    return _run(sampler._updates(machine, free), key, chains, schedule, None, look)[1]


def _run(updates: list[_ColorUpdate], key, chains: Chains, schedule: Schedule, carry, look):
    """Runs the chains and calls carry, seen = look(carry, spins) at every scheduled sample.

    One scan over samples, with as many turns of an inner loop as each needs: warming up and
    sampling share one compiled sweep, and what is seen is stacked by the scan.

    Returns:
        The last spins "place chain" and carry; and what was seen, stacked.
    """
    sweep_keys = jax.random.bits(key, (len(schedule.betas), 2), jnp.uint32)

    def sweep(number, spins):
        for update in updates:
            spins = update.apply(spins, schedule.betas[number], sweep_keys[number])
        return spins

    def sample(state, sweeps):
        (spins, carry), (start, end) = state, sweeps
        spins = jax.lax.fori_loop(start, end, sweep, spins)
        carry, seen = look(carry, spins)
        return (spins, carry), seen

    ends = jnp.asarray(schedule.sweeps_before, jnp.int32)
    starts = jnp.roll(ends, 1).at[0].set(0)
    spins = jnp.concatenate([chains.spins, chains.inputs], axis=1).T
    return jax.lax.scan(sample, (spins, carry), (starts, ends))


def _row(spins: Bool[Array, "place chain"], place: Int[Array, "*k"]) -> Bool[Array, "*k chain"]:
    return spins.at[place].get(mode="promise_in_bounds")


def random_words(key: _Key, places: Int32[Array, " node"], n_chains: int) -> _Words:
    """A random word "node chain" for every place and chain, a function of these and the key."""
    place = places.astype(jnp.uint32)[:, None]
    return threefry(key, place, jnp.arange(n_chains, dtype=jnp.uint32))[0]


def threefry(key: _Key, x: _Words, y: _Words) -> tuple[_Words, _Words]:
    """Threefry-2x32 with 20 rounds: two random words for every pair of counters (x, y).

    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), where it passes BigCrush;
    the generator of `jax.random`.
    """
    keys = [key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)]
    rotations = (13, 15, 26, 6), (17, 29, 16, 24)
    x, y = x + keys[0], y + keys[1]
    for group in range(5):
        for n in rotations[group % 2]:
            x = x + y
            y = x ^ (y << n | y >> 32 - n)
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def up_at_random(x: Float[Array, "..."], words: _Words) -> Bool[Array, "..."]:
    """True with probability sigmoid(x), within 1e-6; never, or always, from |x| = 23 or so on.

    u <= 1 / (1 + exp(-x)) for a uniform u = (word + 1/2) / 2^32, without the division.
    """
    u = (words.astype(jnp.float32) + 0.5) * 2.0**-32
    return u * (1 + jnp.exp(jnp.minimum(-x, 64))) <= 1


def _colors(graph: BaseGraph) -> list[_Color]:
    """The neighbours of the nodes of each colour; slots that nobody needs are left out."""
    neighbors, n_nodes = Neighbors.of(graph), graph.n_nodes
    counts = np.diff(neighbors.first)
    node = np.repeat(np.arange(n_nodes), counts)
    slot = np.arange(len(node)) - neighbors.first[node]
    degrees = np.bincount(graph.edges.ravel(), minlength=n_nodes)
    places = np.zeros((degrees.max() + 1, n_nodes), np.int32)  # one more for the input
    couplings = np.full_like(places, graph.n_weights + len(graph.visible_nodes))
    places[slot, node], couplings[slot, node] = neighbors.place, neighbors.coupling

    def color(number: int) -> _Color:
        nodes = np.flatnonzero(graph.colors == number)
        # Not the largest number of entries, which may depend on where the visible nodes are.
        degree = degrees[nodes].max() + np.isin(nodes, graph.visible_nodes).any()
        tables = nodes, places[:degree, nodes], couplings[:degree, nodes]
        return _Color(*(jnp.asarray(table, jnp.int32) for table in tables))

    return [color(number) for number in range(graph.n_colors)]
