"""Judging images: references kept and told apart, controls in order, reports that say it all."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from exactness import ALARM
from scipy.stats import binomtest
from tiny import rest_slow

from thrmlDenoising.data import ImageDataset, load_dataset
from thrmlDenoising.quality import (
    WRONG_THRESHOLD,
    QualityReport,
    QualitySuite,
    RealImages,
    control_images,
)
from thrmlDenoising.quality import reference as reference_module
from thrmlDenoising.quality.controls import Control
from thrmlDenoising.quality.features import CallableFeatures, ClassifierFeatures
from thrmlDenoising.quality.reference import feature_reference, held_out_distances
from thrmlDenoising.support.cache import CACHE_VARIABLE

NAME = "fashion_mnist_10k"
TRAINING, TEST, SHUFFLED = "training images", "test images", "test images, classes shuffled"
WRONG, INDEPENDENT = "training images, wrong threshold", "independent pixels"


def load(threshold: float = 0.1, n_levels: int = 1, classes=(1, 8)) -> ImageDataset:
    options = {"n_levels": n_levels, "pixel_threshold": threshold}
    return load_dataset(NAME, target_classes=classes, **options)


def real_images(threshold: float = 0.1, **options) -> RealImages:
    return RealImages(load(threshold, **options), threshold)


class Counting:
    """Mean brightness of 16 blocks, and of how many images it was asked.

    The few that show whether it is still what it was do not count.
    """

    def __init__(self, fingerprint: str | None = "v1", name: str = "blocks") -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.n_seen = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        if len(images) > reference_module.N_ASKED:
            self.n_seen += len(images)
        return images.reshape(-1, 4, 7, 4, 7).mean(axis=(2, 4)).reshape(len(images), 16)


def blocks(images: np.ndarray) -> np.ndarray:
    return Counting()(images)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder of a process that has computed nothing yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache"
    forget()


def forget() -> None:
    """What a new process knows."""
    reference_module._feature_reference.cache_clear()
    held_out_distances.cache_clear()


def assert_same_reference(ours, theirs) -> None:
    assert ours.hash == theirs.hash
    for a, b in zip(ours[:3], theirs[:3], strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


# References


def test_a_reference_is_computed_once_and_read_by_the_next_process(cache: Path):
    extractor, real = Counting(), real_images()
    first = feature_reference(real, extractor)
    n_training = len(real.dataset.train.pixels)
    assert extractor.n_seen == n_training
    assert first.moments.n_images == n_training
    assert feature_reference(real_images(), extractor) is first  # the same images, loaded again
    (file,) = cache.iterdir()
    assert first.hash in file.name
    forget()
    other_process = Counting()
    assert_same_reference(feature_reference(real_images(), other_process), first)
    assert other_process.n_seen == 0


def test_without_a_fingerprint_nothing_is_kept_on_disk(cache: Path):
    for _ in range(2):
        extractor, real = Counting(fingerprint=None), real_images()
        feature_reference(real, extractor)
        feature_reference(real, extractor)
        assert extractor.n_seen == len(real.dataset.train.pixels)
    assert not cache.exists()


def test_the_hash_changes_with_all_that_changes_a_distance_and_nothing_else(cache: Path):
    options = {"target_classes": range(4), "n_levels": 1, "pixel_threshold": 0.1}
    toy = load_dataset("smoke_testing_4_1_4", **options)
    others = [real_images(), real_images(0.5), real_images(classes=(1, 7))]
    others += [real_images(n_levels=3), real_images(n_levels=7), RealImages(toy, 0.1)]
    extractors = ["blocks v1", "blocks v2", "squares v1", None]
    hashes = {real.hash_with(name) for real in others for name in extractors}
    assert len(hashes) == len(others) * len(extractors)
    assert real_images().hash_with("blocks v1") in hashes
    # A threshold means nothing to grey images.
    assert real_images(0.5, n_levels=7).hash_with(None) in hashes
    extractors = Counting("v1"), Counting("v2"), Counting("v1", "squares")
    assert len({feature_reference(real_images(), each).hash for each in extractors}) == 3


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "flipped"])
def test_a_damaged_cache_file_is_computed_again(damage: str, cache: Path):
    real, extractor = real_images(), Counting()
    first = feature_reference(real, extractor)
    (file,) = cache.iterdir()
    content = file.read_bytes()
    half = content[: len(content) // 2]
    flipped = half + bytes([content[len(half)] ^ 255]) + content[len(half) + 1 :]
    damaged = {"truncated": half, "garbage": b"no zip", "empty": b"", "flipped": flipped}
    file.write_bytes(damaged[damage])
    for _ in range(2):  # the first mends the file
        forget()
        assert_same_reference(feature_reference(real, extractor), first)
        assert extractor.n_seen == 2 * first.moments.n_images


def test_a_cache_that_cannot_be_written_is_warned_about(cache: Path, monkeypatch):
    expected = feature_reference(real_images(), Counting())
    file = cache.parent / "file"
    file.touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(file / "below"))
    forget()
    with pytest.warns(UserWarning, match=r"not kept in .*below"):
        found = feature_reference(real_images(), Counting())
    assert_same_reference(found, expected)


# Controls


@pytest.fixture(scope="module")
def suite() -> QualitySuite:
    real = real_images(classes=range(10))
    return QualitySuite(real, (ClassifierFeatures.of_dataset(NAME),), n_replicates=40)


@pytest.fixture(scope="module", params=rest_slow([0, 1, 2], 0))
def reports(request, suite: QualitySuite) -> dict[str, QualityReport]:
    wrong, rng = load(WRONG_THRESHOLD, classes=range(10)), np.random.default_rng(request.param)
    controls = control_images(suite.real.dataset, wrong, 2000, rng)
    return {control.name: measured(suite, control) for control in controls}


def measured(suite: QualitySuite, control: Control, seed: int = 0) -> QualityReport:
    return suite.measure(*control[1:], "clamped", np.random.default_rng(seed))


def test_distances_put_controls_into_order(reports: dict[str, QualityReport]):
    """Real images, the wrong threshold, no images at all. A thousand test images are too few to
    tell from training images, and both have no kernel distance to the reference."""
    for name in ("classifier_fd", "classifier_kd"):
        found = {kind: report.measurements[name].estimate for kind, report in reports.items()}
        wrong, independent = found[WRONG], found[INDEPENDENT]
        assert independent.value - wrong.value > 10 * max(independent.width, wrong.width)
        for right in (found[TRAINING], found[TEST]):
            if name == "classifier_fd":
                # three standard errors, as widths are four
                assert wrong.value - right.value > 0.75 * np.hypot(wrong.width, right.width)
            else:
                assert abs(right.value) < right.width
                assert right.value < wrong.low
                assert wrong.low > 0


def test_all_training_images_are_at_distance_zero_and_test_images_are_not(cache: Path):
    real = real_images()
    data, one = real.dataset, QualitySuite(real, (Counting(),), n_replicates=40)
    of_all = measured(one, Control("all", *data.train)).measurements["blocks_fd"].estimate
    of_test = measured(one, Control("test", *data.test)).measurements["blocks_fd"].estimate
    assert of_all.value == pytest.approx(0, abs=1e-9)
    assert of_test.value > 1e-4


def test_shuffled_classes_change_the_accuracy_alone(reports: dict[str, QualityReport]):
    right, shuffled = dict(reports[TEST].measurements), dict(reports[SHUFFLED].measurements)
    n_right = round(10 * right.pop("conditional_accuracy").estimate.value)
    by_chance = round(10 * shuffled.pop("conditional_accuracy").estimate.value)
    assert right == shuffled
    assert binomtest(n_right, 1000, 0.8, alternative="less").pvalue > ALARM
    assert binomtest(by_chance, 1000, 0.1).pvalue > ALARM
    assert "conditional_accuracy" not in reports[INDEPENDENT].values


def test_copies_are_seen_and_test_images_are_none(reports: dict[str, QualityReport]):
    assert reports[TRAINING].values["copied_percent"] == 100
    assert reports[TRAINING].values["nearest_train_distance"] == 0
    assert reports[TEST].values["copied_percent"] <= 1  # the held-out images themselves
    distances = [reports[kind].values["nearest_train_distance"] for kind in (TEST, INDEPENDENT)]
    assert 0 < distances[0] < distances[1]


# Reports


@pytest.fixture(scope="module")
def small() -> QualitySuite:
    return QualitySuite(real_images(), (CallableFeatures(blocks),), n_replicates=40, notes=("ah",))


@pytest.mark.parametrize(("n_levels", "fact"), [(1, "threshold 0.1"), (7, "levels 7")])
def test_a_report_says_where_every_number_comes_from(n_levels: int, fact: str, cache: Path):
    real = real_images(n_levels=n_levels)
    one = QualitySuite(real, (Counting(),), n_replicates=40)
    report = one.measure(*real.dataset.test, "free", np.random.default_rng(0))
    content = json.loads(json.dumps(report.to_dict()))
    facts = {f"{name} {value}" for name, value in content["reference"].items()}
    assert {f"dataset {NAME}", "split train", "classes [1, 8]", fact} < facts
    assert ("threshold" in content["reference"]) != ("levels" in content["reference"])
    rows = {row["name"]: row for row in content["measurements"]}
    assert {"blocks_fd", "blocks_kd", "label_agreement", "copied_percent"} < set(rows)
    first, *table = str(report).splitlines()
    assert all(each in first for each in facts)
    for name, row in rows.items():
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n_images"] == len(real.dataset.test.pixels)
        (line,) = [line for line in table if line.startswith(f"| {name} |")]
        for each in ("extractor", "reference", "n_images", "n_reference"):
            assert f"| {row[each]} |" in line
    assert rows["blocks_fd"]["n_reference"] == len(real.dataset.train.pixels)
    assert rows["blocks_fd"]["reference"] == feature_reference(real, one.extractors[0]).hash


def test_the_same_images_give_the_same_numbers_in_any_order(small: QualitySuite):
    pixels, labels = (part[:150] for part in small.real.dataset.test)
    control, order = Control("", pixels, labels), np.random.default_rng(3).permutation(150)
    report = measured(small, control)
    assert measured(small, control).to_dict() == report.to_dict()
    assert measured(small, control, seed=1).to_dict() != report.to_dict()  # other intervals
    mixed = measured(small, Control("", pixels[order], labels[order])).values
    assert mixed == pytest.approx(report.values, rel=1e-6, abs=1e-9)


def test_too_few_images_are_noted(small: QualitySuite):
    pixels = small.real.dataset.test.pixels[:19]
    report = small.measure(pixels, None, "free", np.random.default_rng(0))
    assert report.notes[0] == "ah"
    assert "19 images say nothing of a distribution, generate at least 20" in report.notes[1]
    assert set(report.values) == {"nearest_train_distance", "copied_percent"}
    assert str(report).count("not measured: ") == 3


def test_a_single_image_is_no_reason_to_fail(small: QualitySuite):
    pixels = small.real.dataset.test.pixels[:1]
    report = small.measure(pixels, np.array([0]), "free", np.random.default_rng(0))
    assert report.values["label_agreement"] in (0, 100)


def test_extractors_of_one_name_are_refused(small: QualitySuite):
    ones = [CallableFeatures(lambda images: images[:, 0], name) for name in ("a", "b", "a")]
    with pytest.raises(ValueError, match=r"\['a', 'b', 'a'\] share a name"):
        QualitySuite(small.real, ones, n_replicates=20)


def test_references_of_extractors_without_fingerprint_are_told_apart(small: QualitySuite):
    rows, columns = (
        CallableFeatures(lambda images, axis=axis: images.mean(axis=axis), "mean")
        for axis in (1, 2)
    )
    first, second = (feature_reference(small.real, extractor) for extractor in (rows, columns))
    assert first.hash != second.hash
