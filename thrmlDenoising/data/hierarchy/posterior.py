"""What data say of the strings that they may come from, checked and as NumPy's arrays."""

from dataclasses import dataclass
from typing import Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.data.hierarchy.inference import Beliefs, beliefs, drawn
from thrmlDenoising.data.hierarchy.tree import Tree


@dataclass(frozen=True)
class Posterior:
    """p(tree | data), string by string.

    Attributes:
        tree: the grammar.
        log_likelihood: what data say of single tokens.
        beliefs: what they say together.
    """

    tree: Tree
    log_likelihood: Float[Array, "string token symbol"]
    beliefs: Beliefs

    @classmethod
    def of(cls, tree: Tree, log_likelihood: Float[np.ndarray, "string token symbol"]) -> Self:
        """By belief propagation.

        Args:
            log_likelihood: ln p(what was seen of a token | its symbol), up to a number of each
                token; minus infinity for what cannot be.

        Raises:
            ValueError: NaN or infinity, or data that no string explains; names the first such
                string.
        """
        log_likelihood = np.asarray(log_likelihood, np.float32)
        wrong = ~(log_likelihood < np.inf).all(axis=(1, 2))
        if wrong.any():
            raise ValueError(
                f"string {int(np.argmax(wrong))} ({int(wrong.sum())} in all): log_likelihood is "
                "NaN or infinite: give numbers, and minus infinity for what cannot be"
            )
        leaves = jnp.asarray(log_likelihood)
        found = beliefs(tree, leaves)
        impossible = np.asarray(found.log_evidence) == -np.inf
        if impossible.any():
            raise ValueError(
                f"string {int(np.argmax(impossible))} ({int(impossible.sum())} in all): no string "
                "of the grammar can look like this: give what it may have become, or more noise"
            )
        return cls(tree, leaves, found)

    @property
    def log_evidence(self) -> Float[np.ndarray, " string"]:
        """ln p(data), strings being as frequent as the ways to make them."""
        return np.asarray(self.beliefs.log_evidence)

    @property
    def marginals(self) -> tuple[Float[np.ndarray, "string _ _"], ...]:
        """p(symbol | data) of every node, level by level from the root to the tokens."""
        return tuple(np.asarray(level) for level in self.beliefs.levels)

    @property
    def root(self) -> Float[np.ndarray, "string class"]:
        """p(class | data)."""
        return np.asarray(self.beliefs.levels[0][:, 0])

    @property
    def tokens(self) -> Float[np.ndarray, "string token symbol"]:
        """p(token | data): what an exact denoiser says."""
        return np.asarray(self.beliefs.levels[-1])

    def sample(self, key: Key[Array, ""], n: int) -> Int[np.ndarray, "sample string token"]:
        """n strings for each, from p(string | data)."""
        return np.asarray(drawn(self.tree, self.log_likelihood, key, n))
