"""The gradient of a step's Kullback-Leibler divergence, estimated from two phases."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.sampling import Moments, Parameters

PenaltyEstimator = Callable[[DiffusionStep, Moments], Float[Array, " edge"]]


def batch_mean_correlation(step: DiffusionStep, negative: Moments) -> Float[Array, " edge"]:
    """<s_i><s_j> - <s_i s_j>, with the means over the whole batch before the product.

    dtm-replication's estimator. Differences between inputs count as correlation.
    """
    means = negative.spins.mean(axis=0)
    return means[step.edges[:, 0]] * means[step.edges[:, 1]] - negative.pairs


def per_condition_correlation(step: DiffusionStep, negative: Moments) -> Float[Array, " edge"]:
    """The same with the product taken for every input by itself, then averaged.

    The paper's formula. Each chain has an input of its own, so a condition is a chain.
    """
    ends = negative.spins[:, step.edges[:, 0]] * negative.spins[:, step.edges[:, 1]]
    return ends.mean(axis=0) - negative.pairs


PENALTY_ESTIMATORS: dict[str, PenaltyEstimator] = {
    "batch_mean": batch_mean_correlation,
    "per_condition": per_condition_correlation,
}
"""The estimators by the name the config knows them by."""


def kl_gradient(
    step: DiffusionStep,
    parameters: Parameters,
    positive: Moments,
    negative: Moments,
    beta: float,
    extra_pairs: Float[Array, " edge"],
) -> Parameters:
    """The gradient to descend: -beta times the difference of the phases.

    For a bias: -beta (<s_i>_pos - <s_i>_neg). For a weight:
    -beta (<s_i s_j>_pos - <s_i s_j>_neg + extra_pairs), where `extra_pairs` is the penalty's
    lambda (<s_i><s_j> - <s_i s_j>)_neg. Tied nodes and edges add up. Equation and penalty are
    those of the paper (arXiv 2510.23972), averages over samples in place of expectations.
    """
    nodes = positive.spins.mean(axis=0) - negative.spins.mean(axis=0)
    edges = positive.pairs - negative.pairs + extra_pairs
    return Parameters(
        biases=-beta * jnp.zeros_like(parameters.biases).at[step.bias_of_node].add(nodes),
        weights=-beta * jnp.zeros_like(parameters.weights).at[step.weight_of_edge].add(edges),
    )
