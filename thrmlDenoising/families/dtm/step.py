"""One step of the chain: an Ising machine that undoes one stretch of the forward process."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding
from jaxtyping import Array, Bool, Float, Int32, Key

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, BaseGraph
from thrmlDenoising.processes.bit_flips import (
    Flips,
    Interval,
    LabelledImages,
    Rates,
    add_noise,
    flip_probabilities,
    input_coupling,
)
from thrmlDenoising.sampling import AbstractSampler, Chains, IsingMachine, Parameters
from thrmlDenoising.support.hints import counted


class DiffusionStep(eqx.Module):
    """What is fixed about a step: its graph's tables, its sampler and its noise.

    A pytree of arrays. Steps whose graphs have equal shapes, as those of most managers, share
    whatever is compiled. "Visible" arrays hold image bits, then label bits.

    Attributes:
        to_output: noise from the data to the step's output (training only).
        to_input: noise from there on to the step's input (training only).
        data_to_input: noise from the data to the step's input at once.
    """

    manager: AbstractBaseGraphManager = eqx.field(static=True)
    sampler: AbstractSampler
    visible_nodes: Int32[Array, " visible"]
    bias_of_node: Int32[Array, " node"]
    weight_of_edge: Int32[Array, " edge"]
    edges: Int32[Array, "edge 2"]
    input_couplings: Float[Array, " visible"]
    to_output: Flips
    to_input: Flips
    data_to_input: Flips

    def __repr__(self) -> str:
        """One line, from shapes alone; `equinox.tree_pformat` writes every field."""
        tables = self.bias_of_node, self.visible_nodes, self.edges
        if not all(eqx.is_array(table) for table in tables):  # such as half of a partition
            return eqx.tree_pformat(self)
        n_nodes, n_visible, n_edges = map(len, tables)
        return (
            f"<{type(self).__name__}: {counted(n_nodes, 'node')} ({n_visible:,} visible), "
            f"{counted(n_edges, 'edge')}, {type(self.sampler).__name__}>"
        )

    @classmethod
    def build(
        cls,
        manager: AbstractBaseGraphManager,
        graph: BaseGraph,
        sampler_type: type[AbstractSampler],
        interval: Interval,
        rates: Rates,
        offset: float,
    ) -> "DiffusionStep":
        """The step that undoes `interval` on `graph`.

        Couplings use the interval itself; the noise of training uses it widened by `offset`.
        """
        seen = interval.widened(offset)
        sizes = len(graph.image_nodes), len(graph.label_nodes)
        # The rate of labels that are not there may be 0, which would couple them infinitely.
        couplings = [
            input_coupling(rate, interval.duration) if n_nodes else 0.0
            for rate, n_nodes in zip(rates, sizes, strict=True)
        ]
        return cls(
            manager=manager,
            sampler=sampler_type.from_graph(graph),
            visible_nodes=jnp.asarray(graph.visible_nodes),
            bias_of_node=jnp.asarray(graph.bias_of_node),
            weight_of_edge=jnp.asarray(graph.weight_of_edge),
            edges=jnp.asarray(graph.edges),
            input_couplings=jnp.asarray(np.repeat(couplings, sizes), jnp.float32),
            to_output=_as_arrays(flip_probabilities(rates, seen.start)),
            to_input=_as_arrays(flip_probabilities(rates, seen.duration)),
            data_to_input=_as_arrays(flip_probabilities(rates, seen.end)),
        )

    def machine(self, parameters: Parameters) -> IsingMachine:
        """The Ising machine with these trained parameters."""
        return IsingMachine(parameters, self.input_couplings)

    @property
    def device(self) -> Sharding:
        """Where its arrays live, and so where it is computed."""
        return self.visible_nodes.sharding

    @property
    def _n_image_bits(self) -> int:
        return len(self.visible_nodes) - self.manager.n_label_nodes

    @property
    def image_nodes(self) -> Int32[Array, " image_bit"]:
        """The node of every image bit."""
        return self.visible_nodes[: self._n_image_bits]

    @property
    def label_nodes(self) -> Int32[Array, " label_node"]:
        """The node of every label bit."""
        return self.visible_nodes[self._n_image_bits :]

    def encode(self, noised: LabelledImages) -> Bool[Array, "chain visible"]:
        """Images and labels as visible bits."""
        return jnp.concatenate([self.manager.encode(noised.pixels), noised.labels], axis=-1)

    def decode(self, visible: Bool[Array, "*batch visible"]) -> LabelledImages:
        """Visible bits as images and labels."""
        image_bits, labels = jnp.split(visible, [self._n_image_bits], axis=-1)
        return LabelledImages(self.manager.decode(image_bits), labels)

    @eqx.filter_jit
    def noisy_pair(
        self, key: Key[Array, ""], clean: LabelledImages
    ) -> tuple[Bool[Array, "chain visible"], Bool[Array, "chain visible"]]:
        """What training shows the step: its output (the target) and its noisier input."""
        output_key, input_key = jax.random.split(key)
        n_levels = self.manager.n_levels
        output = add_noise(output_key, clean, n_levels, self.to_output)
        return self.encode(output), self.encode(
            add_noise(input_key, output, n_levels, self.to_input)
        )

    @eqx.filter_jit
    def noisy_input(
        self, key: Key[Array, ""], clean: LabelledImages
    ) -> Bool[Array, "chain visible"]:
        """Data noised to the step's input."""
        return self.encode(add_noise(key, clean, self.manager.n_levels, self.data_to_input))

    @eqx.filter_jit
    def fresh_chains(
        self,
        key: Key[Array, ""],
        parameters: Parameters,
        inputs: Bool[Array, "chain visible"],
        beta: Float[Array, ""] | float,
    ) -> Chains:
        """Chains that start from the biases alone: Bernoulli(sigmoid(2 beta h))."""
        up = jax.nn.sigmoid(2 * beta * parameters.biases[self.bias_of_node])
        return Chains(jax.random.bernoulli(key, up, (len(inputs), len(up))), inputs)

    @eqx.filter_jit
    def set_visible(self, chains: Chains, visible: Bool[Array, "chain visible"]) -> Chains:
        """The same chains with these visible spins."""
        return chains._replace(spins=chains.spins.at[:, self.visible_nodes].set(visible))

    @eqx.filter_jit
    def set_labels(self, chains: Chains, labels: Bool[Array, "chain label_node"]) -> Chains:
        """The same chains with these label spins."""
        return chains._replace(spins=chains.spins.at[:, self.label_nodes].set(labels))


def _as_arrays(flips: Flips) -> Flips:
    return Flips(*(jnp.asarray(chance, jnp.float32) for chance in flips))
