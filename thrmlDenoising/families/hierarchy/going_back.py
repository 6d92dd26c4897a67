"""Steps back that need more than a categorical process."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Shaped

from thrmlDenoising.data.hierarchy import drawn
from thrmlDenoising.families.hierarchy.denoisers import (
    ExactDenoiser,
    StringDenoiser,
    expected_points,
)
from thrmlDenoising.families.hierarchy.noise import OneHotNoise


class ExactStep(eqx.Module):
    """x_0 from p(x_0 | x_t), all of its tokens together, and x_s from q(x_s | x_t, x_0).

    So x_s is of p(x_s | x_t), however far apart s and t are, where tokens that are drawn by
    themselves go together only if steps are small.
    """

    denoiser: ExactDenoiser

    def __call__(
        self,
        key: Key[Array, ""],
        x: Shaped[Array, " string *token"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Shaped[Array, " string *token"]:
        """See `diffusion.Step`."""
        string_key, step_key = jax.random.split(key)
        denoiser = self.denoiser
        evidence = denoiser.noise.log_evidence(x, jnp.full(len(x), t))
        (x_0,) = drawn(denoiser.tree, evidence, string_key, 1)
        return denoiser.noise.bridge(step_key, x, x_0, s, t)


class MeanStep(eqx.Module):
    """x_s from q(x_s | x_t, x_0) with the x_0 that a network expects, as in DDPM."""

    denoiser: StringDenoiser
    noise: OneHotNoise

    def __call__(
        self,
        key: Key[Array, ""],
        x: Float[Array, "string token symbol"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Float[Array, "string token symbol"]:
        """See `diffusion.Step`."""
        x_0 = expected_points(self.denoiser, self.noise, x, jnp.full(len(x), t))
        return self.noise.process.bridge(key, x, x_0, s, t)
