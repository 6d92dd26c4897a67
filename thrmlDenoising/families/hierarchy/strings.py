"""The strings that a model learns, and those that are held out."""

from typing import NamedTuple

from thrmlDenoising.data.hierarchy import Strings
from thrmlDenoising.families.hierarchy.config import GrammarConfig


class StringSplits(NamedTuple):
    """Strings of a grammar, no two of them the same one.

    Attributes:
        train: to learn.
        test: held out.
    """

    train: Strings
    test: Strings


def draw_strings(cfg: GrammarConfig) -> StringSplits:
    """The strings that a config describes."""
    grammar, n_train = cfg.grammar, cfg.n_train
    indices = grammar.sample_indices(n_train + cfg.n_test, cfg.strings_seed)
    return StringSplits(grammar.strings(indices[:n_train]), grammar.strings(indices[n_train:]))
