"""The Random Hierarchy Model: strings that a tree of production rules makes.

A class, at the root, becomes s symbols by one of its m rules, each of these becomes s symbols by
one of its own, and so on for L levels: s^L tokens of v symbols (Cagnetti et al., arXiv
2307.02129). Rules are drawn once; all of a symbol's are equally frequent, as are all classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from thrmlDenoising.data.hierarchy import reading
from thrmlDenoising.data.hierarchy.likelihoods import uniform_log_likelihood
from thrmlDenoising.data.hierarchy.numbering import checked_numbers, digits, draw_numbers
from thrmlDenoising.data.hierarchy.posterior import Posterior
from thrmlDenoising.data.hierarchy.reading import Strings, Trees
from thrmlDenoising.data.hierarchy.tree import Tree

_MOST_TUPLES = 2**62
"""Tuples of s symbols: their numbers are int64."""


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
        filtered: k; the symbols of level k are drawn independently of each other, each as often as
            it stands there below the class, so that correlations reach no further than s^(L-k)
            tokens, but for the class (Garnier-Brun et al., arXiv 2408.15138). 0 is the whole tree,
            L has tokens that know of each other by the class alone. The rules are those of the
            whole tree.

    Raises:
        ValueError: a number is too small or too large, or there are fewer tuples than rules; says
            which.

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
    filtered: int = 0

    def __post_init__(self) -> None:
        least = dict(n_symbols=2, n_classes=1, n_synonyms=1, tuple_size=2, n_layers=1)
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}={getattr(self, name)}: give at least {lowest}")
        if not 0 <= self.filtered <= self.n_layers:
            raise ValueError(
                f"filtered={self.filtered}: give a level of the tree, 0 to {self.n_layers}"
            )
        n_tuples = self.n_symbols**self.tuple_size
        if n_tuples > _MOST_TUPLES:
            raise ValueError(
                f"n_symbols={self.n_symbols} make {n_tuples} tuples of {self.tuple_size}, and 2^62 "
                "can be numbered: use fewer symbols, or shorter tuples"
            )
        inner = {"symbols": self.n_symbols} if self.n_layers > 1 else {}
        for name, n_heads in ({"classes": self.n_classes} | inner).items():
            self._check_rules(name, n_heads, n_tuples)

    def _check_rules(self, name: str, n_heads: int, n_tuples: int) -> None:
        n_different = 1 if self.ambiguous else n_heads  # heads whose rules have to differ
        n_rules, most = self.n_synonyms * n_different, n_tuples // n_different
        if n_rules > n_tuples:
            whose = "each of" if self.ambiguous else "of"
            raise ValueError(
                f"n_synonyms={self.n_synonyms} {whose} {n_heads} {name} need {n_rules} different "
                f"tuples, and {self.n_symbols} symbols make {n_tuples} of {self.tuple_size}: use "
                + (f"at most {most} synonyms" if most else f"at most {n_tuples} {name}")
            )

    # ------------------------------------------------------------------ numbers

    @property
    def n_tokens(self) -> int:
        """s^L, the length of a string."""
        return self.tuple_size**self.n_layers

    @property
    def n_choices(self) -> int:
        """(s^L - 1) / (s - 1), the rules by which a string is made.

        If filtered, k s^k + (s^L - s^k) / (s - 1): k for each node of level k, and those below.
        """
        n_nodes = self.tuple_size**self.filtered
        return self.filtered * n_nodes + (self.n_tokens - n_nodes) // (self.tuple_size - 1)

    @property
    def n_strings(self) -> int:
        """n m^n_choices, ways to make a string.

        So many strings, unless the grammar is ambiguous or filtered: then several ways may lead to
        one string.
        """
        return self.n_classes * self.n_synonyms**self.n_choices

    # ------------------------------------------------------------------ rules

    @cached_property
    def rules(self) -> tuple[Int[np.ndarray, "head synonym place"], ...]:
        """Of each level, the tuples that its symbols become; the classes' first."""
        rng = np.random.default_rng(self.seed)
        heads = [self.n_classes] + [self.n_symbols] * (self.n_layers - 1)
        return tuple(self._drawn(rng, n_heads) for n_heads in heads)

    def _drawn(
        self, rng: np.random.Generator, n_heads: int
    ) -> Int[np.ndarray, "head synonym place"]:
        """The rules of one level: tuples without repetition, of all heads or of each."""
        n_tuples, m = self.n_symbols**self.tuple_size, self.n_synonyms
        if self.ambiguous:
            drawn = np.stack([rng.choice(n_tuples, m, replace=False) for _ in range(n_heads)])
        else:
            drawn = rng.choice(n_tuples, n_heads * m, replace=False)
        sizes = (self.n_symbols,) * self.tuple_size
        return np.stack(np.unravel_index(drawn.reshape(n_heads, m), sizes), axis=-1)

    # ------------------------------------------------------------------ strings

    def strings(self, indices: Iterable[int]) -> Strings:
        """The strings of these numbers, 0 to `n_strings` - 1, however large; no others are made.

        A number is the class, then the rules of all symbols from the root on, as digits of base m.
        If filtered, the rules that lead to each node of level k come first, node by node.

        Raises:
            ValueError: a number that no string has; says how many there are.
        """
        numbers = checked_numbers(indices, self.n_strings)
        classes, chosen = digits(numbers, self.n_synonyms, self.n_choices)
        k, n, n_nodes = self.filtered, len(numbers), self.tuple_size**self.filtered
        paths = chosen[:, : k * n_nodes].reshape(n, n_nodes, k)
        top = reading.independent_nodes(self.rules[:k], classes, paths) if k else classes[:, None]
        sizes = [self.tuple_size**level for level in range(k, self.n_layers)]
        below = np.split(chosen[:, k * n_nodes :], np.cumsum(sizes)[:-1], axis=1) if sizes else []
        return Strings(reading.grown(self.rules[k:], top, below)[-1], classes)

    def sample_indices(self, n: int, seed: int, without: Iterable[int] = ()) -> list[int]:
        """Numbers of n different strings, none of them in `without`, in no order.

        No list of all strings is made, unless half of them are wanted. Numbers that differ are
        strings that differ, unless the grammar is ambiguous or filtered.

        Raises:
            ValueError: there are not so many; says how many there are.
        """
        return draw_numbers(n, self.n_strings, seed, without)

    def split_indices(self, n_train: int, n_test: int, seed: int) -> tuple[list[int], list[int]]:
        """Numbers to train on and to test with, none in both.

        The numbers to train on stay the same whatever `n_test` is.

        Raises:
            ValueError: there are not so many; says how many there are.
        """
        train = self.sample_indices(n_train, seed)
        return train, self.sample_indices(n_test, seed + 1, without=train)

    # ------------------------------------------------------------------ reading

    def parse(self, tokens: Integer[np.ndarray, "string token"]) -> Trees:
        """How strings are made, or where they break the grammar.

        Raises:
            ValueError: tokens that are no symbols, strings of another length, or a grammar that is
                ambiguous or filtered, where there may be many ways.
        """
        if self.ambiguous or self.filtered:
            kind = "ambiguous" if self.ambiguous else "filtered"
            raise ValueError(
                f"this grammar is {kind}: a string may be made in several ways, of which "
                "posterior(tokens) has the chances"
            )
        return reading.parsed(self.rules, self.checked(tokens), self.n_symbols)

    def valid(
        self, tokens: Integer[np.ndarray, "string token"]
    ) -> list[Bool[np.ndarray, "string _"]]:
        """Of the levels from the shortest tuples up, below which symbols the grammar is kept.

        There are L levels; if filtered, those down to level k, and the root.
        """
        tokens = self.checked(tokens)
        found = reading.possible(self.rules[self.filtered :], tokens, self.n_symbols)
        if self.filtered:
            reached = reading.conditionals(self.rules[: self.filtered], self.n_symbols) > 0
            agree = np.einsum("snv,ncv->snc", found[-1], reached)
            found.append(agree.all(axis=1, keepdims=True))
        return [np.any(symbols, axis=-1) for symbols in found[1:]]

    def validity(self, tokens: Integer[np.ndarray, "string token"]) -> Float[np.ndarray, " level"]:
        """The share of symbols of each level below which the tokens keep to the grammar.

        The first is that of the shortest tuples, the last that of whole strings. Tokens by chance
        reach f^((s^l - 1) / (s - 1)), f = m / v^(s - 1), in the l-th, or n / v of it in the last.
        """
        return np.array([valid.mean() for valid in self.valid(tokens)])

    def checked(
        self, tokens: Integer[np.ndarray, "string token"], masks: bool = False
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
        return tokens.astype(np.int64)

    def swapped(
        self, tokens: Integer[np.ndarray, "string token"], level: int, seed: int
    ) -> Int[np.ndarray, "string token"]:
        """Strings in which one symbol of a level, drawn in each, takes another of its rules.

        What stands above it is the same, and so are the numbers of the rules taken below it.

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
            raise ValueError("n_synonyms=1: there is no other rule to swap a symbol's for")
        if trees.broken.any():
            raise ValueError(
                f"string {int(np.argmax(trees.broken))} breaks the grammar: give strings that it "
                "makes"
            )
        return reading.swapped(self.rules, trees, level, np.random.default_rng(seed))

    # ------------------------------------------------------------------ inference

    @cached_property
    def tree(self) -> Tree:
        """The grammar as belief propagation takes it."""
        k = self.filtered
        top = reading.conditionals(self.rules[:k], self.n_symbols) if k else None
        return Tree.of(self.rules[k:], self.n_symbols, top)

    def posterior(
        self,
        tokens: Integer[np.ndarray, "string token"],
        noise: float | Float[np.ndarray, " string"] = 0.0,
    ) -> Posterior:
        """What noisy tokens say of the strings they come from.

        Args:
            tokens: symbols, and `n_symbols` where one is masked.
            noise: the chance with which each was drawn anew from all symbols, of all strings or
                one of each.

        Raises:
            ValueError: see `checked`; a chance that is none; a string that cannot be.
        """
        seen = self.checked(tokens, masks=True)
        return self.posterior_of(uniform_log_likelihood(seen, noise, self.n_symbols))

    def posterior_of(self, log_likelihood: Float[np.ndarray, "string token symbol"]) -> Posterior:
        """What anything says that was seen of single tokens.

        Args:
            log_likelihood: ln p(what was seen of a token | its symbol), up to a number of each
                token; minus infinity for what cannot be.

        Raises:
            ValueError: not of this shape, not a number, or a string that cannot be; see
                `Posterior.of`.
        """
        shape = np.shape(log_likelihood)
        if shape[1:] != (self.n_tokens, self.n_symbols):
            raise ValueError(
                f"log_likelihood of shape {shape}: give (string, {self.n_tokens}, {self.n_symbols})"
            )
        return Posterior.of(self.tree, log_likelihood)
