"""Where the chains of the negative phase start: what variants of contrastive divergence differ in.

Each start is a triple of methods, like an optax transformation: `init` makes what must be
remembered between epochs, `chains` makes the starting chains of a batch, `remember` puts away
where they ended.
"""

import abc
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, UInt8

from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.sampling import Chains, Parameters, Schedule

Memory = UInt8[Array, "example byte"]
"""The last spins of every training example's chain, eight to a byte; empty if not needed."""


class Batch(NamedTuple):
    """What one phase sees of one batch: which examples, and their noisy outputs and inputs."""

    examples: Int[Array, " chain"]
    outputs: Bool[Array, "chain visible"]
    inputs: Bool[Array, "chain visible"]


class AbstractNegativeStart(abc.ABC):
    """A way to start the chains of the negative phase."""

    def init(self, key: Key[Array, ""], n_examples: int, n_nodes: int) -> Memory:
        """What is remembered before the first epoch."""
        return jnp.zeros((0, 0), jnp.uint8)

    @abc.abstractmethod
    def chains(
        self,
        key: Key[Array, ""],
        step: DiffusionStep,
        parameters: Parameters,
        schedule: Schedule,
        batch: Batch,
        memory: Memory,
    ) -> Chains:
        """The chains a batch starts from; `schedule` is the one they will be run by."""

    def remember(self, memory: Memory, batch: Batch, last: Bool[Array, "chain node"]) -> Memory:
        """What is remembered after the batch, given where its chains ended."""
        return memory


class FreshStart(AbstractNegativeStart):
    """Bernoulli(sigmoid(2 beta h)), as in the positive phase: dtm-replication's choice."""

    def chains(self, key, step, parameters, schedule, batch, memory) -> Chains:
        """See `AbstractNegativeStart.chains`."""
        return step.fresh_chains(key, parameters, batch.inputs, schedule.betas[0])


class DataStart(AbstractNegativeStart):
    """At the data, as the positive phase would leave it after its warm-up: contrastive divergence.

    The hidden nodes have to be sampled given the data before anything is let free. A sweep may
    update the visible nodes first, and these then only see their neighbours: data next to
    hidden nodes that know nothing of it would be forgotten at once. Without a warm-up in the
    schedule they get one sweep.
    """

    def chains(self, key, step, parameters, schedule, batch, memory) -> Chains:
        """See `AbstractNegativeStart.chains`."""
        start_key, run_key = jax.random.split(key)
        beta = schedule.betas[0]
        fresh = step.fresh_chains(start_key, parameters, batch.inputs, beta)
        at_data = step.set_visible(fresh, batch.outputs)
        clamped = Schedule.constant(beta, n_warmup=max(1, schedule.n_warmup))
        machine = step.machine(parameters)
        moments = step.sampler.moments(run_key, machine, at_data, clamped, "visible")
        return Chains(moments.last, batch.inputs)


class PersistentStart(AbstractNegativeStart):
    """Where the chain of the same training example ended an epoch ago, under its new input."""

    def init(self, key: Key[Array, ""], n_examples: int, n_nodes: int) -> Memory:
        """Fair coins for every example."""
        return jax.random.bits(key, (n_examples, -(-n_nodes // 8)), jnp.uint8)

    def chains(self, key, step, parameters, schedule, batch, memory) -> Chains:
        """See `AbstractNegativeStart.chains`."""
        n_nodes = len(step.bias_of_node)
        spins = jnp.unpackbits(memory[batch.examples], axis=1, count=n_nodes)
        return Chains(spins.astype(bool), batch.inputs)

    def remember(self, memory: Memory, batch: Batch, last: Bool[Array, "chain node"]) -> Memory:
        """Replaces the spins of the batch's examples."""
        return memory.at[batch.examples].set(jnp.packbits(last, axis=1))


NEGATIVE_STARTS: dict[str, AbstractNegativeStart] = {
    "fresh": FreshStart(),
    "data": DataStart(),
    "persistent": PersistentStart(),
}
"""The starts by the name the config knows them by."""
