"""Ways back from heavy-tailed noise: how each begins, and its steps.

All are told by a denoiser which noise an example holds, x_t = g x_0 + s noise, and lead from place
k of a way to place k - 1.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.diffusion import Step
from thrmlDenoising.families.levy.denoisers import SaysNoise, X
from thrmlDenoising.processes import NormalMixture, Student, Way, mixed_noise, noise_of_sizes


class Backwards(eqx.Module):
    """A way back.

    Attributes:
        denoiser: says which noise examples hold.
        way: the places that are passed.
        mixture: what noise is.
    """

    denoiser: SaysNoise
    way: Way
    mixture: NormalMixture = eqx.field(static=True)

    @abc.abstractmethod
    def begin(self, key: Key[Array, ""], shape: tuple[int, ...]) -> tuple[X, Step]:
        """Pure noise of this shape, and the step that leads back from there."""


class Posterior(Backwards):
    """DLPM's: the sizes of the noise of every step are drawn first, and x_T with them."""

    def begin(self, key: Key[Array, ""], shape: tuple[int, ...]) -> tuple[X, Step]:
        """See `Backwards`."""
        path_key, key = jax.random.split(key)
        path = path_of_sizes(self.way, self.mixture, path_key, shape)
        return noise_of_sizes(key, path[0][-1], shape), AlongPath(self.denoiser, self.way, *path)


class AlongPath(eqx.Module):
    """x_s is drawn from what it is, given x_t, the noise that is said, and all sizes A.

    Given these all is Gaussian: with Sigma_t = sigma_t^2 A_t + gamma_t^2 Sigma_{t-1} and Gamma_t =
    sigma_t^2 A_t / Sigma_t of mean (x_t - s_t Gamma_t noise) / gamma_t and variance Gamma_t
    Sigma_{t-1} (arXiv 2407.18609). Nothing is added at the last step, as Sigma_0 = 0.

    Attributes:
        log_spreads: ln Sigma of every place; minus infinity at place 0.
        log_shares: ln Gamma of every step; step 0 is none.
    """

    denoiser: SaysNoise
    way: Way
    log_spreads: Float[Array, "place example *axis"]
    log_shares: Float[Array, "place example *axis"]

    def __call__(self, key: Key[Array, ""], x: X, s: Int[Array, ""], t: Int[Array, ""]) -> X:
        """See `diffusion.Step`."""
        way, share = self.way, jnp.exp(self.log_shares[t])
        mean = (x - way.noise[t] * share * self.denoiser(x, way.at(t))) / way.gamma[t]
        return mean + noise_of_sizes(key, self.log_shares[t] + self.log_spreads[s], x.shape)


@eqx.filter_jit
def path_of_sizes(
    way: Way, mixture: NormalMixture, key: Key[Array, ""], shape: tuple[int, ...]
) -> tuple[Float[Array, "place example *axis"], Float[Array, "place example *axis"]]:
    """ln Sigma and ln Gamma of a path; see `AlongPath`.

    sqrt(Sigma_t) z is noise of scale s_t whatever the steps that lead there, which is why training
    needs no path.
    """

    def further(before: Array, k: Int[Array, ""]) -> tuple[Array, tuple[Array, Array]]:
        added = 2 * jnp.log(way.sigma[k])
        added += mixture.log_sizes(jax.random.fold_in(key, k), shape)
        here = jnp.logaddexp(added, 2 * jnp.log(way.gamma[k]) + before)
        return here, (here, added - here)

    nowhere = jax.eval_shape(lambda: mixture.log_sizes(key, shape))
    start = jnp.full(nowhere.shape, -jnp.inf)
    _, (spreads, shares) = jax.lax.scan(further, start, jnp.arange(1, way.n_steps + 1))
    return jnp.concatenate([start[None], spreads]), jnp.concatenate([0 * shares[:1], shares])


class Memoryless(Backwards):
    """A way back on which all is known from one place to the next."""

    def begin(self, key: Key[Array, ""], shape: tuple[int, ...]) -> tuple[X, Step]:
        """See `Backwards`."""
        return self.way.noise[-1] * mixed_noise(self.mixture, key, shape), self

    @abc.abstractmethod
    def __call__(self, key: Key[Array, ""], x: X, s: Int[Array, ""], t: Int[Array, ""]) -> X:
        """See `diffusion.Step`; s = t - 1."""


class Flow(Memoryless):
    """x_s with the noise that is said, and as much of it as there is at s: DLIM, and a flow.

    With eta some of it is drawn anew: x_s = g_s x_0 + (s_s^alpha - (eta s_s)^alpha)^(1/alpha) noise
    + eta s_s new noise. At alpha = 2 it is DDIM (arXiv 2010.02502).

    Attributes:
        eta: from 0 to 1.
    """

    eta: float = eqx.field(static=True, default=0.0)

    def __call__(self, key: Key[Array, ""], x: X, s: Int[Array, ""], t: Int[Array, ""]) -> X:
        """See `diffusion.Step`."""
        way, said = self.way, self.denoiser(x, self.way.at(t))
        kept = (1 - self.eta**way.alpha) ** (1 / way.alpha)
        ahead = (x - way.noise[t] * said) / way.gamma[t] + kept * way.noise[s] * said
        if self.eta == 0:
            return ahead
        return ahead + self.eta * way.noise[s] * mixed_noise(self.mixture, key, x.shape)


class Equation(Memoryless):
    """LIM's, of the score -noise s^(1 - alpha) / alpha, constant over a step.

    Backwards in time dx = (b x + beta score) du, or dx = (b x + alpha beta score) du +
    beta^(1/alpha) dL (OpenReview 0Wp3VHX0Gm). The last step, which leads to data, adds no noise.

    Attributes:
        is_stochastic: whether it is the second of them.
    """

    is_stochastic: bool = eqx.field(static=True, default=True)

    def __call__(self, key: Key[Array, ""], x: X, s: Int[Array, ""], t: Int[Array, ""]) -> X:
        """See `diffusion.Step`."""
        way = self.way
        score = -self.denoiser(x, way.at(t)) * way.noise[t] ** (1 - way.alpha) / way.alpha
        if not self.is_stochastic:
            return x / way.gamma[t] + way.pull[t] * score
        added = jnp.where(s == 0, 0, way.sigma[t] / way.gamma[t])
        ahead = x / way.gamma[t] + way.alpha * way.pull[t] * score
        return ahead + added * mixed_noise(self.mixture, key, x.shape)


class StudentPosterior(Memoryless):
    """Of t-EDM, stochastic: x_s given x_t and x_0 is Student's t again (arXiv 2410.14171).

    All times share one A, so given x_t and x_0 it is as large as the noise of x_t says: of d
    numbers, nu + d degrees of freedom, the scale of the Gaussian bridge times (nu + |noise|^2) /
    (nu + d).
    """

    def __call__(self, key: Key[Array, ""], x: X, s: Int[Array, ""], t: Int[Array, ""]) -> X:
        """See `diffusion.Step`."""
        way, said = self.way, self.denoiser(x, self.way.at(t))
        assert isinstance(self.mixture, Student)
        n_axes, nu = said[0].size, self.mixture.nu
        share = (way.sigma[t] / way.noise[t]) ** 2
        mean = (x - way.noise[t] * share * said) / way.gamma[t]
        axes = tuple(range(1, x.ndim))
        size = (nu + (said**2).sum(axis=axes, keepdims=True)) / (nu + n_axes)
        scale = jnp.sqrt(share * size) * way.noise[s]
        return mean + scale * mixed_noise(Student(nu + n_axes), key, x.shape)
