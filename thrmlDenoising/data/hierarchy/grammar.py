"""The Random Hierarchy Model: strings that a tree of production rules makes.

A class, at the root, becomes s symbols by one of its m rules, each of these becomes s symbols by
one of its own, and so on for L levels: s^L tokens of v symbols (Cagnetti et al., arXiv
2307.02129). Rules are drawn once; all of a symbol's are equally frequent.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from thrmlDenoising.data.hierarchy.inference import (
    Posterior,
    Tables,
    tables_of,
    uniform_evidence,
)

_MOST_TUPLES = 2**24
"""Tuples of s symbols, of which a table is kept."""


class Strings(NamedTuple):
    """Strings of a grammar, with their classes.

    Attributes:
        tokens: symbols, 0 to v - 1.
        classes: what stands at their roots.
    """

    tokens: Int[np.ndarray, "string token"]
    classes: Int[np.ndarray, " string"]


class Trees(NamedTuple):
    """How strings were made, from the root to the leaves.

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


@dataclass(frozen=True)
class RandomHierarchy:
    """A grammar drawn at random, and the strings that it makes.

    Attributes:
        n_symbols: v, of every level but the root.
        n_classes: n, the symbols of the root.
        n_synonyms: m, the rules of a symbol.
        tuple_size: s, the symbols that a rule makes.
        n_layers: L, how often rules are applied.
        seed: of the rules.
        ambiguous: symbols may have rules in common, so that a string may be made in several ways;
            otherwise all rules of a level make different tuples.

    Raises:
        ValueError: a number is too small, or there are fewer tuples than rules; says which.

    Example:
        >>> rhm = RandomHierarchy(n_symbols=4, n_classes=2, n_synonyms=2, tuple_size=2, n_layers=2)
        >>> rhm.n_strings, rhm.n_tokens
        (16, 4)
        >>> rhm.strings([0, 15]).classes
        array([0, 1])
    """

    n_symbols: int
    n_classes: int
    n_synonyms: int
    tuple_size: int = 2
    n_layers: int = 2
    seed: int = 0
    ambiguous: bool = False

    def __post_init__(self) -> None:
        least = dict(n_symbols=2, n_classes=1, n_synonyms=1, tuple_size=2, n_layers=1)
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)}: give at least {lowest}")
        n_tuples = self.n_symbols**self.tuple_size
        if n_tuples > _MOST_TUPLES:
            raise ValueError(
                f"n_symbols={self.n_symbols} make {n_tuples} tuples of {self.tuple_size}, more than "
                f"the {_MOST_TUPLES} that a table is kept of: use fewer symbols, or shorter tuples"
            )
        for name, n in self._heads().items():
            n_rules = self.n_synonyms * (1 if self.ambiguous else n)
            if n_rules > n_tuples:
                raise ValueError(
                    f"n_synonyms={self.n_synonyms} of {n} {name} need {n_rules} different tuples, "
                    f"and {self.n_symbols} symbols make {n_tuples} of {self.tuple_size}: use at "
                    f"most {n_tuples * self.n_synonyms // n_rules} synonyms"
                )

    def _heads(self) -> dict[str, int]:
        """What rules begin with, by name: classes, and symbols if there is more than one level."""
        inner = {"symbols": self.n_symbols} if self.n_layers > 1 else {}
        return {"classes": self.n_classes} | inner

    # ------------------------------------------------------------------ numbers

    @property
    def n_tokens(self) -> int:
        """s^L, the length of a string."""
        return self.tuple_size**self.n_layers

    @property
    def n_choices(self) -> int:
        """(s^L - 1) / (s - 1), how many rules a string is made by."""
        return (self.n_tokens - 1) // (self.tuple_size - 1)

    @property
    def n_strings(self) -> int:
        """n m^n_choices, ways to make a string; so many strings if none is made in two ways."""
        return self.n_classes * self.n_synonyms**self.n_choices

    # ------------------------------------------------------------------ rules

    @cached_property
    def rules(self) -> tuple[Int[np.ndarray, "head synonym place"], ...]:
        """Of each level, the tuples that its symbols become; the classes' first."""
        rng = np.random.default_rng(self.seed)
        heads = [self.n_classes] + [self.n_symbols] * (self.n_layers - 1)
        return tuple(map(self._drawn(rng), heads))

    def _drawn(self, rng: np.random.Generator):
        n_tuples, m, s = self.n_symbols**self.tuple_size, self.n_synonyms, self.tuple_size

        def of(n_heads: int) -> Int[np.ndarray, "head synonym place"]:
            codes = (
                np.stack([rng.choice(n_tuples, m, replace=False) for _ in range(n_heads)])
                if self.ambiguous
                else rng.choice(n_tuples, n_heads * m, replace=False)
            )
            tuples = np.stack(np.unravel_index(codes.ravel(), (self.n_symbols,) * s), axis=-1)
            return tuples.reshape(n_heads, m, s)

        return of

    # ------------------------------------------------------------------ strings

    def strings(self, indices: Iterable[int]) -> Strings:
        """The strings of these numbers, 0 to `n_strings` - 1, however large.

        A number is the class, then the rules of all symbols from the root on, as digits of base m.

        Raises:
            ValueError: a number that no string has.
        """
        symbols = self.derive(*self._choices(list(indices))).symbols
        return Strings(symbols[-1], symbols[0][:, 0])

    def _choices(self, indices: list[int]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """The class of each string, and the rules of every level."""
        numbers = np.array([int(index) for index in indices], dtype=object)
        if wrong := [n for n in numbers if not 0 <= n < self.n_strings]:
            raise ValueError(f"string {wrong[0]}: there are {self.n_strings}, numbered from 0")
        digits = np.empty((len(numbers), self.n_choices), np.int64)
        for place in range(self.n_choices - 1, -1, -1):
            digits[:, place] = numbers % self.n_synonyms
            numbers = numbers // self.n_synonyms
        sizes = [self.tuple_size**level for level in range(self.n_layers)]
        return numbers.astype(np.int64), tuple(np.split(digits, np.cumsum(sizes)[:-1], axis=1))

    def derive(
        self, classes: Int[np.ndarray, " string"], rules: tuple[Int[np.ndarray, "string _"], ...]
    ) -> Trees:
        """The trees of classes whose symbols take these rules, level by level."""
        symbols = [classes[:, None]]
        for table, chosen in zip(self.rules, rules, strict=True):
            symbols.append(table[symbols[-1], chosen].reshape(len(classes), -1))
        return Trees(tuple(symbols), rules)

    def sample_indices(self, n: int, seed: int, without: Iterable[int] = ()) -> list[int]:
        """Numbers of n different strings, none of them in `without`.

        No list of all strings is made.

        Raises:
            ValueError: there are not so many.
        """
        taken = set(without)
        n_left = self.n_strings - len(taken)
        if n > n_left:
            others = f" besides the {len(taken)} that are taken" if taken else ""
            raise ValueError(f"{n} strings asked for, and this grammar makes {n_left}{others}")
        rng = random.Random(seed)
        if 2 * n > n_left:  # so many that there is room for all of them
            return rng.sample([i for i in range(self.n_strings) if i not in taken], n)
        found: list[int] = []
        while len(found) < n:
            index = rng.randrange(self.n_strings)
            if index not in taken:
                taken.add(index)
                found.append(index)
        return found

    # ------------------------------------------------------------------ reading

    @cached_property
    def _heads_of(self) -> tuple[tuple[Int[np.ndarray, " tuple"], Int[np.ndarray, " tuple"]], ...]:
        """Of each level, the head and the rule of every tuple; -1 where it has none."""
        tables = []
        for rules in self.rules:
            codes = self._codes(rules).ravel()
            heads = np.full((2, self.n_symbols**self.tuple_size), -1)
            heads[0, codes] = np.arange(len(rules)).repeat(self.n_synonyms)
            heads[1, codes] = np.tile(np.arange(self.n_synonyms), len(rules))
            tables.append((heads[0], heads[1]))
        return tuple(tables)

    def _codes(self, tuples: Int[np.ndarray, "*shape place"]) -> Int[np.ndarray, "*shape"]:
        """Numbers of tuples."""
        return tuples @ self.n_symbols ** np.arange(self.tuple_size - 1, -1, -1)

    def parse(self, tokens: Int[np.ndarray, "string token"]) -> Trees:
        """How strings are made.

        Raises:
            ValueError: tokens that are no symbols, strings of another length, or an ambiguous
                grammar, where there may be many ways.
        """
        if self.ambiguous:
            raise ValueError(
                "this grammar is ambiguous: a string may be made in several ways, of which "
                "posterior(tokens, noise=0) has the chances"
            )
        symbols, rules = [self.checked(tokens)], []
        for heads, synonyms in reversed(self._heads_of):
            tuples = symbols[-1].reshape(len(tokens), -1, self.tuple_size)
            known = (tuples >= 0).all(axis=-1)
            codes = self._codes(np.maximum(tuples, 0))
            symbols.append(np.where(known, heads[codes], -1))
            rules.append(np.where(known, synonyms[codes], -1))
        return Trees(tuple(symbols[::-1]), tuple(rules[::-1]))

    def validity(self, tokens: Int[np.ndarray, "string token"]) -> Float[np.ndarray, " level"]:
        """The share of symbols of each level below which the tokens keep to the grammar.

        Level 1 is that of the shortest tuples; the last is whole strings.
        """
        return np.array([valid.mean() for valid in self.valid(tokens)])

    def valid(self, tokens: Int[np.ndarray, "string token"]) -> list[Bool[np.ndarray, "string _"]]:
        """Of the levels from the shortest tuples up, below which symbols the grammar is kept."""
        possible = np.eye(self.n_symbols, dtype=bool)[self.checked(tokens)]
        found = []
        for rules in reversed(self.rules):
            below = possible.reshape(len(tokens), -1, self.tuple_size, possible.shape[-1])
            fits = np.ones((*below.shape[:2], *rules.shape[:2]), bool)
            for place in range(self.tuple_size):
                fits &= below[:, :, place][..., rules[:, :, place]]
            possible = fits.any(axis=-1)
            found.append(possible.any(axis=-1))
        return found

    def checked(
        self, tokens: Int[np.ndarray, "string token"], masks: bool = False
    ) -> Int[np.ndarray, "string token"]:
        """The same tokens.

        Args:
            masks: whether `n_symbols` may stand for a token that is not known.

        Raises:
            ValueError: they are no strings of symbols of this length.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.shape[1] != self.n_tokens or tokens.dtype.kind not in "ui":
            raise ValueError(
                f"tokens of shape {tokens.shape} and type {tokens.dtype}: give whole numbers, "
                f"(string, {self.n_tokens})"
            )
        last = self.n_symbols if masks else self.n_symbols - 1
        if tokens.size and not 0 <= tokens.min() <= tokens.max() <= last:
            raise ValueError(f"tokens from {tokens.min()} to {tokens.max()}: give 0 to {last}")
        return tokens

    # ------------------------------------------------------------------ inference

    @cached_property
    def tables(self) -> Tables:
        """The rules as belief propagation takes them."""
        return tables_of(self.rules, self.n_symbols)

    def posterior(
        self, tokens: Int[np.ndarray, "string token"], noise: float = 0.0
    ) -> Posterior:
        """What noisy tokens say of the strings they come from.

        Args:
            tokens: symbols, and `n_symbols` where one is masked.
            noise: the chance with which each was drawn anew from all symbols.

        Raises:
            ValueError: see `checked`; a chance that is none; a string that cannot be.
        """
        evidence = uniform_evidence(self.checked(tokens, masks=True), noise, self.n_symbols)
        return self.posterior_of(evidence)

    def posterior_of(self, evidence: Float[np.ndarray, "string token symbol"]) -> Posterior:
        """What any evidence about single tokens says; see `Posterior.of`."""
        return Posterior.of(self.tables, self.n_synonyms, evidence)

    def swapped(
        self, tokens: Int[np.ndarray, "string token"], level: int, seed: int
    ) -> Int[np.ndarray, "string token"]:
        """Strings in which one symbol of a level, drawn in each, takes another of its rules.

        What stands above it is the same, and so are the rules taken below it.

        Args:
            level: 0 for the root, to L - 1.

        Raises:
            ValueError: a level that there is not, a single synonym, or strings that the grammar
                does not make.
        """
        trees = self.parse(tokens)
        if not 0 <= level < self.n_layers:
            raise ValueError(f"level={level}: rules are taken at levels 0 to {self.n_layers - 1}")
        if self.n_synonyms == 1:
            raise ValueError("symbols have one rule each: there is none to swap it for")
        if trees.broken.any():
            raise ValueError(f"string {int(np.argmax(trees.broken))} breaks the grammar")
        rng, n = np.random.default_rng(seed), len(tokens)
        chosen = trees.rules[level].copy()
        node = rng.integers(chosen.shape[1], size=n)
        step = rng.integers(1, self.n_synonyms, size=n)
        rows = np.arange(n)
        chosen[rows, node] = (chosen[rows, node] + step) % self.n_synonyms
        rules = (*trees.rules[:level], chosen, *trees.rules[level + 1 :])
        return self.derive(trees.symbols[0][:, 0], rules).symbols[-1]
