"""What strings are worth that a model has made: all of it is known exactly."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.data.hierarchy import RandomHierarchy, Strings
from thrmlDenoising.families.hierarchy.config import GrammarConfig
from thrmlDenoising.quality import Measurement, QualityReport
from thrmlDenoising.quality.bootstrap import (
    Estimate,
    centred_estimate,
    draw_counts,
    mean_estimate,
    per_cent,
    share_estimate,
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
    identity = asdict(cfg)
    reference = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    report = QualityReport({"grammar": repr(grammar), "hash": reference}, {"grammar": None})
    counts = draw_counts(np.random.default_rng(seed), len(tokens), N_REPLICATES)
    for name, estimate in _estimates(grammar, train, tokens, counts):
        n_reference = len(train.tokens) if name == "copies" else 0
        report.add(Measurement(name, estimate, "grammar", len(tokens), n_reference, reference))
    report.notes.extend(_missing(grammar, report))
    return report


def _missing(grammar: RandomHierarchy, report: QualityReport) -> list[str]:
    """What was not measured, and why."""
    usages = [usage_name(level) for level in range(1, grammar.n_layers + 1)]
    missing = [name for name in (*usages, "classes") if name not in report.measurements]
    reason = (
        "in an ambiguous grammar a string may be made in several ways"
        if grammar.ambiguous
        else "no tokens below are valid"
    )
    return [f"{name}: {reason}" for name in missing]


def symbols_of(
    grammar: RandomHierarchy, tokens: Int[np.ndarray, "string token"]
) -> list[Int[np.ndarray, "string _"]]:
    """Symbols from the root to the tokens; -1 where these break the grammar, -2 where a symbol
    cannot be told, as in an ambiguous one.
    """
    if not grammar.ambiguous:
        return list(grammar.parse(tokens).symbols)
    return [np.where(valid, -2, -1) for valid in reversed(grammar.valid(tokens))] + [tokens]


def _estimates(
    grammar: RandomHierarchy,
    train: Strings,
    tokens: Int[np.ndarray, "string token"],
    counts: Int[np.ndarray, "replicate string"],
) -> Iterator[tuple[str, Estimate]]:
    """Every number by its name; shares in per cent."""
    valid = grammar.valid(tokens)
    yield VALID, per_cent(share_estimate(valid[-1][:, 0]))
    for level, of_level in enumerate(valid, 1):
        share = per_cent(_share_of_nodes(of_level, counts))
        yield validity_name(level), share
    learnt = {string.tobytes() for string in train.tokens.astype(np.int64)}
    copied = np.array([string.tobytes() in learnt for string in tokens.astype(np.int64)])
    yield "copies", per_cent(share_estimate(copied))
    if grammar.ambiguous:
        return
    trees, usual = grammar.parse(tokens), frequencies(grammar)
    for level in range(1, grammar.n_layers + 1):
        heads, rules = trees.symbols[-1 - level], trees.rules[-level]
        used = np.where(heads < 0, -1, heads * grammar.n_synonyms + rules)
        of_rules = usual[-1 - level].repeat(grammar.n_synonyms) / grammar.n_synonyms
        if (used >= 0).any():
            yield usage_name(level), _distance(used, of_rules, counts)
            even = np.full_like(of_rules, 1 / len(of_rules))
            yield f"{usage_name(level)}_from_even", _distance(used, even, counts)
    classes = trees.symbols[0]
    if (classes >= 0).any():
        yield "classes", _distance(classes, usual[0], counts)


def frequencies(grammar: RandomHierarchy) -> list[Float[np.ndarray, " symbol"]]:
    """How frequent symbols are in a grammar's strings, level by level from the root.

    Below the classes they are not equally frequent: how often rules make a symbol is chance.
    """
    unknown = np.full((1, grammar.n_tokens), grammar.n_symbols)
    return [level[0].mean(axis=0) for level in grammar.posterior(unknown).marginals]


def _share_of_nodes(held: np.ndarray, counts: Int[np.ndarray, "replicate string"]) -> Estimate:
    """The share of nodes of which something holds; nodes of a string are not independent."""
    return mean_estimate(held.mean(axis=1), counts)


def _distance(
    used: Int[np.ndarray, "string node"],
    usual: Float[np.ndarray, " thing"],
    counts: Int[np.ndarray, "replicate string"],
) -> Estimate:
    """The total variation between how often things were used and how often they usually are.

    Of N uses of n things it is some sqrt(n / (2 pi N)) by chance alone, never 0.

    Args:
        used: -1 where nothing was.
    """
    of_strings = (used[:, :, None] == np.arange(len(usual))).sum(axis=1)

    def distance(total: Int[np.ndarray, "*replicate thing"]) -> Float[np.ndarray, "*replicate"]:
        shares = total / total.sum(axis=-1, keepdims=True)
        return np.asarray(0.5 * abs(shares - usual).sum(axis=-1))

    with np.errstate(invalid="ignore"):  # a resample may miss the few strings that used any
        replicates = distance(counts @ of_strings)
    value = float(distance(of_strings.sum(axis=0)))
    return centred_estimate(value, replicates[np.isfinite(replicates)])
