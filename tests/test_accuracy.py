"""Judges of classes, and the votes of label spots."""

from collections.abc import Sequence

import numpy as np
import pytest

from thrmlDenoising.data import ImageDataset, load_dataset, one_hot_labels
from thrmlDenoising.quality.accuracy import NearestCentroid, class_judge, label_votes


def load(name: str, classes: Sequence[int] = range(10)) -> ImageDataset:
    return load_dataset(name, target_classes=classes, n_levels=1, pixel_threshold=0.1)


def test_the_nearest_mean_wins_and_of_equals_the_first():
    images = np.array([[[0, 0]], [[0, 0.4]], [[0.8, 0.8]], [[0.8, 1]]], np.float32)
    judge = NearestCentroid.fit(images, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(judge.centroids, [[0, 0.2], [0.8, 0.9]], rtol=1e-6)
    others = np.array([[[0.1, 0.1]], [[0.8, 0.7]]], np.float32)
    np.testing.assert_array_equal(judge(others), [0, 1])
    equal = NearestCentroid(np.array([[0.0], [1.0]]))
    np.testing.assert_array_equal(equal(np.array([[[0.5]]])), [0])


def test_a_class_without_images_is_refused():
    with pytest.raises(ValueError, match="class 1 has no image"):
        NearestCentroid.fit(np.zeros((2, 1, 3), np.float32), np.array([0, 2]))


def test_toy_images_are_exactly_right_or_wrong_and_clothes_judged_by_the_classifier():
    toy, clothes = load("smoke_testing_3_1_3"), load("fashion_mnist_10k")
    judge = class_judge(toy)
    assert judge.name == "exact match"
    np.testing.assert_array_equal(judge(toy.brightness(toy.test.pixels)), toy.test.classes)
    # Near the image of class 0, but not it.
    np.testing.assert_array_equal(judge(toy.brightness(np.array([[1, 1, 0]], np.uint8))), [-1])
    judge = class_judge(clothes)
    assert judge.name == "classifier"
    right = judge(clothes.brightness(clothes.test.pixels)) == clothes.test.classes
    assert right.mean() > 0.85  # binary images; 4.7 standard errors below what the record says


def test_among_some_classes_only_those_are_guessed():
    some = load("fashion_mnist_10k", classes=(9, 1, 8))
    guessed = class_judge(some)(some.brightness(some.test.pixels))
    assert set(guessed) == {0, 1, 2}
    assert (guessed == some.test.classes).mean() > 0.97  # boots, trousers, bags


def test_classes_shuffled_are_chance():
    clothes = load("fashion_mnist_10k")
    guessed = class_judge(clothes)(clothes.brightness(clothes.test.pixels))
    shuffled = np.random.default_rng(0).permutation(clothes.test.classes)
    assert abs((guessed == shuffled).mean() - 0.1) < 6 * np.sqrt(0.1 * 0.9 / 1000)


def test_votes_are_shares_of_label_spots():
    bits = one_hot_labels(np.array([1, 0]), n_classes=3, n_label_spots=4)
    np.testing.assert_array_equal(label_votes(bits, 3), [[0, 1, 0], [1, 0, 0]])
    bits[0, 3:6] = [True, False, True]  # the second spot of the first image
    np.testing.assert_array_equal(label_votes(bits, 3)[0], [0.25, 0.75, 0.25])
    assert label_votes(np.zeros((5, 0), bool), 3).shape == (5, 0)
