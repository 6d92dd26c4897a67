"""Diffusion on hierarchical data as every family is: what its config says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, Shaped

from thrmlDenoising.config import Config
from thrmlDenoising.config.fields import Count, checked
from thrmlDenoising.diffusion import (
    CategoricalStep,
    Denoiser,
    Step,
    blocks,
    time_grid,
    walk,
    walk_through,
)
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.denoisers import (
    ExactDenoiser,
    StringDenoiser,
    new_network,
)
from thrmlDenoising.families.hierarchy.going_back import ExactStep, MeanStep
from thrmlDenoising.families.hierarchy.judging import judged, symbols_of, validity_name
from thrmlDenoising.families.hierarchy.measuring import BITS, GAP, Measuring
from thrmlDenoising.families.hierarchy.noise import OneHotNoise, noise_of
from thrmlDenoising.families.hierarchy.rules import can_be_parsed, rule_finding, rule_uses
from thrmlDenoising.families.hierarchy.state import StringState
from thrmlDenoising.families.hierarchy.strings import StringSplits, draw_strings
from thrmlDenoising.families.hierarchy.trainer import Trainer, update
from thrmlDenoising.plots import MetricStyle, draw_metric_vs_epoch, draw_rule_usage, draw_trees
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.runs import History, image_name
from thrmlDenoising.training import Cost, Diagnostics, Evaluation, Finding, Model
from thrmlDenoising.training.keys import key_for, purpose_key
from thrmlDenoising.training.model import no_look
from thrmlDenoising.training.results import Draw, PerPart

LOSS = "training_loss"
"""What the history calls the mean loss of an epoch."""

N_HELD_OUT = 500
"""At most so many held-out strings are looked at after an epoch."""

N_DRAWN = 12
"""Strings that are drawn, each with its tree."""


class HierarchyModel(Model[StringState]):
    """Noisier and noisier strings, and a network, or the grammar, that knows the way back.

    Attributes:
        noise: what noise is, and how it grows.
        trainer: how the network is trained.
    """

    config_type: ClassVar[type[Config]] = HierarchyConfig
    makes: str = "strings"
    numbers_in_words: ClassVar[Mapping[str, str]] = {
        BITS: "held-out bits per token",
        GAP: "bits from the exact denoiser",
        LOSS: "training loss",
    }

    def __init__(self, cfg: HierarchyConfig, own_data: Any = None) -> None:
        if own_data is not None:
            raise ValueError(
                "models of the family 'hierarchy' learn the strings of their grammar: leave out "
                "data, and say in the section 'hierarchy' of the config which strings"
            )
        super().__init__(cfg)
        # Made here, so that a process that does not mix is known before anything is trained.
        self.noise = noise_of(cfg)
        self.trainer = Trainer.from_config(cfg)

    @cached_property
    def data(self) -> StringSplits:
        """The strings that are learnt, and those held out."""
        return draw_strings(self.cfg.hierarchy)

    @cached_property
    def exact(self) -> ExactDenoiser:
        """What is true of noisy strings of the grammar."""
        return ExactDenoiser(self.cfg.hierarchy.grammar.tree, self.noise)

    @property
    def is_exact(self) -> bool:
        """Whether there is nothing to learn."""
        return self.cfg.denoiser.kind == "exact"

    # ------------------------------------------------------------------ training

    @property
    def n_batches(self) -> int:
        """Whole batches that the strings make; the rest waits for another epoch."""
        return 0 if self.is_exact else self.cfg.hierarchy.n_train // self.cfg.optim.batch_size

    def init(self, key: Key[Array, ""]) -> StringState:
        """An untrained network, if there is one."""
        network = None if self.is_exact else new_network(self.cfg, key_for(key, "parameters"))
        return self.trainer.init(network, self.noise.n_steps)

    def train_epoch(self, state: StringState, on_batch: Callable[[], None]) -> StringState:
        """One walk through the strings, in random order; none where there is nothing to learn."""
        if self.is_exact:
            return replace(state, epoch=state.epoch + 1)
        fixed, tokens = (self.trainer, self.noise), self.data.train.tokens

        def of_batch(
            state: StringState, chosen: Int[np.ndarray, " chosen"], key: Key[Array, ""]
        ) -> tuple[StringState, Array]:
            return update(fixed, state, tokens[chosen], key)

        key = purpose_key(self.cfg.exp.seed, "training", state.epoch + 1)
        size = self.cfg.optim.batch_size
        state, loss = walk_through(of_batch, state, len(tokens), size, key, on_batch)
        return replace(state, loss=loss)

    @property
    def in_words(self) -> str:
        """The denoiser, and the process it reverses."""
        network = self.cfg.network
        denoiser = (
            "the exact denoiser"
            if self.is_exact
            else f"a network of kind {network.kind!r} and width {network.width}"
        )
        return f"{self.noise.n_steps} steps of {self.cfg.process.kind} noise, {denoiser}"

    @property
    def examples_in_words(self) -> str:
        """What it is trained on, for the log."""
        return f"{len(self.data.train.tokens)} strings in memory"

    def cost(self) -> Cost:
        """What an epoch costs, in training strings seen."""
        return Cost("training strings", 0 if self.is_exact else self.cfg.hierarchy.n_train)

    # ------------------------------------------------------------------ generation

    def denoiser(self, state: StringState) -> Denoiser:
        """What says of noisy strings what they were, with averaged parameters."""
        if self.is_exact:
            return self.exact
        return self._network(state)

    def _network(self, state: StringState) -> StringDenoiser:
        self.check_finite(state)
        return StringDenoiser(state.average, self.noise, self.trainer.meaning)

    def step(self, state: StringState) -> Step:
        """A step back from noise."""
        if self.is_exact:
            return ExactStep(self.exact)
        denoiser = self._network(state)
        if isinstance(self.noise, OneHotNoise):
            return MeanStep(denoiser, self.noise)
        return CategoricalStep(self.noise.process, denoiser, self.cfg.loss.reverse)

    def sample(
        self,
        state: StringState,
        key: Key[Array, ""],
        n: int,
        times: Int[np.ndarray, " _"] | None = None,
        start: Shaped[np.ndarray, " string *token"] | None = None,
    ) -> Int[np.ndarray, "string token"]:
        """Tokens of n strings, drawn along `times`, all those of generation if left out.

        Args:
            start: where they begin; pure noise if left out.
        """
        times = time_grid(self.noise.n_steps, self.cfg.n_steps) if times is None else times
        step, made = self.step(state), []
        n_tokens = self.cfg.hierarchy.grammar.n_tokens
        for block, block_key in blocks(key, n):
            start_key, walk_key = jax.random.split(block_key)
            shape = block.stop - block.start, n_tokens
            x = self.noise.start(start_key, shape) if start is None else jnp.asarray(start[block])
            made.append(walk(step, walk_key, x, times, [len(times) - 1])[-1])
        return np.asarray(self.noise.tokens(jnp.asarray(np.concatenate(made))))

    # ------------------------------------------------------------------ measuring

    def evaluate(self, state: StringState, look: Callable[[], None] = no_look) -> Evaluation:
        """Strings, held against the grammar and drawn with their trees."""
        look()
        tokens = self._judged_strings(state, self.cfg.generation.n_judged)
        pictures = {image_name(state.epoch, "free"): self._drawn(tokens)}
        if uses := rule_uses(self.cfg.hierarchy.grammar, tokens):
            counts, usual = [of.counts for of in uses], [of.usual for of in uses]
            pictures["rule_usage.png"] = partial(draw_rule_usage, counts, usual)
        return Evaluation({"free": self._report(tokens)}, pictures)

    def reports(
        self, state: StringState, n: int | None = None
    ) -> Iterator[tuple[str, QualityReport]]:
        """Strings, held against the grammar."""
        n_judged: int = checked("n", self.cfg.generation.n_judged if n is None else n, Count)
        yield "free", self._report(self._judged_strings(state, n_judged))

    def _judged_strings(self, state: StringState, n: int) -> Int[np.ndarray, "string token"]:
        return self.sample(state, purpose_key(self.cfg.exp.seed, "evaluation", state.epoch), n)

    def _report(self, tokens: Int[np.ndarray, "string token"]) -> QualityReport:
        return judged(self.cfg.hierarchy, self.data.train, tokens, self.cfg.exp.seed)

    def _drawn(self, tokens: Int[np.ndarray, "string token"]) -> Draw:
        return partial(draw_trees, symbols_of(self.cfg.hierarchy.grammar, tokens[:N_DRAWN]))

    def measuring(
        self, state: StringState, key: Key[Array, ""], tokens: Int[np.ndarray, "string token"]
    ) -> Measuring:
        """How a state is measured on strings."""
        reverse = self.cfg.loss.reverse
        return Measuring(key, self.exact, self.denoiser(state), reverse, tokens)

    def _held_out(self, state: StringState, n: int | None = None) -> Measuring | None:
        """On held-out strings, if there are any; on the first n of them."""
        tokens = self.data.test.tokens[:n]
        key = purpose_key(self.cfg.exp.seed, "likelihood", state.epoch)
        return self.measuring(state, key, tokens) if len(tokens) else None

    def diagnose(
        self, state: StringState, look: Callable[[], None] = no_look
    ) -> Diagnostics | None:
        """Bits per token of held-out strings, and how far from true is what is said of them."""
        look()
        measuring = self._held_out(state, N_HELD_OUT)
        return measuring and measuring.diagnostics(state.epoch)

    def per_part(self, state: StringState, diagnostics: Diagnostics | None) -> PerPart:
        """What was measured on held-out strings, where it was, and the training loss."""
        loss = None if self.is_exact or not state.epoch else float(state.loss)
        nothing = {BITS: (None,), GAP: (None,)}
        return nothing | dict(diagnostics.per_part if diagnostics else {}) | {LOSS: (loss,)}

    def tabled(self, history: History) -> Sequence[str]:
        """See `Model.tabled`: what was measured on held-out strings, and of generated ones."""
        return (BITS, GAP, *history.metric_names)

    def pictures_over_epochs(self, history: History) -> dict[str, Draw]:
        """Validity, level by level."""
        names = [
            f"free_{validity_name(level)}" for level in range(1, self.cfg.hierarchy.n_layers + 1)
        ]
        series = {name: history.series(name) for name in names if name in history.metric_names}
        if not series:
            return {}
        style = MetricStyle("symbols with valid tokens below (%)", inverted=False)
        return {"validity_vs_epoch.png": partial(draw_metric_vs_epoch, series, style)}

    def findings(self, state: StringState) -> Iterator[Finding]:
        """The same of all held-out strings, and which rules the generated ones use."""
        measuring, grammar = self._held_out(state), self.cfg.hierarchy.grammar
        if measuring:
            yield from measuring.findings(grammar)
        if can_be_parsed(grammar):
            tokens = self._judged_strings(state, self.cfg.generation.n_judged)
            yield rule_finding(rule_uses(grammar, tokens))
