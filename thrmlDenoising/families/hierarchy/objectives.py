"""What is minimised, of every string of a batch."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Shaped

from thrmlDenoising.diffusion import CategoricalLoss
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.denoisers import StringDenoiser, expected_points
from thrmlDenoising.families.hierarchy.noise import OneHotNoise, TokenNoise
from thrmlDenoising.processes import cross_entropy_bits


@runtime_checkable
class Objective(Protocol):
    """What is minimised; equal ones are the same to JAX, so that programs are shared."""

    def __call__(
        self,
        denoiser: StringDenoiser,
        tokens: Int[Array, "string token"],
        x_t: Shaped[Array, " string *token"],
        t: Int[Array, " string"],
    ) -> Float[Array, " string"]:
        """The loss of every string, at the time it is looked at."""
        ...


@dataclass(frozen=True)
class Bits:
    """The losses of categorical variables, in bits a token."""

    loss: CategoricalLoss

    def __call__(
        self,
        denoiser: StringDenoiser,
        tokens: Int[Array, "string token"],
        x_t: Int[Array, "string token"],
        t: Int[Array, " string"],
    ) -> Float[Array, " string"]:
        """See `Objective`."""
        assert isinstance(denoiser.noise, TokenNoise)
        bits = self.loss.bits(denoiser.noise.process, tokens, x_t, t, denoiser(x_t, t))
        return bits.mean(axis=1)


@dataclass(frozen=True)
class CrossEntropy:
    """-log2 p(token | x_t), in bits a token."""

    def __call__(
        self,
        denoiser: StringDenoiser,
        tokens: Int[Array, "string token"],
        x_t: Float[Array, "string token symbol"],
        t: Int[Array, " string"],
    ) -> Float[Array, " string"]:
        """See `Objective`."""
        return cross_entropy_bits(tokens, denoiser(x_t, t)).mean(axis=1)


@dataclass(frozen=True)
class SquaredError:
    """|x_0 - what is expected|^2 a token, or of the noise, where the network says that."""

    def __call__(
        self,
        denoiser: StringDenoiser,
        tokens: Int[Array, "string token"],
        x_t: Float[Array, "string token symbol"],
        t: Int[Array, " string"],
    ) -> Float[Array, " string"]:
        """See `Objective`."""
        noise = denoiser.noise
        assert isinstance(noise, OneHotNoise)
        x_0 = noise.one_hots(tokens)
        off = (
            denoiser.answer(x_t, t) - noise.process.added(x_t, x_0, t)
            if denoiser.meaning.says == "noise"
            else expected_points(denoiser, noise, x_t, t) - x_0
        )
        return (off**2).sum(axis=2).mean(axis=1)


def objective_of(cfg: HierarchyConfig) -> Objective:
    """What a config says to minimise."""
    if cfg.process.kind == "discrete":
        return Bits(CategoricalLoss.from_config(cfg.loss.kind, cfg.loss))
    return SquaredError() if cfg.loss.kind == "squared_error" else CrossEntropy()
