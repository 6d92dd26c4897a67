"""Belief propagation on the tree of a grammar: exact, for any evidence about single tokens.

Messages go from the tokens to the root and back. With R the rules of a level, the symbol a of a
node, and c_i those of the s nodes below it,

    up(a)       = 1/m sum_r prod_i up_i(R[a, r, i])
    down_i(c)   = 1/m sum_{a, r: R[a, r, i] = c} down(a) prod_{j != i} up_j(R[a, r, j])
    p(a | data) ~ up(a) down(a)

(Sclocchi, Favero & Wyart, arXiv 2402.16991). Messages are normalised node by node, in float32:
what is smaller than 1e-38 of the likeliest is 0 to them.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

_BLOCK = 64
"""Strings whose messages are sent together: so many fit a processor's cache."""

Tables = tuple[Float[Array, "place symbol choice"], ...]
"""Of each level, 1 where a choice (a head and one of its rules) puts a symbol in a place."""


def tables_of(rules: Sequence[Int[np.ndarray, "head synonym place"]], n_symbols: int) -> Tables:
    """The rules of every level as products of matrices take them."""
    return tuple(
        jnp.asarray(
            np.eye(n_symbols, dtype=np.float32)[table.reshape(-1, table.shape[-1])].transpose(1, 2, 0)
        )
        for table in rules
    )


class Messages(NamedTuple):
    """Of every level from the root to the tokens; those of a node add up to 1.

    Attributes:
        up: what is below a node says of it.
        down: what is not below it says of it.
        log_evidence: ln p(data); minus infinity where it is 0, and messages say nothing.
    """

    up: tuple[Float[Array, "string _ _"], ...]
    down: tuple[Float[Array, "string _ _"], ...]
    log_evidence: Float[Array, " string"]


def _normalised(x: Float[Array, "*node symbol"]) -> tuple[Array, Array]:
    """With a sum of 1, and what the sum was; 0 stays 0."""
    total = x.sum(axis=-1)
    return x / jnp.where(total > 0, total, 1)[..., None], total


def _seen_through(
    table: Float[Array, "place symbol choice"], below: Float[Array, "string node symbol"]
) -> Float[Array, "place string node choice"]:
    """What the nodes of each place say of every choice above them."""
    s = len(table)
    places = below.reshape(len(below), -1, s, below.shape[-1])
    return jnp.stack([places[:, :, i] @ table[i] for i in range(s)])


def messages(
    tables: Tables, n_synonyms: int, evidence: Float[Array, "string token symbol"]
) -> Messages:
    """All messages; see the module."""
    up, total = _normalised(evidence)
    ups, log_evidence = [up], jnp.log(total).sum(axis=-1)
    for table in reversed(tables):
        choices = _seen_through(table, ups[-1]).prod(axis=0)
        heads = choices.reshape(*choices.shape[:2], -1, n_synonyms).mean(axis=-1)
        up, total = _normalised(heads)
        ups.append(up)
        log_evidence += jnp.log(total).sum(axis=-1)
    ups.reverse()
    n_classes = ups[0].shape[-1]
    downs = [jnp.full_like(ups[0], 1 / n_classes)]
    for table, below in zip(tables, ups[1:], strict=True):
        downs.append(_downwards(table, n_synonyms, downs[-1], below))
    return Messages(tuple(ups), tuple(downs), log_evidence - jnp.log(n_classes))


def _downwards(
    table: Float[Array, "place symbol choice"],
    n_synonyms: int,
    down: Float[Array, "string node head"],
    below: Float[Array, "string below symbol"],
) -> Float[Array, "string below symbol"]:
    """To the nodes of each place, from their parent and their siblings."""
    seen, s = _seen_through(table, below), len(table)
    parent = jnp.repeat(down, n_synonyms, axis=-1)
    said = [
        (parent * jnp.delete(seen, i, axis=0, assume_unique_indices=True).prod(axis=0)) @ table[i].T
        for i in range(s)
    ]
    message, _ = _normalised(jnp.stack(said, axis=2))
    return message.reshape(below.shape)


@partial(jax.jit, static_argnames="n_synonyms")
def _in_blocks(
    tables: Tables, n_synonyms: int, evidence: Float[Array, "string token symbol"]
) -> Messages:
    return jax.lax.map(
        lambda one: jax.tree.map(lambda x: x[0], messages(tables, n_synonyms, one[None])),
        evidence,
        batch_size=_BLOCK,
    )


class Posterior(NamedTuple):
    """What data say of the trees that they may come from, string by string.

    Attributes:
        tables: the grammar's rules.
        n_synonyms: m.
        messages: of every level.
    """

    tables: Tables
    n_synonyms: int
    messages: Messages

    @classmethod
    def of(
        cls, tables: Tables, n_synonyms: int, evidence: Float[np.ndarray, "string token symbol"]
    ) -> Self:
        """By belief propagation.

        Args:
            evidence: p(what was seen of a token | symbol), up to a factor of each token.

        Raises:
            ValueError: evidence that is negative or not finite, or that no string explains; names
                the first such string.
        """
        evidence = np.asarray(evidence, np.float32)
        wrong = ~(np.isfinite(evidence) & (evidence >= 0)).all(axis=(1, 2))
        if wrong.any():
            raise ValueError(
                f"string {int(np.argmax(wrong))}: evidence has to be finite and at least 0"
            )
        found = cls(tables, n_synonyms, _in_blocks(tables, n_synonyms, jnp.asarray(evidence)))
        impossible = ~np.isfinite(found.log_evidence)
        if impossible.any():
            raise ValueError(
                f"string {int(np.argmax(impossible))} ({int(impossible.sum())} in all): the grammar "
                "makes no string that this evidence allows"
            )
        return found

    @property
    def log_evidence(self) -> Float[np.ndarray, " string"]:
        """ln p(data), the strings of the grammar being as frequent as its rules make them."""
        return np.asarray(self.messages.log_evidence)

    @property
    def marginals(self) -> tuple[Float[np.ndarray, "string _ _"], ...]:
        """p(symbol | data) of every node, level by level from the root to the tokens."""
        pairs = zip(self.messages.up, self.messages.down, strict=True)
        return tuple(np.asarray(_normalised(up * down)[0]) for up, down in pairs)

    @property
    def root(self) -> Float[np.ndarray, "string class"]:
        """p(class | data)."""
        return self.marginals[0][:, 0]

    @property
    def tokens(self) -> Float[np.ndarray, "string token symbol"]:
        """p(token | data): what an exact denoiser says."""
        return self.marginals[-1]

    def sample(self, key: Key[Array, ""], n: int) -> Int[np.ndarray, "sample string token"]:
        """n strings for each, from p(string | data): the root first, then rules downwards."""
        keys = jax.random.split(key, n)
        draw = partial(_drawn, self.tables, self.n_synonyms, self.messages.up)
        return np.asarray(jax.lax.map(draw, keys))


@partial(jax.jit, static_argnames="n_synonyms")
def _drawn(
    tables: Tables, n_synonyms: int, up: tuple[Float[Array, "string _ _"], ...], key: Key[Array, ""]
) -> Int[Array, "string token"]:
    """One string for each, down the tree: given its symbol, a node knows nothing from above."""
    root_key, *keys = jax.random.split(key, 1 + len(tables))
    heads = jax.random.categorical(root_key, jnp.log(up[0]))
    for table, below, level_key in zip(tables, up[1:], keys, strict=True):
        choices = _seen_through(table, below).prod(axis=0)
        of_head = choices.reshape(*choices.shape[:2], -1, n_synonyms)
        weights = jnp.take_along_axis(of_head, heads[:, :, None, None], axis=2)[:, :, 0]
        rule = jax.random.categorical(level_key, jnp.log(weights))
        symbols = table.argmax(axis=1)[:, heads * n_synonyms + rule]
        heads = jnp.moveaxis(symbols, 0, -1).reshape(len(heads), -1)
    return heads


def uniform_evidence(
    tokens: Int[np.ndarray, "string token"], noise: float, n_symbols: int
) -> Float[np.ndarray, "string token symbol"]:
    """Of tokens that were drawn anew, from all symbols, with a chance of `noise`.

    A token `n_symbols` is masked: it says nothing.

    Raises:
        ValueError: a chance that is none.
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise={noise}: the chance that a token is drawn anew is from 0 to 1")
    seen = np.eye(n_symbols + 1, n_symbols, dtype=np.float32)[tokens]
    known = (1 - noise) * seen + noise / n_symbols
    return np.where((tokens == n_symbols)[..., None], 1, known).astype(np.float32)


def gaussian_evidence(
    x: Float[np.ndarray, "string token symbol"], alpha_bar: float
) -> Float[np.ndarray, "string token symbol"]:
    """Of x = sqrt(alpha_bar) one_hot + sqrt(1 - alpha_bar) z: ~ exp(x sqrt(abar) / (1 - abar)).

    Raises:
        ValueError: alpha_bar leaves no noise, or is no share.
    """
    if not 0 <= alpha_bar < 1:
        raise ValueError(f"alpha_bar={alpha_bar}: give at least 0 and less than 1")
    log_p = np.asarray(x) * np.sqrt(alpha_bar) / (1 - alpha_bar)
    return np.exp(log_p - log_p.max(axis=-1, keepdims=True)).astype(np.float32)
