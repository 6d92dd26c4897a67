"""Samplers: one protocol, and the implementations that agree on it."""

from thrmlDenoising.sampling.backends import sampler_type
from thrmlDenoising.sampling.protocol import (
    CLAMPS,
    AbstractObserver,
    AbstractSampler,
    Chains,
    Clamp,
    GraphSizes,
    IsingMachine,
    Moments,
    Parameters,
    Schedule,
    clamped_nodes,
    free_nodes,
)

__all__ = [
    "CLAMPS",
    "AbstractObserver",
    "AbstractSampler",
    "Chains",
    "Clamp",
    "GraphSizes",
    "IsingMachine",
    "Moments",
    "Parameters",
    "Schedule",
    "clamped_nodes",
    "free_nodes",
    "sampler_type",
]
