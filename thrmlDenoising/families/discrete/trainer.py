"""An update: noise on a batch, what the network says of it, and a step down the loss."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, Key, UInt8

from thrmlDenoising.diffusion import CategoricalLoss, Optimizer, descend, mean_of_parts
from thrmlDenoising.families.discrete.building import ClassDenoiser
from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.state import DiscreteState
from thrmlDenoising.networks import in_parts
from thrmlDenoising.processes import CategoricalProcess, TimeImportance


@dataclass(frozen=True)
class Trainer:
    """How a denoiser is trained; equal ones are the same to JAX, so that programs are shared.

    Attributes:
        classless_share: of the images whose class is not told.
    """

    loss: CategoricalLoss
    optimizer: Optimizer
    classless_share: float

    @classmethod
    def from_config(cls, cfg: DiscreteConfig) -> Self:
        """The trainer that a config describes."""
        return cls(
            CategoricalLoss.from_config(cfg.loss.kind, cfg.loss),
            Optimizer.from_config(cfg.optim),
            cfg.optim.classless_share,
        )

    def init(self, denoiser: ClassDenoiser) -> DiscreteState:
        """Before the first update."""
        n_classes = denoiser.network.no_class
        return DiscreteState(
            **self.optimizer.before_training(denoiser),
            times=TimeImportance.new(denoiser.n_timesteps),
            loss=jnp.zeros(()),
            class_shares=jnp.full(n_classes, 1 / n_classes),
        )


class Part(NamedTuple):
    """What part of a batch has shown.

    Attributes:
        loss: the mean over its images, in bits a dimension.
        gradient: of it.
        t: the time at which each image was looked at.
        of_images: the loss at that time alone.
    """

    loss: Float[Array, ""]
    gradient: ClassDenoiser
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
    times = state.times if trainer.loss.by_importance else TimeImportance.new(process.n_steps)
    part = partial(_part, fixed, state.denoiser, times)
    return _step(trainer, state, in_parts(part, key, pixels, classes))


@eqx.filter_jit
def _part(
    fixed: tuple[Trainer, CategoricalProcess],
    denoiser: ClassDenoiser,
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

    def mean_loss(denoiser: ClassDenoiser) -> tuple[Array, Array]:
        logits = denoiser(x_t, t, labels, dropout_key)
        of_images = trainer.loss.bits(process, x_0, x_t, t, logits).mean(axis=(1, 2))
        return times.sum_of_steps(t, of_images).mean() / process.n_steps, of_images

    (loss, of_images), gradient = eqx.filter_value_and_grad(mean_loss, has_aux=True)(denoiser)
    return Part(loss, gradient, t, of_images)


@eqx.filter_jit
def _step(
    trainer: Trainer, state: DiscreteState, parts: list[Part]
) -> tuple[DiscreteState, Float[Array, ""]]:
    """The state after a step down the loss of all parts of a batch, and that loss."""
    sizes = [len(part.t) for part in parts]
    gradient = mean_of_parts([part.gradient for part in parts], sizes)
    t, of_images = (
        jnp.concatenate([getattr(part, name) for part in parts]) for name in ("t", "of_images")
    )
    after = descend(trainer.optimizer, state, gradient)
    loss = mean_of_parts([part.loss for part in parts], sizes)
    return replace(after, times=state.times.seen(t, of_images)), loss
