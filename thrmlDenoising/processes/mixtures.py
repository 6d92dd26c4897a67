"""Heavy-tailed noise as normal noise of a random size: sqrt(A) z, z normal.

Given A all is Gaussian, which is what makes posteriors of heavy-tailed diffusion known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from thrmlDenoising.processes import stable
from thrmlDenoising.support.hints import shown


@runtime_checkable
class NormalMixture(Protocol):
    """How the sizes of noise are spread; equal ones are the same to JAX."""

    def log_sizes(
        self, key: Key[Array, ""], shape: Sequence[int]
    ) -> Float[Array, " example *axis"]:
        """ln A of noise of this shape (example, ...): an axis has the length 1 where numbers along
        it share their size.
        """
        ...


@dataclass(frozen=True)
class Stable:
    """Symmetric alpha-stable noise of characteristic function exp(-|t|^alpha).

    Attributes:
        isotropic: all numbers of an example share their size, so that noise has no direction;
            else each has its own.
    """

    alpha: float
    isotropic: bool = True

    def log_sizes(
        self, key: Key[Array, ""], shape: Sequence[int]
    ) -> Float[Array, " example *axis"]:
        """See `NormalMixture`."""
        n_examples, *axes = shape
        sizes = (n_examples, *(1 for _ in axes)) if self.isotropic else tuple(shape)
        return stable.log_positive(key, self.alpha, sizes)


@dataclass(frozen=True)
class Student:
    """Student's t noise, multivariate: A = nu / chi^2, one for each example.

    Attributes:
        nu: degrees of freedom, above 2, so that there is a variance, nu / (nu - 2).

    Raises:
        ValueError: nu is out of range.
    """

    nu: float

    def __post_init__(self) -> None:
        if not 2 < self.nu < math.inf:
            raise ValueError(f"nu={shown(self.nu)}: give a finite number above 2")

    def log_sizes(
        self, key: Key[Array, ""], shape: Sequence[int]
    ) -> Float[Array, " example *axis"]:
        """See `NormalMixture`."""
        n_examples, *axes = shape
        log_gamma = jax.random.loggamma(key, self.nu / 2, (n_examples, *(1 for _ in axes)))
        return jnp.log(self.nu / 2) - log_gamma  # chi^2 = 2 gamma


def noise_of_sizes(
    key: Key[Array, ""], log_sizes: Float[Array, " example *size"], shape: Sequence[int]
) -> Float[Array, " example *axis"]:
    """sqrt(A) z."""
    return jnp.exp(log_sizes / 2) * jax.random.normal(key, tuple(shape))


def mixed_noise(
    mixture: NormalMixture, key: Key[Array, ""], shape: Sequence[int]
) -> Float[Array, " example *axis"]:
    """Noise of a mixture."""
    size_key, normal_key = jax.random.split(key)
    return noise_of_sizes(normal_key, mixture.log_sizes(size_key, shape), shape)
