"""Hierarchical data of which everything is known: a random grammar, and exact inference on it.

    rhm = RandomHierarchy(n_symbols=8, n_classes=8, n_synonyms=3, tuple_size=2, n_layers=3)
    tokens, classes = rhm.strings(range(1000))
    rhm.posterior(tokens, noise=0.4).root  # p(class | noisy tokens)

`denoised`, `drawn` and `beliefs` are the same inference as functions of arrays, for programs that
are compiled.
"""

from thrmlDenoising.data.hierarchy.grammar import RandomHierarchy
from thrmlDenoising.data.hierarchy.inference import Beliefs, beliefs, denoised, drawn
from thrmlDenoising.data.hierarchy.likelihoods import (
    gaussian_log_likelihood,
    uniform_log_likelihood,
)
from thrmlDenoising.data.hierarchy.posterior import Posterior
from thrmlDenoising.data.hierarchy.reading import Strings, Trees
from thrmlDenoising.data.hierarchy.theory import p_class
from thrmlDenoising.data.hierarchy.tree import Tree

__all__ = [
    "Beliefs",
    "Posterior",
    "RandomHierarchy",
    "Strings",
    "Tree",
    "Trees",
    "beliefs",
    "denoised",
    "drawn",
    "gaussian_log_likelihood",
    "p_class",
    "uniform_log_likelihood",
]
