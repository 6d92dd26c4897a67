"""Hierarchical data on which everything is known: a random grammar, and exact inference on it.

    rhm = RandomHierarchy(n_symbols=8, n_classes=8, n_synonyms=3, tuple_size=2, n_layers=3)
    tokens, classes = rhm.strings(range(1000))
    rhm.posterior(tokens, noise=0.4).root  # p(class | noisy tokens)
"""

from thrmlDenoising.data.hierarchy.grammar import RandomHierarchy, Strings, Trees
from thrmlDenoising.data.hierarchy.inference import (
    Posterior,
    gaussian_evidence,
    uniform_evidence,
)

__all__ = [
    "Posterior",
    "RandomHierarchy",
    "Strings",
    "Trees",
    "gaussian_evidence",
    "uniform_evidence",
]
