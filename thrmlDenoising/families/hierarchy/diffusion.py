"""Diffusion on hierarchical data at work, for notebooks and scripts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Integer, Shaped

from thrmlDenoising.config import Section
from thrmlDenoising.config.fields import Count, checked
from thrmlDenoising.diffusion import BitsPerDim, check_time, times_from
from thrmlDenoising.families.hierarchy.comparing import ExactGap
from thrmlDenoising.families.hierarchy.config import HierarchyConfig
from thrmlDenoising.families.hierarchy.measuring import N_SPANS, Measuring
from thrmlDenoising.families.hierarchy.model import HierarchyModel
from thrmlDenoising.families.hierarchy.state import StringState
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training import Trainable
from thrmlDenoising.training.keys import UserKey


def make_cfg(**sections: Mapping[str, Any] | Section) -> HierarchyConfig:
    """A config from the fields that differ from the defaults.

    Raises:
        ValueError: an unknown section or field, a wrong value, or values that do not go together.

    Example:
        >>> make_cfg(hierarchy=dict(n_layers=2)).hierarchy.grammar.n_tokens
        4
    """
    return HierarchyConfig().replace(**sections)


class Changes(NamedTuple):
    """What became of strings that were noised and denoised again.

    Attributes:
        strings: the new ones.
        changed: of the levels from the root to the tokens, the share of symbols that are others;
            the symbol above tokens that break the grammar counts as another.
    """

    strings: Int[np.ndarray, "string token"]
    changed: Float[np.ndarray, " level"]


class HierarchyDiffusion(Trainable[HierarchyModel, StringState]):
    """Diffusion on hierarchical data at work; see `Trainable` for what all models do.

    Example:
        >>> model = HierarchyDiffusion(make_cfg(denoiser=dict(kind="exact")))
        >>> grammar = model.cfg.hierarchy.grammar
        >>> grammar.validity(model.sample(100, n_steps=5)).tolist()
        [1.0, 1.0, 1.0]
    """

    model_type = HierarchyModel

    @library_settings()
    def sample(
        self, n: int, key: UserKey | None = None, n_steps: int | None = None
    ) -> Int[np.ndarray, "{n} token"]:
        """Generates n strings, as tokens.

        Args:
            key: the same key gives the same strings, whatever kind of key; left out, it is made
                from `exp.seed`.
            n_steps: steps back from noise; `generation.n_steps` if left out.

        Raises:
            ValueError: less than 1 string, or more steps than in training.
        """
        times = self._times(n_steps)
        n = checked("n", n, Count)
        return self.model.sample(self.state, self._sample_key(key), n, times)

    @library_settings()
    def denoise(
        self,
        noisy: Shaped[np.ndarray, " string *token"],
        t: int,
        key: UserKey | None = None,
        n_steps: int | None = None,
    ) -> Int[np.ndarray, "string token"]:
        """Draws strings that may have become these after t steps of the forward process.

        Args:
            noisy: tokens, or where noise is continuous a number for each symbol of a token, as
                from `model.noise.noise`.
            t: from 1 to `process.n_timesteps`.
            n_steps: steps from t back to 0; as many of `generation.n_steps` as there are if left
                out, and at most t.

        Raises:
            ValueError: they are no strings of this length, or a time that is none.
        """
        noisy = self.model.noise.checked(noisy, self.cfg.hierarchy.grammar)
        times = self._times(n_steps, t)
        return self.model.sample(self.state, self._sample_key(key), len(noisy), times, noisy)

    @library_settings()
    def forward_backward(
        self,
        t: int,
        strings: Integer[np.ndarray, "string token"] | None = None,
        key: UserKey | None = None,
        n_steps: int | None = None,
    ) -> Changes:
        """Noises strings to time t, denoises them, and looks which symbols of their trees changed.

        At a time where class and tokens part ways a string keeps its tokens in part, while its
        class is any (Sclocchi, Favero & Wyart, arXiv 2402.16991).

        Args:
            strings: of the grammar; the held-out ones if left out.

        Raises:
            ValueError: a time that is none, no strings or such as break the grammar, or an
                ambiguous or filtered grammar, in which symbols cannot be told.
        """
        check_time(t, self.model.noise.n_steps)
        tokens = self._strings(strings)
        before = self.cfg.hierarchy.grammar.parse(tokens)
        if before.broken.any():
            raise ValueError(f"string {int(np.argmax(before.broken))} breaks the grammar")
        noise_key, back_key = jax.random.split(self._sample_key(key))
        times = jnp.full(len(tokens), t)
        noisy = np.asarray(self.model.noise.noise(noise_key, jnp.asarray(tokens), times))
        new = self.denoise(noisy, t, back_key, n_steps)
        after = self.cfg.hierarchy.grammar.parse(new)
        pairs = zip(before.symbols, after.symbols, strict=True)
        return Changes(new, np.array([(old != now).mean() for old, now in pairs]))

    @library_settings()
    def quality(self, n: int | None = None) -> QualityReport:
        """Generates strings and holds them against the grammar; `print` shows a table.

        Args:
            n: `generation.n_judged` if left out.

        Raises:
            ValueError: less than 1 string.
        """
        ((_, report),) = self.model.reports(self.state, n)
        return report

    @library_settings()
    def bits_per_dim(
        self,
        strings: Integer[np.ndarray, "string token"] | None = None,
        key: UserKey | None = None,
        n_spans: int = N_SPANS,
    ) -> BitsPerDim:
        """The variational bound of strings, in bits a token, with its parts by time.

        Args:
            strings: the held-out ones if left out.
            n_spans: times at which each string is looked at, one in each of so many spans of
                time; `process.n_timesteps` of them leave only the noise to chance.

        Raises:
            ValueError: they are no strings of this length, or there are none; or noise is
                continuous.
        """
        n_spans = checked("n_spans", n_spans, Count)
        return self._measuring(strings, key).bits(n_spans)

    @library_settings()
    def gap_to_exact(
        self,
        strings: Integer[np.ndarray, "string token"] | None = None,
        key: UserKey | None = None,
    ) -> ExactGap:
        """How far what is said of noisy versions of strings is from what is exactly true.

        Args:
            strings: the held-out ones if left out.

        Raises:
            ValueError: they are no strings of this length, or there are none; or the network says
                no symbols.
        """
        return self._measuring(strings, key).gap()

    def _times(self, n_steps: int | None, t: int | None = None) -> Int[np.ndarray, " _"]:
        """From a time, or else from pure noise, to 0."""
        last = self.model.noise.n_steps
        return times_from(last if t is None else t, last, self.cfg.n_steps, n_steps)

    def _measuring(
        self, strings: Integer[np.ndarray, "string token"] | None, key: UserKey | None
    ) -> Measuring:
        """On strings as given, or on the held-out ones."""
        tokens = self._strings(strings)
        return self.model.measuring(self.state, self._sample_key(key), tokens)

    def _strings(
        self, strings: Integer[np.ndarray, "string token"] | None
    ) -> Integer[np.ndarray, "string token"]:
        """Strings as given, or the held-out ones; at least one."""
        held_out = self.model.data.test.tokens
        tokens = held_out if strings is None else self.cfg.hierarchy.grammar.checked(strings)
        if not len(tokens):
            raise ValueError("no strings: give some, or hold some out with hierarchy.n_test")
        return tokens
