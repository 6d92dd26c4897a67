"""The hyperparameters of diffusion on hierarchical data.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from thrmlDenoising.config import Config, Must, Section
from thrmlDenoising.config.fields import Count, CountOrZero, Positive, Seed
from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.diffusion import LossConfig, NoiseConfig, OptimConfig, Steps
from thrmlDenoising.diffusion.noise import Beta, Schedule
from thrmlDenoising.networks.strings import StringNetworkConfig

_MOST_TOKENS = 2**16
_SIZE = Annotated[int, Must("from 2 to 4096", lambda n: 2 <= n <= 4096)]


@dataclass(frozen=True)
class GrammarConfig(Section, name="hierarchy"):
    """The grammar, and the strings of it that are learnt."""

    n_symbols: _SIZE = 8
    """v, the symbols of every level below the root: 2 to 4096."""

    n_classes: Count = 8
    """n, the symbols of the root: at least 1."""

    n_synonyms: Count = 3
    """m, the rules of a symbol: at least 1, at most v^(s - 1)."""

    tuple_size: _SIZE = 2
    """s, the symbols that a rule makes: at least 2."""

    n_layers: Annotated[int, Must("from 1 to 16", lambda n: 1 <= n <= 16)] = 3
    """L, the levels of rules: 1 to 16. Strings have s^L tokens, at most
    65536."""

    rules_seed: Seed = 42
    """Seed of the rules: 0 to 2**32 - 1."""

    ambiguous: bool = False
    """Symbols may have rules in common."""

    filtered: CountOrZero = 0
    """k: symbols of level k are drawn independently of each other, given the
    class, so that correlations reach no further than s^(L - k) tokens. 0:
    the whole tree."""

    n_train: Count = 1024
    """P, the strings that are learnt: at least 1."""

    n_test: CountOrZero = 1000
    """Other strings, which are held out: at least 0. None of them is learnt."""

    strings_seed: Seed = 0
    """Seed of which strings are learnt and held out: 0 to 2**32 - 1."""

    @cached_property
    def grammar(self) -> RandomHierarchy:
        """What makes the strings."""
        return RandomHierarchy(
            n_symbols=self.n_symbols,
            n_classes=self.n_classes,
            n_synonyms=self.n_synonyms,
            tuple_size=self.tuple_size,
            n_layers=self.n_layers,
            seed=self.rules_seed,
            ambiguous=self.ambiguous,
            filtered=self.filtered,
        )

    def check_together(self) -> None:
        """There is such a grammar, and it makes so many strings."""
        n_tokens = self.tuple_size**self.n_layers
        if n_tokens > _MOST_TOKENS:
            raise ValueError(
                f"hierarchy.tuple_size={self.tuple_size} and hierarchy.n_layers={self.n_layers} "
                f"make strings of {n_tokens:,} tokens: use at most {_MOST_TOKENS:,}"
            )
        n = self.grammar.n_strings
        if self.n_train + self.n_test > n:
            raise ValueError(
                f"hierarchy.n_train={self.n_train} and hierarchy.n_test={self.n_test}: this "
                f"grammar makes {n} strings in all. Use fewer, or more synonyms, classes or layers"
            )


@dataclass(frozen=True)
class StringNoiseConfig(NoiseConfig, name="process"):
    """The forward process: what noise is, and how it grows in T steps."""

    kind: Literal["discrete", "continuous"] = "discrete"
    """What becomes of a token: "discrete", any symbol, drawn anew;
    "continuous", numbers, to which normal ones are added."""

    n_timesteps: Steps = 200
    """T, the steps of training: 1 to 10000. Generation may take fewer."""

    schedule: Schedule = "linear"
    """How noise grows: "linear" in beta, "cosine" as in D3PM,
    "cosine_squared", "multinomial" (cosine, clipped as by Hoogeboom), or
    "jsd", 1 / (T - t + 1)."""

    beta_start: Positive = 1e-3
    """beta of the first step of a linear schedule: above 0."""

    beta_end: Beta = 0.1
    """beta of the last step of a linear schedule: above 0 and below 1."""


@dataclass(frozen=True)
class DenoiserConfig(Section, name="denoiser"):
    """What says of noisy strings what they were."""

    kind: Literal["network", "exact"] = "network"
    """A "network", which learns it, or belief propagation, which knows it:
    "exact" has nothing to learn, and generates what there is to reach."""

    says: Literal["start", "noise", "exact_score"] = "start"
    """What the network says: the "start" x_0; with continuous noise also the
    "noise" that was added, or the "exact_score", logits next to those of
    tokens by themselves."""


@dataclass(frozen=True)
class StringLossConfig(LossConfig, name="loss"):
    """What is minimised in training."""

    kind: Literal["bound", "cross_entropy", "hybrid", "squared_error"] = "bound"
    """The variational "bound", the "cross_entropy" of x_0, or a "hybrid", the
    bound plus cross_entropy_weight times the other; with continuous noise
    the "cross_entropy" or the "squared_error"."""


@dataclass(frozen=True)
class StringOptimConfig(OptimConfig, name="optim"):
    """The optimiser, and the average of parameters that is generated with."""

    n_trajectories: Count = 1
    """Noisy versions of every string of a batch, at times of their own: at
    least 1."""


@dataclass(frozen=True)
class StringGenerationConfig(Section, name="generation"):
    """The generation of strings."""

    n_steps: Steps | None = None
    """Steps back from noise, evenly spread over the T of training; None: all
    of them."""

    n_judged: Count = 1000
    """Strings generated to compute a metric: at least 1."""


@dataclass(frozen=True)
class HierarchyConfig(Config):
    """Everything that defines diffusion on hierarchical data and its training."""

    family: ClassVar[str] = "hierarchy"
    named_configs: ClassVar[Path | None] = Path(__file__).parent / "configs"
    free_to_change: ClassVar[frozenset[str]] = Config.free_to_change | {
        "generation.n_steps",
        "generation.n_judged",
    }
    hierarchy: GrammarConfig = field(default_factory=GrammarConfig)
    process: StringNoiseConfig = field(default_factory=StringNoiseConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    loss: StringLossConfig = field(default_factory=StringLossConfig)
    network: StringNetworkConfig = field(default_factory=StringNetworkConfig)
    optim: StringOptimConfig = field(default_factory=StringOptimConfig)
    generation: StringGenerationConfig = field(default_factory=StringGenerationConfig)

    @property
    def n_steps(self) -> int:
        """Steps of generation."""
        return self.process.steps(self.generation.n_steps)

    @property
    def data_name(self) -> str:
        """The grammar, by its numbers."""
        of = self.hierarchy
        return (
            f"hierarchy of {of.n_layers} layers, {of.n_symbols} symbols, {of.n_classes} classes, "
            f"{of.n_synonyms} synonyms, tuples of {of.tuple_size}"
        )

    @property
    def data_facts(self) -> dict[str, str]:
        """See `Config.data_facts`."""
        return super().data_facts | {
            "training strings": str(self.hierarchy.n_train),
            "strings judged": str(self.generation.n_judged),
        }

    def check_together(self) -> None:
        """Strings, process, network and batches have to fit each other."""
        self._check_loss()
        self.process.steps(self.generation.n_steps)
        self.optim.check_enough(self.hierarchy.n_train, "strings")

    def _check_loss(self) -> None:
        """What is said, and what is minimised, has to be there."""
        kind, says, loss = self.process.kind, self.denoiser.says, self.loss.kind
        allowed = _LOSSES[kind].get(says, ())
        if self.denoiser.kind == "network" and loss not in allowed:
            listed = "; ".join(
                f"denoiser.says={said!r} with loss.kind={' or '.join(map(repr, losses))}"
                for said, losses in _LOSSES[kind].items()
            )
            raise ValueError(
                f"process.kind={kind!r} does not go with denoiser.says={says!r} and loss.kind="
                f"{loss!r}: use {listed}"
            )


_LOSSES = {
    "discrete": {"start": ("bound", "cross_entropy", "hybrid")},
    "continuous": {
        "start": ("cross_entropy", "squared_error"),
        "noise": ("squared_error",),
        "exact_score": ("cross_entropy", "squared_error"),
    },
}
"""What can be minimised, by the kind of noise and by what the network says."""
