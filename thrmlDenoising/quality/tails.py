"""How heavy tails are: large quantiles of lengths, in logarithms.

The mean squared error of their logarithms (MSLE) is that of Allouche et al. 2022, EV-GAN
(Extremes 25), by which Shariatian et al. 2024, arXiv 2407.18609 (DLPM), measure tails. There it is
of single coordinates; here of lengths, so that all directions count.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.quality.bootstrap import Estimate, centred_estimate, check_counts

LEVELS = 1 - 10.0 ** -np.linspace(2, 4, 9)
"""Of the quantiles compared: 0.99, 0.9944, 0.9968, 0.9982, 0.999, ..., 0.9999."""

_ROUNDING = 1e-9


class TailQuantiles(NamedTuple):
    """Quantiles of lengths, and what they are in resamples."""

    values: Float[np.ndarray, " level"]
    resampled: Float[np.ndarray, "replicate level"]

    @classmethod
    def of(
        cls,
        lengths: Float[np.ndarray, " point"],
        counts: Int[np.ndarray, "replicate point"],
        levels: Float[np.ndarray, " level"],
    ) -> "TailQuantiles":
        """Between two lengths quantiles are interpolated linearly.

        Raises:
            ValueError: counts of another number of points, or a quantile that is 0.
        """
        check_counts(counts, n := len(lengths))
        order = np.argsort(lengths)
        places = (n - 1) * levels
        below = np.floor(places).astype(int)
        ranks = np.concatenate([below, np.minimum(below + 1, n - 1)])
        drawn_up_to = counts[:, order].cumsum(axis=1)
        chosen = [np.searchsorted(row, ranks, side="right") for row in drawn_up_to]
        low, high = np.split(lengths[order][np.stack([ranks, *chosen])], 2, axis=1)
        quantiles = low + (places - below) * (high - low)
        if not quantiles.all():
            raise ValueError(
                "a quantile is 0, which has no logarithm: nearly all points are at one place"
            )
        return cls(quantiles[0], quantiles[1:])

    def quantile(self, place: int) -> Estimate:
        """One of them; its interval is symmetric in logarithms."""
        of_logs = centred_estimate(
            float(np.log(self.values[place])), np.log(self.resampled[:, place])
        )
        return Estimate(*(float(np.exp(end)) for end in of_logs))

    def msle(self, real: Float[np.ndarray, " level"]) -> Estimate:
        """mean (ln q - ln q_real)^2 over the levels."""

        def mean(quantiles: Float[np.ndarray, "*replicate level"]) -> Float[np.ndarray, "..."]:
            return np.asarray(((np.log(quantiles) - np.log(real)) ** 2).mean(axis=-1))

        return centred_estimate(float(mean(self.values)), mean(self.resampled))


def levels_for(n_points: int) -> Float[np.ndarray, " level"]:
    """Those of `LEVELS` above which at least one of so many points is expected."""
    return LEVELS[(1 - LEVELS) * n_points >= 1 - _ROUNDING]
