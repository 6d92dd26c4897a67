"""How far what a network says is from what is exactly true, by time."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.diffusion import Denoiser, blocks
from thrmlDenoising.families.hierarchy.denoisers import ExactDenoiser
from thrmlDenoising.processes import kl_bits

N_WINDOWS = 10


class ExactGap(NamedTuple):
    """KL(p(token | x_t) || what a model says of it), in bits a token.

    Attributes:
        value: mean over all times.
        standard_error: from the scatter of strings.
        spans: the first and the last time of every window.
        by_span: mean over the times of a window.
    """

    value: float
    standard_error: float
    spans: Int[np.ndarray, "span 2"]
    by_span: Float[np.ndarray, " span"]

    def __str__(self) -> str:
        return f"{self.value:.4f} +- {self.standard_error:.4f} bits a token from the exact denoiser"


def gap_to_exact(
    key: Key[Array, ""],
    exact: ExactDenoiser,
    denoiser: Denoiser,
    tokens: Int[np.ndarray, "string token"],
) -> ExactGap:
    """Of noisy versions of these strings, at a time of its own in every window."""
    n_times = exact.noise.n_steps
    edges = np.linspace(0, n_times, min(N_WINDOWS, n_times) + 1).round().astype(np.int32)
    spans = jnp.asarray(edges[:-1] + 1), jnp.asarray(np.diff(edges))
    parts = [
        np.asarray(_windows((exact, denoiser), block_key, jnp.asarray(tokens[block]), spans))
        for block, block_key in blocks(key, len(tokens))
    ]
    of_windows = np.concatenate(parts, axis=1)
    of_strings = np.diff(edges) @ of_windows / n_times
    n = len(of_strings)
    return ExactGap(
        value=float(of_strings.mean()),
        standard_error=float(of_strings.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        spans=np.column_stack([edges[:-1] + 1, edges[1:]]),
        by_span=of_windows.mean(axis=1),
    )


@eqx.filter_jit
def _windows(
    denoisers: tuple[ExactDenoiser, Denoiser],
    key: Key[Array, ""],
    x_0: Int[Array, "string token"],
    spans: tuple[Int[Array, " span"], Int[Array, " span"]],
) -> Float[Array, "span string"]:
    exact, denoiser = denoisers

    def one(window: tuple[Array, Array, Array]) -> Array:
        number, first, width = window
        time_key, noise_key = jax.random.split(jax.random.fold_in(key, number))
        t = first + jax.random.randint(time_key, (len(x_0),), 0, width)
        x_t = exact.noise.noise(noise_key, x_0, t)
        said = jax.nn.log_softmax(denoiser(x_t, t))
        return kl_bits(exact(x_t, t), said).mean(axis=1)

    return jax.lax.map(one, (jnp.arange(len(spans[0])), *spans))
