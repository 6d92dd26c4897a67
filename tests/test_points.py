"""Sets of points against their distributions, own points, and long-tailed classes by hand.

Every comparison raises a false alarm with chance 1e-7 (`exactness.ALARM`); bounds on means of
numbers in [-1, 1] are Hoeffding's.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest
from exactness import ALARM
from PIL import Image
from scipy import stats
from tiny import rest_slow

from thrmlDenoising.data import Split
from thrmlDenoising.data.long_tail import long_tail_counts, long_tailed
from thrmlDenoising.data.points import (
    POINT_SETS,
    ImageDensity,
    Mixture,
    OwnPoints,
    PointSet,
    point_set,
)
from thrmlDenoising.data.points.stable import Skewed, Symmetric, SymmetricGrid

SEEDS = rest_slow((0, 1, 2))
N = 200_000
FAR = np.sqrt(2 * np.log(2 / ALARM) / N)
"""How far the mean of N numbers in [-1, 1] is from its expectation by chance."""

T = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
IMAGE = np.array([[0, 3, 1], [5, 0, 2]])


def drawn(points: PointSet, seed: int, n: int = N) -> np.ndarray:
    return points.draw(np.random.default_rng(seed), n).astype(float)


def named(name: str) -> PointSet:
    return point_set(name, image=IMAGE if name == "image" else None)


def mixture_named(name: str) -> Mixture:
    mixture = point_set(name)
    assert isinstance(mixture, Mixture)
    return mixture


@pytest.mark.parametrize("name", POINT_SETS)
def test_every_set_draws_what_its_seed_says(name):
    points = named(name)
    first, again, other = (points.draw(np.random.default_rng(s), 500) for s in (0, 0, 1))
    assert first.shape == (500, points.n_axes)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.median(abs(first)) < 3
    assert points.draw(np.random.default_rng(0), 0).shape == (0, points.n_axes)


# --- mixtures ------------------------------------------------------------------------------


def mode_p_value(points: np.ndarray, mixture: Mixture, weights: np.ndarray) -> float:
    """Of the shares of nearest modes; another mode is never nearer than 5 deviations."""
    counts = np.bincount(mixture.distances(points).argmin(axis=1), minlength=len(weights))
    return float(stats.chisquare(counts, weights * counts.sum()).pvalue)


@pytest.mark.parametrize("name", ["gmm_2", "gmm_grid"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_modes_have_their_weights_places_and_width(name, seed):
    mixture = mixture_named(name)
    points = drawn(mixture, seed, 50_000)
    assert mode_p_value(points, mixture, mixture.weights) > ALARM
    twin = np.roll(mixture.weights, 1) if name == "gmm_grid" else np.array([0.48, 0.52])
    assert mode_p_value(points, mixture, twin) < ALARM, "the twin: weights in another order"
    nearest = mixture.means[mixture.distances(points).argmin(axis=1)]
    scores = ((points - nearest) / mixture.std).ravel()
    assert stats.kstest(scores, "norm").pvalue > ALARM
    assert stats.kstest(1.1 * scores, "norm").pvalue < ALARM, "the twin"


def test_the_grid_is_that_of_the_paper():
    mixture = mixture_named("gmm_grid")
    assert mixture.std == 0.1
    weight_at = {
        tuple(mean): weight for mean, weight in zip(mixture.means, mixture.weights, strict=True)
    }
    assert weight_at[-1, -1] == 0.01
    assert weight_at[-1, 1] == 0.3
    assert weight_at[0, -1] == 0.2
    assert weight_at[1, 1] == 0.05
    np.testing.assert_allclose(mixture.distances(np.array([[3.0, 5.0]]))[0, 4], np.sqrt(34))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(means=np.zeros(2)), r"means of shape \(2,\)"),
        (dict(means=np.array([[0.0], [np.nan]])), "give finite numbers"),
        (dict(std=0), "std=0: give a number above 0"),
        (dict(weights=np.array([1.0])), r"weights of shape \(1,\) for 2 modes"),
        (dict(weights=np.array([0.5, 0.4])), "with the sum 0.9"),
        (dict(weights=np.array([1.5, -0.5])), "at least 0"),
    ],
)
def test_what_is_no_mixture_is_refused(change, message):
    right: dict[str, Any] = dict(
        means=np.array([[0.0], [1.0]]), std=1.0, weights=np.array([0.5, 0.5])
    )
    Mixture(**right)
    with pytest.raises(ValueError, match=message):
        Mixture(**right | change)


# --- heavy tails ---------------------------------------------------------------------------


def distance(numbers: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of characteristic functions, in units of what chance makes."""
    difference = np.array([np.exp(1j * t * numbers).mean() for t in T]) - expected
    return max(abs(np.real(difference)).max(), abs(np.imag(difference)).max()) / FAR


@pytest.mark.parametrize("alpha", rest_slow([1.7, 0.5, 1.0, 1.99, 2.0]))
@pytest.mark.parametrize("seed", SEEDS)
def test_symmetric_points_have_their_characteristic_function(alpha, seed):
    points = drawn(Symmetric(alpha), seed)
    for direction in ((1, 0), (0.6, 0.8)):
        shadow = points @ np.array(direction)
        assert distance(shadow, np.exp(-(T**alpha))) < 1
        assert distance(1.1 * shadow, np.exp(-(T**alpha))) > 1, "the twin: another scale"
    if alpha < 1.9:
        independent = np.stack([points[:, 0], drawn(Symmetric(alpha), seed + 9)[:, 0]], axis=1)
        twin = distance(independent @ np.array([0.6, 0.8]), np.exp(-(T**alpha)))
        assert twin > 1, "the twin: by coordinate"


@pytest.mark.parametrize("alpha", rest_slow([1.7, 0.5, 1.3, 2.0]))
@pytest.mark.parametrize("seed", SEEDS)
def test_skewed_points_have_their_characteristic_function(alpha, seed):
    points = drawn(Skewed(alpha), seed)
    expected = np.exp(-(T**alpha) * (1 - 1j * np.tan(np.pi * alpha / 2)))
    assert distance(points[:, 0], expected) < 1
    assert distance(points @ np.ones(2), expected**2) < 1, "coordinates are independent"
    if alpha < 2:
        assert distance(-points[:, 0], expected) > 1, "the twin: the other side"
    if alpha < 1:
        assert (points > 0).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_grid_of_stable_noise_is_centred(seed):
    """As many points are on each side of 0, and the nine places are as likely."""
    points = drawn(point_set("sas_grid"), seed, 20_000)
    counts = (points > 0).sum(axis=0)
    for count in counts:
        assert stats.binomtest(int(count), len(points)).pvalue > ALARM
    off_centre = ((points + 1) > 0).sum(axis=0)
    assert stats.binomtest(int(off_centre[0]), len(points)).pvalue < ALARM, "the twin, BEM's"
    places = Mixture(SymmetricGridMeans, 1.0, np.full(9, 1 / 9))
    near = np.bincount(places.distances(points).argmin(axis=1), minlength=9)
    # symmetry: corners are alike, and so are edges, whatever the tails are
    for alike in ([0, 2, 6, 8], [1, 3, 5, 7]):
        assert stats.chisquare(near[alike]).pvalue > ALARM


SymmetricGridMeans = np.array([[i, j] for i in (-1.0, 0, 1) for j in (-1.0, 0, 1)])


@pytest.mark.parametrize("alpha", [0.4, 2.1, float("nan")])
@pytest.mark.parametrize("kind", [Symmetric, Skewed, SymmetricGrid])
def test_other_exponents_are_refused(alpha, kind):
    with pytest.raises(ValueError, match=r"give a number from 0\.5 to 2"):
        kind(alpha)


def test_the_swiss_roll_lies_on_its_spiral():
    points = drawn(point_set("swiss_roll"), 0, 5000)
    lengths = np.linalg.norm(points, axis=1)
    assert 0.2 < lengths.min() < 0.4
    assert 0.98 < lengths.max() < 1.1
    angles = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    t = 4.5 * np.pi * lengths
    turns = (t - angles) / (2 * np.pi)
    assert abs(turns - np.rint(turns)).max() < 0.3, "noise is 1 / 22 of the way between two turns"


# --- densities of images -------------------------------------------------------------------


def pixel_p_value(points: np.ndarray, density: np.ndarray) -> float:
    """Of the shares of pixels, which are squares of 2/3 in the test's image."""
    columns = np.floor((points[:, 0] + 1) * 3 / 2).astype(int)
    rows = np.floor((2 / 3 - points[:, 1]) * 3 / 2).astype(int)
    counts = np.bincount(3 * rows + columns, minlength=6)
    shares = density.ravel() / density.sum()
    if counts[shares == 0].any():
        return 0.0
    there = shares > 0
    return float(stats.chisquare(counts[there], shares[there] * len(points)).pvalue)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("pixels", ["bright", "dark"])
def test_pixels_have_their_share_of_points(seed, pixels):
    points = drawn(ImageDensity.of(IMAGE, pixels), seed, 20_000)
    shares = {"bright": IMAGE, "dark": 5 - IMAGE}
    assert pixel_p_value(points, shares.pop(pixels)) > ALARM
    assert pixel_p_value(points, *shares.values()) < ALARM, "the twin: the negative"
    assert pixel_p_value(points * [1, -1], IMAGE) < ALARM, "the twin: upside down"
    within = (points * 3 / 2 + [1.5, 1]) % 1
    for axis in within.T:
        assert stats.kstest(axis, "uniform").pvalue > ALARM


def test_an_image_is_a_file_an_array_or_a_density(tmp_path):
    brightness = np.array([[0, 255], [0, 0], [0, 0], [0, 0]], np.uint8)
    path = tmp_path / "one.png"
    Image.fromarray(brightness).convert("RGB").save(path)
    for image in (path, str(path), brightness, ImageDensity.of(brightness)):
        points = drawn(point_set("image", image=image), 0, 200)
        assert (points >= [0, 0.5]).all()
        assert (points <= [0.5, 1]).all()


@pytest.mark.parametrize(
    ("image", "pixels", "message"),
    [
        (np.zeros((2, 2)), "bright", "all have the density 0"),
        (np.full((2, 2), 7), "dark", "two of different brightness"),
        (np.full((2, 2), -1), "bright", "below 0"),
        (np.full((2, 2), np.nan), "bright", "not finite"),
        (np.ones((2, 2, 3)), "bright", r"image\.mean\(axis=-1\)"),
        (np.ones((0, 2)), "dark", r"of shape \(0, 2\)"),
        (np.eye(2), "white", 'give "bright" or "dark"'),
        ("/no/such.png", "bright", "no image at /no/such.png"),
    ],
)
def test_images_without_density_are_refused(image, pixels, message):
    with pytest.raises(ValueError, match=message):
        ImageDensity.of(image, pixels)


def test_unknown_sets_are_refused():
    with pytest.raises(ValueError, match=r"unknown set of points 'gmm_gird'; did you mean 'gmm_gr"):
        point_set("gmm_gird")
    with pytest.raises(ValueError, match='"image" needs one'):
        point_set("image")
    with pytest.raises(ValueError, match="an image is given for the set 'sas'"):
        point_set("sas", image=IMAGE)
    with pytest.raises(ValueError, match="alpha=3"):
        point_set("sas", alpha=3)


# --- own points ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_axes", [1, 2, 5])
def test_own_points_are_halved(seed, n_axes):
    array = np.random.default_rng(seed).normal(size=(50, n_axes))
    own = OwnPoints("mine", array, test_fraction=0.2, seed=seed)
    assert own.train.shape == (40, n_axes)
    assert own.test.shape == (10, n_axes)
    assert own.train.dtype == own.test.dtype == np.float32
    both = np.concatenate([own.train, own.test])
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(np.float32(array), axis=0))
    assert (both != np.float32(array)).any()
    assert own.cfg | {"points_sha256": ""} == dict(
        name="mine", n_axes=n_axes, n_train=40, n_test=10, points_sha256=""
    )
    array[:] = 0
    assert own.train.any(), "points are copied"
    assert "50 points" in repr(own)


def test_own_points_know_their_config():
    array = np.random.default_rng(0).normal(size=(50, 2))
    own = OwnPoints("mine", array)
    own.check_described_by(own.cfg | {"alpha": 1.7})
    OwnPoints("mine", array.tolist()).check_described_by(own.cfg)
    others = [
        OwnPoints("mine", array, seed=1),
        OwnPoints("mine", array, test_fraction=0.5),
        OwnPoints("mine", np.where(np.arange(50)[:, None] == 7, 0, array)),
        OwnPoints("mine", array[:, ::-1]),
        OwnPoints("yours", array),
    ]
    for other in others:
        with pytest.raises(ValueError, match="these are not the points the config describes"):
            other.check_described_by(own.cfg)
    with pytest.raises(ValueError, match="the config learns 'sas'"):
        own.check_described_by({"name": "sas"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        own.seed = 3  # pyright: ignore[reportAttributeAccessIssue]  # which is what is tested


POINTS = np.ones((4, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sas", POINTS), "own points cannot be called 'sas'"),
        (("", POINTS), "give a name"),
        (("a\nb", POINTS), "line break"),
        (("mine", np.ones(4)), r"points\[:, None\]"),
        (("mine", np.ones((1, 2))), "at least 2 points"),
        (("mine", np.ones((4, 0))), r"of shape \(4, 0\)"),
        (("mine", np.ones((4, 2), int)), "give floats"),
        (("mine", np.full((4, 2), np.inf)), "8 of 8 coordinates are NaN or infinite"),
        (("mine", np.full((4, 2), 1e39)), "beyond float32"),
        (("mine", POINTS, 1.0), "give the part of the points to hold out"),
        (("mine", POINTS, 0.1, -1), "seed=-1"),
    ],
)
def test_what_are_no_own_points_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        OwnPoints(*arguments)


# --- long tails of classes -----------------------------------------------------------------


def test_long_tails_by_hand():
    assert long_tail_counts((5000,) * 10, 100) == (
        5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50
    )  # fmt: skip
    assert long_tail_counts((120, 100, 110), 100) == (100, 10, 1)
    assert long_tail_counts((125,) * 4, 125) == (125, 25, 5, 1), "roundings cost no image"
    assert long_tail_counts((7, 8), 1) == (7, 8)
    assert long_tail_counts((9, 8), 1.5) == (8, 5)


def test_a_long_tailed_split_has_the_first_images_of_each_class():
    classes = np.array([2, 0, 1, 0, 2, 1, 1, 0, 0, 2, 1, 2], np.int32)
    pixels = np.arange(12, dtype=np.uint8)[:, None]
    split = Split(pixels, classes)
    assert long_tailed(split, 1) is split
    found = long_tailed(split, 4)  # 4, 2, 1
    assert found.pixels[:, 0].tolist() == [0, 1, 2, 3, 5, 7, 8]
    assert found.classes.tolist() == [2, 0, 1, 0, 1, 0, 0]
    assert found.conditions is None
    conditions = classes[:, None] == [0, 1, 2]
    kept = long_tailed(Split(pixels, classes, conditions), 4).conditions
    assert kept is not None
    assert kept.argmax(axis=1).tolist() == found.classes.tolist()


def test_long_tails_that_cannot_be_are_refused():
    for imbalance in (0.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a number of at least 1"):
            long_tail_counts((5, 5), imbalance)
    with pytest.raises(ValueError, match="at least 2"):
        long_tail_counts((5,), 2)
    with pytest.raises(ValueError, match="give at most 5"):
        long_tail_counts((5, 7), 6)
    split = Split(np.zeros((3, 1), np.uint8), np.array([0, 2, 0], np.int32))
    with pytest.raises(ValueError, match="has 0 images"):
        long_tailed(split, 2)
