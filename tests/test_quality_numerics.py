"""Bootstrap, kernel distance, overlap of manifolds and nearest images, against brute force."""

from collections.abc import Callable
from itertools import permutations, product

import numpy as np
import pytest
from exactness import ALARM, means_p_value
from scipy.spatial.distance import cdist
from scipy.stats import binom, nbinom, norm

from thrmlDenoising.quality import kernel_distance as kernel_module
from thrmlDenoising.quality import manifold as manifold_module
from thrmlDenoising.quality import nearest as nearest_module
from thrmlDenoising.quality.bootstrap import (
    centred_estimate,
    draw_counts,
    mean_estimate,
    share_estimate,
)
from thrmlDenoising.quality.kernel_distance import (
    KernelReference,
    cubic,
    hamming,
    kernel_distance,
)
from thrmlDenoising.quality.manifold import Manifold, Overlap, overlap
from thrmlDenoising.quality.nearest import memorisation, nearest_distances

SEEDS = [0, 1, 2]
SIGMAS = norm.isf(ALARM / 2)


def some_counts(n_images: int, n_replicates: int = 100) -> np.ndarray:
    return draw_counts(np.random.default_rng(7), n_images, n_replicates)


# --- bootstrap -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_those_of_draws_with_replacement(seed):
    """Mean 1, variance 1 - 1/n, and a share (1 - 1/n)^n never drawn, in 40,000 counts."""
    counts = draw_counts(np.random.default_rng(seed), 20, 2000)
    assert (counts.sum(axis=1) == 20).all()
    # All images are alike: sums over replicates scatter as binomial ones; Bonferroni over images.
    scores = (counts.sum(axis=0) - 2000) / np.sqrt(2000 * (1 - 1 / 20))
    assert np.abs(scores).max() < norm.isf(ALARM / 2 / 20)
    absent, share = (counts == 0).mean(), (1 - 1 / 20) ** 20
    assert abs(absent - share) < SIGMAS * np.sqrt(share * (1 - share) / counts.size)


@pytest.mark.parametrize("seed", SEEDS)
def test_interval_of_a_mean_is_the_textbook_one(seed):
    """value +- 1.96 deviations / sqrt(n); the 2.5th percentile of R replicates scatters by
    sqrt(0.025 * 0.975 / R) / density."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(4, size=500)
    estimate = mean_estimate(values, draw_counts(rng, 500, 4000))
    error = values.std() / np.sqrt(500)
    tolerance = SIGMAS * error * np.sqrt(0.025 * 0.975 / 4000) / norm.pdf(1.96)
    skewness = 0.05 * error  # of a gamma mean: 1 / sqrt(4 * 500), times (1.96^2 - 1) / 6 < 0.5
    assert estimate.value == pytest.approx(values.mean())
    for end, sign in ((estimate.low, -1), (estimate.high, 1)):
        assert abs(end - values.mean() - sign * norm.ppf(0.975) * error) < tolerance + skewness
    assert estimate.width == estimate.high - estimate.low


def test_a_common_shift_of_the_replicates_is_taken_out():
    replicates = np.random.default_rng(0).normal(size=100)
    near, far = centred_estimate(3, replicates), centred_estimate(3, replicates + 1000)
    np.testing.assert_allclose(near, far, rtol=1e-9)
    assert near.low < 3 < near.high


def test_wrong_counts_are_explained():
    for wrong in (some_counts(9), np.ones(10, int), 2 * some_counts(10)):
        with pytest.raises(ValueError, match="draw_counts"):
            mean_estimate(np.zeros(10), wrong)
    with pytest.raises(ValueError, match="at least 2 replicates"):
        draw_counts(np.random.default_rng(0), 10, 1)


# --- kernel distance -----------------------------------------------------------------------


def of_features(x: np.ndarray, y: np.ndarray) -> float:
    return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def of_pixels(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.exp(-0.1 * np.count_nonzero(x != y)))


def brute_kernel_distance(x: np.ndarray, y: np.ndarray, owners: np.ndarray, k: Callable) -> float:
    """Double loops; images with the same owner are one image drawn more than once."""
    within = [k(x[i], x[j]) for i, j in product(range(len(x)), repeat=2) if owners[i] != owners[j]]
    within_y = [k(a, b) for a, b in permutations(y, 2)]
    between = [k(a, b) for a, b in product(x, y)]
    return float(np.mean(within) + np.mean(within_y) - 2 * np.mean(between))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rows", [3, 512])
@pytest.mark.parametrize(("kernel", "by_hand"), [(cubic, of_features), (hamming, of_pixels)])
def test_kernel_distance_is_that_of_a_double_loop(seed, rows, kernel, by_hand, monkeypatch):
    monkeypatch.setattr(kernel_module, "_ROWS_AT_ONCE", rows)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, 3)), rng.normal(1, 2, size=(11, 3))
    if kernel is hamming:
        x, y = (x > 0).astype(float), (y > 0).astype(float)
    counts = draw_counts(rng, 8, 30)
    drawn = [np.repeat(np.arange(8), row) for row in counts]
    replicates = np.array([brute_kernel_distance(x[o], y, o, by_hand) for o in drawn])
    wanted = centred_estimate(brute_kernel_distance(x, y, np.arange(8), by_hand), replicates)
    found = kernel_distance(x, KernelReference.of(y, kernel), counts)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def v_statistic(x: np.ndarray, y: np.ndarray) -> float:
    """The broken twin: images are compared with themselves."""
    kernels = [(a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    return kernels[0].mean() + kernels[1].mean() - 2 * kernels[2].mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_distance_is_unbiased(seed):
    """Binomial features +-1: 0 on average between sets of the same kind."""
    rng = np.random.default_rng(seed)
    pairs = [
        (rng.choice([-1.0, 1.0], (20, 5)), rng.choice([-1.0, 1.0], (30, 5))) for _ in range(1000)
    ]
    unbiased = np.array(
        [kernel_distance(x, KernelReference.of(y), some_counts(20, 2)).value for x, y in pairs]
    )
    biased = np.array([v_statistic(x, y) for x, y in pairs])
    for values, is_right in ((unbiased, True), (biased, False)):
        error = values.std(ddof=1) / np.sqrt(len(values))
        p_value = means_p_value(values.mean(keepdims=True), np.array([error]), len(values))
        assert (p_value > ALARM) == is_right


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_distance_of_shifted_normal_features(seed):
    """One feature, N(a, 1): sum over the powers p = 1, 2, 3 of binom(3, p) (E x^p - E y^p)^2."""
    rng = np.random.default_rng(seed)
    a, b = 0.5, -0.3
    values = np.array(
        [
            kernel_distance(
                rng.normal(a, 1, (60, 1)),
                KernelReference.of(rng.normal(b, 1, (60, 1))),
                some_counts(60, 2),
            ).value
            for _ in range(500)
        ]
    )
    moments = ((3, lambda m: m), (3, lambda m: m**2 + 1), (1, lambda m: m**3 + 3 * m))
    wanted = sum(factor * (moment(a) - moment(b)) ** 2 for factor, moment in moments)
    error = values.std(ddof=1) / np.sqrt(len(values))
    difference = np.array([values.mean() - wanted])
    assert means_p_value(difference, np.array([error]), len(values)) > ALARM


def test_kernel_distance_of_two_points():
    """All images at (c, ..., c) against all at 0: (c^2 + 1)^3 + 1 - 2, and nothing scatters."""
    x, y = np.full((600, 4), 0.5, np.float32), np.zeros((700, 4), np.float32)
    np.testing.assert_allclose(
        kernel_distance(x, KernelReference.of(y), some_counts(600)), 1.25**3 - 1, rtol=1e-9
    )


def test_mistakes_with_features_are_explained():
    x, counts = np.random.default_rng(0).normal(size=(10, 3)), some_counts(10)
    broken = np.where(np.arange(10)[:, None] == 4, np.inf, x)
    with pytest.raises(ValueError, match="at least 2"):
        KernelReference.of(x[:1])
    with pytest.raises(ValueError, match="same extractor"):
        kernel_distance(x, KernelReference.of(x[:, :2]), counts)
    with pytest.raises(ValueError, match="image 4"):
        kernel_distance(broken, KernelReference.of(x), counts)
    with pytest.raises(ValueError, match="use more images"):
        kernel_distance(x[:2], KernelReference.of(x), np.array([[2, 0], [1, 1]]))
    with pytest.raises(ValueError, match="at least 6"):
        Manifold.of(x[:5])
    with pytest.raises(ValueError, match="same extractor"):
        overlap(Manifold.of(x), Manifold.of(x[:, :2]), counts)
    with pytest.raises(ValueError, match="draw_counts"):
        overlap(Manifold.of(x[1:]), Manifold.of(x), counts)


# --- manifolds -----------------------------------------------------------------------------


def brute_overlap(x: np.ndarray, y: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Precision, recall, density and coverage of the images drawn, by their definitions."""
    radii_x, radii_y = (np.sort(cdist(z, z), axis=1)[:, 5] for z in (x, y))
    distances = cdist(x, y)[drawn]
    in_y = distances <= radii_y
    in_x = distances <= radii_x[drawn][:, None]
    shares = in_y.any(axis=1), in_x.any(axis=0), in_y.sum(axis=1) / 5, in_y.any(axis=0)
    return np.array([share.mean() for share in shares])


def values_of(metrics: Overlap) -> np.ndarray:
    return np.array([estimate.value for estimate in metrics])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rows", [7, 64, 512])
def test_overlap_is_that_of_brute_force(seed, rows, monkeypatch):
    monkeypatch.setattr(manifold_module, "_ROWS_AT_ONCE", rows)
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.5, 1, size=(90, 6)), rng.normal(size=(130, 6))
    counts = draw_counts(rng, 90, 50)
    metrics = overlap(Manifold.of(x), Manifold.of(y), counts)
    everything = np.arange(90)
    values = brute_overlap(x, y, everything)
    np.testing.assert_allclose(values_of(metrics), values, rtol=1e-9)
    resampled = [brute_overlap(x, y, np.repeat(everything, row))[2] for row in counts]
    np.testing.assert_allclose(metrics.density, centred_estimate(values[2], np.array(resampled)))
    without_one = np.array([brute_overlap(x, y, np.delete(everything, i)) for i in range(90)])
    half = 1.96 * np.sqrt(89 / 90 * ((without_one - without_one.mean(axis=0)) ** 2).sum(axis=0))
    for name, value, of_metric in zip(Overlap._fields, values, half, strict=True):
        if name in ("recall", "coverage"):
            wanted = value, max(value - of_metric, 0), min(value + of_metric, 1)
            np.testing.assert_allclose(getattr(metrics, name), wanted, rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_intervals_of_recall_and_coverage_hold_their_scatter(seed):
    """Of 60 sets of images, 95 % of the intervals should hold the mean of all sets.

    With intervals that hold it in 90 % of cases, fewer than 41 of 60 do so with a chance of 1e-6.
    Intervals of a fifth of the width, the broken twin, hold it in less than half of the cases.
    """
    rng = np.random.default_rng(seed)
    reference = Manifold.of(rng.normal(size=(300, 6)))
    sets = [Manifold.of(rng.normal(0.3, 1, size=(150, 6))) for _ in range(60)]
    found = [overlap(images, reference, some_counts(150, 2)) for images in sets]
    assert binom.cdf(40, 60, 0.9) < 1e-6
    for name in ("recall", "coverage"):
        value, low, high = np.array([getattr(metrics, name) for metrics in found]).T
        off = value.mean() - value
        assert ((low - value <= off) & (off <= high - value)).sum() > 40
        assert ((low - value <= 5 * off) & (5 * off <= high - value)).sum() <= 40


def test_shares_have_wilsons_interval():
    """From its definition: the shares whose score test 1.96 standard errors do not reject."""
    for held, n_images in ((0, 100), (3, 50), (100, 100)):
        estimate = share_estimate(np.arange(n_images) < held)
        assert estimate.value == held / n_images
        for end in estimate[1:]:
            if 0 < end < 1:
                error = np.sqrt(end * (1 - end) / n_images)
                assert abs(estimate.value - end) / error == pytest.approx(1.959964, rel=1e-5)
    assert share_estimate(np.zeros(100, bool)).high > 0.03


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("offset", [0, 100])
def test_a_set_overlaps_with_itself(seed, offset):
    """Every image lies in its own ball, and every ball holds its five neighbours too."""
    rng = np.random.default_rng(seed)
    x = rng.normal(offset, 1, size=(700, 4))
    same = overlap(Manifold.of(x), Manifold.of(rng.permutation(x)), some_counts(700))
    np.testing.assert_allclose(values_of(same), [1, 1, 6 / 5, 1])


def test_copies_of_one_image_overlap_with_themselves():
    """All radii are 0: rounding must not put an image outside its own ball."""
    x = np.tile(np.random.default_rng(0).normal(10, 1, size=(1, 50)), (40, 1))
    same = overlap(Manifold.of(x), Manifold.of(x), some_counts(40))
    np.testing.assert_allclose(values_of(same), [1, 1, 40 / 5, 1])


def test_sets_far_apart_do_not_overlap():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 4)), rng.normal(50, 1, size=(100, 4))
    for estimate in overlap(Manifold.of(x), Manifold.of(y), some_counts(100)):
        assert estimate[:2] == (0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_coverage_and_density_of_the_same_distribution(seed):
    """Exact expectations at these small sizes, whatever the distribution is."""
    rng = np.random.default_rng(seed)
    n, m, repeats = 40, 25, 400
    measured = np.array(
        [
            values_of(
                overlap(
                    Manifold.of(rng.normal(size=(m, 3))),
                    Manifold.of(rng.normal(size=(n, 3))),
                    some_counts(m, 2),
                )
            )[2:]
            for _ in range(repeats)
        ]
    )
    neighbours = np.arange(1, 6)
    coverage = 1 - np.prod((n - neighbours) / (m + n - neighbours))
    errors = measured.std(axis=0, ddof=1) / np.sqrt(repeats)
    # a ball to the fifth of n - 1 others holds 5 / n of all new images
    assert means_p_value(measured.mean(axis=0) - [1, coverage], errors, repeats) > ALARM
    # broken twin: one neighbour less
    fewer = 1 - np.prod((n - neighbours[:4]) / (m + n - neighbours[:4]))
    assert means_p_value(measured.mean(axis=0) - [1, fewer], errors, repeats) < ALARM


@pytest.mark.parametrize("seed", SEEDS)
def test_a_missing_mode_lowers_recall_and_coverage_only(seed):
    """Half of the reference lies where nothing is generated: the others' shares are halved."""
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(300, 3)), rng.normal(60, 1, size=(300, 3))
    x = rng.normal(size=(300, 3))
    whole = overlap(Manifold.of(x), Manifold.of(left), some_counts(300))
    halved = overlap(Manifold.of(x), Manifold.of(np.concatenate([left, right])), some_counts(300))
    np.testing.assert_allclose(values_of(halved), values_of(whole) * [1, 0.5, 1, 0.5])


# --- nearest images ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_levels", [1, 7, 255])
@pytest.mark.parametrize("rows", [13, 2048])
def test_nearest_distances_are_those_of_brute_force(n_levels, seed, rows, monkeypatch):
    """784 pixels: products of levels up to 255 do not fit the 24 bits of float32."""
    monkeypatch.setattr(nearest_module, "_ROWS_AT_ONCE", rows)
    rng = np.random.default_rng(seed)
    images, training = (rng.integers(0, n_levels + 1, (n, 784), dtype=np.uint8) for n in (30, 50))
    images[:2], training[:2] = n_levels, [[0], [n_levels]]
    # and one level of one pixel away from the brightest image
    images[0, 0] -= 1
    differences = images[:, None].astype(int) - training
    wanted = np.sqrt((differences**2).sum(axis=-1).min(axis=1) / 784) / n_levels
    distances = nearest_distances(images, training, n_levels)
    np.testing.assert_allclose(distances, wanted, rtol=1e-12, atol=0)
    assert distances[1] == 0
    assert (nearest_distances(training[::-1], training, n_levels) == 0).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_levels", [1, 7, 255])
def test_copies_are_told_from_new_images(n_levels, seed):
    rng = np.random.default_rng(seed)
    training, held_out, fresh = (
        rng.integers(0, n_levels + 1, (n, 30), dtype=np.uint8) for n in (500, 2000, 2000)
    )
    expected = nearest_distances(held_out, training, n_levels)
    counts = some_counts(2000, 20)
    copies = nearest_distances(training[rng.integers(0, 500, 2000)], training, n_levels)
    assert memorisation(copies, expected, counts).copied.value == 100
    assert memorisation(copies, expected, counts).distance == (0, 0, 0)
    assert memorisation(expected, expected, counts).copied.value <= 1
    # Without ties the limit has 20 held-out images below it, and every further image of either
    # set is a fair coin: as many new ones fall below it as come before the 21st held-out one.
    nearest = nearest_distances(fresh, training, n_levels)
    measured = memorisation(nearest, expected, counts)
    assert measured.copied.value * 20 <= nbinom.isf(ALARM, 21, 0.5)
    assert measured.distance.value == pytest.approx(nearest.mean())


def test_copies_count_where_the_data_repeat_themselves():
    """5 % of the held-out images are in the training set: they score 5, copies still 100."""
    held_out = np.where(np.arange(1000) < 50, 0.0, 0.3)
    counts = some_counts(1000)
    assert memorisation(np.zeros(1000), held_out, counts).copied.value == 100
    assert memorisation(held_out, held_out, counts).copied.value == pytest.approx(5)
    assert memorisation(np.full(1000, 0.1), held_out, counts).copied.value == 0


def test_mistakes_with_images_are_explained():
    images = np.full((3, 4), 2, np.uint8)
    with pytest.raises(ValueError, match="level 2 is above n_levels=1"):
        nearest_distances(images, images, 1)
    for wrong in (images[:0], images[:, :3]):
        with pytest.raises(ValueError, match="equally many pixels"):
            nearest_distances(images, wrong, 2)
    with pytest.raises(ValueError, match="at least 100"):
        memorisation(np.zeros(10), np.zeros(99), some_counts(10))
