"""Belief propagation on the tree of a grammar: exact, whatever is seen of single tokens.

From the tokens to the root, what is below a node says of its symbol a and of its rules r

    read(a, r) = sum_i up_i(R[a, r, i])
    up(a)      = ln 1/m sum_r exp read(a, r)

where R are the rules of its level and up_i is of the i-th of the s nodes below it; that of a token
is ln p(seen | symbol). From the root to the tokens, what all data say:

    p(a, r | data)    = p(a | data) exp read(a, r) / sum_r' exp read(a, r')
    p(c at i | data)  = sum_{a, r: R[a, r, i] = c} p(a, r | data)

These are the beliefs of messages up and down (Sclocchi, Favero & Wyart, arXiv 2402.16991). What
goes up are logarithms in float32, in which the likeliest symbol of a node has 0: what is unlikely
stays so, however unlikely, and nothing is lost. What cannot be has `_NEVER`, so that there is no
NaN. If filtered, the class and its nodes of level k are joined by p(symbol | class) in place of
rules.

Arrays are (symbol, node, string): strings stand last, so that one instruction treats many.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

_BLOCK = 64
"""Strings whose messages are sent together: so many fit a processor's cache."""

_NEVER = -1e30
"""The logarithm of what cannot be, which may be added to itself; minus infinity may not be."""


class Tree(NamedTuple):
    """A grammar, for belief propagation.

    Attributes:
        rules: of each level, the tuples that its symbols become; the classes', or if filtered
            those of level k, first.
        top: ln p(symbol of a node of level k | class), if filtered.
    """

    rules: tuple[Int[Array, "head synonym place"], ...]
    top: Float[Array, "node class symbol"] | None

    @classmethod
    def of(
        cls,
        rules: Sequence[Int[np.ndarray, "head synonym place"]],
        top: Float[np.ndarray, "node class symbol"] | None = None,
    ) -> Self:
        """The same as arrays of JAX.

        Args:
            top: p(symbol of a node of level k | class), if filtered.
        """
        tables = tuple(jnp.asarray(table, jnp.int32) for table in rules)
        if top is None:
            return cls(tables, None)
        with np.errstate(divide="ignore"):
            return cls(tables, jnp.asarray(np.maximum(np.log(top), _NEVER), jnp.float32))


class Beliefs(NamedTuple):
    """What data say, string by string.

    Attributes:
        levels: p(symbol of a node | data), (string, node, symbol) of each level, the root first and
            the tokens last; if filtered, without those between the root and level k. They mean
            nothing where data are impossible.
        log_evidence: ln p(data); minus infinity where data are impossible.
    """

    levels: tuple[Float[Array, "string _ _"], ...]
    log_evidence: Float[Array, " string"]


# ---------------------------------------------------------------------- for whoever infers


@jax.jit
def beliefs(tree: Tree, log_likelihood: Float[Array, "string token symbol"]) -> Beliefs:
    """What data say of every node.

    Args:
        log_likelihood: ln p(what was seen of a token | its symbol), up to a number of each token;
            minus infinity for what cannot be.
    """

    def of_block(leaves: Float[Array, "symbol token string"], _: None) -> Beliefs:
        ups, log_evidence = _upwards(tree, leaves)
        return Beliefs(tuple(map(jnp.transpose, _downwards(tree, ups))), log_evidence)

    return _by_blocks(of_block, log_likelihood)


@jax.jit
def denoised(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"]
) -> Float[Array, "string token symbol"]:
    """p(token | data): what an exact denoiser says. Arguments are those of `beliefs`."""

    def of_block(leaves: Float[Array, "symbol token string"], _: None) -> Array:
        return jnp.transpose(_downwards(tree, _upwards(tree, leaves)[0])[-1])

    return _by_blocks(of_block, log_likelihood)


@partial(jax.jit, static_argnames="n")
def drawn(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"], key: Key[Array, ""], n: int
) -> Int[Array, "sample string token"]:
    """n strings for each, from p(string | data); anything where data are impossible.

    Args:
        log_likelihood: as of `beliefs`.
    """

    def of_block(leaves: Float[Array, "symbol token string"], key: Key[Array, ""]) -> Array:
        ups, _ = _upwards(tree, leaves)
        draw = partial(_drawn_down, tree, ups)
        return jnp.moveaxis(jax.lax.map(draw, jax.random.split(key, n), batch_size=_BLOCK), 2, 0)

    return jnp.swapaxes(_by_blocks(of_block, log_likelihood, key), 0, 1)


T = TypeVar("T")


def _by_blocks(
    of_block: Callable[..., T],
    log_likelihood: Float[Array, "string token symbol"],
    key: Key[Array, ""] | None = None,
) -> T:
    """Block after block of strings; in what a block gives, strings are the first axis."""
    n = len(log_likelihood)
    n_blocks = max(1, -(-n // _BLOCK))
    size = max(1, -(-n // n_blocks))
    # what is appended says nothing, and is cut off again
    padded = jnp.pad(log_likelihood, ((0, n_blocks * size - n), (0, 0), (0, 0)))
    blocks = padded.reshape(n_blocks, size, *log_likelihood.shape[1:])
    keys = None if key is None else jax.random.split(key, n_blocks)
    found = jax.lax.map(lambda block: of_block(jnp.transpose(block[0]), block[1]), (blocks, keys))
    return jax.tree.map(lambda x: x.reshape(n_blocks * size, *x.shape[2:])[:n], found)


# ---------------------------------------------------------------------- messages


def _upwards(
    tree: Tree, leaves: Float[Array, "symbol token string"]
) -> tuple[list[Float[Array, "_ _ string"]], Float[Array, " string"]]:
    """What is below every node says of its symbol, the root's first; and ln p(data)."""
    up, log_evidence = _shifted(leaves)
    ups = [up]
    for rules in reversed(tree.rules):
        said = _log_sum(_read(rules, ups[-1]), axis=1) - np.log(rules.shape[1])
        up, shift = _shifted(said)
        ups.append(up)
        log_evidence += shift
    if tree.top is not None:
        said = _log_sum(_read_top(tree.top, ups[-1]), axis=1).sum(axis=1, keepdims=True)
        up, shift = _shifted(said)
        ups.append(up)
        log_evidence += shift
    ups.reverse()
    log_evidence += _log_sum(ups[0][:, 0], axis=0) - np.log(len(ups[0]))
    return ups, jnp.where(log_evidence > 0.1 * _NEVER, log_evidence, -jnp.inf)


def _downwards(
    tree: Tree, ups: list[Float[Array, "_ _ string"]]
) -> list[Float[Array, "_ _ string"]]:
    """p(symbol | data) of every node, the root's first."""
    root, *below = ups
    found = [jax.nn.softmax(root, axis=0)]
    if tree.top is not None:
        read = _read_top(tree.top, below[0])
        given = jnp.exp(read - _log_sum(read, axis=1)[:, None])
        found.append(jnp.einsum("hs,hvns->vns", found[-1][:, 0], given))
        below = below[1:]
    for rules, up in zip(tree.rules, below, strict=True):
        read = _read(rules, up)
        chosen = found[-1][:, None] * jnp.exp(read - _log_sum(read, axis=1)[:, None])
        found.append(_told_below(rules, chosen, len(up)))
    return found


def _told_below(
    rules: Int[Array, "head synonym place"],
    chosen: Float[Array, "head synonym node string"],
    n_symbols: int,
) -> Float[Array, "symbol below string"]:
    """The symbols that rules put in the places below, by the chances of rules."""
    places = jax.nn.one_hot(rules, n_symbols, axis=0)
    told = jnp.einsum("vhmp,hmns->vnps", places, chosen)
    return told.reshape(n_symbols, -1, chosen.shape[-1])


def _read(
    rules: Int[Array, "head synonym place"], up: Float[Array, "symbol below string"]
) -> Float[Array, "head synonym node string"]:
    """ln p(seen below a node | rule), up to a number of each node."""
    n_places = rules.shape[2]
    places = up.reshape(len(up), up.shape[1] // n_places, n_places, up.shape[2])
    return sum(
        (places[:, :, place][rules[:, :, place]] for place in range(1, n_places)),
        places[:, :, 0][rules[:, :, 0]],
    )


def _read_top(
    top: Float[Array, "node class symbol"], up: Float[Array, "symbol node string"]
) -> Float[Array, "class symbol node string"]:
    """ln p(seen below a node, its symbol | class), up to a number of each node."""
    return jnp.maximum(jnp.transpose(top, (1, 2, 0))[..., None] + up, _NEVER)


def _shifted(
    said: Float[Array, "symbol node string"],
) -> tuple[Float[Array, "symbol node string"], Float[Array, " string"]]:
    """With 0 for the likeliest symbol of each node; and what all nodes have been shifted by."""
    said = jnp.maximum(said, _NEVER)
    largest = said.max(axis=0)
    return said - largest, largest.sum(axis=0)


def _log_sum(terms: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """ln sum exp(terms), of terms that are finite."""
    largest = terms.max(axis=axis)
    shifted = jnp.exp(terms - jnp.expand_dims(largest, axis))
    return largest + jnp.log(shifted.sum(axis=axis))


# ---------------------------------------------------------------------- strings


def _drawn_down(
    tree: Tree, ups: list[Float[Array, "_ _ string"]], key: Key[Array, ""]
) -> Int[Array, "token string"]:
    """One string for each: a class, then what is below nodes, which know no more than it."""
    root, *below = ups
    root_key, top_key, *keys = jax.random.split(key, 2 + len(tree.rules))
    heads = jax.random.categorical(root_key, root, axis=0)
    if tree.top is not None:
        of_class = jnp.transpose(tree.top, (1, 2, 0))[heads[0]]  # string, symbol, node
        weights = jnp.transpose(of_class, (1, 2, 0)) + below[0]
        heads, below = jax.random.categorical(top_key, weights, axis=0), below[1:]
    for rules, up, level_key in zip(tree.rules, below, keys, strict=True):
        heads = _drawn_below(rules, heads, up, level_key)
    return heads


def _drawn_below(
    rules: Int[Array, "head synonym place"],
    heads: Int[Array, "node string"],
    up: Float[Array, "symbol below string"],
    key: Key[Array, ""],
) -> Int[Array, "below string"]:
    """The symbols below nodes, by a rule of each."""
    tuples = jnp.transpose(rules[heads], (2, 0, 3, 1))  # synonym, node, place, string
    flat = tuples.reshape(len(tuples), -1, tuples.shape[-1])
    said = jnp.take_along_axis(up, flat, axis=0).reshape(tuples.shape)
    rule = jax.random.categorical(key, said.sum(axis=2), axis=0)
    return jnp.take_along_axis(tuples, rule[None, :, None], axis=0)[0].reshape(-1, rule.shape[-1])
