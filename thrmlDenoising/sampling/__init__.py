"""Samplers: one protocol, and the implementations that agree on it."""

from thrmlDenoising.sampling.protocol import (
    AbstractSampler,
    Chains,
    Clamp,
    GraphSizes,
    IsingModel,
    Moments,
    Observer,
    Parameters,
    Schedule,
    clamped_nodes,
)
from thrmlDenoising.sampling.thrml_sampler import ThrmlSampler

__all__ = [
    "AbstractSampler",
    "Chains",
    "Clamp",
    "GraphSizes",
    "IsingModel",
    "Moments",
    "Observer",
    "Parameters",
    "Schedule",
    "ThrmlSampler",
    "clamped_nodes",
]
