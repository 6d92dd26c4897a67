"""The hyperparameters of discrete diffusion.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from thrmlDenoising.config import GenerationConfig, ImageConfig
from thrmlDenoising.config.fields import (
    Count,
    CountOrZero,
    Fraction,
    GreyLevels,
    NonNegative,
)
from thrmlDenoising.diffusion import LossConfig, NoiseConfig, OptimConfig, Steps
from thrmlDenoising.networks import NetworkConfig


@dataclass(frozen=True)
class ProcessConfig(NoiseConfig, name="process"):
    """The forward process: what noise is, and how it grows in T steps."""

    kind: Literal["uniform", "absorbing", "masked", "gaussian", "banded", "neighbours"] = "masked"
    """What becomes of a pixel: "uniform", any level; "absorbing", one level;
    "masked", unknown; "gaussian", "banded" and "neighbours", near levels."""

    grayscale_levels: GreyLevels = 1
    """Grey levels above black: 1 (binary images) to 255. Toy sets have their
    own."""

    absorbing_level: CountOrZero | None = None
    """The level of an absorbing process; None: the middle one."""

    band_width: Count = 1
    """How many levels a step of a banded process reaches: at least 1."""


@dataclass(frozen=True)
class DiscreteLossConfig(LossConfig, name="loss"):
    """What is minimised in training, and what the network says."""

    kind: Literal["bound", "cross_entropy", "hybrid"] = "hybrid"
    """The variational "bound", the "cross_entropy" of x_0, or a "hybrid", the
    bound plus cross_entropy_weight times the other. With masked pixels
    the bound is the weighted cross-entropy of MDLM and MD4."""

    output: Literal["logits", "logistic"] = "logits"
    """What the network says of x_0: a logit for each level, or the location
    and scale of a truncated discretised logistic distribution."""


@dataclass(frozen=True)
class DiscreteOptimConfig(OptimConfig, name="optim"):
    """The optimiser, the average of parameters that images are made with, and what is told."""

    classless_share: Fraction = 0.1
    """Training images whose class is not told, so that it may be left open
    later, and for guidance: 0 to 1."""


@dataclass(frozen=True)
class DiscreteGenerationConfig(GenerationConfig, name="generation"):
    """The generation of images."""

    n_steps: Steps | None = 25
    """Steps back from noise, evenly spread over the T of training; None: all
    of them."""

    guidance: NonNegative = 0.0
    """How far logits of a class are driven away from those of none: at least
    0."""


@dataclass(frozen=True)
class DiscreteConfig(ImageConfig):
    """Everything that defines a discrete diffusion model and its training."""

    family: ClassVar[str] = "discrete"
    named_configs: ClassVar[Path | None] = Path(__file__).parent / "configs"
    free_to_change: ClassVar[frozenset[str]] = ImageConfig.free_to_change | {
        "generation.n_steps",
        "generation.guidance",
    }
    generation: DiscreteGenerationConfig = field(default_factory=DiscreteGenerationConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    loss: DiscreteLossConfig = field(default_factory=DiscreteLossConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optim: DiscreteOptimConfig = field(default_factory=DiscreteOptimConfig)

    @property
    def n_levels(self) -> int:
        """Grey levels above 0."""
        return self.data.facts.n_levels or self.process.grayscale_levels

    @property
    def n_steps(self) -> int:
        """Steps of generation."""
        return self.process.steps(self.generation.n_steps)

    def check_together(self) -> None:
        """Images, process, network and batches have to fit each other."""
        self.network.check_sides(self.image_shape)
        level = self.process.absorbing_level
        if level is not None and level > self.n_levels:
            raise ValueError(
                f"process.absorbing_level={level}: images have the levels 0 to {self.n_levels}"
            )
        self.process.steps(self.generation.n_steps)
        self.optim.check_enough(self.n_train, "images")
        if self.generation.guidance and not self.optim.classless_share:
            raise ValueError(
                f"generation.guidance={self.generation.guidance} with optim.classless_share=0: "
                "guidance leads away from what the network says without a class, which it then "
                "never learns. Use a share such as 0.1"
            )
        if self.data.n_condition_bits:
            raise ValueError(
                "data.n_condition_bits: models of discrete diffusion know classes, and no "
                "conditions of bits"
            )
