"""An update: noise on a batch, what the network says of it, and a step down the loss."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from thrmlDenoising.diffusion import Optimizer, descend, mean_of_parts
from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.families.levy.denoisers import Denoiser
from thrmlDenoising.families.levy.objectives import Objective
from thrmlDenoising.families.levy.state import LevyState
from thrmlDenoising.networks import in_parts
from thrmlDenoising.processes import NormalMixture, Way, mixed_noise


@dataclass(frozen=True)
class Trainer:
    """How a denoiser is trained; equal ones are the same to JAX, so that programs are shared.

    Attributes:
        mixture: what noise is.
        divided: whether a batch is worked on in parts, as pays for images.
    """

    objective: Objective
    mixture: NormalMixture
    optimizer: Optimizer
    divided: bool

    @classmethod
    def from_config(cls, cfg: LevyConfig) -> Self:
        """The trainer that a config describes."""
        optimizer = Optimizer.from_config(cfg.optim)
        return cls(Objective.from_config(cfg), cfg.noise.mixture, optimizer, cfg.data.has_images)

    def init(self, denoiser: Denoiser) -> LevyState:
        """Before the first update."""
        return LevyState(
            **self.optimizer.before_training(denoiser),
            loss=jnp.zeros(()),
        )


class Part(NamedTuple):
    """What a part of a batch has shown: its mean loss, and the gradient."""

    n_examples: int
    loss: Float[Array, ""]
    gradient: Any


def update(
    trainer: Trainer,
    way: Way,
    state: LevyState,
    x_0: Float[Array, " example *axis"],
    key: Key[Array, ""],
) -> tuple[LevyState, Float[Array, ""]]:
    """The state after one batch, and its mean loss."""
    part = partial(_part, trainer, way, state.denoiser)
    parts = in_parts(part, key, x_0) if trainer.divided else [part(key, x_0)]
    return after_parts(trainer, state, parts)


@eqx.filter_jit
def _part(
    trainer: Trainer,
    way: Way,
    denoiser: Denoiser,
    key: Key[Array, ""],
    x_0: Float[Array, " example *axis"],
) -> Part:
    """Noise on part of a batch, what the network says of it, and the gradient of the loss.

    All noises of an example are of one time, as their losses are compared.
    """
    time_key, noise_key, dropout_key = jax.random.split(key, 3)
    n, n_examples = trainer.objective.n_noises, len(x_0)
    place = way.at(jax.random.randint(time_key, (len(x_0),), 1, way.n_steps + 1).repeat(n))
    x_0 = x_0.repeat(n, axis=0)
    noise = mixed_noise(trainer.mixture, noise_key, x_0.shape)
    _, signal, scale = place.over(x_0)
    x = signal * x_0 + scale * noise

    def mean_loss(denoiser: Denoiser) -> Array:
        return trainer.objective(denoiser(x, place, dropout_key), noise, place).mean()

    return Part(n_examples, *eqx.filter_value_and_grad(mean_loss)(denoiser))


@eqx.filter_jit
def after_parts(
    trainer: Trainer, state: LevyState, parts: list[Part]
) -> tuple[LevyState, Float[Array, ""]]:
    """The state after a step down the loss of all parts of a batch, and that loss."""
    sizes = [part.n_examples for part in parts]
    loss, gradient = (mean_of_parts([part[i] for part in parts], sizes) for i in (1, 2))
    return descend(trainer.optimizer, state, gradient), loss
