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
stays so, however unlikely. Products of probabilities are faster than sums of logarithms and take
their place in every level where none can vanish. What cannot be has `NEVER`, so that there is no
NaN. If filtered, the class and its nodes of level k are joined by p(symbol | class) in place of
rules.

Arrays are (node, symbol, string): strings stand last, so that one instruction treats many.
"""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from thrmlDenoising.data.hierarchy.tree import NEVER, Tree

_SMALLEST = -80.0
"""The logarithm of a number that float32 does not take for 0, and nor for its inverse."""

_UNROLLED = 32
"""Terms of a sum up to which they are written out, which is faster and takes longer to compile."""

Messages = Float[Array, "node symbol string"]


class Level(NamedTuple):
    """What is below the nodes of a level says of their symbols.

    Attributes:
        said: ln p(seen below a node | its symbol), up to what nodes below were shifted by.
        up: the same, shifted again: the message upwards.
        p: exp(up).
        least: the least of `up` that can be.
    """

    said: Messages
    up: Messages
    p: Messages
    least: Float[Array, ""]

    def fits(self, n_places: int) -> Bool[Array, ""]:
        """Whether no product of what nodes say vanishes, but for what cannot be."""
        return n_places * self.least > _SMALLEST


def _level_of(said: Messages) -> tuple[Level, Float[Array, " string"]]:
    """With what all nodes have been shifted by, for the likeliest symbol of each to have 0."""
    said = jnp.maximum(said, NEVER)
    largest = said.max(axis=1)
    up = said - largest[:, None]
    least = jnp.where(up > 0.1 * NEVER, up, 0).min(axis=1).min()
    return Level(said, up, jnp.exp(up), least), largest.sum(axis=0)


def upwards(
    tree: Tree, leaves: Float[Array, "token symbol string"]
) -> tuple[list[Level], Float[Array, " string"]]:
    """Every level, the root first; and ln p(data)."""
    level, log_evidence = _level_of(leaves)
    levels = [level]
    for rules in reversed(tree.rules):
        level, shift = _level_of(_said(rules, level))
        levels.append(level)
        log_evidence += shift
    if tree.top is not None:
        said = _log_sum(_read_top(tree.top, level.up), axis=2).sum(axis=0, keepdims=True)
        level, shift = _level_of(said)
        levels.append(level)
        log_evidence += shift
    levels.reverse()
    log_evidence += _log_sum(level.up[0], axis=0) - np.log(level.up.shape[1])
    return levels, jnp.where(log_evidence > 0.1 * NEVER, log_evidence, -jnp.inf)


def downwards(tree: Tree, levels: list[Level]) -> list[Messages]:
    """p(symbol | data) of every node, the root's first."""
    found = [jax.nn.softmax(levels[0].up, axis=1)]
    if tree.top is not None:
        read = _read_top(tree.top, levels[1].up)
        given = jnp.exp(read - _log_sum(read, axis=2)[:, :, None])
        found.append(jnp.einsum("hs,nhvs->nvs", found[0][0], given))
    above = levels[len(found) - 1 :]
    for rules, takers, level, below in zip(tree.rules, tree.takers, above, above[1:], strict=False):
        found.append(_told(rules, takers, found[-1], level.said, below))
    return found


def _said(
    rules: Int[Array, "head synonym place"], below: Level
) -> Float[Array, "node head string"]:
    """ln 1/m sum_r exp read(a, r)."""

    def by_products(below: Level) -> Array:
        def seen(rule: int | Int[Array, ""]) -> Float[Array, "node head string"]:
            return _at_places(jnp.multiply, rules[:, rule], below.p)

        return jnp.log(_sum_of(seen, rules.shape[1]))

    def by_logarithms(below: Level) -> Array:
        return _log_sum(_at_places(jnp.add, rules, below.up), axis=2)

    said = jax.lax.cond(below.fits(rules.shape[2]), by_products, by_logarithms, below)
    return said - np.log(rules.shape[1])


def _told(
    rules: Int[Array, "head synonym place"],
    takers: Int[Array, "place symbol most"],
    heads: Float[Array, "node head string"],
    said: Float[Array, "node head string"],
    below: Level,
) -> Float[Array, "below symbol string"]:
    """p(symbol of a node below | data), from p(symbol of the node above it | data)."""
    log_total = said + np.log(rules.shape[1])
    share = jnp.where(said > 0.1 * NEVER, heads * jnp.exp(-log_total), 0)

    def by_products(share: Array, heads: Array, log_total: Array, below: Level) -> Array:
        return _taken(takers, share[:, :, None] * _at_places(jnp.multiply, rules, below.p))

    def by_logarithms(share: Array, heads: Array, log_total: Array, below: Level) -> Array:
        seen = jnp.exp(_at_places(jnp.add, rules, below.up) - log_total[:, :, None])
        return _taken(takers, heads[:, :, None] * seen)

    fits, operands = below.fits(rules.shape[2]), (share, heads, log_total, below)
    return jax.lax.cond(fits, by_products, by_logarithms, *operands)


def _taken(
    takers: Int[Array, "place symbol most"], chosen: Float[Array, "node head synonym string"]
) -> Float[Array, "below symbol string"]:
    """p(symbol of a node below | data), from p(rule of the node above it | data)."""
    _, n_symbols, most = takers.shape
    flat = chosen.reshape(len(chosen), -1, chosen.shape[-1])
    flat = jnp.pad(flat, ((0, 0), (0, 1), (0, 0)))  # the rule that there is not
    taken = _sum_of(lambda i: flat[:, takers[:, :, i]], most)
    return taken.reshape(-1, n_symbols, chosen.shape[-1])


def _at_places(
    joined: Callable[[Array, Array], Array],
    rules: Int[Array, "*choice place"],
    below: Float[Array, "below symbol string"],
) -> Float[Array, "node *choice string"]:
    """What nodes below say of the symbols that rules put there, joined by a sum or product."""
    n_places = rules.shape[-1]
    nodes = below.reshape(-1, n_places, *below.shape[1:])
    return reduce(joined, (nodes[:, i][:, rules[..., i]] for i in range(n_places)))


def _sum_of(
    term: Callable[[int | Int[Array, ""]], Float[Array, "..."]], n: int
) -> Float[Array, "..."]:
    """Of terms 0 to n - 1, written out if they are few."""
    if n <= _UNROLLED:
        return reduce(jnp.add, map(term, range(n)))
    return jax.lax.fori_loop(1, n, lambda i, total: total + term(i), term(0))


def _read_top(
    top: Float[Array, "node class symbol"], up: Float[Array, "node symbol string"]
) -> Float[Array, "node class symbol string"]:
    """ln p(seen below a node, its symbol | class), up to a number of each node."""
    return jnp.maximum(top[..., None] + up[:, None], NEVER)


def _log_sum(terms: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """ln sum exp(terms), of terms that are finite."""
    largest = terms.max(axis=axis)
    shifted = jnp.exp(terms - jnp.expand_dims(largest, axis))
    return largest + jnp.log(shifted.sum(axis=axis))
