"""The sections that say how it is learnt, and judged: from sampling to weight decay.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from thrmlDenoising.config.fields import (
    Count,
    CountOrZero,
    Fraction,
    FractionBelowOne,
    Must,
    NonNegative,
    Positive,
    Section,
)
from thrmlDenoising.config.sections import GenerationConfig

MOST_SWEEPS = 10**7
"""In a row, for one gradient or one step of generation: far beyond any use."""
_A_RATE = Must("with at least one entry ((0,) trains no step)", len)
_DECAY_EPOCHS = Must(
    "of at least 1 and at most 10**9 (optim.alpha_cosine_decay=1 keeps the learning rate constant)",
    lambda n: 1 <= n <= 10**9,
)

ControllerKind = Literal["replication", "paper"]


@dataclass(frozen=True)
class SamplingConfig(Section, name="sampling"):
    """The block Gibbs sampling that estimates the gradient. A sweep updates every free node."""

    batch_size: Count = 400
    """Training images per gradient step, one chain each: at least 1, at most
    the training set."""

    batches_per_epoch: Count | None = None
    """Batches in an epoch: at least 1. None: as many as the training set
    makes. More than that needs a stream, train(batches=...); fewer are a
    random part."""

    n_samples: Count = 50
    """Samples collected from each chain for one gradient: at least 1."""

    steps_per_sample: Count = 8
    """Sweeps between two collected samples: at least 1."""

    steps_warmup: CountOrZero = 400
    """Sweeps before the first collected sample: at least 0."""

    training_beta: Positive = 1.0
    """Inverse temperature of training: above 0."""

    phase_order: Literal["independent", "paired"] = "independent"
    """How the two phases walk through an epoch's data: "independent" orders,
    or "paired", the negative phase conditioned on the same noisier images
    as the positive one. Paired gradients vary less and want about half
    the learning rate."""

    negative_start: Literal["fresh", "data", "persistent"] = "fresh"
    """Where negative chains start: "fresh" from the biases alone, from the
    "data" (which costs one more clamped warm-up per batch), or "persistent"
    from where the chain of the same example ended last."""

    backend: Literal["auto", "cpu", "xla", "thrml"] = "auto"
    """Which sampler runs: "cpu" (Numba), "xla" (JAX alone, for
    accelerators), "thrml" (the reference), or "auto", the fastest here.
    They agree in distribution, not number by number."""

    def check_together(self) -> None:
        """There has to be a sweep, and an end of them."""
        n_sweeps = self.steps_warmup + (self.n_samples - 1) * self.steps_per_sample
        if n_sweeps > MOST_SWEEPS:
            raise ValueError(
                f"sampling.steps_warmup={self.steps_warmup}, sampling.n_samples={self.n_samples} "
                f"and sampling.steps_per_sample={self.steps_per_sample} make {n_sweeps:,} sweeps "
                f"for one gradient: use at most {MOST_SWEEPS:,}"
            )
        if self.steps_warmup == 0 and self.n_samples == 1:
            raise ValueError(
                "sampling.steps_warmup=0 with sampling.n_samples=1 makes no sweep at all: use a "
                "warm-up of at least 1 or more samples"
            )


@dataclass(frozen=True)
class DTMGenerationConfig(GenerationConfig, name="generation"):
    """The generation of images, whose inverse temperature beta ramps linearly in every step."""

    generation_beta_start: NonNegative = 0.8
    """Inverse temperature at a step's first sweep: at least 0."""

    generation_beta_end: Positive = 1.2
    """Inverse temperature at a step's last sweep: above 0."""

    steps_warmup: Annotated[
        int, Must("of at least 1 and at most 10**7", lambda n: 1 <= n <= MOST_SWEEPS)
    ] = 600
    """Sweeps of each diffusion step: 1 to 10**7."""


@dataclass(frozen=True)
class OptimConfig(Section, name="optim"):
    """The Adam optimiser with cosine decay of its learning rate."""

    momentum: FractionBelowOne = 0.9
    """Adam's decay of the mean gradient (beta 1): 0 to below 1."""

    b2_adam: FractionBelowOne = 0.999
    """Adam's decay of the mean squared gradient (beta 2): 0 to below 1."""

    step_learning_rates: Annotated[tuple[NonNegative, ...], _A_RATE] = (0.05,)
    """Initial learning rate of each diffusion step: at least 0, and with 0 a
    step stays as it is; the last one serves the remaining steps."""

    alpha_cosine_decay: Fraction = 0.2
    """Learning rate at the end of the decay, as a fraction of the initial
    one: 0 to 1."""

    n_epochs_for_lrd: Annotated[int, _DECAY_EPOCHS] = 50
    """Epochs over which the learning rate decays, constant from then on: at
    least 1. An alpha_cosine_decay of 1 means no decay."""


@dataclass(frozen=True)
class CorrelationPenaltyConfig(Section, name="cp"):
    """The total-correlation penalty, which keeps the negative phase fast to sample."""

    correlation_penalty: tuple[NonNegative, ...] = (0.0,)
    """Penalty lambda of each diffusion step, the initial one if adaptive: at
    least 0; the last one serves the remaining steps. Empty: 0."""

    adaptive_cp: bool = False
    """Control the penalty by the step's autocorrelation, once an epoch."""

    cp_min: NonNegative = 0.001
    """Floor of the adaptive penalty: at least 0; a penalty below becomes 0,
    and restarts here."""

    adaptive_threshold: NonNegative = 0.016
    """Autocorrelation below which the controllers of penalty and weight
    decay relax: above 0, or 0 where neither is adaptive."""

    controller: ControllerKind = "replication"
    """Rule of the adaptive penalty: dtm-replication's or the paper's."""

    penalty_estimator: Literal["batch_mean", "per_condition"] = "batch_mean"
    """Product of the means <s_i><s_j>: of means over the whole batch
    (dtm-replication), or per noisier image, then averaged (the paper's
    formula)."""

    def check_together(self) -> None:
        """An adaptive penalty must be able to leave 0."""
        _check_can_grow(self, self.adaptive_cp, self.correlation_penalty, self.cp_min)


@dataclass(frozen=True)
class WeightDecayConfig(Section, name="wd"):
    """Decay of the base graph's weights."""

    weight_decay: tuple[NonNegative, ...] = (0.0,)
    """Decay of each diffusion step, the initial one if adaptive: at least 0;
    the last one serves the remaining steps. Empty: 0."""

    adaptive_wd: bool = False
    """Control the decay by the step's autocorrelation, once an epoch; the
    threshold is `cp.adaptive_threshold`."""

    wd_min: NonNegative = 0.001
    """Floor of the adaptive decay: at least 0; a decay below becomes 0, and
    restarts here."""

    controller: ControllerKind = "replication"
    """Rule of the adaptive decay: dtm-replication's or the paper's."""

    def check_together(self) -> None:
        """An adaptive decay must be able to leave 0."""
        _check_can_grow(self, self.adaptive_wd, self.weight_decay, self.wd_min)


def _check_can_grow(
    section: Section, adaptive: bool, strengths: tuple[float, ...], floor: float
) -> None:
    # The controllers multiply: only a floor above 0 gets them away from 0.
    if adaptive and floor == 0 and 0 in (strengths or (0,)):
        name = section.section_name
        raise ValueError(
            f"{name}.adaptive_{name} with {name}.{name}_min=0 can never leave a strength of 0: "
            f"use a {name}.{name}_min above 0"
        )
