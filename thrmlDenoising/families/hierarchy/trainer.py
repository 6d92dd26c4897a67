"""An update: noise on a batch, what the network says of it, and a step down the loss."""

from dataclasses import dataclass, replace
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, Key

from thrmlDenoising.diffusion import Optimizer, descend
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.denoisers import Meaning, StringDenoiser
from thrmlDenoising.families.hierarchy.noise import StringNoise
from thrmlDenoising.families.hierarchy.objectives import Objective, objective_of
from thrmlDenoising.families.hierarchy.state import StringState
from thrmlDenoising.networks.strings import StringNetwork
from thrmlDenoising.processes import TimeImportance


@dataclass(frozen=True)
class Trainer:
    """How a denoiser is trained; equal ones are the same to JAX, so that programs are shared.

    Attributes:
        by_importance: whether times are drawn by how large their losses are.
        n_trajectories: noisy versions of every string of a batch.
    """

    objective: Objective
    meaning: Meaning
    by_importance: bool
    optimizer: Optimizer
    n_trajectories: int

    @classmethod
    def from_config(cls, cfg: HierarchyConfig) -> Self:
        """The trainer that a config describes."""
        return cls(
            objective_of(cfg),
            Meaning.from_config(cfg),
            cfg.loss.times == "importance",
            Optimizer.from_config(cfg.optim),
            cfg.optim.n_trajectories,
        )

    def init(self, network: StringNetwork | None, n_timesteps: int) -> StringState:
        """Before the first update."""
        return StringState(
            **self.optimizer.before_training(network),
            times=TimeImportance.new(n_timesteps),
            loss=jnp.zeros(()),
        )


@eqx.filter_jit
def update(
    fixed: tuple[Trainer, StringNoise],
    state: StringState,
    tokens: Int[ArrayLike, "string token"],
    key: Key[Array, ""],
) -> tuple[StringState, Float[Array, ""]]:
    """The state after one batch, and its mean loss."""
    trainer, noise = fixed
    time_key, noise_key = jax.random.split(key)
    times = state.times if trainer.by_importance else TimeImportance.new(noise.n_steps)
    x_0 = jnp.repeat(jnp.asarray(tokens, jnp.int32), trainer.n_trajectories, axis=0)
    t = times.draw(time_key, len(x_0))
    x_t = noise.noise(noise_key, x_0, t)

    def mean_loss(network: StringNetwork) -> tuple[Array, Array]:
        denoiser = StringDenoiser(network, noise, trainer.meaning)
        of_strings = trainer.objective(denoiser, x_0, x_t, t)
        return times.sum_of_steps(t, of_strings).mean() / noise.n_steps, of_strings

    (loss, of_strings), gradient = eqx.filter_value_and_grad(mean_loss, has_aux=True)(
        state.denoiser
    )
    after = descend(trainer.optimizer, state, gradient)
    return replace(after, times=state.times.seen(t, of_strings)), loss
