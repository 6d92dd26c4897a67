"""An update: noise on a batch, what the network says of it, and a step down the loss."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, ArrayLike, Float, Int, Key, UInt8

from thrmlDenoising.families.discrete.building import Denoiser
from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.state import DiscreteState
from thrmlDenoising.networks import averaged, in_parts
from thrmlDenoising.processes import CategoricalProcess, TimeImportance
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


@dataclass(frozen=True)
class Trainer:
    """How a denoiser is trained; equal ones are the same to JAX, so that programs are shared."""

    loss: str
    cross_entropy_weight: float
    reverse: str
    by_importance: bool
    learning_rate: float
    n_warmup: int
    largest_gradient: float
    average_decay: float
    classless_share: float

    @classmethod
    def from_config(cls, cfg: DiscreteConfig) -> Self:
        """The trainer that a config describes."""
        loss, optim = cfg.loss, cfg.optim
        return cls(
            loss.kind,
            loss.cross_entropy_weight,
            loss.reverse,
            loss.times == "importance",
            optim.learning_rate,
            optim.n_warmup_updates,
            optim.largest_gradient,
            optim.average_decay,
            optim.classless_share,
        )

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Adam on gradients of limited length, with a warm-up."""
        rate = (
            optax.linear_schedule(0.0, self.learning_rate, self.n_warmup)
            if self.n_warmup
            else (self.learning_rate)
        )
        # One vector: of many small arrays Adam takes twice as long on a processor.
        return optax.chain(
            optax.clip_by_global_norm(self.largest_gradient), optax.flatten(optax.adam(rate))
        )

    def init(self, denoiser: Denoiser) -> DiscreteState:
        """Before the first update."""
        n_classes = denoiser.network.no_class
        return DiscreteState(
            epoch=0,
            denoiser=denoiser,
            average=denoiser,
            optimizer=self.optimizer.init(eqx.filter(denoiser, eqx.is_inexact_array)),
            n_updates=jnp.zeros((), jnp.int32),
            times=TimeImportance.new(denoiser.n_timesteps),
            loss=jnp.zeros(()),
            class_shares=jnp.full(n_classes, 1 / n_classes),
        )

    def bits(
        self,
        process: CategoricalProcess,
        x_0: Int[Array, "image row column"],
        x_t: Int[Array, "image row column"],
        t: Int[Array, " image"],
        logits: Float[Array, "image row column value"],
    ) -> Float[Array, "image row column"]:
        """The loss of every pixel."""
        reverse, weight = REVERSE[self.reverse], self.cross_entropy_weight
        losses = {
            "bound": lambda: step_bits(process, x_0, x_t, t, logits, reverse),
            "cross_entropy": lambda: cross_entropy_bits(x_0, logits),
            "hybrid": lambda: hybrid_bits(process, x_0, x_t, t, logits, weight, reverse),
        }
        return losses[self.loss]()


class Part(NamedTuple):
    """What part of a batch has shown.

    Attributes:
        loss: the mean over its images, in bits a dimension.
        gradient: of it.
        t: the time at which each image was looked at.
        of_images: the loss at that time alone.
    """

    loss: Float[Array, ""]
    gradient: Denoiser
    t: Int[Array, " image"]
    of_images: Float[Array, " image"]


def update(
    fixed: tuple[Trainer, CategoricalProcess],
    state: DiscreteState,
    pixels: UInt8[ArrayLike, "image row column"],
    classes: Int[ArrayLike, " image"],
    key: Key[Array, ""],
) -> tuple[DiscreteState, Float[Array, ""]]:
    """The state after one batch, and its mean loss in bits a dimension."""
    trainer, process = fixed
    times = state.times if trainer.by_importance else TimeImportance.new(process.n_steps)
    part = partial(_part, fixed, state.denoiser, times)
    return _step(trainer, state, in_parts(part, key, pixels, classes))


@eqx.filter_jit
def _part(
    fixed: tuple[Trainer, CategoricalProcess],
    denoiser: Denoiser,
    times: TimeImportance,
    key: Key[Array, ""],
    pixels: UInt8[Array, "image row column"],
    classes: Int[Array, " image"],
) -> Part:
    """Noise on part of a batch, what the network says of it, and the gradient of the loss."""
    trainer, process = fixed
    time_key, noise_key, class_key, dropout_key = jax.random.split(key, 4)
    t = times.draw(time_key, len(pixels))
    x_0 = pixels.astype(jnp.int32)
    x_t = process.noise(noise_key, x_0, t)
    is_told = jax.random.uniform(class_key, classes.shape) >= trainer.classless_share
    labels = jnp.where(is_told, classes, denoiser.network.no_class)

    def mean_loss(denoiser: Denoiser) -> tuple[Array, Array]:
        logits = denoiser(x_t, t, labels, dropout_key)
        of_images = trainer.bits(process, x_0, x_t, t, logits).mean(axis=(1, 2))
        return times.sum_of_steps(t, of_images).mean() / process.n_steps, of_images

    (loss, of_images), gradient = eqx.filter_value_and_grad(mean_loss, has_aux=True)(denoiser)
    return Part(loss, gradient, t, of_images)


@eqx.filter_jit
def _step(
    trainer: Trainer, state: DiscreteState, parts: list[Part]
) -> tuple[DiscreteState, Float[Array, ""]]:
    """The state after a step down the loss of all parts of a batch, and that loss."""
    sizes = [len(part.t) for part in parts]

    def mean(*values: Array) -> Array:
        return jnp.average(jnp.stack(values), axis=0, weights=jnp.asarray(sizes, jnp.float32))

    gradient = jax.tree.map(mean, *(part.gradient for part in parts))
    parameters = eqx.filter(state.denoiser, eqx.is_inexact_array)
    changes, optimizer = trainer.optimizer.update(gradient, state.optimizer, parameters)
    denoiser = eqx.apply_updates(state.denoiser, changes)
    t, of_images = (
        jnp.concatenate([getattr(part, name) for part in parts]) for name in ("t", "of_images")
    )
    after = replace(
        state,
        denoiser=denoiser,
        average=averaged(state.average, denoiser, trainer.average_decay, state.n_updates),
        optimizer=optimizer,
        n_updates=state.n_updates + 1,
        times=state.times.seen(t, of_images),
    )
    return after, mean(*(part.loss for part in parts))
