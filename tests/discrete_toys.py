"""Data and processes that are small enough to write down all of what they do, in bits.

Images are all of K^D; chances are exact, in float64, from `discrete.Case.matrix`. The exact
denoiser says p(x_0 of a pixel | all pixels of x_t), which is what no network can beat.
"""

from functools import cached_property
from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from discrete import KINDS, Case, case_of

from thrmlDenoising.processes import CategoricalProcess, prior_bits, step_bits
from thrmlDenoising.processes.schedules import linear

FAST = [kind for kind, written in KINDS.items() if not written.slow]
"""The kinds that mix in a few steps."""

SCHEDULE = linear(6, 0.3, 0.95)
ROUNDING = 1e-4  # bits, of a sum over steps in float32


class Toy:
    """Data of D pixels with K values and a process that they go through."""

    def __init__(self, case: Case, p_0: np.ndarray, n_pixels: int) -> None:
        self.case, self.process, self.p_0 = case, case.process, p_0
        k, n = self.process.n_values, self.process.n_states
        self.clean = np.array(list(product(range(k), repeat=n_pixels)))
        self.noisy = np.array(list(product(range(n), repeat=n_pixels)))

    def chances(self, s: int, t: int) -> np.ndarray:
        """q(x_t | x_s) of whole images."""
        matrix = self.case.matrix(s, t)
        before = self.clean if s == 0 else self.noisy
        return matrix[before[:, None], self.noisy].prod(axis=-1)

    def of_pixels(self, p: np.ndarray, images: np.ndarray, n: int) -> np.ndarray:
        """What distributions over images say of their single pixels."""
        return p @ np.eye(n)[images].reshape(len(images), -1)

    def denoised(self, t: int) -> np.ndarray:
        """p(x_0 | x_t) of images, (x_t, x_0); anything where x_t cannot be."""
        joint = (self.p_0[:, None] * self.chances(0, t)).T
        total = joint.sum(axis=1, keepdims=True)
        return np.where(total > 0, joint, 1) / np.where(total > 0, total, joint.shape[1])

    def logits(self, t: int) -> jax.Array:
        """What the exact denoiser says of every pixel of every x_t."""
        k = self.process.n_values
        p = self.of_pixels(self.denoised(t), self.clean, k).reshape(*self.noisy.shape, k)
        with np.errstate(divide="ignore"):
            return jnp.asarray(np.log(p), jnp.float32)

    def pairs(self) -> tuple[jax.Array, jax.Array]:
        """x_0 and x_t of all pairs, (x_0, x_t, pixel)."""
        shape = (len(self.clean), *self.noisy.shape)
        clean = np.broadcast_to(self.clean[:, None], shape)
        return jnp.asarray(clean), jnp.asarray(np.broadcast_to(self.noisy, shape))

    def mean(self, terms: jax.Array, t: int) -> float:
        """The expectation of terms of (x_0, x_t, pixel), summed over pixels."""
        weights = self.p_0[:, None] * self.chances(0, t)
        total = np.asarray(terms, np.float64).sum(axis=-1)
        return float((weights * np.where(weights > 0, total, 0)).sum())

    def terms(self, t: int, reverse=CategoricalProcess.reverse) -> jax.Array:
        clean, noisy = self.pairs()
        logits = jnp.broadcast_to(self.logits(t), (len(clean), *self.logits(t).shape))
        return _step_bits(self.process, clean, noisy, jnp.asarray(t), logits, reverse)

    def bound(self, reverse=CategoricalProcess.reverse) -> float:
        """The library's bound with the exact denoiser."""
        prior = prior_bits(self.process, jnp.asarray(self.clean)).sum(axis=-1)
        steps = [self.mean(self.terms(t, reverse), t) for t in range(1, self.process.n_steps + 1)]
        return float(self.p_0 @ np.asarray(prior)) + sum(steps)

    @cached_property
    def entropy(self) -> float:
        return bits(self.p_0, 1)

    def written_bound(self) -> float:
        """H(x_0) + KL(q(x_T) || p(x_T)) + what pixels know of each other, in every step.

        With the exact denoiser the bound misses the entropy by what a step that draws pixels
        by themselves cannot say: KL(q(x_s | x_t) || prod_pixel q(x_s of the pixel | x_t)).
        """
        n_steps, n = self.process.n_steps, self.process.n_states
        prior = self.case.matrix(0, n_steps)[: self.process.n_values].mean(axis=0)
        start = prior[self.noisy].prod(axis=-1)
        found = self.p_0 @ self.chances(0, n_steps)
        total = self.entropy + bits(found, found / np.where(start > 0, start, 1))
        for t in range(1, n_steps + 1):
            images, states = (self.clean, self.process.n_values) if t == 1 else (self.noisy, n)
            p_s = self.p_0 if t == 1 else self.p_0 @ self.chances(0, t - 1)
            joint = p_s[:, None] * self.chances(t - 1, t)
            p_t = joint.sum(axis=0)
            given = (joint / np.where(p_t > 0, p_t, 1)).T
            pixels = self.of_pixels(given, images, states).reshape(len(p_t), -1, states)
            alone = np.stack([pixels[:, i, images[:, i]] for i in range(images.shape[1])]).prod(
                axis=0
            )
            ratio = given / np.where(alone > 0, alone, 1)
            total += bits(joint.T, ratio)
        return total


def bits(p: np.ndarray, ratio) -> float:
    """sum p log2 ratio; the entropy of p, if the ratio is 1: then -sum p log2 p."""
    if np.isscalar(ratio):
        return -bits(p, p)
    some = p > 0
    return float((p[some] * np.log2(ratio[some])).sum())


@eqx.filter_jit
def _step_bits(process, clean, noisy, t, logits, reverse):
    return step_bits(process, clean, noisy, t, logits, reverse)


def toy_of(kind: str, k: int, n_pixels: int, schedule=SCHEDULE, p_0=None) -> Toy:
    random = np.random.default_rng(k).dirichlet(np.full(k**n_pixels, 0.5))
    return Toy(case_of(kind, k, schedule), random if p_0 is None else p_0, n_pixels)
