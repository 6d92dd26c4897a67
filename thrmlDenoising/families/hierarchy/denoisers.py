"""What says of noisy strings what they were: a network that learns it, or the grammar itself."""

from dataclasses import dataclass
from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Shaped

from thrmlDenoising.data.hierarchy import Tree, denoised
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.noise import OneHotNoise, StringNoise
from thrmlDenoising.networks.strings import StringNetwork, build_string_network


@dataclass(frozen=True)
class Meaning:
    """What the answers of a network mean; equal ones are the same to JAX.

    Attributes:
        says: "start", "noise" or "exact_score".
        symbols: whether answers are logits of symbols.
    """

    says: str
    symbols: bool

    @classmethod
    def from_config(cls, cfg: HierarchyConfig) -> Self:
        """The meaning that a config describes."""
        says = cfg.denoiser.says
        return cls(says, says == "exact_score" or cfg.loss.kind != "squared_error")


def new_network(cfg: HierarchyConfig, key: Key[Array, ""]) -> StringNetwork:
    """An untrained network for the strings of a config."""
    grammar = cfg.hierarchy
    v, s, n_layers = grammar.n_symbols, grammar.tuple_size, grammar.n_layers
    return build_string_network(cfg.network, key, v, v, s, n_layers)


class StringDenoiser(eqx.Module):
    """A network, and what its answers mean. Only the network is trained.

    Attributes:
        network: sees a string as numbers, one for each symbol that a token may have been.
        noise: how noise covers strings.
    """

    network: StringNetwork
    noise: StringNoise
    meaning: Meaning = eqx.field(static=True)

    def answer(
        self, x_t: Shaped[Array, " string *token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """What the network says."""
        shown = x_t if isinstance(self.noise, OneHotNoise) else self.known(x_t, t)
        return jax.vmap(self.network)(shown, t / self.noise.n_steps)

    def __call__(
        self, x_t: Shaped[Array, " string *token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """Logits of every token of x_0, where the network says such.

        Those of an exact score are the answer times what makes of x_t itself the logits of tokens
        by themselves.
        """
        answer = self.answer(x_t, t)
        return self.noise.log_evidence(answer, t) if self.meaning.says == "exact_score" else answer

    def known(
        self, x_t: Int[Array, "string token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """p(x_0 of a token | that token of x_t), were all symbols as frequent, with mean 0, and
        variance 1 where the token is known: (p - 1/v) / sqrt((1 - 1/v) / v).
        """
        evidence = jax.lax.stop_gradient(self.noise.log_evidence(x_t, t))
        v = evidence.shape[-1]
        return (jax.nn.softmax(evidence) - 1 / v) / jnp.sqrt((1 - 1 / v) / v)


def expected_points(
    denoiser: StringDenoiser,
    noise: OneHotNoise,
    x_t: Float[Array, "string token symbol"],
    t: Int[Array, " string"],
) -> Float[Array, "string token symbol"]:
    """The x_0 that a network says, as numbers."""
    if denoiser.meaning.symbols:
        return noise.points(jax.nn.softmax(denoiser(x_t, t)))
    answer = denoiser.answer(x_t, t)
    return noise.process.start_of(x_t, answer, t) if denoiser.meaning.says == "noise" else answer


class ExactDenoiser(eqx.Module):
    """Belief propagation on the tree of the grammar, which no network can beat.

    Attributes:
        tree: of the grammar.
        noise: how noise covers strings.
    """

    tree: Tree
    noise: StringNoise

    def __call__(
        self, x_t: Shaped[Array, " string *token"], t: Int[Array, " string"]
    ) -> Float[Array, "string token symbol"]:
        """ln p(token of x_0 | x_t), of strings that are as frequent as the rules make them."""
        return jnp.log(denoised(self.tree, self.noise.log_evidence(x_t, t)))
