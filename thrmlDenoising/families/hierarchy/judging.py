"""What strings are worth that a model has made: all of it is known exactly."""

import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from thrmlDenoising.data.hierarchy import RandomHierarchy, Strings
from thrmlDenoising.families.hierarchy.config import GrammarConfig
from thrmlDenoising.families.hierarchy.rules import can_be_parsed, rule_uses
from thrmlDenoising.quality import Measurement, QualityReport
from thrmlDenoising.quality.bootstrap import (
    Estimate,
    draw_counts,
    mean_estimate,
    per_cent,
    share_estimate,
    total_variation,
)

N_REPLICATES = 200

VALID = "valid_strings"
"""The per cent of strings that keep to the grammar at every level."""


def validity_name(level: int) -> str:
    """The per cent of symbols of a level, counted from the tokens up, with valid tokens below."""
    return f"validity_{level}"


def usage_name(level: int) -> str:
    """How far from as often as in the grammar a level's rules were used, from the tokens up."""
    return f"rule_usage_{level}"


def judged(
    cfg: GrammarConfig, train: Strings, tokens: Int[np.ndarray, "string token"], seed: int
) -> QualityReport:
    """How far strings keep to the grammar, use all of it, and are more than training strings."""
    grammar = cfg.grammar
    of_grammar = _hash(grammar)
    report = QualityReport({"dataset": repr(grammar), "hash": of_grammar}, {"grammar": None})
    counts = draw_counts(np.random.default_rng(seed), len(tokens), N_REPLICATES)
    for name, estimate in _estimates(grammar, tokens, counts):
        report.add(Measurement(name, estimate, "grammar", len(tokens), 0, of_grammar))
    learnt = {string.tobytes() for string in train.tokens.astype(np.int64)}
    copied = np.array([string.tobytes() in learnt for string in tokens.astype(np.int64)])
    of_train = _hash((grammar, len(train.tokens), cfg.strings_seed))
    facts = "grammar", len(tokens), len(train.tokens), of_train
    report.add(Measurement("copies", per_cent(share_estimate(copied)), *facts))
    report.notes.extend(_missing(grammar, report))
    return report


def _hash(what: object) -> str:
    """A short hash of what strings are held against."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def _missing(grammar: RandomHierarchy, report: QualityReport) -> list[str]:
    """What was not measured, and why."""
    usages = [usage_name(level) for level in range(1, grammar.n_layers + 1)]
    missing = [name for name in (*usages, "classes") if name not in report.measurements]
    reason = (
        "no tokens below are valid"
        if can_be_parsed(grammar)
        else "in an ambiguous or filtered grammar tokens do not say by which rules they were made"
    )
    return [f"{name}: {reason}" for name in missing]


def symbols_of(
    grammar: RandomHierarchy, tokens: Int[np.ndarray, "string token"]
) -> list[Int[np.ndarray, "string _"]]:
    """Symbols from the root to the tokens; -1 where these break the grammar, -2 where a symbol
    cannot be told, as in an ambiguous grammar or a filtered one, of which levels are left out.
    """
    if can_be_parsed(grammar):
        return list(grammar.parse(tokens).symbols)
    return [np.where(valid, -2, -1) for valid in reversed(grammar.valid(tokens))] + [tokens]


def _estimates(
    grammar: RandomHierarchy,
    tokens: Int[np.ndarray, "string token"],
    counts: Int[np.ndarray, "replicate string"],
) -> Iterator[tuple[str, Estimate]]:
    """Every number by its name; shares in per cent."""
    valid = grammar.valid(tokens)
    yield VALID, per_cent(share_estimate(valid[-1][:, 0]))
    for level, of_level in enumerate(valid, 1):
        yield validity_name(level), per_cent(_share_of_nodes(of_level, counts))
    if not can_be_parsed(grammar):
        return
    uses = rule_uses(grammar, tokens)
    for level, (used, usual) in enumerate(uses, 1):
        if (used >= 0).any():
            yield usage_name(level), _distance(used, usual, counts)
            even = np.full_like(usual, 1 / len(usual))
            yield f"{usage_name(level)}_from_even", _distance(used, even, counts)
    of_classes, m = uses[-1], grammar.n_synonyms
    classes = of_classes.used // m  # -1 stays -1
    if (classes >= 0).any():
        usual = of_classes.usual.reshape(-1, m).sum(axis=1)
        yield "classes", _distance(classes, usual, counts)


def _share_of_nodes(
    held: Bool[np.ndarray, "string node"], counts: Int[np.ndarray, "replicate string"]
) -> Estimate:
    """The share of nodes of which something holds; nodes of a string are not independent.

    Where all nodes are alike, or a string has one, resampling would say nothing: there whole
    strings count.
    """
    if held.shape[1] == 1 or held.all():
        return share_estimate(np.asarray(held.all(axis=1)))
    if not held.any():
        return share_estimate(np.asarray(held.any(axis=1)))
    return mean_estimate(held.mean(axis=1), counts)


def _distance(
    used: Int[np.ndarray, "string node"],
    usual: Float[np.ndarray, " thing"],
    counts: Int[np.ndarray, "replicate string"],
) -> Estimate:
    """The total variation between how often things were used and how often they usually are.

    Args:
        used: -1 where nothing was.
    """
    n_strings, n = len(used), len(usual)
    place = np.arange(n_strings)[:, None] * n + used
    of_strings = np.bincount(place[used >= 0], minlength=n_strings * n).reshape(n_strings, n)
    return total_variation(of_strings, usual, counts)
