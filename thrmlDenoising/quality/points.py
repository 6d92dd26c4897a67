"""How good generated points are, with nothing cut off: what is far out counts as it is."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.data.points import Mixture
from thrmlDenoising.quality.bootstrap import (
    Estimate,
    draw_counts,
    per_cent,
    share_estimate,
    total_variation,
)
from thrmlDenoising.quality.kernel_distance import (
    GaussianKernel,
    KernelReference,
    kernel_distance,
)
from thrmlDenoising.quality.manifold import Manifold, overlap
from thrmlDenoising.quality.prd import f_scores
from thrmlDenoising.quality.report import Measurement, QualityReport
from thrmlDenoising.quality.tails import LEVELS, TailQuantiles, levels_for
from thrmlDenoising.quality.transport import earth_movers_estimate, sliced_distance

MOST_COMPARED = 2000
"""Of each set, where all pairs are compared."""
MOST_PAIRED = 1000
"""Of each set, where points are paired with each other."""

_WITHIN = 3
_QUANTILES = {"q99": 0.99, "q999": 0.999}


@dataclass(frozen=True, eq=False)
class _Compared:
    """Generated points and the real ones they are compared with."""

    generated: Float[np.ndarray, "point axis"]
    real: Float[np.ndarray, "other axis"]
    reference: str
    seed: int
    n_replicates: int

    @cached_property
    def counts(self) -> Int[np.ndarray, "replicate point"]:
        """Resamples of the generated points."""
        return draw_counts(self.rng, len(self.generated), self.n_replicates)

    @property
    def rng(self) -> np.random.Generator:
        """The same for every measurement, whether or not another one fails."""
        return np.random.default_rng(self.seed)

    def at_most(self, n: int) -> "_Compared":
        """Equally many of both, at random."""
        n = min(n, len(self.generated), len(self.real))
        rng = self.rng
        few = [rng.permutation(points)[:n] for points in self.both]
        return _Compared(few[0], few[1], self.reference, self.seed, self.n_replicates)

    @property
    def both(self) -> tuple[Float[np.ndarray, "_ axis"], Float[np.ndarray, "_ axis"]]:
        """Generated and real ones."""
        return self.generated, self.real

    def measured(self, name: str, estimate: Estimate) -> Measurement:
        """A measurement of these points."""
        facts = "points", len(self.generated), len(self.real), self.reference
        return Measurement(name, estimate, *facts)


def judge_points(
    generated: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "other axis"],
    mixture: Mixture | None,
    seed: int,
    n_replicates: int,
) -> QualityReport:
    """Modes, overlap, distances and tails of generated points.

    A measurement that fails stands in the `failures` of the report and costs no other. Points that
    are not finite make all fail, but for `not_finite`, the per cent of them.

    Args:
        mixture: what the real points were drawn from, if it was one.
        seed: of resamples, and of the choice of points where there are too many to compare.

    Raises:
        ValueError: no point, a real one that is not finite, different numbers of axes, or less
            than 2 replicates.
    """
    _check_comparable(generated, real, mixture)
    real = real.astype(np.float64)
    digest = hashlib.sha256(repr(real.shape).encode() + real.tobytes()).hexdigest()
    points = _Compared(generated.astype(np.float64), real, digest[:16], seed, n_replicates)
    _ = points.counts  # too few points or replicates are nobody's failure but the caller's
    about = {"real points": len(real), "axes": real.shape[1], "points_sha256": digest}
    report = QualityReport(about, {"points": None})
    for measurement in _not_finite(points):
        report.add(measurement)
    for name, measure in _parts(mixture, report).items():
        with report.part(name):
            _check_finite(points.generated)
            for measurement in measure(points):
                report.add(measurement)
    return report


Part = Callable[[_Compared], Iterator[Measurement]]


def _parts(mixture: Mixture | None, report: QualityReport) -> dict[str, Part]:
    """What is measured, in order; names are those of its numbers."""
    of_modes: dict[str, Part] = {}
    if mixture is not None:
        of_modes["within_3_sigma, mode_weights_tv"] = partial(_modes, mixture)
    return of_modes | {
        "f8, f1_8": _prd,
        "precision, recall, density, coverage": _overlap,
        "emd": _emd,
        "sliced_emd": _sliced,
        "rbf_mmd": _mmd,
        "tail_msle, q99, q999": partial(_tails, report.notes),
    }


def _not_finite(points: _Compared) -> Iterator[Measurement]:
    lost = np.asarray(~np.isfinite(points.generated).all(axis=1))
    if lost.any():
        yield points.measured("not_finite", per_cent(share_estimate(lost)))


def _modes(mixture: Mixture, points: _Compared) -> Iterator[Measurement]:
    """The per cent of points within 3 standard deviations of a mode, in the plane ideally 98.9,
    and the total variation between the shares of nearest modes, of all points, and the weights.
    """
    arrays = mixture.means, np.array(mixture.std), mixture.weights
    digest = hashlib.sha256(b"".join(np.asarray(a, np.float64).tobytes() for a in arrays))
    facts = "points", len(points.generated), 0, digest.hexdigest()[:16]
    distances = mixture.distances(points.generated)
    within = distances.min(axis=1) <= _WITHIN * mixture.std
    yield Measurement("within_3_sigma", per_cent(share_estimate(within)), *facts)
    nearest = np.eye(len(mixture.means))[distances.argmin(axis=1)]
    variation = total_variation(nearest, mixture.weights, points.counts)
    yield Measurement("mode_weights_tv", variation, *facts)


def _prd(points: _Compared) -> Iterator[Measurement]:
    scores = f_scores(points.generated, points.real, points.counts, points.rng)
    yield points.measured("f8", scores.recall)
    yield points.measured("f1_8", scores.precision)


def _overlap(points: _Compared) -> Iterator[Measurement]:
    some = points.at_most(MOST_COMPARED)
    found = overlap(Manifold.of(some.generated), Manifold.of(some.real), some.counts)
    for name, estimate in found._asdict().items():
        yield some.measured(name, estimate)


def _emd(points: _Compared) -> Iterator[Measurement]:
    some = points.at_most(MOST_PAIRED)
    distance = earth_movers_estimate(some.generated, some.real, some.rng)
    yield some.measured("emd", distance)


def _sliced(points: _Compared) -> Iterator[Measurement]:
    distance = sliced_distance(points.generated, points.real, points.counts)
    yield points.measured("sliced_emd", distance)


def _mmd(points: _Compared) -> Iterator[Measurement]:
    some = points.at_most(MOST_COMPARED)
    reference = KernelReference.of(some.real, GaussianKernel.of_median(some.real))
    yield some.measured("rbf_mmd", kernel_distance(some.generated, reference, some.counts))


def _tails(notes: list[str], points: _Compared) -> Iterator[Measurement]:
    """Of distances from the median of the real points."""
    centre = np.median(points.real, axis=0)
    lengths, real = (np.linalg.norm(some - centre, axis=1) for some in points.both)
    n = min(len(lengths), len(real))
    if not len(levels := levels_for(n)):
        notes.append(f"tail_msle, q99, q999: of {n} points none is expected beyond 99 %, use 100")
        return
    if len(levels) < len(LEVELS):
        notes.append(
            f"tail_msle beyond the quantile {levels[-1]:.5g}, up to 0.9999: there {n:,} points "
            "have less than one, use 10,000"
        )
    real_quantiles = np.quantile(real, levels)
    found = TailQuantiles.of(lengths, points.counts, levels)
    yield points.measured("tail_msle", found.msle(real_quantiles))
    for name, level in _QUANTILES.items():
        for place in np.flatnonzero(np.isclose(levels, level, rtol=0, atol=1e-12)):
            value = float(real_quantiles[place])
            yield points.measured(name, found.quantile(int(place)))
            facts = "points", 0, len(real), points.reference
            yield Measurement(f"real_{name}", Estimate(value, value, value), *facts)


def _check_finite(points: Float[np.ndarray, "point axis"]) -> None:
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{(~finite).sum()} of {len(points)} generated points are not finite, the first is "
            f"point {finite.argmin()}: none is left out, so look at what made them"
        )


def _check_comparable(
    generated: Float[np.ndarray, "point axis"],
    real: Float[np.ndarray, "other axis"],
    mixture: Mixture | None,
) -> None:
    if generated.ndim != 2 or real.ndim != 2 or not generated.size or not real.size:
        raise ValueError(
            f"generated points of shape {generated.shape}, real ones of {real.shape}: give arrays "
            "(point, axis) of at least one point"
        )
    n_axes = {generated.shape[1], real.shape[1]} | ({mixture.n_axes} if mixture else set())
    if len(n_axes) > 1:
        of_mixture = f", the mixture of {mixture.n_axes}" if mixture else ""
        raise ValueError(
            f"generated points of {generated.shape[1]} axes, real ones of {real.shape[1]}"
            f"{of_mixture}: all have to be of as many"
        )
    if not np.isfinite(real).all():
        raise ValueError("real points that are not finite: leave those out")
