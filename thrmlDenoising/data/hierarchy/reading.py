"""Strings and their trees, and how trees are read off strings by the rules of a grammar."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

Rules = Sequence[Int[np.ndarray, "head synonym place"]]
"""Of each level from the root on, the tuples that its symbols become."""


class Strings(NamedTuple):
    """Strings of a grammar, with their classes.

    Attributes:
        tokens: symbols, 0 to v - 1.
        classes: what stands at their roots.
    """

    tokens: Int[np.ndarray, "string token"]
    classes: Int[np.ndarray, " string"]


class Trees(NamedTuple):
    """How strings were made, from the root to the tokens.

    Attributes:
        symbols: of L + 1 levels, s^l of them in level l; the classes first, the tokens last. -1
            where the tokens below break the grammar.
        rules: of L levels, the number of the rule that each of their symbols took; -1 as there.
    """

    symbols: tuple[Int[np.ndarray, "string _"], ...]
    rules: tuple[Int[np.ndarray, "string _"], ...]

    @property
    def broken(self) -> Bool[np.ndarray, " string"]:
        """Which strings the grammar does not make."""
        return self.symbols[0][:, 0] < 0

    @property
    def breaks(self) -> tuple[Bool[np.ndarray, "string _"], ...]:
        """Where strings break the grammar.

        Of L levels, the nodes whose tuple no rule makes, though all below it is well made.
        """
        found = []
        for above, below in zip(self.symbols, self.symbols[1:], strict=False):
            made = (below >= 0).reshape(*above.shape, -1).all(axis=-1)
            found.append((above < 0) & made)
        return tuple(found)


def grown(
    rules: Rules, top: Int[np.ndarray, "string node"], chosen: Sequence[Int[np.ndarray, "string _"]]
) -> list[Int[np.ndarray, "string _"]]:
    """The symbols of every level below nodes that take these rules, and of the nodes."""
    symbols = [top]
    for table, numbers in zip(rules, chosen, strict=True):
        below = table[symbols[-1], numbers]
        symbols.append(below.reshape(len(top), below.shape[1] * below.shape[2]))
    return symbols


def parsed(rules: Rules, tokens: Integer[np.ndarray, "string token"], n_symbols: int) -> Trees:
    """The trees of strings, by rules that make no tuple twice."""
    symbols, chosen = [tokens], []
    for table in reversed(rules):
        n_synonyms, tuple_size = table.shape[1:]
        below = symbols[-1].reshape(len(tokens), symbols[-1].shape[1] // tuple_size, tuple_size)
        made = codes(table, n_symbols).ravel()
        order = np.argsort(made)
        # a code of symbols that are not known is -1, which no rule has
        wanted = np.where((below >= 0).all(axis=-1), codes(below, n_symbols), -1)
        number = order[np.minimum(np.searchsorted(made[order], wanted), len(made) - 1)]
        found = made[number] == wanted
        symbols.append(np.where(found, number // n_synonyms, -1))
        chosen.append(np.where(found, number % n_synonyms, -1))
    return Trees(tuple(symbols[::-1]), tuple(chosen[::-1]))


def codes(tuples: Int[np.ndarray, "*shape place"], n_symbols: int) -> Int[np.ndarray, "*shape"]:
    """Numbers of tuples, which are their digits."""
    return tuples @ n_symbols ** np.arange(tuples.shape[-1] - 1, -1, -1)


def possible(
    rules: Rules, tokens: Integer[np.ndarray, "string token"], n_symbols: int
) -> list[Bool[np.ndarray, "string _ _"]]:
    """Which symbols may stand at every node above these tokens, from the tokens up."""
    found = [np.eye(n_symbols, dtype=bool)[tokens]]
    for table in reversed(rules):
        n_nodes, tuple_size = found[-1].shape[1] // table.shape[2], table.shape[2]
        below = found[-1].reshape(len(tokens), n_nodes, tuple_size, found[-1].shape[-1])
        fits = np.ones((len(tokens), n_nodes, *table.shape[:2]), bool)
        for place in range(tuple_size):
            fits &= below[:, :, place][..., table[:, :, place]]
        found.append(np.any(fits, axis=-1))
    return found


def conditionals(rules: Rules, n_symbols: int) -> Float[np.ndarray, "node class symbol"]:
    """p(symbol of a node | class), of every node of the level that these rules end in."""
    n_classes = len(rules[0])
    found = np.eye(n_classes)[None]
    for table in rules:
        # p(symbol in a place | head): how many of its rules put it there
        steps = np.eye(n_symbols)[table].mean(axis=1).transpose(1, 0, 2)
        found = np.einsum("nch,phs->npcs", found, steps).reshape(-1, n_classes, n_symbols)
    return found


def independent_nodes(
    rules: Rules,
    classes: Int[np.ndarray, " string"],
    chosen: Int[np.ndarray, "string node level"],
) -> Int[np.ndarray, "string node"]:
    """Nodes of the level that these rules end in, each by rules of its own.

    Every node has, so to say, ancestors of its own, and shares no more than the class.
    """
    n_levels, tuple_size = len(rules), rules[0].shape[2]
    nodes = np.arange(tuple_size**n_levels)
    symbols = np.repeat(classes[:, None], len(nodes), axis=1)
    for level, table in enumerate(rules):
        places = nodes // tuple_size ** (n_levels - 1 - level) % tuple_size
        symbols = table[symbols, chosen[:, :, level], places]
    return symbols


def swapped(
    rules: Rules, trees: Trees, level: int, rng: np.random.Generator
) -> Int[np.ndarray, "string token"]:
    """Tokens of trees in which one symbol of a level, drawn in each, takes another rule."""
    n, n_synonyms = len(trees.symbols[0]), rules[level].shape[1]
    chosen, rows = trees.rules[level].copy(), np.arange(n)
    node = rng.integers(chosen.shape[1], size=n)
    step = rng.integers(1, n_synonyms, size=n)
    chosen[rows, node] = (chosen[rows, node] + step) % n_synonyms
    numbers = (*trees.rules[:level], chosen, *trees.rules[level + 1 :])
    return grown(rules, trees.symbols[0], numbers)[-1]
