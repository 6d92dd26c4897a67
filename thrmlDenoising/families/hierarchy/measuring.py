"""What is measured of a model on strings that it has not learnt."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.diffusion import BitsPerDim, Denoiser, bits_per_dim
from thrmlDenoising.families.hierarchy.comparing import ExactGap, gap_to_exact
from thrmlDenoising.families.hierarchy.denoisers import ExactDenoiser, StringDenoiser
from thrmlDenoising.families.hierarchy.noise import TokenNoise
from thrmlDenoising.plots import draw_bits_by_time
from thrmlDenoising.training import Diagnostics, Finding

BITS, GAP = "bits_per_dim", "kl_to_exact"
"""What the history calls the bound on held-out strings, and the distance of what a model says from
what is true."""

N_SPANS = 10


class Measuring(NamedTuple):
    """How a model is measured on strings.

    Attributes:
        key: of the noise.
        exact: what is true of noisy strings.
        denoiser: what a model says of them.
        reverse: one of `diffusion.REVERSE`.
        tokens: the strings, at least one.
    """

    key: Key[Array, ""]
    exact: ExactDenoiser
    denoiser: Denoiser
    reverse: str
    tokens: Int[np.ndarray, "string token"]

    def bits(self, n_spans: int = N_SPANS) -> BitsPerDim:
        """The variational bound, in bits a token.

        Raises:
            ValueError: noise is continuous.
        """
        noise = self.exact.noise
        if not isinstance(noise, TokenNoise):
            raise ValueError(
                "bits per token are bounded where noise is discrete: with process.kind="
                "'continuous' numbers are generated, of which tokens are only the nearest"
            )
        key = jax.random.split(self.key)[0]
        return bits_per_dim(
            key, noise.process, self.reverse, lambda _: self.denoiser, self.tokens, n_spans
        )

    def gap(self) -> ExactGap:
        """How far what is said is from what is true.

        Raises:
            ValueError: the network says no symbols.
        """
        if not self.has_gap:
            raise ValueError(
                "this network says numbers, and not how likely each symbol is, which could be held "
                "against what is true: use loss.kind='cross_entropy'"
            )
        return gap_to_exact(jax.random.split(self.key)[1], self.exact, self.denoiser, self.tokens)

    @property
    def has_bits(self) -> bool:
        """Whether `bits` can be measured."""
        return isinstance(self.exact.noise, TokenNoise)

    @property
    def has_gap(self) -> bool:
        """Whether `gap` can be measured."""
        denoiser = self.denoiser
        return not isinstance(denoiser, StringDenoiser) or denoiser.meaning.symbols

    def diagnostics(self, epoch: int) -> Diagnostics:
        """Both, as far as there are, the distance drawn by time."""
        numbers, pictures = {}, {}
        if self.has_bits:
            numbers[BITS] = (self.bits().value,)
        if self.has_gap:
            gap = self.gap()
            numbers[GAP] = (gap.value,)
            text = "KL to what is true (bits a token)", f"epoch {epoch}: {gap}"
            pictures["kl_by_time.png"] = partial(draw_bits_by_time, gap.spans, gap.by_span, *text)
        return Diagnostics(numbers, {}, pictures)

    def findings(self, grammar: RandomHierarchy) -> Iterator[Finding]:
        """Both, as far as there are, next to what strings take that are written down by the
        grammar itself.
        """
        if self.has_bits:
            yield _bits_finding(self.bits(), bits_of_grammar(grammar, self.tokens))
        if self.has_gap:
            yield _gap_finding(self.gap())


def bits_of_grammar(grammar: RandomHierarchy, tokens: Int[np.ndarray, "string token"]) -> float:
    """-log2 p(string) a token, exact, in the mean over strings."""
    log_p = grammar.posterior(tokens).log_evidence
    return float(-log_p.mean() / np.log(2) / grammar.n_tokens)


def _bits_finding(bits: BitsPerDim, least: float) -> Finding:
    text = f"{bits}; {least:.4f} by the grammar itself"
    content = {"value": bits.value, "standard_error": bits.standard_error, "exact": least}
    return Finding("bits_per_dim", "Bits per token of held-out strings", text, content)


def _gap_finding(gap: ExactGap) -> Finding:
    rows = [
        f"| {first} to {last} | {part:.5f} |"
        for (first, last), part in zip(gap.spans, gap.by_span, strict=True)
    ]
    text = "\n".join([str(gap), "", "| times | bits a token |", "|---|---|", *rows])
    content = gap._asdict() | {"spans": gap.spans.tolist(), "by_span": gap.by_span.tolist()}
    return Finding("kl_to_exact", "KL to the exact denoiser, by time", text, content)
