"""Noise that is added: real numbers that shrink and blur in T steps, as in DDPM."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import erf

from thrmlDenoising.processes.categorical import MIXED, Times, over_pixels
from thrmlDenoising.processes.resampled import Kept
from thrmlDenoising.processes.schedules import NoiseSchedule


class Gaussian(eqx.Module):
    """x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) z with z normal (arXiv 2006.11239).

    Args:
        schedule: beta_t is the variance that step t adds.

    Attributes:
        kept: ln alpha-bar.
        n_steps: T.

    Raises:
        ValueError: at T a number of size 1 can still be told from noise.
    """

    kept: Kept
    n_steps: int = eqx.field(static=True)

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.n_steps = schedule.n_steps
        self.kept = Kept.of(schedule)
        left = float(np.sqrt(schedule.alpha_bar[-1]))
        distance = float(erf(left / np.sqrt(8)))
        if distance > MIXED:
            raise ValueError(
                f"after its {self.n_steps} steps the process has not mixed: where a number of size "
                f"1 has started it is {distance:.4g} from noise in total variation, and at most "
                f"{MIXED:g} is allowed, for generation would start from other noise than data end "
                "in. Take more steps or larger betas: linear from 0.1 / T to 20 / T, or jsd"
            )

    def noise(
        self, key: Key[Array, ""], x_0: Float[Array, "*shape"], t: Times
    ) -> Float[Array, "*shape"]:
        """Draws x_t."""
        z = jax.random.normal(key, x_0.shape)
        return self._signal(t, x_0) * x_0 + self._spread(0, t, x_0) * z

    def start(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Draws x_T."""
        return jax.random.normal(key, shape)

    def added(
        self, x_t: Float[Array, "*shape"], x_0: Float[Array, "*shape"], t: Times
    ) -> Float[Array, "*shape"]:
        """The z with which x_0 has become x_t, 1 <= t."""
        return (x_t - self._signal(t, x_t) * x_0) / self._spread(0, t, x_t)

    def start_of(
        self, x_t: Float[Array, "*shape"], z: Float[Array, "*shape"], t: Times
    ) -> Float[Array, "*shape"]:
        """The x_0 that has become x_t with this z."""
        return (x_t - self._spread(0, t, x_t) * z) / self._signal(t, x_t)

    def bridge(
        self,
        key: Key[Array, ""],
        x_t: Float[Array, "*shape"],
        x_0: Float[Array, "*shape"],
        s: Times,
        t: Times,
    ) -> Float[Array, "*shape"]:
        """Draws x_s from q(x_s | x_t, x_0), s < t; that of s = 0 is x_0.

        With a = alpha-bar_t / alpha-bar_s it is normal, of mean sqrt(alpha-bar_s) (1 - a) /
        (1 - alpha-bar_t) x_0 + sqrt(a) (1 - alpha-bar_s) / (1 - alpha-bar_t) x_t and of variance
        (1 - alpha-bar_s) (1 - a) / (1 - alpha-bar_t).
        """
        to_s, between, to_t = (self._spread(*times, x_t) ** 2 for times in ((0, s), (s, t), (0, t)))
        kept = over_pixels(jnp.exp(self.kept.log_between(s, t) / 2), x_t)
        mean = self._signal(s, x_t) * between / to_t * x_0 + kept * to_s / to_t * x_t
        return mean + jnp.sqrt(to_s * between / to_t) * jax.random.normal(key, x_t.shape)

    def sharpness(self, t: Times) -> Float[Array, "*chain"]:
        """sqrt(alpha-bar_t) / (1 - alpha-bar_t): of points c of one length, ln q(x_t | x_0 = c) is
        this times c x_t, but for what does not depend on c.
        """
        log_kept = self.kept.log_between(0, t)
        return jnp.exp(log_kept / 2) / -jnp.expm1(log_kept)

    def _signal(self, t: Times, like: Float[Array, "*shape"]) -> Float[Array, "..."]:
        """sqrt(alpha-bar_t)."""
        return over_pixels(jnp.exp(self.kept.log_between(0, t) / 2), like)

    def _spread(self, s: Times, t: Times, like: Float[Array, "*shape"]) -> Float[Array, "..."]:
        """sqrt(1 - alpha-bar_t / alpha-bar_s)."""
        return over_pixels(jnp.sqrt(-jnp.expm1(self.kept.log_between(s, t))), like)
