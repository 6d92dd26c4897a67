"""Taking a network down a loss, whatever it learns: the optimiser, and averages of parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from thrmlDenoising.config import Section
from thrmlDenoising.config.fields import Count, CountOrZero, FractionBelowOne, Positive
from thrmlDenoising.networks import averaged
from thrmlDenoising.training import State


@dataclass(frozen=True)
class OptimConfig(Section, name="optim"):
    """The optimiser, and the average of parameters that is generated with."""

    batch_size: Count = 64
    """Training examples per update: at least 1, at most the training set."""

    learning_rate: Positive = 1e-3
    """Of the optimiser: above 0."""

    n_warmup_updates: CountOrZero = 100
    """Updates over which the learning rate rises from 0: at least 0."""

    largest_gradient: Positive = 1.0
    """Norm to which longer gradients are shortened: above 0."""

    average_decay: FractionBelowOne = 0.999
    """Of the exponential average of parameters, in each update: 0, which
    keeps none, to below 1."""

    kind: Literal["adam", "sgd"] = "adam"
    """The optimiser: "adam", or plain gradient descent, "sgd"."""

    momentum: FractionBelowOne = 0.0
    """Of "sgd", the share of the last step that is taken again: 0 to below 1."""

    n_decay_updates: CountOrZero = 0
    """Updates, after those of the warm-up, over which the learning rate falls
    to 0 by a cosine; 0: it stays as it is."""

    def check_together(self) -> None:
        """Adam has moments of its own."""
        if self.momentum and self.kind != "sgd":
            raise ValueError(
                f"optim.momentum={self.momentum} with optim.kind={self.kind!r}: only 'sgd' takes "
                "one. Leave it out"
            )

    def check_enough(self, n_examples: int, what: str) -> None:
        """Checks that there is a whole batch of training examples, of this kind in words.

        Raises:
            ValueError: there is none.
        """
        if self.batch_size > n_examples:
            raise ValueError(
                f"optim.batch_size={self.batch_size} is more than the {n_examples} training {what}"
            )


@dataclass(frozen=True)
class Optimizer:
    """How parameters follow gradients; equal ones are the same to JAX, so that programs are shared.

    Attributes:
        average_decay: of the average of parameters, see `networks.averaged`.
    """

    kind: str
    learning_rate: float
    momentum: float
    n_warmup: int
    n_decay: int
    largest_gradient: float
    average_decay: float

    @classmethod
    def from_config(cls, optim: OptimConfig) -> Self:
        """The optimiser that a config describes."""
        return cls(
            optim.kind,
            optim.learning_rate,
            optim.momentum,
            optim.n_warmup_updates,
            optim.n_decay_updates,
            optim.largest_gradient,
            optim.average_decay,
        )

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser on gradients of limited length."""
        kinds = {"adam": optax.adam, "sgd": lambda rate: optax.sgd(rate, self.momentum or None)}
        # One vector: of many small arrays Adam takes twice as long on a processor.
        return optax.chain(
            optax.clip_by_global_norm(self.largest_gradient),
            optax.flatten(kinds[self.kind](self._rate)),
        )

    @property
    def _rate(self) -> optax.ScalarOrSchedule:
        """The learning rate of every update."""
        warmup = optax.linear_schedule(0.0, self.learning_rate, self.n_warmup)
        if not self.n_decay:
            return warmup if self.n_warmup else self.learning_rate
        decay = optax.cosine_decay_schedule(self.learning_rate, self.n_decay)
        return optax.join_schedules([warmup, decay], [self.n_warmup]) if self.n_warmup else decay

    def init(self, network: eqx.Module) -> optax.OptState:
        """Its memory, before the first update."""
        return self.transformation.init(eqx.filter(network, eqx.is_inexact_array))

    def before_training(self, denoiser: Any) -> dict[str, Any]:
        """The fields of a `LearnedState` before the first update; None has nothing to learn."""
        return dict(
            epoch=0,
            denoiser=denoiser,
            average=denoiser,
            optimizer=None if denoiser is None else self.init(denoiser),
            n_updates=jnp.zeros((), jnp.int32),
        )


class LearnedState(State):
    """Parameters, their average, and what updates carry on.

    Attributes:
        denoiser: with the parameters that are trained.
        average: with their exponential average, which is generated with.
        optimizer: its memory.
        n_updates: made so far.
    """

    denoiser: Any
    average: Any
    optimizer: Any
    n_updates: Int[Array, ""]


L = TypeVar("L", bound=LearnedState)


def descend(optimizer: Optimizer, state: L, gradient: PyTree) -> L:
    """The state after a step down a gradient."""
    parameters = eqx.filter(state.denoiser, eqx.is_inexact_array)
    changes, memory = optimizer.transformation.update(gradient, state.optimizer, parameters)
    denoiser = eqx.apply_updates(state.denoiser, changes)
    return replace(
        state,
        denoiser=denoiser,
        average=averaged(state.average, denoiser, optimizer.average_decay, state.n_updates),
        optimizer=memory,
        n_updates=state.n_updates + 1,
    )


def mean_of_parts(values: Sequence[PyTree], sizes: Sequence[int]) -> PyTree:
    """The mean over a batch of what is a mean over each of its parts.

    Args:
        values: of each part.
        sizes: examples of each.
    """
    weights = jnp.asarray(sizes, jnp.float32)

    def mean(*of_parts: Array) -> Array:
        return jnp.average(jnp.stack(of_parts), axis=0, weights=weights)

    return jax.tree.map(mean, *values)
