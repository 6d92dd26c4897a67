"""The strings that a model learns, and those that are held out."""

from typing import NamedTuple

import numpy as np

from thrmlDenoising.data.hierarchy import Strings
from thrmlDenoising.families.hierarchy.config import GrammarConfig

_CANDIDATES = 16
"""How many times as many strings as are held out are looked through for such as are not learnt."""


class StringSplits(NamedTuple):
    """Strings of a grammar.

    Attributes:
        train: to learn. In an ambiguous or filtered grammar a string that is made in several ways
            may be there as often.
        test: held out: none of them is in `train`.
    """

    train: Strings
    test: Strings


def draw_strings(cfg: GrammarConfig) -> StringSplits:
    """The strings that a config describes.

    Raises:
        ValueError: too few strings are none of those that are learnt.
    """
    grammar, n_train, n_test = cfg.grammar, cfg.n_train, cfg.n_test
    one_way = not (grammar.ambiguous or grammar.filtered)
    n_others = n_test if one_way else min(_CANDIDATES * n_test, grammar.n_strings - n_train)
    indices = grammar.split_indices(n_train, n_others, cfg.strings_seed)
    train, others = map(grammar.strings, indices)
    learnt = {string.tobytes() for string in train.tokens}
    new = np.flatnonzero([string.tobytes() not in learnt for string in others.tokens])[:n_test]
    if len(new) < n_test:
        raise ValueError(
            f"hierarchy.n_test={n_test}: of {n_others} strings that were drawn only {len(new)} "
            f"are none of the hierarchy.n_train={n_train} that are learnt. Use fewer of both"
        )
    return StringSplits(train, Strings(others.tokens[new], others.classes[new]))
