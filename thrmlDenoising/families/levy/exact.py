"""The denoiser of which nothing is better, where data are a normal mixture.

What is left of a way's errors with it is the way's own: too few steps, or a law that is not that of
the noise.
"""

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from thrmlDenoising.data.points import Mixture
from thrmlDenoising.families.levy.denoisers import X
from thrmlDenoising.processes import NormalMixture, Place, Stable

_DRAWS_A_SIZE = 1000


class ExactDenoiser(eqx.Module):
    """Says E[noise | x] where data are a mixture of normal modes and noise is sqrt(A) z.

    Each example has one A. Given it and the mode all is normal, so that p(A, mode | x) is known up
    to a factor; over A it is summed, at quantiles of equal weight.

    Attributes:
        means: of the modes.
        std: of each mode.
        log_weights: ln of the modes' weights.
        sizes: the quantiles of A.

    Example:
        >>> model = LevyDiffusion(make_cfg(noise=dict(alpha=1.8)))
        >>> exact = ExactDenoiser.of(point_set("gmm_grid"), model.cfg.noise.mixture)
        >>> points = model.model.sample_with(exact, jax.random.key(0), 2000, 25, False)
    """

    means: Float[Array, "mode axis"]
    std: float
    log_weights: Float[Array, " mode"]
    sizes: Float[Array, " size"]

    @classmethod
    def of(cls, data: Mixture, noise: NormalMixture, n_sizes: int = 100) -> Self:
        """Of a mixture, and noise of one size for an example.

        Raises:
            ValueError: every axis has a size of its own, so that modes are not normal given one.
        """
        if isinstance(noise, Stable) and not noise.isotropic:
            raise ValueError(
                "noise with isotropic=False has a size for every axis: the exact denoiser sums "
                "over one A for an example. Use noise.isotropic=True"
            )
        log_weights = jnp.log(jnp.asarray(data.weights))
        sizes = jnp.asarray(_quantiles(noise, n_sizes))
        return cls(jnp.asarray(data.means), data.std, log_weights, sizes)

    def __call__(self, x: X, place: Place) -> X:
        """See `SaysNoise`; all examples are at the same place."""
        _, g, s = place.over(x)
        g, s, n_axes = g.ravel()[0], s.ravel()[0], x.shape[1]
        variance = ((g * self.std) ** 2 + s**2 * self.sizes)[:, None]  # (size, mode)
        away = x[:, None] - g * self.means
        squares = (away**2).sum(axis=2)[:, None]  # (example, 1, mode)
        log_p = self.log_weights - squares / (2 * variance) - n_axes / 2 * jnp.log(variance)
        p = jax.nn.softmax(log_p, axis=(1, 2))
        # Given A and mode, what is away from g times its mean is noise by s^2 A of the variance.
        share = p * (s**2 * self.sizes)[:, None] / variance
        return jnp.einsum("nk,nkd->nd", share.sum(axis=1), away) / s


def _quantiles(noise: NormalMixture, n: int) -> Float[np.ndarray, " size"]:
    """Of A, at the middles of n equal shares."""
    log_sizes = noise.log_sizes(jax.random.key(0), (n * _DRAWS_A_SIZE, 1))
    in_order = np.sort(np.asarray(log_sizes)[:, 0])
    return np.exp(in_order[_DRAWS_A_SIZE // 2 :: _DRAWS_A_SIZE])
