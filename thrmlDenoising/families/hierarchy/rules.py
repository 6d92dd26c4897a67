"""Which rules of a grammar strings were made by, where tokens say so."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.training import Finding


def can_be_parsed(grammar: RandomHierarchy) -> bool:
    """Whether tokens say by which symbols and rules they were made."""
    return not (grammar.ambiguous or grammar.filtered)


class RuleUses(NamedTuple):
    """The rules by which the symbols of a level were made.

    Rule r of symbol a has number a m + r.

    Attributes:
        used: by each symbol of a string; -1 where the tokens below break the grammar.
        usual: how frequent every rule is in the grammar.
    """

    used: Int[np.ndarray, "string node"]
    usual: Float[np.ndarray, " rule"]

    @property
    def counts(self) -> Int[np.ndarray, " rule"]:
        """How often each was used."""
        return np.bincount(self.used[self.used >= 0], minlength=len(self.usual))


def rule_uses(grammar: RandomHierarchy, tokens: Int[np.ndarray, "string token"]) -> list[RuleUses]:
    """Of the levels from the tokens up; none in a grammar whose tokens do not say their rules."""
    if not can_be_parsed(grammar):
        return []
    trees, usual, uses = grammar.parse(tokens), frequencies(grammar), []
    for level in range(1, grammar.n_layers + 1):
        heads, rules = trees.symbols[-1 - level], trees.rules[-level]
        used = np.where(heads < 0, -1, heads * grammar.n_synonyms + rules)
        of_rules = usual[-1 - level].repeat(grammar.n_synonyms) / grammar.n_synonyms
        uses.append(RuleUses(used, of_rules))
    return uses


def frequencies(grammar: RandomHierarchy) -> list[Float[np.ndarray, " symbol"]]:
    """How frequent symbols are in a grammar's strings, level by level from the root.

    Below the classes they are not equally frequent: how often rules make a symbol is chance.
    """
    unknown = np.full((1, grammar.n_tokens), grammar.n_symbols)
    return [level[0].mean(axis=0) for level in grammar.posterior(unknown).marginals]


def rule_finding(uses: Sequence[RuleUses]) -> Finding:
    """How often every rule was used, of the levels from the tokens up."""
    rows, content = [], {}
    for level, of_level in enumerate(uses, 1):
        counts = of_level.counts
        used = f"{np.count_nonzero(counts):,} of {len(counts):,}"
        rows.append(
            f"| {level} | {counts.sum():,} | {used} | {counts.min():,} to {counts.max():,} |"
        )
        content[f"level_{level}"] = {"counts": counts.tolist(), "usual": of_level.usual.tolist()}
    head = "| level | rules were used | different ones | each so often |", "|---|---|---|---|"
    return Finding("rules", "Rules used by generated strings", "\n".join([*head, *rows]), content)
