"""What noise is to strings: tokens that are drawn anew, or numbers added to their one-hots.

One protocol for both, with which the exact denoiser, the way back by it and what is measured are
written once.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Shaped

from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.processes import CategoricalProcess, Gaussian, Uniform


class StringNoise(eqx.Module):
    """How noise covers strings of v symbols.

    Attributes:
        process: what becomes of a token.
    """

    process: eqx.AbstractVar[Any]

    @property
    def n_steps(self) -> int:
        """T."""
        return self.process.n_steps

    @abc.abstractmethod
    def start(self, key: Key[Array, ""], shape: tuple[int, int]) -> Shaped[Array, " string *token"]:
        """Pure noise for so many strings of so many tokens."""

    @abc.abstractmethod
    def noise(
        self, key: Key[Array, ""], tokens: Int[Array, "string token"], t: Int[Array, " string"]
    ) -> Shaped[Array, " string *token"]:
        """Draws x_t."""

    @abc.abstractmethod
    def log_evidence(
        self, x_t: Shaped[Array, " string *token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """ln q(x_t | token of x_0), up to what does not depend on the symbol."""

    @abc.abstractmethod
    def bridge(
        self,
        key: Key[Array, ""],
        x_t: Shaped[Array, " string *token"],
        tokens: Int[Array, "string token"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Shaped[Array, " string *token"]:
        """Draws x_s from q(x_s | x_t, x_0), s < t."""

    @abc.abstractmethod
    def checked(
        self, x_t: Shaped[np.ndarray, "*axis"], grammar: RandomHierarchy
    ) -> Shaped[np.ndarray, " string *token"]:
        """A user's noisy strings, at least one.

        Raises:
            ValueError: they are none, or not of the strings of this grammar.
        """

    @abc.abstractmethod
    def tokens(self, x_0: Shaped[Array, " string *token"]) -> Int[Array, "string token"]:
        """What is left at time 0, as tokens."""


class TokenNoise(StringNoise):
    """Tokens that are drawn anew from all symbols: multinomial diffusion."""

    process: CategoricalProcess

    def start(self, key: Key[Array, ""], shape: tuple[int, int]) -> Int[Array, "string token"]:
        """All symbols are equally frequent."""
        return self.process.start(key, shape)

    def noise(
        self, key: Key[Array, ""], tokens: Int[Array, "string token"], t: Int[Array, " string"]
    ) -> Int[Array, "string token"]:
        """See `StringNoise`."""
        return self.process.noise(key, tokens, t)

    def log_evidence(
        self, x_t: Int[Array, "string token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """See `StringNoise`."""
        return self.process.log_evidence(x_t, t)

    def bridge(
        self,
        key: Key[Array, ""],
        x_t: Int[Array, "string token"],
        tokens: Int[Array, "string token"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Int[Array, "string token"]:
        """See `StringNoise`."""
        return jax.random.categorical(key, self.process.posterior(x_t, tokens, s, t))

    def checked(
        self, x_t: Shaped[np.ndarray, "*axis"], grammar: RandomHierarchy
    ) -> Int[np.ndarray, "string token"]:
        """See `StringNoise`."""
        tokens = grammar.checked(x_t)
        if not len(tokens):
            raise ValueError("no strings: give at least one")
        return tokens

    def tokens(self, x_0: Int[Array, "string token"]) -> Int[Array, "string token"]:
        """They are tokens."""
        return x_0


class OneHotNoise(StringNoise):
    """Normal noise on one-hot tokens, (one-hot - 1/v) / sqrt(1 - 1/v), whose length is 1."""

    process: Gaussian
    n_symbols: int = eqx.field(static=True)

    def points(
        self, shares: Float[Array, "string token symbol"]
    ) -> Float[Array, "string token symbol"]:
        """Tokens, or the mean of some, as they are noised."""
        return (shares - 1 / self.n_symbols) / jnp.sqrt(1 - 1 / self.n_symbols)

    def one_hots(self, tokens: Int[Array, "string token"]) -> Float[Array, "string token symbol"]:
        """Tokens as they are noised."""
        return self.points(jax.nn.one_hot(tokens, self.n_symbols))

    def start(
        self, key: Key[Array, ""], shape: tuple[int, int]
    ) -> Float[Array, "string token symbol"]:
        """Normal numbers."""
        return self.process.start(key, (*shape, self.n_symbols))

    def noise(
        self, key: Key[Array, ""], tokens: Int[Array, "string token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """See `StringNoise`."""
        return self.process.noise(key, self.one_hots(tokens), t)

    def log_evidence(
        self, x_t: Float[Array, "string token symbol"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """See `StringNoise`; by how far x_t points towards each symbol."""
        sharpness = self.process.sharpness(t) / jnp.sqrt(1 - 1 / self.n_symbols)
        return sharpness[:, None, None] * x_t

    def bridge(
        self,
        key: Key[Array, ""],
        x_t: Float[Array, "string token symbol"],
        tokens: Int[Array, "string token"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Float[Array, "string token symbol"]:
        """See `StringNoise`."""
        return self.process.bridge(key, x_t, self.one_hots(tokens), s, t)

    def checked(
        self, x_t: Shaped[np.ndarray, "*axis"], grammar: RandomHierarchy
    ) -> Float[np.ndarray, "string token symbol"]:
        """See `StringNoise`."""
        shape = grammar.n_tokens, self.n_symbols
        x_t = np.asarray(x_t)
        right = x_t.shape[1:] == shape and len(x_t) and np.issubdtype(x_t.dtype, np.floating)
        if not right or not np.isfinite(x_t).all():
            raise ValueError(
                f"noisy strings of shape {x_t.shape} and type {x_t.dtype}: give finite numbers of "
                f"shape (string, {shape[0]}, {shape[1]}), at least one string"
            )
        return x_t.astype(np.float32)

    def tokens(self, x_0: Float[Array, "string token symbol"]) -> Int[Array, "string token"]:
        """The symbols that they are nearest to."""
        return x_0.argmax(axis=-1)


def noise_of(cfg: HierarchyConfig) -> StringNoise:
    """The noise that a config describes.

    Raises:
        ValueError: it has not mixed in its steps.
    """
    n_symbols, schedule = cfg.hierarchy.n_symbols, cfg.process.noise_schedule
    if cfg.process.kind == "discrete":
        return TokenNoise(Uniform(n_symbols, schedule))
    return OneHotNoise(Gaussian(schedule), n_symbols)
