"""What leads from noise to images of a class, guided or not."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from thrmlDenoising.diffusion import CategoricalStep, Known
from thrmlDenoising.families.discrete.building import ClassDenoiser
from thrmlDenoising.processes import CategoricalProcess


class Told(eqx.Module):
    """A denoiser that is told the class of every image, and driven towards it.

    Attributes:
        labels: classes; as many as there are of them stands for none.
        guidance: how far logits of a class are driven away from those of none.
    """

    denoiser: ClassDenoiser
    labels: Int[Array, " image"]
    guidance: float = eqx.field(static=True, default=0.0)

    def __call__(
        self, x_t: Int[Array, "image row column"], t: Int[Array, " image"]
    ) -> Float[Array, "image row column value"]:
        """(1 + w) logits(class) - w logits(no class), w being the guidance."""
        denoiser, w = self.denoiser, self.guidance
        of_class = denoiser(x_t, t, self.labels)
        if w == 0:
            return of_class
        no_class = jnp.full_like(self.labels, denoiser.network.no_class)
        return (1 + w) * of_class - w * denoiser(x_t, t, no_class)


class Backwards(NamedTuple):
    """What leads from noise to images.

    Attributes:
        reverse: one of `diffusion.REVERSE`.
        guidance: see `Told`.
    """

    process: CategoricalProcess
    denoiser: ClassDenoiser
    reverse: str
    guidance: float

    def step(self, labels: Int[Array, " image"], known: Known | None = None) -> CategoricalStep:
        """A step back, of images of these classes."""
        told = Told(self.denoiser, labels, self.guidance)
        return CategoricalStep(self.process, told, self.reverse, known)
