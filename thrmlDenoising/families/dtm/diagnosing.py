"""What a DTM says of its own health: autocorrelation and mixing, in words, numbers and pictures."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from thrmlDenoising.families.dtm.autocorrelation import (
    SWEEPS_PER_SAMPLE,
    AutocorrelationCurve,
)
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.plots import draw_autocorrelation_vs_lags
from thrmlDenoising.support.markdown import cell, table
from thrmlDenoising.training.results import AUTOCORRELATION, Diagnostics, Finding


def diagnostics_of(epoch: int, curves: Sequence[AutocorrelationCurve]) -> Diagnostics:
    """The curves of all steps, their tails, and which steps are frozen."""
    values = np.stack([curve.values for curve in curves])
    lags = SWEEPS_PER_SAMPLE * np.arange(values.shape[1])
    draw = partial(draw_autocorrelation_vs_lags, lags, values, f"epoch {epoch}")
    return Diagnostics(
        per_part={AUTOCORRELATION: tuple(curve.tail for curve in curves)},
        frozen={index: curve.in_words for index, curve in enumerate(curves) if curve.is_frozen},
        pictures={f"autocorrelation_vs_lags/epoch{epoch}.png": draw},
    )


def mixing_finding(
    beta: float, mixing: Sequence[Mixing], curves: Sequence[AutocorrelationCurve]
) -> Finding:
    """How fast the chains of every step mix.

    Args:
        curves: by dtm-replication's protocol, whose thresholds are quoted.
    """
    content = {
        "beta": beta,
        "sweeps_per_sample": SWEEPS_PER_SAMPLE,
        "steps": [_mixing_numbers(*step) for step in zip(mixing, curves, strict=True)],
    }
    return Finding("mixing", "Mixing", _mixing_table(mixing, curves), content)


def _mixing_table(mixing: Sequence[Mixing], curves: Sequence[AutocorrelationCurve]) -> str:
    head = [
        "step",
        "autocorrelation (replication)",
        "integrated time (sweeps)",
        "independent samples of a chain",
        "slowest decay (sweeps)",
    ]
    rows = [
        [
            str(index),
            f"{curve.tail:.3g}",
            cell(step.integrated_time),
            cell(step.effective_sample_size),
            cell(step.slowest_decay),
        ]
        for index, (step, curve) in enumerate(zip(mixing, curves, strict=True))
    ]
    frozen = [
        f"step {index} is frozen: {curve.in_words}"
        for index, curve in enumerate(curves)
        if curve.is_frozen
    ]
    return "\n".join([table([head, *rows]), *frozen])


def _mixing_numbers(step: Mixing, replication: AutocorrelationCurve) -> dict[str, Any]:
    """Times in sweeps; curves over samples."""
    return {
        "replication_autocorrelation": replication.tail,
        "replication_curve": replication.values.tolist(),
        "share_of_chains_that_never_moved": replication.still,
        "curve": step.curve.values.tolist(),
        "standard_errors": step.standard_errors.tolist(),
        "integrated_time": step.integrated_time._asdict(),
        "effective_sample_size_of_a_chain": step.effective_sample_size._asdict(),
        "slowest_decay": step.slowest_decay._asdict(),
        "fitted_lags": step.window,
    }
