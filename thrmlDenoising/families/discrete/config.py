"""The hyperparameters of discrete diffusion.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from thrmlDenoising.config import Config, GenerationConfig, Must, Section
from thrmlDenoising.config.fields import (
    Count,
    CountOrZero,
    Fraction,
    FractionBelowOne,
    GreyLevels,
    NonNegative,
    Positive,
)
from thrmlDenoising.networks import NetworkConfig

_STEPS = Must("from 1 to 10000", lambda n: 1 <= n <= 10_000)


@dataclass(frozen=True)
class ProcessConfig(Section, name="process"):
    """The forward process: what noise is, and how it grows in T steps."""

    kind: Literal["uniform", "absorbing", "masked", "gaussian", "banded", "neighbours"] = "masked"
    """What becomes of a pixel: "uniform", any level; "absorbing", one level;
    "masked", unknown; "gaussian", "banded" and "neighbours", near levels."""

    grayscale_levels: GreyLevels = 1
    """Grey levels above black: 1 (binary images) to 255. Toy sets have their
    own."""

    n_timesteps: Annotated[int, _STEPS] = 100
    """T, the steps of training: 1 to 10000. Generation may take fewer."""

    schedule: Literal["cosine", "cosine_squared", "multinomial", "linear", "jsd"] = "cosine"
    """How noise grows: "cosine" as in D3PM, "cosine_squared", "multinomial"
    (cosine, clipped as by Hoogeboom), "linear" in beta, or "jsd", 1 / (T -
    t + 1)."""

    beta_start: Positive = 1e-4
    """beta of the first step of a linear schedule: above 0."""

    beta_end: Annotated[float, Must("above 0 and below 1", lambda x: 0 < x < 1)] = 0.02
    """beta of the last step of a linear schedule: above 0 and below 1."""

    absorbing_level: CountOrZero | None = None
    """The level of an absorbing process; None: the middle one."""

    band_width: Count = 1
    """How many levels a step of a banded process reaches: at least 1."""


@dataclass(frozen=True)
class LossConfig(Section, name="loss"):
    """What is minimised in training, and what the network says."""

    kind: Literal["bound", "cross_entropy", "hybrid"] = "hybrid"
    """The variational "bound", the "cross_entropy" of x_0, or a "hybrid", the
    bound plus cross_entropy_weight times the other. With masked pixels
    the bound is the weighted cross-entropy of MDLM and MD4."""

    cross_entropy_weight: NonNegative = 0.01
    """lambda of the hybrid loss: at least 0."""

    output: Literal["logits", "logistic"] = "logits"
    """What the network says of x_0: a logit for each level, or the location
    and scale of a truncated discretised logistic distribution."""

    reverse: Literal["mixture", "product"] = "mixture"
    """How p(x_s | x_t) follows from what is said of x_0: the "mixture" of
    posteriors, or D3PM's "product"."""

    times: Literal["uniform", "importance"] = "uniform"
    """How times are drawn in training: with equal chances, or as the root of
    the mean square of their losses, weighted back (Hoogeboom)."""


@dataclass(frozen=True)
class OptimConfig(Section, name="optim"):
    """The Adam optimiser, and the average of parameters that images are made with."""

    batch_size: Count = 64
    """Training images per update: at least 1, at most the training set."""

    learning_rate: Positive = 1e-3
    """Of Adam: above 0."""

    n_warmup_updates: CountOrZero = 100
    """Updates over which the learning rate rises from 0: at least 0."""

    largest_gradient: Positive = 1.0
    """Norm to which longer gradients are shortened: above 0."""

    average_decay: FractionBelowOne = 0.999
    """Of the exponential average of parameters, in each update: 0, which
    keeps none, to below 1."""

    classless_share: Fraction = 0.1
    """Training images whose class is not told, so that it may be left open
    later, and for guidance: 0 to 1."""


@dataclass(frozen=True)
class DiscreteGenerationConfig(GenerationConfig, name="generation"):
    """The generation of images."""

    n_steps: Annotated[int, _STEPS] | None = 25
    """Steps back from noise, evenly spread over the T of training; None: all
    of them."""

    guidance: NonNegative = 0.0
    """How far logits of a class are driven away from those of none: at least
    0."""


@dataclass(frozen=True)
class DiscreteConfig(Config):
    """Everything that defines a discrete diffusion model and its training."""

    family: ClassVar[str] = "discrete"
    named_configs: ClassVar[Path | None] = Path(__file__).parent / "configs"
    free_to_change: ClassVar[frozenset[str]] = Config.free_to_change | {
        "generation.n_steps",
        "generation.guidance",
    }
    generation: DiscreteGenerationConfig = field(default_factory=DiscreteGenerationConfig)
    process: ProcessConfig = field(default_factory=ProcessConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    @property
    def n_levels(self) -> int:
        """Grey levels above 0."""
        return self.data.facts.n_levels or self.process.grayscale_levels

    @property
    def n_steps(self) -> int:
        """Steps of generation."""
        return self.generation.n_steps or self.process.n_timesteps

    def check_together(self) -> None:
        """Images, process, network and batches have to fit each other."""
        self.network.check_sides(self.image_shape)
        level = self.process.absorbing_level
        if level is not None and level > self.n_levels:
            raise ValueError(
                f"process.absorbing_level={level}: images have the levels 0 to {self.n_levels}"
            )
        if self.n_steps > self.process.n_timesteps:
            raise ValueError(
                f"generation.n_steps={self.n_steps} are more than process.n_timesteps="
                f"{self.process.n_timesteps}: generation leaves out steps of training, and has none"
                " of its own"
            )
        if self.optim.batch_size > self.n_train:
            raise ValueError(
                f"optim.batch_size={self.optim.batch_size} is more than the {self.n_train} "
                "training images"
            )
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
