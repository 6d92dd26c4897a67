"""What generated points are worth: exact values on small cases, and brute force."""

from itertools import permutations, product

import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from tiny import rest_slow

from thrmlDenoising.data.points import Mixture, point_set
from thrmlDenoising.quality import points as points_module
from thrmlDenoising.quality.bootstrap import draw_counts
from thrmlDenoising.quality.kernel_distance import (
    GaussianKernel,
    KernelReference,
    kernel_distance,
)
from thrmlDenoising.quality.manifold import Manifold, overlap
from thrmlDenoising.quality.points import judge_points
from thrmlDenoising.quality.prd import SLOPES, best_f, f_scores, recall_curves
from thrmlDenoising.quality.report import QualityReport
from thrmlDenoising.quality.tails import LEVELS, TailQuantiles, levels_for
from thrmlDenoising.quality.transport import (
    earth_movers_distance,
    earth_movers_estimate,
    fixed_directions,
    sliced_distance,
)

SEEDS = [0, 1, 2]
EVERYTHING = [
    "f8", "f1_8", "precision", "recall", "density", "coverage", "emd", "sliced_emd", "rbf_mmd",
    "tail_msle", "q99", "real_q99", "q999", "real_q999",
]  # fmt: skip


@pytest.fixture
def few_compared(monkeypatch):
    """Where tails, which take many points, or the order of numbers are tested."""
    monkeypatch.setattr(points_module, "MOST_COMPARED", 150)
    monkeypatch.setattr(points_module, "MOST_PAIRED", 100)


def normal(seed: int, n: int, n_axes: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, n_axes))


def some_counts(n: int, n_replicates: int = 20) -> np.ndarray:
    return draw_counts(np.random.default_rng(7), n, n_replicates)


# --- earth mover's distance ----------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_shifted_points_are_as_far_as_their_shift(seed):
    points, shift = normal(seed, 200), np.array([3.0, -4.0])
    moved = np.random.default_rng(seed).permutation(points) + shift
    assert earth_movers_distance(moved, points) == pytest.approx(5)
    sliced = sliced_distance(moved, points, some_counts(200))
    shadows = abs(fixed_directions(2) @ shift).mean()
    assert sliced.value == pytest.approx(shadows)
    assert shadows == pytest.approx(5 * 2 / np.pi, rel=1e-3)
    assert sliced_distance(points, points, some_counts(200)).value == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_distance_is_that_of_the_best_pairing(seed):
    x, y = normal(seed, 5, 3), normal(seed + 10, 5, 3)
    lengths = [np.linalg.norm(x[list(p)] - y, axis=1).mean() for p in permutations(range(5))]
    assert earth_movers_distance(x, y) == pytest.approx(min(lengths))
    assert min(lengths) < np.mean(lengths) - 1e-3, "the twin: any pairing"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_real", [70, 41])
def test_on_a_line_sliced_is_exact(seed, n_real):
    x, y = normal(seed, 70, 1), normal(seed + 10, n_real, 1) * 2
    found = sliced_distance(x, y, some_counts(70)).value
    assert found == pytest.approx(stats.wasserstein_distance(x[:, 0], y[:, 0]))
    if n_real == 70:
        assert found == pytest.approx(earth_movers_distance(x, y))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_axes", [2, 3])
def test_sliced_is_the_mean_of_shadows_and_changes_with_weights_as_said(seed, n_axes):
    """Replicates in which one point stands twice and another not at all, against brute force."""
    n = 400
    x, y = normal(seed, n, n_axes) + 0.8, normal(seed + 10, 300, n_axes)
    directions = fixed_directions(n_axes)
    assert len(directions) == 64
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)

    def brute(points: np.ndarray) -> float:
        pairs = [(points @ d, y @ d) for d in directions]
        return float(np.mean([stats.wasserstein_distance(*pair) for pair in pairs]))

    counts = np.ones((2, n), int)
    counts[0, :2], counts[1, :2] = (2, 0), (0, 2)
    found = sliced_distance(x, y, counts)
    assert found.value == pytest.approx(brute(x))
    once = [brute(np.repeat(x, row, axis=0)) for row in counts]
    # of two replicates the interval reaches from one to the other
    assert found.width == pytest.approx(abs(once[0] - once[1]), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("n_axes", [1, 2])
@pytest.mark.parametrize("shift", [0, 0.5])
def test_intervals_of_distances_are_as_wide_as_their_scatter(n_axes, shift):
    """Of 60 sets; a standard deviation of 60 is off by less than a half."""
    real = normal(0, 300, n_axes)
    sets = [normal(seed, 300, n_axes) + shift for seed in range(1, 61)]
    rng = np.random.default_rng(0)
    exact = [earth_movers_estimate(points, real, rng) for points in sets]
    sliced = [sliced_distance(points, real, some_counts(300, 100)) for points in sets]
    for found in (exact, sliced):
        scatter = np.std([estimate.value for estimate in found])
        deviation = np.mean([estimate.width for estimate in found]) / (2 * 1.96)
        assert 0.6 < deviation / scatter < 1.8


# --- precision and recall for distributions ------------------------------------------------


def test_scores_by_hand():
    """Shares (1/2, 1/2) against (1, 0): precision min(1, s / 2), recall min(1/2, 1/s)."""
    real, generated = np.array([0.5, 0.5]), np.array([[1.0, 0.0]])
    recalls = recall_curves(real, generated)
    np.testing.assert_allclose(recalls[0], np.minimum(0.5, 1 / SLOPES))
    at_corner = 65 * 1 * 0.5 / (64 * 1 + 0.5), 65 * 1 * 0.5 / (1 + 64 * 0.5)
    assert best_f(recalls, 8)[0] == pytest.approx(at_corner[0], abs=1e-4)
    assert best_f(recalls, 1 / 8)[0] == pytest.approx(at_corner[1], abs=1e-4)
    same = recall_curves(real, real[None])
    assert best_f(same, 8)[0] == pytest.approx(1)
    apart = recall_curves(np.array([1.0, 0.0]), np.array([[0.0, 1.0]]))
    assert best_f(apart, 8)[0] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_of_equal_and_of_disjoint_sets(seed):
    points, rng = normal(seed, 400), np.random.default_rng(seed)
    same = f_scores(rng.permutation(points), points, some_counts(400), rng)
    np.testing.assert_allclose([score.value for score in same], 1)
    apart = f_scores(points + 100, points, some_counts(400), rng)
    np.testing.assert_array_equal(apart, np.zeros((2, 3)))
    copies = np.zeros((30, 2))
    np.testing.assert_allclose(np.array(f_scores(copies, copies, some_counts(30), rng)), 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_missing_costs_recall_and_what_is_more_precision(seed):
    left, both = normal(seed, 300), normal(seed + 10, 600)
    both[:300] += 50
    rng = np.random.default_rng(seed)
    missing = f_scores(left, both, some_counts(300), rng)
    more = f_scores(both, left, some_counts(600), rng)
    for low, high in ((missing.recall, missing.precision), (more.precision, more.recall)):
        assert low.value < 0.6
        assert high.value > 0.9


# --- kernel distance, overlap --------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gaussian_kernel_distance_is_that_of_a_double_loop(seed):
    x, y = normal(seed, 20) + 1, normal(seed + 10, 25)
    h = np.median([np.linalg.norm(a - b) for i, a in enumerate(y) for b in y[:i]])
    kernel = GaussianKernel.of_median(y)
    assert kernel.width == pytest.approx(h)

    def mean(pairs) -> float:
        return float(np.mean([np.exp(-((a - b) ** 2).sum() / (2 * h**2)) for a, b in pairs]))

    within = mean(permutations(x, 2)) + mean(permutations(y, 2))
    found = kernel_distance(x, KernelReference.of(y, kernel), some_counts(20)).value
    assert found == pytest.approx(within - 2 * mean(product(x, y)))
    biased = mean(product(x, x)) + mean(product(y, y)) - 2 * mean(product(x, y))
    assert found != pytest.approx(biased), "the twin: points compared with themselves"


def test_a_kernel_needs_a_width():
    for points in (np.zeros((5, 2)), np.ones((1, 2))):
        with pytest.raises(ValueError, match="gives a kernel no width"):
            GaussianKernel.of_median(points)


def test_one_point_far_out_does_not_blur_the_others():
    """Two clouds apart, and beside both a point at 1e9, whose square has no digits to spare.

    Its own ball is as large as its distance, so that recall is no help here.
    """
    x, y = normal(0, 100), normal(1, 100) + 20
    x[0] = y[0] = 1e9
    found = overlap(Manifold.of(x), Manifold.of(y), some_counts(100))
    assert found.precision.value == found.coverage.value == 0.01
    assert found.density.value == pytest.approx(0.01 / 5)


# --- tails ---------------------------------------------------------------------------------


def test_levels_are_those_that_so_many_points_support():
    np.testing.assert_allclose(LEVELS[[0, 4, 8]], [0.99, 0.999, 0.9999])
    assert len(levels_for(10_000)) == 9
    assert len(levels_for(9_999)) == 8
    assert levels_for(1000)[-1] == pytest.approx(0.999)
    assert len(levels_for(100)) == 1
    assert not len(levels_for(99))


@pytest.mark.parametrize("seed", SEEDS)
def test_quantiles_of_resamples_are_those_of_repeated_points(seed):
    lengths = np.random.default_rng(seed).pareto(1.7, 1500)
    counts = some_counts(1500)
    found = TailQuantiles.of(lengths, counts, LEVELS)
    np.testing.assert_allclose(found.values, np.quantile(lengths, LEVELS))
    for row, quantiles in zip(counts, found.resampled, strict=True):
        np.testing.assert_allclose(quantiles, np.quantile(np.repeat(lengths, row), LEVELS))
    low, value, high = np.log([(q := found.quantile(4)).low, q.value, q.high])
    assert low < value < high


@pytest.mark.usefixtures("few_compared")
@pytest.mark.parametrize("seed", SEEDS)
def test_tails_of_scaled_points_differ_by_the_logarithm(seed):
    real = point_set("sas").draw(np.random.default_rng(seed), 1000)
    centre = np.median(real.astype(float), axis=0)
    generated = centre + 3 * (real - centre)
    found = judge_points(generated, real, None, 0, 2).values
    assert found["tail_msle"] == pytest.approx(np.log(3) ** 2)
    assert found["q99"] == pytest.approx(3 * found["real_q99"])
    assert found["q999"] == pytest.approx(3 * found["real_q999"])
    clamped = judge_points(np.clip(generated, -6, 6), real, None, 0, 2).values
    assert clamped["tail_msle"] != pytest.approx(np.log(3) ** 2, rel=0.1), "the twin: clamped"


@pytest.mark.parametrize("scale", [0.5, 7.0])
def test_the_error_of_logarithms_by_hand(scale):
    lengths = np.random.default_rng(0).pareto(1.7, 1500)
    found = TailQuantiles.of(scale * lengths, some_counts(1500), LEVELS)
    assert found.msle(np.quantile(lengths, LEVELS)).value == pytest.approx(np.log(scale) ** 2)
    one_off = found.values.copy()
    one_off[8] *= np.e
    assert found.msle(one_off).value == pytest.approx(1 / 9)


# --- modes ---------------------------------------------------------------------------------

MIXTURE = Mixture(np.array([[0.0, 0], [10, 0], [0, 10]]), 1.0, np.array([0.5, 0.3, 0.2]))


def test_modes_by_hand():
    """Five points near the modes 0, 0, 1, 1, 1, of which one is 4 deviations away from its own."""
    generated = np.array([[0.0, 0], [0, 2.9], [10, 0], [10, 4], [9, 1]])
    found = judge_points(generated, normal(0, 50), MIXTURE, 0, 20)
    assert found.values["within_3_sigma"] == pytest.approx(80)
    assert found.values["mode_weights_tv"] == pytest.approx(0.5 * (0.1 + 0.3 + 0.2))
    interval = found.measurements["within_3_sigma"].estimate
    assert 0 < interval.low < 80 < interval.high < 100


@pytest.mark.parametrize("seed", SEEDS)
def test_points_of_the_mixture_itself_are_ideal(seed):
    """98.9 % are within 3 deviations, chi-square with 2 degrees; of 1.5 deviations fewer."""
    rng = np.random.default_rng(seed)
    mixture, n = point_set("gmm_grid"), 3000
    assert isinstance(mixture, Mixture)
    points = mixture.draw(rng, n)
    wide = Mixture(mixture.means, 1.5 * mixture.std, mixture.weights).draw(rng, n)
    share = stats.chi2(2).cdf(9)
    assert share == pytest.approx(0.989, abs=1e-3)
    for some, is_right in ((points, True), (wide, False)):
        within = judge_points(some, points[:10], mixture, 0, 2).values["within_3_sigma"]
        p_value = stats.binomtest(round(within * n / 100), n, share).pvalue
        assert (p_value > ALARM) == is_right


# --- the report ----------------------------------------------------------------------------


def report_of(generated: np.ndarray, real: np.ndarray, seed: int = 0) -> QualityReport:
    return judge_points(generated, real, None, seed, 10)


@pytest.mark.usefixtures("few_compared")
def test_the_report_has_all_in_order_and_is_repeated_by_its_seed():
    generated, real = normal(0, 1000), normal(1, 1100)
    report = report_of(generated, real)
    assert list(report.measurements) == EVERYTHING
    assert not report.failures
    for name, found in report.measurements.items():
        assert found.estimate.low <= found.estimate.value <= found.estimate.high, name
        assert name in str(report)
    assert report.to_dict() == report_of(generated, real).to_dict()
    assert report.values["emd"] != report_of(generated, real[:900]).values["emd"]
    assert [note for note in report.notes if "up to 0.9999" in note]
    assert report.measurements["emd"].n_images == report.measurements["emd"].n_reference == 100
    assert report.measurements["rbf_mmd"].n_images == 150
    assert report.measurements["f8"].n_reference == 1100
    with_modes = judge_points(generated, real, MIXTURE, 0, 10)
    first, second, *rest = with_modes.measurements
    assert (first, second) == ("within_3_sigma", "mode_weights_tv")
    assert rest == EVERYTHING


@pytest.mark.parametrize("n_axes", [1, 3])
def test_points_of_any_number_of_axes_are_judged(n_axes):
    report = report_of(normal(0, 150, n_axes), normal(1, 150, n_axes))
    assert list(report.measurements) == EVERYTHING[:-2]


def test_float32_points_are_judged_in_float64():
    points = (1000 + normal(0, 200)).astype(np.float32)
    real = points[::-1].astype(np.float64)
    assert report_of(points, real).to_dict() == report_of(points.astype(float), real).to_dict()
    assert report_of(points, real).values["tail_msle"] == 0


def test_points_that_are_not_finite_are_counted_and_nothing_else():
    generated = normal(0, 200)
    generated[3, 1], generated[[7, 9]] = np.inf, np.nan
    report = judge_points(generated, normal(1, 200), MIXTURE, 0, 20)
    assert report.values == {"not_finite": pytest.approx(1.5)}
    assert len(report.failures) == 7
    with pytest.raises(ValueError, match="3 of 200 generated points are not finite, the first is"):
        report.raise_failure()


def test_one_measurement_that_fails_costs_no_other():
    """Copies of one point have no width for a kernel, and no quantile to take a logarithm of."""
    copies = np.ones((200, 2))
    report = report_of(copies, copies)
    assert set(report.failures) == {"rbf_mmd", "tail_msle, q99, q999"}
    assert report.values["emd"] == 0
    assert report.values["f8"] == pytest.approx(1)
    few = report_of(normal(0, 4), normal(1, 4))
    assert set(few.failures) == {"precision, recall, density, coverage"}
    assert "tail_msle" not in few.values
    assert any("none is expected beyond 99 %" in note for note in few.notes)


@pytest.mark.parametrize("seed", rest_slow(SEEDS))
def test_a_point_beyond_all_measure_is_measured(seed):
    generated, real = normal(seed, 200), normal(seed + 10, 200)
    generated[0] = 1e30
    found = report_of(generated, real)
    assert not found.failures
    assert found.values["emd"] == pytest.approx(np.sqrt(2) * 1e30 / 200, rel=1e-3)
    assert found.values["precision"] < 1
    assert found.values["f8"] > 0.9


@pytest.mark.parametrize(
    ("generated", "real", "mixture", "message"),
    [
        (np.ones((0, 2)), np.ones((5, 2)), None, "at least one point"),
        (np.ones(5), np.ones((5, 2)), None, r"of shape \(5,\)"),
        (np.ones((5, 3)), np.ones((5, 2)), None, "of 3 axes, real ones of 2: all"),
        (np.ones((5, 3)), np.ones((5, 3)), MIXTURE, "the mixture of 2"),
        (np.ones((5, 2)), np.full((5, 2), np.nan), None, "real points that are not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(generated, real, mixture, message):
    with pytest.raises(ValueError, match=message):
        judge_points(generated, real, mixture, 0, 20)


def test_an_interval_needs_replicates():
    with pytest.raises(ValueError, match="at least 2 replicates"):
        judge_points(normal(0, 50), normal(1, 50), None, 0, 1)
