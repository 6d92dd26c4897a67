"""What is minimised: how far the noise that is said is from that which was added."""

from dataclasses import dataclass
from typing import Self

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.processes import Place

_TINY = 1e-12
"""Below any error; the slope of a root has no limit at 0."""


@dataclass(frozen=True)
class Objective:
    """The loss of an example, the mean over its numbers; equal ones are the same to JAX.

    "root": sqrt(mean (said - added)^2), finite whatever the tails (arXiv 2407.18609). "smooth":
    of y = |said - added| / alpha, y^2 / 2 below c, the threshold, and c (y - c / 2) above; LIM's,
    of its score, has c = 1. "squared": (1 + s^2 / g^2) (said - added)^2, as EDM weighs data of
    scale 1.

    Attributes:
        kind: "root", "smooth" or "squared".
        alpha: the exponent by which noise adds up.
        threshold: of "smooth".
        n_groups: of noises of an example, of whose means the median counts.
        group_size: noises of each.
    """

    kind: str
    alpha: float
    threshold: float
    n_groups: int
    group_size: int

    @classmethod
    def from_config(cls, cfg: LevyConfig) -> Self:
        """What a config says to minimise."""
        loss = cfg.loss
        return cls(loss.kind, cfg.noise.exponent, loss.threshold, loss.n_groups, loss.group_size)

    @property
    def n_noises(self) -> int:
        """Of every example."""
        return self.n_groups * self.group_size

    def __call__(
        self,
        said: Float[Array, " noised *axis"],
        added: Float[Array, " noised *axis"],
        place: Place,
    ) -> Float[Array, " example"]:
        """The loss of every example, of which the noised ones stand side by side."""
        of_noised = self._of_noised(said - added, place)
        groups = of_noised.reshape(-1, self.n_groups, self.group_size)
        return jnp.median(groups.mean(axis=2), axis=1)

    def _of_noised(
        self, off: Float[Array, " noised *axis"], place: Place
    ) -> Float[Array, " noised"]:
        axes = tuple(range(1, off.ndim))
        if self.kind == "root":
            return jnp.sqrt((off**2).mean(axis=axes) + _TINY)
        if self.kind == "smooth":
            return optax.huber_loss(off / self.alpha, delta=self.threshold).mean(axis=axes)
        return (1 + (place.noise / place.signal) ** 2) * (off**2).mean(axis=axes)
