"""The nearest-centroid metric and the votes of label spots."""

import numpy as np
import pytest

from thrmlDenoising.data import load_dataset, one_hot_labels
from thrmlDenoising.evaluation import CentroidAccuracy, label_votes


def test_accuracy_counts_images_nearest_to_the_mean_of_their_class():
    pixels = np.array([[0, 0], [0, 2], [4, 4], [4, 6]], dtype=np.uint8)
    metric = CentroidAccuracy.fit(pixels, np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(metric.centroids, [[0, 1], [4, 5]])
    # (2, 3) lies as near to (0, 1) as to (4, 5): the first class wins
    images = np.array([[2, 3], [1, 1], [4, 6]], dtype=np.uint8)
    np.testing.assert_array_equal(metric.classify(images), [0, 0, 1])
    assert metric(images, np.array([0, 0, 1])) == 100
    assert metric(images, np.array([0, 1, 0])) == pytest.approx(100 / 3)


def test_dark_images_do_not_wrap_around():
    """Pixels are unsigned: distances must not be taken in uint8."""
    pixels = np.array([[200, 200], [10, 10]], dtype=np.uint8)
    metric = CentroidAccuracy.fit(pixels, np.array([0, 1]))
    np.testing.assert_array_equal(metric.classify(pixels), [0, 1])


def test_a_class_without_images_is_refused():
    with pytest.raises(ValueError, match="class 1 has no image"):
        CentroidAccuracy.fit(np.zeros((2, 3), np.uint8), np.array([0, 2]))


def test_real_clothes_are_told_apart_far_better_than_by_chance():
    data = load_dataset(
        "fashion_mnist_10k", target_classes=range(10), n_levels=1, pixel_threshold=0.1
    )
    metric = CentroidAccuracy.fit(*data.test)
    assert metric(*data.train) > 50  # chance is 10
    shuffled = np.random.default_rng(0).permutation(data.train.classes)
    assert metric(data.train.pixels, shuffled) < 15


def test_votes_are_shares_of_label_spots():
    bits = one_hot_labels(np.array([1, 0]), n_classes=3, n_label_spots=4)
    np.testing.assert_array_equal(label_votes(bits, 3), [[0, 1, 0], [1, 0, 0]])
    bits[0, 3:6] = [True, False, True]  # the second spot of the first image
    np.testing.assert_array_equal(label_votes(bits, 3)[0], [0.25, 0.75, 0.25])
    assert label_votes(np.zeros((5, 0), bool), 3).shape == (5, 0)
