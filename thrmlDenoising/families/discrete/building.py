"""From hyperparameters to a process, and to what says of noisy images what they were."""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.networks import Network, build_network
from thrmlDenoising.processes import (
    Absorbing,
    ByDistance,
    CategoricalProcess,
    NearestNeighbour,
    Uniform,
    truncated_logistic,
)

_MOST_ONE_HOT = 16
"""States that a network is shown as channels; of more it sees the level."""


def process_of(cfg: DiscreteConfig) -> CategoricalProcess:
    """The forward process.

    Raises:
        ValueError: it has not mixed in its steps.
    """
    process, n_values = cfg.process, cfg.n_levels + 1
    schedule = process.noise_schedule
    level = n_values // 2 if process.absorbing_level is None else process.absorbing_level
    make = {
        "uniform": lambda: Uniform(n_values, schedule),
        "absorbing": lambda: Absorbing(n_values, schedule, level),
        "masked": lambda: Absorbing.by_mask(n_values, schedule),
        "gaussian": lambda: ByDistance.gaussian(n_values, schedule),
        "banded": lambda: ByDistance.banded(n_values, schedule, process.band_width),
        "neighbours": lambda: NearestNeighbour(n_values, schedule),
    }
    return make[process.kind]()


class ClassDenoiser(eqx.Module):
    """Says of noisy images what they were: logits of x_0, given x_t, t and the class.

    Attributes:
        n_values: K, grey levels with black.
        n_states: levels, and the mask if there is one.
        n_timesteps: T.
        is_logistic: whether the network says location and scale, and no logits.
    """

    network: Network
    n_values: int = eqx.field(static=True)
    n_states: int = eqx.field(static=True)
    n_timesteps: int = eqx.field(static=True)
    is_logistic: bool = eqx.field(static=True)

    @classmethod
    def of(cls, cfg: DiscreteConfig, process: CategoricalProcess, key: Key[Array, ""]) -> Self:
        """An untrained one."""
        is_logistic = cfg.loss.output == "logistic"
        n_in = process.n_states if process.n_states <= _MOST_ONE_HOT else 1
        n_out = 2 if is_logistic else process.n_values
        n_classes = len(cfg.target_classes)
        network = build_network(cfg.network, key, n_in, n_out, cfg.image_shape, n_classes)
        n_states, n_steps = process.n_states, process.n_steps
        return cls(network, process.n_values, n_states, n_steps, is_logistic)

    def __call__(
        self,
        x_t: Int[Array, "image row column"],
        t: Int[Array, " image"],
        labels: Int[Array, " image"],
        key: Key[Array, ""] | None = None,
    ) -> Float[Array, "image row column value"]:
        """Logits of every pixel of x_0.

        Args:
            labels: classes; as many as there are of them stands for none.
            key: for dropout, which there is none of without.
        """
        keys = None if key is None else jax.random.split(key, len(x_t))
        shown = jnp.moveaxis(self._shown(x_t), -1, 1)
        said = jax.vmap(self.network)(shown, t / self.n_timesteps, labels, keys)
        said = jnp.moveaxis(said, 1, -1)
        if not self.is_logistic:
            return said
        return truncated_logistic(x_t, said[..., 0], said[..., 1], self.n_values)

    def _shown(self, x_t: Int[Array, "*shape"]) -> Float[Array, "*shape channel"]:
        """States as a network sees them: -1 and 1, or levels from -1 to 1."""
        if self.n_states <= _MOST_ONE_HOT:
            return 2 * jax.nn.one_hot(x_t, self.n_states) - 1
        return (2 * x_t / (self.n_values - 1) - 1)[..., None].astype(jnp.float32)
