"""What a sampler is. Nothing outside this folder knows which one runs.

The energy of one step is, with spins s = +-1 and the clamped input s_in of the visible nodes,

    E = - sum_edges J_ij s_i s_j - sum_i h_i s_i - sum_visible w_i s_i s_in,i

and a sweep at inverse temperature beta draws each free spin of one colour after the other from
P(s_i = +1 | rest) = sigmoid(2 beta f_i), where f_i is its local field. Spins are stored as
booleans, True for +1.
"""

import abc
from typing import Literal, NamedTuple, Self, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Int32, Key, PyTree

from thrmlDenoising.base_graphs import BaseGraph

Clamp = Literal["nothing", "labels", "visible"]
"""Which nodes keep their value: all free, label nodes fixed, or image and label nodes fixed."""

CLAMPS: tuple[Clamp, ...] = get_args(Clamp)


class AbstractObserver(eqx.Module):
    """A function of some spins of one chain.

    A module, so that its arrays may differ between calls that share one compiled program.

    Attributes:
        nodes: the nodes it looks at.
    """

    nodes: eqx.AbstractVar[Int32[Array, " observed"]]

    @abc.abstractmethod
    def __call__(self, spins: Bool[Array, " observed"]) -> PyTree:
        """What is to be known of these spins."""


def clamped_nodes(graph: BaseGraph, clamp: Clamp) -> Int[np.ndarray, " clamped"]:
    """The numbers of the nodes that `clamp` fixes."""
    nodes = {
        "nothing": graph.visible_nodes[:0],
        "labels": graph.label_nodes,
        "visible": graph.visible_nodes,
    }
    return nodes[clamp]


def free_nodes(graph: BaseGraph, clamp: Clamp) -> Int[np.ndarray, " free"]:
    """The numbers of the nodes that `clamp` leaves to be sampled, in ascending order."""
    return np.setdiff1d(np.arange(graph.n_nodes), clamped_nodes(graph, clamp))


class Parameters(NamedTuple):
    """What is trained: one entry per group of tied nodes, and of tied edges.

    Attributes:
        biases: h.
        weights: J.
    """

    biases: Float[Array, " bias"]
    weights: Float[Array, " weight"]


class IsingMachine(NamedTuple):
    """Everything the energy of a step depends on, besides the graph.

    Attributes:
        input_couplings: w of every visible node, which nothing trains.
    """

    parameters: Parameters
    input_couplings: Float[Array, " visible"]


class Chains(NamedTuple):
    """Where a batch of independent chains starts, and the input each is conditioned on."""

    spins: Bool[Array, "chain node"]
    inputs: Bool[Array, "chain visible"]


class GraphSizes(NamedTuple):
    """How long the arrays that describe a machine and its chains have to be."""

    n_nodes: int
    n_visible: int
    n_biases: int
    n_weights: int

    @classmethod
    def of(cls, graph: BaseGraph) -> Self:
        """The sizes of a graph."""
        return cls(graph.n_nodes, len(graph.visible_nodes), graph.n_biases, graph.n_weights)

    def check(self, machine: IsingMachine, chains: Chains) -> None:
        """Checks arrays before a sampler reads past their ends.

        Raises:
            ValueError: arrays of another graph, spins that are not boolean, or no chain at all.
        """
        n_chains = len(chains.spins)
        if n_chains < 1 or chains.spins.dtype != bool or chains.inputs.dtype != bool:
            raise ValueError(
                f"{n_chains} chains with spins of {chains.spins.dtype} and inputs of "
                f"{chains.inputs.dtype}: give at least one chain, and booleans, True for +1"
            )
        expected = {
            "biases": (machine.parameters.biases, (self.n_biases,)),
            "weights": (machine.parameters.weights, (self.n_weights,)),
            "input_couplings": (machine.input_couplings, (self.n_visible,)),
            "spins": (chains.spins, (n_chains, self.n_nodes)),
            "inputs": (chains.inputs, (n_chains, self.n_visible)),
        }
        for name, (array, shape) in expected.items():
            if array.shape != shape:
                raise ValueError(f"{name} have shape {array.shape}, this graph needs {shape}")


class Moments(NamedTuple):
    """Time averages of spins (+-1) over the samples a run collected, and where it ended.

    Attributes:
        spins: <s_i> of every chain, since the per-condition penalty needs products of them.
        pairs: <s_i s_j> over every edge, averaged over the chains too.
        last: the spins after the last sweep.
    """

    spins: Float[Array, "chain node"]
    pairs: Float[Array, " edge"]
    last: Bool[Array, "chain node"]


class Schedule(eqx.Module):
    """How many sweeps a run has, how hot they are, and when it looks at its chains.

    It has n_warmup + (n_samples - 1) * sweeps_per_sample sweeps.

    Attributes:
        betas: the inverse temperature of every sweep.
        n_warmup: how many sweeps precede the first sample.
        n_samples: how often it looks; the last time after the last sweep.
        sweeps_per_sample: how many sweeps lie between two samples.

    Raises:
        ValueError: no sweep, no sample, or a beta too many or too few.
    """

    betas: Float[Array, " sweep"]
    n_warmup: int = eqx.field(static=True)
    n_samples: int = eqx.field(static=True)
    sweeps_per_sample: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Checks that there are sweeps, and a beta for each."""
        n_sweeps = self.n_warmup + (self.n_samples - 1) * self.sweeps_per_sample
        if min(self.n_samples, self.sweeps_per_sample, n_sweeps) < 1 or self.n_warmup < 0:
            raise ValueError(
                f"a schedule of {self.n_warmup} warm-up sweeps and {self.n_samples} samples every "
                f"{self.sweeps_per_sample} sweeps makes no sense: use at least 1 sample, 1 sweep "
                "between samples and 1 sweep in all"
            )
        if self.betas.shape != (n_sweeps,):
            raise ValueError(f"betas has shape {self.betas.shape}, the run has {n_sweeps} sweeps")

    @property
    def sweeps_before(self) -> Int[np.ndarray, " sample"]:
        """How many sweeps precede each sample."""
        return self.n_warmup + self.sweeps_per_sample * np.arange(self.n_samples)

    @classmethod
    def constant(
        cls,
        beta: Float[ArrayLike, ""],
        n_warmup: int,
        n_samples: int = 1,
        sweeps_per_sample: int = 1,
    ) -> Self:
        """One temperature throughout."""
        n_sweeps = n_warmup + (n_samples - 1) * sweeps_per_sample
        betas = np.full(max(0, n_sweeps), beta, np.float32)
        return cls(jnp.asarray(betas), n_warmup, n_samples, sweeps_per_sample)

    @classmethod
    def ramp(
        cls,
        beta_range: tuple[float, float],
        n_ramp: int,
        n_warmup: int,
        n_samples: int = 1,
        sweeps_per_sample: int = 1,
    ) -> Self:
        """Beta rises linearly over the first `n_ramp` sweeps and then stays at its end.

        Raises:
            ValueError: a ramp over no sweep, or what `Schedule` refuses.
        """
        if n_ramp < 1:
            raise ValueError(f"n_ramp={n_ramp}: a ramp needs at least 1 sweep")
        n_sweeps = n_warmup + (n_samples - 1) * sweeps_per_sample
        ramp = np.linspace(*beta_range, n_ramp)  # a ramp of one sweep is its start
        betas = np.append(ramp, np.full(max(0, n_sweeps - n_ramp), beta_range[1]))[:n_sweeps]
        return cls(jnp.asarray(betas, jnp.float32), n_warmup, n_samples, sweeps_per_sample)


def check_countable(schedule: Schedule, chains: Chains) -> None:
    """Checks that samples can be counted in 32-bit integers.

    Raises:
        ValueError: they would wrap around.
    """
    n_samples, n_chains = schedule.n_samples, len(chains.spins)
    if n_samples * n_chains >= 2**31:
        raise ValueError(
            f"{n_samples} samples of {n_chains} chains are more than this sampler counts: stay "
            "below 2^31 in all, or average over several runs"
        )


class AbstractSampler(eqx.Module):
    """Block Gibbs sampling of one graph: what every implementation offers.

    A sampler is a pytree whose arrays are the graph's tables, so that the steps of a model,
    whose graphs have equal shapes, share one compiled program. To add a sampler, implement
    these two methods and `from_graph`, and hold it to the tests of the others.

    Call the methods from Python, not from a function that JAX compiles or maps: they compile what
    they need, and need not be JAX programs at all.
    """

    def __repr__(self) -> str:
        """Its name; `equinox.tree_pformat` writes its tables."""
        return f"<{type(self).__name__}>"

    @classmethod
    @abc.abstractmethod
    def from_graph(cls, graph: BaseGraph) -> Self:
        """Prepares what the sampler needs to know about a graph."""

    @abc.abstractmethod
    def moments(
        self,
        key: Key[Array, ""],
        machine: IsingMachine,
        chains: Chains,
        schedule: Schedule,
        clamp: Clamp,
    ) -> Moments:
        """Runs the chains and averages spins and pairs over the scheduled samples.

        Args:
            key: where all randomness comes from; equal calls return equal results.
            machine: the parameters, of the shapes that the sampler's graph asks for.
            chains: where every chain starts, and its input; these arrays are not changed.
            schedule: its sweeps, the inverse temperature of each, and when to look.
            clamp: which nodes keep the spins that they start with.

        Raises:
            ValueError: arrays of another graph, spins or inputs that are not boolean, no chain
                at all, or more samples of all chains together than the sampler can count.
        """

    @abc.abstractmethod
    def observe(
        self,
        key: Key[Array, ""],
        machine: IsingMachine,
        chains: Chains,
        schedule: Schedule,
        clamp: Clamp,
        observer: AbstractObserver,
    ) -> PyTree:
        """Runs the chains and applies `observer` to each at every scheduled sample.

        The arguments that `moments` has too mean the same.

        Args:
            observer: sees the boolean spins of one chain at the nodes it names.

        Returns:
            What the observer returned, stacked: leaves of shape "sample chain ...".

        Raises:
            ValueError: arrays of another graph, spins or inputs that are not boolean, or no chain
                at all.
        """
