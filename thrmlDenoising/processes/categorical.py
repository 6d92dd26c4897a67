"""Pixels that lose their value in T steps, each by itself: what all such processes offer.

A pixel is in one of S states, numbered from 0. Time t = 0 is clean data, t = T is noise. A process
is given by the matrices q(x_t | x_s) of any two times s < t (arXiv 2107.03006, D3PM); what follows
from them is the same for all and stands here. Everything is a natural logarithm, minus infinity
where something cannot happen, and works under jit. A process has no parameters: do not take
gradients with respect to one.

Times are scalars or one a chain: s and t have the first axes of x, those that number chains.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, Key, Shaped

Times = int | Int[Array, "*chain"] | Int[np.ndarray, "*chain"]
"""A time for all chains, or one for each."""

MIXED = 0.005
"""The largest total variation to the stationary distribution with which a process has mixed."""


class CategoricalProcess(eqx.Module):
    """A forward process of independent categorical pixels.

    Attributes:
        n_values: K, the states that clean data can be in: 0 .. K - 1, one more than the levels
            above black.
        n_states: S, K or more: a mask is one more.
        n_steps: T.

    Raises:
        ValueError: the process has not mixed at T, so that no noise is known to start from.
    """

    n_values: eqx.AbstractVar[int]
    n_states: eqx.AbstractVar[int]
    n_steps: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_mixed(np.asarray(self.log_cumulative(self.n_steps)), self.stationary, self.n_steps)

    # ------------------------------------------------------------------ what a process is

    @property
    @abc.abstractmethod
    def stationary(self) -> Float[np.ndarray, " state"]:
        """Where every state ends in infinite time, in probabilities."""

    @abc.abstractmethod
    def log_transition(self, s: Times, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_s = before), 0 <= s < t <= T."""

    def log_cumulative(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_0 = before), the logarithm of Qbar_t, 0 <= t <= T."""
        return self.log_transition(0, t)

    # ------------------------------------------------------------------ what follows: forwards

    def log_step(self, t: Times) -> Float[Array, "*chain before after"]:
        """ln q(x_t = after | x_{t-1} = before), the logarithm of Q_t, 1 <= t <= T."""
        return self.log_transition(jnp.asarray(t) - 1, t)

    def log_forward(self, x_0: Integer[Array, "*shape"], t: Times) -> Float[Array, "*shape state"]:
        """ln q(x_t | x_0) of every state x_t."""
        return _rows(self.log_cumulative(t), x_0)

    def log_evidence(self, x_t: Integer[Array, "*shape"], t: Times) -> Float[Array, "*shape value"]:
        """ln q(x_t | x_0) of every value x_0."""
        return _columns(self.log_cumulative(t), x_t)[..., : self.n_values]

    def log_spread(
        self, weights: Float[Array, "*shape value"], t: Times
    ) -> Float[Array, "*shape state"]:
        """ln sum_{x_0} exp(weight(x_0)) q(x_t | x_0) of every state x_t."""
        matrix = self.log_cumulative(t)[..., : self.n_values, :]
        flat = weights.reshape(*matrix.shape[:-2], -1, self.n_values, 1)
        total = log_sum(flat + matrix[..., None, :, :], axis=-2)
        return total.reshape(*weights.shape[:-1], self.n_states)

    def noise(
        self, key: Key[Array, ""], x_0: Integer[Array, "*shape"], t: Times
    ) -> Integer[Array, "*shape"]:
        """Draws x_t."""
        return jax.random.categorical(key, self.log_forward(x_0, t))

    @property
    def log_prior(self) -> Float[Array, " state"]:
        """Where generation starts: ln q(x_T), were all values equally frequent in data.

        If alpha-bar_T is 0 this is the stationary distribution; else what the process leaves of
        data is in it, so that no x_T of the forward process is impossible.
        """
        last = self.log_cumulative(self.n_steps)[: self.n_values]
        return log_sum(last, axis=0) - jnp.log(self.n_values)

    def start(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Int[Array, "..."]:
        """Draws x_T from `log_prior`."""
        return jax.random.categorical(key, self.log_prior, shape=shape)

    # ------------------------------------------------------------------ what follows: backwards

    def posterior(
        self, x_t: Integer[Array, "*shape"], x_0: Integer[Array, "*shape"], s: Times, t: Times
    ) -> Float[Array, "*shape state"]:
        """ln q(x_s | x_t, x_0) = ln q(x_t | x_s) + ln q(x_s | x_0) - ln q(x_t | x_0), s < t.

        Minus infinity for every x_s where x_0 cannot have become x_t.
        """
        onward = _columns(self.log_transition(s, t), x_t)
        return _normalised(onward + _rows(self.log_cumulative(s), x_0))

    def reverse(
        self,
        x_t: Integer[Array, "*shape"],
        logits: Float[Array, "*shape value"],
        s: Times,
        t: Times,
    ) -> Float[Array, "*shape state"]:
        """ln p(x_s | x_t) = ln sum_{x_0} p(x_0 | x_t) q(x_s | x_t, x_0), s < t.

        With the true p(x_0 | x_t) of a pixel it is the true p(x_s | x_t) of that pixel. Values
        that cannot have become x_t are left out of p(x_0 | x_t), whatever their logits: pixels
        that are not masked are known (arXiv 2406.07524, MDLM). The step to s = 0 is p(x_0 | x_t).

        Args:
            logits: of p(x_0 | x_t), normalised or not.
        """
        evidence = self.log_evidence(x_t, t)
        # a posterior is q(x_t | x_s) q(x_s | x_0) / q(x_t | x_0), and the last does not know x_s
        weights = jnp.where(jnp.isfinite(evidence), jax.nn.log_softmax(logits) - evidence, -jnp.inf)
        return self._from_weights(x_t, weights, s, t)

    def reverse_product(
        self,
        x_t: Integer[Array, "*shape"],
        logits: Float[Array, "*shape value"],
        s: Times,
        t: Times,
    ) -> Float[Array, "*shape state"]:
        """ln p(x_s | x_t), p ~ q(x_t | x_s) sum_{x_0} q(x_s | x_0) p(x_0), as D3PM has it.

        The p(x_0) for which this is true is p(x_0 | all other pixels of x_t): what a pixel says
        about itself comes in by q(x_t | x_s). The step to s = 0 takes the logits as they are.

        Args:
            logits: of p(x_0), normalised or not.
        """
        log_p = jax.nn.log_softmax(logits)
        product = self._from_weights(x_t, log_p, s, t)
        mask = [(0, 0)] * x_t.ndim + [(0, self.n_states - self.n_values)]
        padded = jnp.pad(log_p, mask, constant_values=-jnp.inf)
        return jnp.where(over_pixels(jnp.asarray(s) == 0, product), padded, product)

    def _from_weights(
        self,
        x_t: Integer[Array, "*shape"],
        weights: Float[Array, "*shape value"],
        s: Times,
        t: Times,
    ) -> Float[Array, "*shape state"]:
        """ln of q(x_t | x_s) sum_{x_0} q(x_s | x_0) exp(weight(x_0)), normalised over x_s."""
        onward = _columns(self.log_transition(s, t), x_t)
        return _normalised(onward + self.log_spread(weights, s))


def check_mixed(
    log_last: Float[np.ndarray, "before after"],
    stationary: Float[np.ndarray, " state"],
    n_steps: int,
) -> None:
    """Checks that after T steps it cannot be seen where a pixel has started.

    Args:
        log_last: the logarithm of Qbar_T.

    Raises:
        ValueError: from the worst start, Qbar_T is further than `MIXED` from the stationary
            distribution in total variation 1/2 sum_j |Qbar_T(i, j) - pi_j|.
    """
    distances = 0.5 * np.abs(np.exp(log_last.astype(np.float64)) - stationary).sum(axis=1)
    worst = int(distances.argmax())
    if not distances[worst] <= MIXED:
        raise ValueError(
            f"after its {n_steps} steps the process has not mixed: from state {worst} it is "
            f"{distances[worst]:.4g} from its stationary distribution in total variation, and at "
            f"most {MIXED:g} is allowed, for generation would start from other noise than data end "
            "in. Take more steps or larger betas: linear from 0.1 / T to 20 / T, or, unless steps "
            "are Gaussian or banded, cosine or jsd; banded steps also mix sooner if wider"
        )


# ---------------------------------------------------------------------- matrices and pixels


def over_pixels(of_chains: Shaped[Array, "*chain"], like: Shaped[Array, "*shape"]) -> Array:
    """One number a chain, in a shape that goes with all numbers of the chains."""
    return of_chains.reshape(of_chains.shape + (1,) * (like.ndim - of_chains.ndim))


def _rows(
    matrix: Float[Array, "*chain before after"], x: Integer[Array, "*shape"]
) -> Float[Array, "*shape after"]:
    """matrix[x] of every pixel, in the matrix of its chain."""
    chosen = x.astype(jnp.int32).reshape(*matrix.shape[:-2], -1, 1)
    return jnp.take_along_axis(matrix, chosen, axis=-2).reshape(*x.shape, matrix.shape[-1])


def _columns(
    matrix: Float[Array, "*chain before after"], x: Integer[Array, "*shape"]
) -> Float[Array, "*shape before"]:
    """matrix[:, x] of every pixel, in the matrix of its chain."""
    return _rows(jnp.swapaxes(matrix, -1, -2), x)


def log_sum(terms: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """ln sum exp(terms), with gradient 0, not NaN, where all terms are minus infinity."""
    largest = jax.lax.stop_gradient(terms.max(axis=axis, keepdims=True))
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    total = jnp.exp(terms - largest).sum(axis=axis)
    some = total > 0
    log_total = jnp.log(jnp.where(some, total, 1)) + jnp.squeeze(largest, axis)
    return jnp.where(some, log_total, -jnp.inf)


def _normalised(log_p: Float[Array, "*shape state"]) -> Float[Array, "*shape state"]:
    """The distribution of these unnormalised logarithms; all minus infinity stays so."""
    total = log_sum(log_p, axis=-1)[..., None]
    return log_p - jnp.where(jnp.isfinite(total), total, 0)
