"""Diffusion of categorical variables: what is minimised, and a step back."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, Self, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from thrmlDenoising.config import Section
from thrmlDenoising.config.fields import NonNegative
from thrmlDenoising.processes import CategoricalProcess
from thrmlDenoising.processes.variational import (
    Reverse,
    cross_entropy_bits,
    hybrid_bits,
    step_bits,
)

REVERSE: dict[str, Reverse] = {
    "mixture": CategoricalProcess.reverse,
    "product": CategoricalProcess.reverse_product,
}
"""How p(x_s | x_t) follows from logits of x_0, by the name the config knows it by."""


@runtime_checkable
class Denoiser(Protocol):
    """Says of noisy examples what they were: an Equinox module, so that it may hold arrays."""

    def __call__(
        self, x_t: Int[Array, " example *shape"], t: Int[Array, " example"]
    ) -> Float[Array, "example *shape value"]:
        """Logits of every variable of x_0."""
        ...


@dataclass(frozen=True)
class LossConfig(Section, name="loss"):
    """What is minimised in training; a family has its kinds of it."""

    cross_entropy_weight: NonNegative = 0.01
    """lambda of the hybrid loss: at least 0."""

    reverse: Literal["mixture", "product"] = "mixture"
    """How p(x_s | x_t) follows from what is said of x_0: the "mixture" of
    posteriors, or D3PM's "product"."""

    times: Literal["uniform", "importance"] = "uniform"
    """How times are drawn in training: with equal chances, or as the root of
    the mean square of their losses, weighted back (Hoogeboom)."""


@dataclass(frozen=True)
class CategoricalLoss:
    """What is minimised; equal ones are the same to JAX, so that programs are shared.

    Attributes:
        by_importance: whether times are drawn by how large their losses are.
    """

    kind: str
    cross_entropy_weight: float
    reverse: str
    by_importance: bool

    @classmethod
    def from_config(cls, kind: str, loss: LossConfig) -> Self:
        """The loss that a config describes.

        Args:
            kind: "bound", "cross_entropy" or "hybrid".
        """
        return cls(kind, loss.cross_entropy_weight, loss.reverse, loss.times == "importance")

    def bits(
        self,
        process: CategoricalProcess,
        x_0: Int[Array, " example *shape"],
        x_t: Int[Array, " example *shape"],
        t: Int[Array, " example"],
        logits: Float[Array, "example *shape value"],
    ) -> Float[Array, " example *shape"]:
        """The loss of every variable."""
        reverse, weight = REVERSE[self.reverse], self.cross_entropy_weight
        losses = {
            "bound": lambda: step_bits(process, x_0, x_t, t, logits, reverse),
            "cross_entropy": lambda: cross_entropy_bits(x_0, logits),
            "hybrid": lambda: hybrid_bits(process, x_0, x_t, t, logits, weight, reverse),
        }
        return losses[self.kind]()


class Known(NamedTuple):
    """Variables that are not to be made, for they are known.

    Attributes:
        x_0: their values; those elsewhere count for nothing.
        where: which are known.
    """

    x_0: Int[Array, " example *shape"]
    where: Bool[Array, " example *shape"]


class CategoricalStep(eqx.Module):
    """A step back, drawn from p(x_s | x_t), every variable by itself.

    Attributes:
        reverse: one of `REVERSE`.
        known: variables that are set, after the step, to what the forward process makes of them.
    """

    process: CategoricalProcess
    denoiser: Denoiser
    reverse: str = eqx.field(static=True)
    known: Known | None = None

    def __call__(
        self,
        key: Key[Array, ""],
        x: Int[Array, " example *shape"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Int[Array, " example *shape"]:
        """See `going_back.Step`."""
        draw_key, known_key = jax.random.split(key)
        logits = self.denoiser(x, jnp.full(len(x), t))
        log_p = REVERSE[self.reverse](self.process, x, logits, s, t)
        x = jax.random.categorical(draw_key, log_p)
        if self.known is None:
            return x
        there = jax.random.categorical(known_key, self.process.log_forward(self.known.x_0, s))
        return jnp.where(self.known.where, there, x)
