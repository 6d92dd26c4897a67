"""Logits of grey levels from two numbers a pixel: a logistic distribution, cut into bins."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer


def truncated_logistic(
    x_t: Integer[Array, "*shape"],
    shift: Float[Array, "*shape"],
    log_scale: Float[Array, "*shape"],
    n_values: int,
) -> Float[Array, "*shape value"]:
    """ln p(x_0 = k), p ~ F(c_k + h) - F(c_k - h), F(x) = sigmoid((x - loc) exp(2 - log_scale)).

    The levels lie at c_k = 2 k / (K - 1) - 1 with bins of half a width h = 1 / (K - 1), and loc =
    tanh(c_{x_t} + shift): near levels are alike, and where x_t is right nothing has to be learned
    (arXiv 2107.03006, appendix A.8). What lies outside of all bins is cut off.

    A difference of sigmoids is sigmoid(b) sigmoid(-a) (1 - exp(a - b)), and b - a is the same for
    all bins: so no digits are lost in the tails.

    Args:
        x_t: a state that is no level, the mask, is taken for the middle.
        n_values: K.
    """
    half = 1 / (n_values - 1)
    level = jnp.asarray(np.linspace(-1, 1, n_values), jnp.float32)
    seen = jnp.where(x_t < n_values, 2 * half * x_t - 1, 0)
    from_loc = level - jnp.tanh(seen + shift)[..., None]
    steepness = jnp.exp(2 - log_scale)[..., None]
    upper, lower = (from_loc + half) * steepness, (from_loc - half) * steepness
    return jax.nn.log_softmax(jax.nn.log_sigmoid(upper) + jax.nn.log_sigmoid(-lower))
