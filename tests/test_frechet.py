"""The Fréchet distance against SciPy's matrix root, and against closed forms where that fails.

The closed form of two sets that do not commute: if T is symmetric and positive semi-definite, the
cheapest way from a Gaussian x to the Gaussian x T is to move every x to x T. Hence

    distance of (X, X T + shift) = |mu (T - 1) + shift|^2 + tr (T - 1) S (T - 1),

however singular the covariance S of X is.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from exactness import ALARM
from scipy.linalg import sqrtm
from scipy.stats import binom, norm

from thrmlDenoising.quality import frechet as frechet_module
from thrmlDenoising.quality.bootstrap import Estimate, centred_estimate, draw_counts
from thrmlDenoising.quality.frechet import FeatureMoments, frechet_distance, frechet_estimate

SEEDS = [0, 1, 2]
SIGMAS = norm.isf(ALARM / 2)


def orthogonal(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def spectrum(kind: str, size: int) -> np.ndarray:
    """Standard deviations: condition numbers of the covariance are their squares."""
    if kind == "low rank":
        return np.where(np.arange(size) < (size + 1) // 2, 1.0, 0.0)
    return np.logspace(0, {"well": -0.5, "ill": -6}[kind], size)


def random_features(rng: np.random.Generator, deviations: np.ndarray, n: int = 0) -> np.ndarray:
    size = len(deviations)
    return (rng.normal(size=(n or 2 * size + 3, size)) * deviations) @ orthogonal(rng, size)


def transport(rng: np.random.Generator, deviations: np.ndarray) -> np.ndarray:
    rotation = orthogonal(rng, len(deviations))
    return (rotation * deviations) @ rotation.T


def transported_distance(x: np.ndarray, map_: np.ndarray, shift: np.ndarray) -> float:
    moved = x @ (map_ - np.eye(len(map_)))
    return ((moved.mean(axis=0) + shift) ** 2).sum() + moved.var(axis=0, ddof=1).sum()


def scipy_distance(x: np.ndarray, y: np.ndarray) -> float:
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (x, y)]
    root = np.asarray(sqrtm(covariances[0] @ covariances[1]))
    traces = sum(np.trace(covariance) for covariance in covariances)
    return ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + traces - 2 * np.trace(root).real


def distance_of(x: np.ndarray, y: np.ndarray) -> float:
    return frechet_distance(FeatureMoments.of(x), FeatureMoments.of(y))


# --- the distance --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "seed"),
    [*product((1, 2, 7, 32), SEEDS), (100, 0)],  # large roots are slow
)
def test_scipy_agrees_where_covariances_are_well_conditioned(size, seed):
    rng = np.random.default_rng(seed)
    x = random_features(rng, spectrum("well", size))
    y = random_features(rng, 2 * spectrum("well", size)) + rng.normal(size=size)
    assert distance_of(x, y) == pytest.approx(scipy_distance(x, y), rel=1e-6)
    assert distance_of(y, x) == pytest.approx(distance_of(x, y), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [2, 7, 32])
def test_scipy_agrees_where_covariances_are_ill_conditioned(size, seed):
    rng = np.random.default_rng(seed)
    x = random_features(rng, spectrum("ill", size))
    y = random_features(rng, spectrum("ill", size)) + rng.normal(size=size)
    assert distance_of(x, y) == pytest.approx(scipy_distance(x, y), rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["well", "ill", "low rank"])
@pytest.mark.parametrize("size", [1, 2, 7, 32, 256])
def test_transported_features(size, kind, seed):
    rng = np.random.default_rng(seed)
    x = random_features(rng, spectrum(kind, size)) + rng.normal(size=size)
    map_, shift = transport(rng, rng.uniform(0, 3, size)), rng.normal(size=size)
    wanted = transported_distance(x, map_, shift)
    assert distance_of(x, x @ map_ + shift) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "n_images"), [(8, 2), (64, 20), (256, 30)])
def test_fewer_images_than_features(size, n_images, seed):
    """Maps of low rank too: both covariances are singular, and differently so."""
    rng = np.random.default_rng(seed)
    x = random_features(rng, np.ones(size), n_images)
    map_ = transport(rng, 2 * spectrum("low rank", size))
    wanted = transported_distance(x, map_, np.zeros(size))
    assert distance_of(x, x @ map_) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_lines_in_a_plane(seed):
    """Covariances a u u^T and b v v^T: a + b - 2 sqrt(a b) |u.v|, and different numbers of rows."""
    rng = np.random.default_rng(seed)
    u, v = orthogonal(rng, 5)[0], orthogonal(rng, 5)[0]
    x, y = rng.normal(size=40), rng.normal(size=3)
    x, y = x - x.mean(), y - y.mean()
    a, b = x.var(ddof=1), y.var(ddof=1)
    wanted = a + b - 2 * np.sqrt(a * b) * abs(u @ v)
    assert distance_of(np.outer(x, u), np.outer(y, v)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["well", "ill", "low rank"])
@pytest.mark.parametrize("n_images", [30, 2000])
def test_features_are_at_no_distance_from_themselves(kind, n_images, seed):
    rng = np.random.default_rng(seed)
    x = random_features(rng, spectrum(kind, 64), n_images)
    variance = x.var(axis=0).sum()
    assert 0 <= distance_of(x, x) < 1e-14 * variance
    assert 0 <= distance_of(x, rng.permutation(x)) < 1e-13 * variance


def test_moments_do_not_depend_on_how_many_images_are_read_at_once(monkeypatch):
    """Blocks of 1000 images, far from the origin, in float32."""
    monkeypatch.setattr(frechet_module, "_VALUES_AT_ONCE", 6000)
    rng = np.random.default_rng(0)
    x = (random_features(rng, spectrum("well", 6), 9001) + 100).astype(np.float32)
    moments = FeatureMoments.of(x)
    exact = np.cov(x.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(moments.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, exact, rtol=1e-9, atol=1e-12)
    assert moments.total_variance == pytest.approx(np.trace(exact), rel=1e-12)
    assert moments.n_images == 9001


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["well", "ill", "low rank"])
def test_published_covariances(kind, seed):
    """Rounding to float32, as files often do, moves the distance by about its precision."""
    rng = np.random.default_rng(seed)
    x, y = (random_features(rng, spectrum(kind, 24)) for _ in range(2))
    covariance = np.cov(x, rowvar=False)
    published = FeatureMoments.from_covariance(x.mean(axis=0), covariance, len(x))
    other, wanted = FeatureMoments.of(y), distance_of(x, y)
    np.testing.assert_allclose(published.covariance, covariance, atol=1e-14)
    assert frechet_distance(published, other) == pytest.approx(wanted, rel=1e-6)
    rounded = FeatureMoments.from_covariance(x.mean(axis=0), covariance.astype(np.float32), len(x))
    assert frechet_distance(rounded, other) == pytest.approx(wanted, rel=1e-3)


# --- broken twins --------------------------------------------------------------------------


def without_factor_two(a: FeatureMoments, b: FeatureMoments) -> float:
    overlap = np.linalg.norm(a.factor @ b.factor.T, "nuc")
    return ((a.mean - b.mean) ** 2).sum() + a.total_variance + b.total_variance - overlap


def transposed(a: FeatureMoments, b: FeatureMoments) -> float:
    overlap = np.linalg.norm(a.factor.T @ b.factor, "nuc")
    return ((a.mean - b.mean) ** 2).sum() + a.total_variance + b.total_variance - 2 * overlap


def root_of_traces(a: FeatureMoments, b: FeatureMoments) -> float:
    """As if covariances commuted."""
    roots = [np.linalg.svd(m.factor, compute_uv=False) for m in (a, b)]
    return ((a.mean - b.mean) ** 2).sum() + ((roots[0] - roots[1]) ** 2).sum()


def biased_covariances(a: FeatureMoments, b: FeatureMoments) -> float:
    shrunk = [m._replace(factor=m.factor * np.sqrt(1 - 1 / m.n_images)) for m in (a, b)]
    return frechet_distance(shrunk[0], shrunk[1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "twin", [without_factor_two, transposed, root_of_traces, biased_covariances]
)
def test_broken_twins_are_seen(twin: Callable[[FeatureMoments, FeatureMoments], float], seed):
    rng = np.random.default_rng(seed)
    x = random_features(rng, spectrum("well", 16))
    map_ = transport(rng, rng.uniform(0, 3, 16))
    broken = twin(FeatureMoments.of(x), FeatureMoments.of(x @ map_))
    assert broken != pytest.approx(transported_distance(x, map_, np.zeros(16)), rel=1e-3)


# --- the interval --------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "n_images"), [(5, 60), (40, 25)])
def test_replicates_are_the_distances_of_resampled_images(size, n_images):
    rng = np.random.default_rng(0)
    x = random_features(rng, np.ones(size), n_images).astype(np.float32)
    reference = FeatureMoments.of(random_features(rng, np.ones(size), 50) + 0.5)
    counts = draw_counts(rng, n_images, 20)
    resampled = [FeatureMoments.of(np.repeat(x, drawn, axis=0)) for drawn in counts]
    replicates = np.array([frechet_distance(moments, reference) for moments in resampled])
    wanted = centred_estimate(frechet_distance(FeatureMoments.of(x), reference), replicates)
    np.testing.assert_allclose(frechet_estimate(x, reference, counts), wanted, rtol=1e-6)


N_DRAWS = 300


def repeated_estimates(seed: int, n_images: int, n_draws: int = N_DRAWS) -> list[Estimate]:
    """New images every time, all against the same reference."""
    rng = np.random.default_rng(seed)
    reference = FeatureMoments.of(rng.normal(size=(500, 4)))
    return [
        frechet_estimate(
            rng.normal(0.5, [0.5, 1, 1.5, 2], (n_images, 4)),
            reference,
            draw_counts(rng, n_images, 100),
        )
        for _ in range(n_draws)
    ]


def are_as_stated(estimates: list[Estimate]) -> bool:
    """Are intervals as wide as the values' scatter, and do 90 % or more hold the values' mean?

    The scatter is known to 1 / sqrt(2 n) from n draws; 10 % more are left for what 100 images do
    not know about their own kind. The mean itself scatters 17 times less than a value.
    """
    values = np.array([estimate.value for estimate in estimates])
    width = np.mean([estimate.width for estimate in estimates])
    ratio = width / (2 * norm.ppf(0.975) * values.std(ddof=1))
    covered = sum(low <= values.mean() <= high for _, low, high in estimates)
    return bool(
        abs(ratio - 1) < 0.1 + SIGMAS / np.sqrt(2 * len(values))
        and binom.cdf(covered, len(values), 0.9) > ALARM
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_interval_covers_the_scatter_of_the_number(seed):
    estimates = repeated_estimates(seed, n_images=100)
    assert are_as_stated(estimates)
    # broken twins: too narrow, too wide, not about the value
    for lower, upper in ((0.5, 0.5), (2, 2), (0, 2)):
        wrong = [
            Estimate(value, value + lower * (low - value), value + upper * (high - value))
            for value, low, high in estimates
        ]
        assert not are_as_stated(wrong)


def test_interval_shrinks_with_the_root_of_the_number_of_images():
    """The width of an interval scatters by about 10 %, of a mean of 20 by 2 %."""
    wide, narrow = (
        np.mean([estimate.width for estimate in repeated_estimates(0, n, n_draws=20)])
        for n in (400, 3600)
    )
    assert wide / narrow == pytest.approx(3, rel=SIGMAS * 0.1 * np.sqrt(2 / 20))


# --- mistakes ------------------------------------------------------------------------------


def test_mistakes_are_explained():
    features = np.random.default_rng(0).normal(size=(10, 3))
    counts = draw_counts(np.random.default_rng(0), 9, 5)
    moments = FeatureMoments.of(features)
    with pytest.raises(ValueError, match="at least 2"):
        FeatureMoments.of(features[:1])
    with pytest.raises(ValueError, match=r"1 of 10 images .* image 4"):
        FeatureMoments.of(np.where(np.arange(10)[:, None] == 4, np.nan, features))
    with pytest.raises(ValueError, match="same extractor"):
        frechet_distance(moments, FeatureMoments.of(features[:, :2]))
    with pytest.raises(ValueError, match="same extractor"):
        frechet_estimate(features[1:], FeatureMoments.of(features[:, :2]), counts)
    with pytest.raises(ValueError, match="draw_counts"):
        frechet_estimate(features, moments, counts)


@pytest.mark.parametrize(
    ("covariance", "complaint"),
    [
        (np.array([[1.0, 0.5], [0.1, 1.0]]), "symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "none below 0"),
        (np.array([[1.0, np.inf], [np.inf, 1.0]]), "not finite"),
        (np.eye(3), "one value and one row"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, complaint):
    with pytest.raises(ValueError, match=complaint):
        FeatureMoments.from_covariance(np.zeros(2), covariance, 10)
