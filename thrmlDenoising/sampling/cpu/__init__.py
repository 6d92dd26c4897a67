"""The sampler for processors: multi-spin coding, compiled by Numba."""

from thrmlDenoising.sampling.cpu.sampler import CpuSampler

__all__ = ["CpuSampler"]
