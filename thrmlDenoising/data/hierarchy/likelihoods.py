"""What noisy tokens say of clean ones: ln p(seen | symbol) of every symbol, for inference."""

import numpy as np
from jaxtyping import Float, Integer


def uniform_log_likelihood(
    tokens: Integer[np.ndarray, "string token"],
    noise: float | Float[np.ndarray, " string"],
    n_symbols: int,
) -> Float[np.ndarray, "string token symbol"]:
    """Of tokens each of which was drawn anew, from all symbols, with a chance of `noise`.

    p(seen | symbol) = (1 - noise) [seen = symbol] + noise / v. A token `n_symbols` is masked: it
    says nothing.

    Args:
        tokens: what was seen.
        noise: of all strings, or one of each.

    Raises:
        ValueError: a chance that is none, or not as many as strings.
    """
    noise = np.asarray(noise, np.float64)
    if noise.shape not in ((), (len(tokens),)):
        raise ValueError(
            f"noise of shape {noise.shape}: give one number, or one for each of the "
            f"{len(tokens)} strings"
        )
    wrong = ~((noise >= 0) & (noise <= 1))
    if wrong.any():
        raise ValueError(
            f"noise={np.extract(wrong, noise)[0]}: the chance that a token is drawn anew is from "
            "0 to 1"
        )
    noise = noise.reshape(-1, 1, 1)
    with np.errstate(divide="ignore"):
        same = np.log(1 - noise + noise / n_symbols).astype(np.float32)
        other = np.log(noise / n_symbols).astype(np.float32)
    found = np.where(tokens[..., None] == np.arange(n_symbols), same, other)
    found[tokens == n_symbols] = 0
    return found


def gaussian_log_likelihood(
    x: Float[np.ndarray, "string token symbol"],
    alpha_bar: float | Float[np.ndarray, " string"],
) -> Float[np.ndarray, "string token symbol"]:
    """Of x = sqrt(alpha_bar) one_hot(symbol) + sqrt(1 - alpha_bar) z, z normal.

    ln p(x | symbol) = x(symbol) sqrt(alpha_bar) / (1 - alpha_bar), up to a number of each token
    that no symbol changes; here the likeliest symbol of each token has 0.

    Args:
        x: what was seen.
        alpha_bar: of all strings, or one of each.

    Raises:
        ValueError: alpha_bar leaves no noise, is no share, or there are not as many as strings.
    """
    alpha_bar = np.asarray(alpha_bar, np.float64)
    if alpha_bar.shape not in ((), (len(x),)):
        raise ValueError(
            f"alpha_bar of shape {alpha_bar.shape}: give one number, or one for each of the "
            f"{len(x)} strings"
        )
    wrong = ~((alpha_bar >= 0) & (alpha_bar < 1))
    if wrong.any():
        raise ValueError(
            f"alpha_bar={np.extract(wrong, alpha_bar)[0]}: give at least 0 and less than 1"
        )
    alpha_bar = alpha_bar.reshape(-1, 1, 1)
    log_p = x * np.sqrt(alpha_bar) / (1 - alpha_bar)
    return (log_p - log_p.max(axis=-1, keepdims=True)).astype(np.float32)
