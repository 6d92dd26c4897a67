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
their place in every level where none can vanish. What cannot be has `_NEVER`, so that there is no
NaN. If filtered, the class and its nodes of level k are joined by p(symbol | class) in place of
rules.

Arrays are (node, symbol, string): strings stand last, so that one instruction treats many.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import NamedTuple, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

_BLOCK = 64
"""Strings whose messages are sent together: so many fit a processor's cache."""

_NEVER = -1e30
"""The logarithm of what cannot be, which may be added to itself; minus infinity may not be."""

_SMALLEST = -80.0
"""The logarithm of a number that float32 does not take for 0, and nor for its inverse."""

_UNROLLED = 32
"""Terms of a sum up to which they are written out, which is faster and takes longer to compile."""

Messages = Float[Array, "node symbol string"]


class Tree(NamedTuple):
    """A grammar, for belief propagation.

    Attributes:
        rules: of each level, the tuples that its symbols become; the classes', or if filtered
            those of level k, first.
        takers: of each level, which rules put a symbol in a place, numbered head * m + synonym;
            the number of all rules where there are no more.
        top: ln p(symbol of a node of level k | class), if filtered.
    """

    rules: tuple[Int[Array, "head synonym place"], ...]
    takers: tuple[Int[Array, "place symbol most"], ...]
    top: Float[Array, "node class symbol"] | None

    @classmethod
    def of(
        cls,
        rules: Sequence[Int[np.ndarray, "head synonym place"]],
        n_symbols: int,
        top: Float[np.ndarray, "node class symbol"] | None = None,
    ) -> Self:
        """The same as arrays of JAX.

        Args:
            top: p(symbol of a node of level k | class), if filtered.
        """
        tables = tuple(jnp.asarray(table, jnp.int32) for table in rules)
        takers = _takers(rules, n_symbols)
        if top is None:
            return cls(tables, takers, None)
        with np.errstate(divide="ignore"):
            log_top = np.maximum(np.log(top), _NEVER)
        return cls(tables, takers, jnp.asarray(log_top, jnp.float32))


def _takers(
    rules: Sequence[Int[np.ndarray, "head synonym place"]], n_symbols: int
) -> tuple[Int[Array, "place symbol most"], ...]:
    """The rules that put each symbol in each place, as in `Tree`.

    They are filled up to a multiple of 4, the same on all levels, for grammars of one size to
    share compiled programs.
    """
    flat = [table.reshape(-1, table.shape[2]).T for table in rules]
    counts = [np.bincount(place, minlength=n_symbols) for table in flat for place in table]
    most = -(-max((count.max() for count in counts), default=0) // 4) * 4
    found = []
    for table in flat:
        taken = np.full((len(table), n_symbols, most), table.shape[1], np.int32)
        for place, symbol in np.ndindex(taken.shape[:2]):
            numbers = np.flatnonzero(table[place] == symbol)
            taken[place, symbol, : len(numbers)] = numbers
        found.append(jnp.asarray(taken))
    return tuple(found)


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

    def of_block(leaves: Float[Array, "token symbol string"], _: None) -> Beliefs:
        levels, log_evidence = _upwards(tree, leaves)
        return Beliefs(tuple(_downwards(tree, levels)), log_evidence)

    return _by_blocks(of_block, log_likelihood)


@jax.jit
def denoised(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"]
) -> Float[Array, "string token symbol"]:
    """p(token | data): what an exact denoiser says. Arguments are those of `beliefs`."""

    def of_block(leaves: Float[Array, "token symbol string"], _: None) -> Array:
        return _downwards(tree, _upwards(tree, leaves)[0])[-1]

    return _by_blocks(of_block, log_likelihood)


@partial(jax.jit, static_argnames="n")
def drawn(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"], key: Key[Array, ""], n: int
) -> Int[Array, "sample string token"]:
    """n strings for each, from p(string | data); anything where data are impossible.

    Args:
        log_likelihood: as of `beliefs`.
    """

    def of_block(leaves: Float[Array, "token symbol string"], key: Key[Array, ""]) -> Array:
        levels, _ = _upwards(tree, leaves)
        draw, keys = partial(_drawn_down, tree, levels), jax.random.split(key, n)
        return jax.lax.map(draw, keys)

    return jnp.moveaxis(_by_blocks(of_block, log_likelihood, key), 1, 0)


T = TypeVar("T")


def _by_blocks(
    of_block: Callable[..., T],
    log_likelihood: Float[Array, "string token symbol"],
    key: Key[Array, ""] | None = None,
) -> T:
    """Block after block of strings, which stand last in a block and in what it gives."""
    n = len(log_likelihood)
    n_blocks = max(1, -(-n // _BLOCK))
    size = max(1, -(-n // n_blocks))
    # what is appended says nothing, and is cut off again
    padded = jnp.pad(log_likelihood, ((0, n_blocks * size - n), (0, 0), (0, 0)))
    blocks = padded.reshape(n_blocks, size, *log_likelihood.shape[1:])
    keys = None if key is None else jax.random.split(key, n_blocks)

    def found_of(block: tuple[Array, Key[Array, ""] | None]) -> T:
        # without barriers, loops over what was moved would be in the order that it had before
        leaves = jax.lax.optimization_barrier(jnp.moveaxis(block[0], 0, -1))
        found = jax.lax.optimization_barrier(of_block(leaves, block[1]))
        return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), found)

    found = jax.lax.map(found_of, (blocks, keys))
    return jax.tree.map(lambda x: x.reshape(n_blocks * size, *x.shape[2:])[:n], found)


# ---------------------------------------------------------------------- messages


class _Level(NamedTuple):
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


def _level_of(said: Messages) -> tuple[_Level, Float[Array, " string"]]:
    """With what all nodes have been shifted by, for the likeliest symbol of each to have 0."""
    said = jnp.maximum(said, _NEVER)
    largest = said.max(axis=1)
    up = said - largest[:, None]
    least = jnp.where(up > 0.1 * _NEVER, up, 0).min(axis=1).min()
    return _Level(said, up, jnp.exp(up), least), largest.sum(axis=0)


def _upwards(
    tree: Tree, leaves: Float[Array, "token symbol string"]
) -> tuple[list[_Level], Float[Array, " string"]]:
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
    return levels, jnp.where(log_evidence > 0.1 * _NEVER, log_evidence, -jnp.inf)


def _downwards(tree: Tree, levels: list[_Level]) -> list[Messages]:
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
    rules: Int[Array, "head synonym place"], below: _Level
) -> Float[Array, "node head string"]:
    """ln 1/m sum_r exp read(a, r)."""

    def by_products(below: _Level) -> Array:
        def seen(rule: int | Int[Array, ""]) -> Float[Array, "node head string"]:
            return _at_places(jnp.multiply, rules[:, rule], below.p)

        return jnp.log(_sum_of(seen, rules.shape[1]))

    def by_logarithms(below: _Level) -> Array:
        return _log_sum(_at_places(jnp.add, rules, below.up), axis=2)

    said = jax.lax.cond(below.fits(rules.shape[2]), by_products, by_logarithms, below)
    return said - np.log(rules.shape[1])


def _told(
    rules: Int[Array, "head synonym place"],
    takers: Int[Array, "place symbol most"],
    heads: Float[Array, "node head string"],
    said: Float[Array, "node head string"],
    below: _Level,
) -> Float[Array, "below symbol string"]:
    """p(symbol of a node below | data), from p(symbol of the node above it | data)."""
    log_total = said + np.log(rules.shape[1])
    share = jnp.where(said > 0.1 * _NEVER, heads * jnp.exp(-log_total), 0)

    def by_products(share: Array, heads: Array, log_total: Array, below: _Level) -> Array:
        return _taken(takers, share[:, :, None] * _at_places(jnp.multiply, rules, below.p))

    def by_logarithms(share: Array, heads: Array, log_total: Array, below: _Level) -> Array:
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
    return jnp.maximum(top[..., None] + up[:, None], _NEVER)


def _log_sum(terms: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
    """ln sum exp(terms), of terms that are finite."""
    largest = terms.max(axis=axis)
    shifted = jnp.exp(terms - jnp.expand_dims(largest, axis))
    return largest + jnp.log(shifted.sum(axis=axis))


# ---------------------------------------------------------------------- strings


def _drawn_down(
    tree: Tree, levels: list[_Level], key: Key[Array, ""]
) -> Int[Array, "token string"]:
    """One string for each: a class, then what is below nodes, which know no more than it."""
    root, *below = (level.up for level in levels)
    class_noise, *noises = _gumbel_noise(tree, levels, key)
    heads = (root + class_noise).argmax(axis=1)
    if tree.top is not None:
        of_class = jnp.swapaxes(tree.top[:, heads[0]], 1, 2)  # node, symbol, string
        heads = (of_class + below[0] + noises[0]).argmax(axis=1)
        below, noises = below[1:], noises[1:]
    for rules, up, noise in zip(tree.rules, below, noises, strict=True):
        heads = _drawn_below(rules, heads, up, noise)
    return heads


def _gumbel_noise(
    tree: Tree, levels: list[_Level], key: Key[Array, ""]
) -> list[Float[Array, "node choice string"]]:
    """For all that is drawn: the largest of ln p + noise is drawn with chance p.

    It comes from one call, as each takes long to compile.
    """
    shapes = [levels[0].up.shape[:2]]
    if tree.top is not None:
        shapes.append(levels[1].up.shape[:2])
    above = levels[len(shapes) - 1 :]
    shapes += [
        (len(level.up), rules.shape[1]) for level, rules in zip(above, tree.rules, strict=False)
    ]
    ends = np.cumsum([n_nodes * n_choices for n_nodes, n_choices in shapes])
    noise = jax.random.gumbel(key, (ends[-1], levels[0].up.shape[2]))
    parts = zip(jnp.split(noise, ends[:-1]), shapes, strict=True)
    return [part.reshape(*shape, noise.shape[1]) for part, shape in parts]


def _drawn_below(
    rules: Int[Array, "head synonym place"],
    heads: Int[Array, "node string"],
    up: Float[Array, "below symbol string"],
    noise: Float[Array, "node synonym string"],
) -> Int[Array, "below string"]:
    """The symbols below nodes, by a rule of each."""
    tuples = jnp.transpose(rules[heads], (0, 3, 2, 1))  # node, place, synonym, string
    flat = tuples.reshape(-1, *tuples.shape[2:])
    said = jnp.take_along_axis(up, flat, axis=1).reshape(tuples.shape)
    rule = (said.sum(axis=1) + noise).argmax(axis=1)
    chosen = jnp.take_along_axis(tuples, rule[:, None, None], axis=2)
    return chosen.reshape(-1, heads.shape[1])
