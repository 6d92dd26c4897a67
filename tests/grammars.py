"""Grammars that are small enough to list all that they make, and what follows from the lists."""

from functools import cached_property
from itertools import chain, product

import numpy as np

from thrmlDenoising.data.hierarchy import RandomHierarchy

SMALL = {
    "as many classes as symbols": RandomHierarchy(4, 4, 2, 2, 2),
    "fewer classes": RandomHierarchy(4, 3, 2, 2, 2, seed=1),
    "more classes": RandomHierarchy(3, 4, 2, 2, 2, seed=2),
    "all tuples": RandomHierarchy(2, 2, 2, 2, 2, seed=3),
    "one level of triples": RandomHierarchy(3, 2, 3, 3, 1, seed=4),
    "deep": RandomHierarchy(3, 2, 2, 2, 3, seed=5),
    "no synonyms": RandomHierarchy(3, 2, 1, 2, 2, seed=6),
    "ambiguous": RandomHierarchy(3, 3, 2, 2, 2, seed=7, ambiguous=True),
    "ambiguous and deep": RandomHierarchy(2, 3, 2, 2, 3, seed=8, ambiguous=True),
}

FILTERED = {
    "at level 1": RandomHierarchy(3, 2, 2, 2, 2, seed=9, filtered=1),
    "at the tokens": RandomHierarchy(3, 4, 2, 2, 2, seed=10, filtered=2),
    "at level 1 of three": RandomHierarchy(2, 2, 2, 2, 3, seed=11, ambiguous=True, filtered=1),
    "at triples": RandomHierarchy(2, 3, 2, 3, 1, seed=12, filtered=1),
}


class Listed:
    """All trees of a grammar, by recursion over its rules, each with its chance.

    If filtered, a node of level k takes a symbol as often as it stands there in whole trees.

    Attributes:
        rhm: the grammar.
        symbols: (tree, node), level by level from the class to the tokens.
        p: of trees.
    """

    def __init__(self, rhm: RandomHierarchy) -> None:
        self.rhm = rhm
        trees = [tree for label in range(rhm.n_classes) for tree in self.whole(label)]
        self.symbols = np.array([tree for tree, _ in trees])
        self.p = np.array([p for _, p in trees]) / rhm.n_classes

    def whole(self, label: int) -> list[tuple[list[int], float]]:
        rhm, k = self.rhm, self.rhm.filtered
        if not k:
            return [(by_level(ways), p) for ways, p in self.below(label, 0, rhm.n_layers)]
        found = []
        unfiltered = [(by_level(ways), p) for ways, p in self.below(label, 0, k)]
        nodes = np.array([tree[-(rhm.tuple_size**k) :] for tree, _ in unfiltered])
        weights = np.array([p for _, p in unfiltered])
        shares = np.stack([weights @ (nodes == v) for v in range(rhm.n_symbols)])
        for top in product(range(rhm.n_symbols), repeat=nodes.shape[1]):
            p_top = shares[top, np.arange(len(top))].prod()
            for parts in product(*(self.below(symbol, k, rhm.n_layers) for symbol in top)):
                levels = [[label], *joined([ways for ways, _ in parts])]
                p = p_top * np.prod([p for _, p in parts])
                found.append((list(chain.from_iterable(levels)), float(p)))
        return found

    def below(self, symbol: int, level: int, last: int) -> list[tuple[list[list[int]], float]]:
        """Levels of every way to go on from a symbol, with its chance."""
        if level == last:
            return [([[symbol]], 1.0)]
        found = []
        for rule in self.rhm.rules[level][symbol]:
            for parts in product(*(self.below(int(child), level + 1, last) for child in rule)):
                levels = [[symbol], *joined([ways for ways, _ in parts])]
                found.append((levels, np.prod([p for _, p in parts]) / self.rhm.n_synonyms))
        return found

    @cached_property
    def strings(self) -> np.ndarray:
        return self.symbols[:, -self.rhm.n_tokens :]

    @cached_property
    def classes(self) -> np.ndarray:
        return self.symbols[:, 0]

    def log_joint(self, log_likelihood: np.ndarray) -> np.ndarray:
        """ln p(data, tree), (data, tree), in float64."""
        token = np.arange(self.strings.shape[1])
        seen = [one.astype(float)[token, self.strings].sum(axis=1) for one in log_likelihood]
        with np.errstate(divide="ignore"):
            return np.stack(seen) + np.log(self.p)

    def posterior(self, log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p(tree | data), (data, tree), and ln p(data)."""
        log_joint = self.log_joint(log_likelihood)
        largest = log_joint.max(axis=1, keepdims=True)
        weights = np.exp(log_joint - largest)
        total = weights.sum(axis=1, keepdims=True)
        return weights / total, (largest + np.log(total))[:, 0]

    def marginals(self, p: np.ndarray) -> list[np.ndarray]:
        """p(symbol of a node | data) of every level that the grammar has."""
        rhm, k = self.rhm, self.rhm.filtered
        levels = [0, *range(k, rhm.n_layers + 1)] if k else range(rhm.n_layers + 1)
        sizes = [rhm.tuple_size**level for level in levels]
        parts = np.split(self.symbols, np.cumsum(sizes)[:-1], axis=1)
        counts = [rhm.n_classes] + [rhm.n_symbols] * (len(sizes) - 1)
        return [
            np.einsum("dt,tnv->dnv", p, np.eye(n)[part])
            for part, n in zip(parts, counts, strict=True)
        ]

    def codes(self, strings: np.ndarray) -> np.ndarray:
        """Numbers of strings, whether the grammar makes them or not."""
        return strings @ self.rhm.n_symbols ** np.arange(self.rhm.n_tokens)


def joined(parts: list[list[list[int]]]) -> list[list[int]]:
    """Level by level, the nodes of several trees side by side."""
    return [list(chain.from_iterable(level)) for level in zip(*parts, strict=True)]


def by_level(levels: list[list[int]]) -> list[int]:
    return list(chain.from_iterable(levels))


def random_likelihood(rhm: RandomHierarchy, seed: int, n: int = 5) -> np.ndarray:
    """ln of numbers of any size, as data of any kind might have them."""
    shape = (n, rhm.n_tokens, rhm.n_symbols)
    return (2 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)
