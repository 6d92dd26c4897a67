"""Feature extractors: the shipped classifiers against their records, users' own, the training."""

import importlib
import json
import os
import sys
from importlib import resources
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy.stats import binomtest, chisquare
from tiny import rest_slow

from thrmlDenoising.data import DATA_DIR_VARIABLE, ImageDataset, Split, load_dataset
from thrmlDenoising.data.idx_sets import SHA256, read_embedded
from thrmlDenoising.quality.features import (
    CallableFeatures,
    ClassifierFeatures,
    UnavailableError,
    named_extractor,
    train_classifier,
)
from thrmlDenoising.quality.features.classifier import (
    ImageClassifier,
    apply_in_batches,
    load_weights,
    save_weights,
)
from thrmlDenoising.quality.features.train_classifier import rendered, with_features_near_one
from thrmlDenoising.quality.suite import distance_names

ALL = tuple(range(10))
SEEDS = [0, 1, 2]
WEIGHTS = Path(str(resources.files("thrmlDenoising.quality.features") / "weights"))
LEAST_ACCURACY = {"fashion_mnist": 91, "mnist": 99}

RENDERINGS = {"grey": (255, 0.1), "threshold 0.1": (1, 0.1), "levels 7": (7, 0.1)}
"""Names in the records: highest level, threshold."""


def load(name: str, rendering: str, data_dir: Path | None = None) -> ImageDataset:
    n_levels, threshold = RENDERINGS[rendering]
    options = {"n_levels": n_levels, "pixel_threshold": threshold, "data_dir": data_dir}
    return load_dataset(name, target_classes=ALL, **options)


def record_of(name: str) -> dict:
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))


def rightly_classified(data: ImageDataset, classes: np.ndarray) -> int:
    images = data.brightness(data.test.pixels)
    return int((ClassifierFeatures.of_dataset(data.name).classify(images, ALL) == classes).sum())


@pytest.fixture(scope="module")
def shared_data() -> Path:
    if DATA_DIR_VARIABLE not in os.environ:
        pytest.skip(f"needs the complete MNIST and Fashion-MNIST: set {DATA_DIR_VARIABLE}")
    return Path(os.environ[DATA_DIR_VARIABLE]).absolute()


@pytest.fixture(scope="module")
def clothes() -> Split:
    """The thousand test images of the packaged set, 0..255."""
    return read_embedded("fashion_mnist_10k")[1]


@pytest.fixture(scope="module")
def images(clothes: Split) -> np.ndarray:
    """250 images of brightness 0..1: two full batches and a half."""
    return (clothes.pixels[:250] / np.float32(255)).reshape(-1, 28, 28)


# The shipped classifiers


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_weights_are_small_and_their_record_says_what_they_are(name: str):
    assert (WEIGHTS / f"{name}.npz").stat().st_size < 1_000_000
    record = record_of(name)
    assert record["dataset"] == name
    assert isinstance(record["seed"], int)
    hashes = record["training_data_sha256"]
    assert hashes == {file: SHA256[name][file] for file in SHA256[name] if "train" in file}
    assert len(hashes) == 2
    assert record["test_accuracy"]["grey"] >= LEAST_ACCURACY[name]


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize("name", LEAST_ACCURACY)
@pytest.mark.slow
def test_the_recorded_accuracy_is_found_again(name: str, rendering: str, shared_data: Path):
    data = load(name, rendering, shared_data)
    found = 100 * rightly_classified(data, data.test.classes) / len(data.test.classes)
    assert found == pytest.approx(record_of(name)["test_accuracy"][rendering], abs=0.1)


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_the_packaged_images_agree_with_the_record_and_shuffled_classes_do_not(rendering: str):
    """A thousand images, so the share scatters by up to 1 %: exact binomial tests."""
    data = load("fashion_mnist_10k", rendering)
    share = record_of("fashion_mnist")["test_accuracy"][rendering] / 100
    shuffled = np.random.default_rng(0).permutation(data.test.classes)
    right, chance = (rightly_classified(data, of) for of in (data.test.classes, shuffled))
    assert binomtest(right, 1000, share).pvalue > ALARM
    assert binomtest(chance, 1000, share).pvalue < ALARM


@pytest.mark.parametrize("n_images", [1, 99, 101, 250])
def test_features_depend_on_no_other_image(n_images: int, images: np.ndarray):
    """However many there are, and in whatever order; up to rounding of float32."""
    extractor = ClassifierFeatures.of_dataset("fashion_mnist")
    features = extractor(images)
    assert features.shape == (250, 128)
    assert len(np.unique(features, axis=0)) == 250
    chosen = np.random.default_rng(n_images).permutation(250)[:n_images]
    np.testing.assert_allclose(extractor(images[chosen]), features[chosen], rtol=1e-5, atol=1e-5)


def test_of_some_classes_the_answer_is_a_position_among_them(images: np.ndarray):
    extractor = ClassifierFeatures.of_dataset("fashion_mnist")
    candidates = (9, 1, 8)
    named = np.array(candidates)[extractor.classify(images, candidates)]
    unrestricted = extractor.classify(images, ALL)
    among = np.isin(unrestricted, candidates)
    assert 0 < among.sum() < 250
    np.testing.assert_array_equal(named[among], unrestricted[among])


@pytest.mark.parametrize("shape", [(5, 784), (5, 14, 14), (28, 28), (5, 1, 28, 28)])
def test_other_shapes_are_refused(shape: tuple[int, ...]):
    extractor = ClassifierFeatures.of_dataset("mnist")
    for look in (extractor, lambda images: extractor.classify(images, ALL)):
        with pytest.raises(ValueError, match=r"\(28, 28\), not"):
            look(np.zeros(shape, np.float32))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_weights_are_read_as_written_in_half_precision(seed: int, tmp_path: Path):
    model = ImageClassifier(jax.random.key(seed))
    save_weights(model, tmp_path / "model.npz")
    read = load_weights(tmp_path / "model.npz")
    assert jax.tree.structure(read) == jax.tree.structure(model)
    for ours, theirs in zip(jax.tree.leaves(model), jax.tree.leaves(read), strict=True):
        np.testing.assert_array_equal(np.asarray(ours, np.float16), np.asarray(theirs))
    save_weights(read, tmp_path / "again.npz")
    for a, b in zip(
        *map(jax.tree.leaves, (read, load_weights(tmp_path / "again.npz"))), strict=True
    ):
        np.testing.assert_array_equal(a, b)


# Training them


@pytest.mark.slow
def test_training_learns_and_from_shuffled_classes_it_does_not(clothes, monkeypatch, capsys):
    """Held against chance, 10 %, on 500 images; the broken twin learns next to nothing."""
    monkeypatch.setattr(train_classifier, "N_EPOCHS", 4)
    monkeypatch.setattr(train_classifier, "BATCH_SIZE", 32)
    shuffled = np.random.default_rng(0).permutation(clothes.classes[:500])
    right = []
    for classes in (clothes.classes[:500], shuffled):
        model = train_classifier.train(clothes.pixels[:500], classes, seed=0)
        share = train_classifier.accuracies(model, clothes.pixels[500:], clothes.classes[500:])
        right.append(round(share["grey"] * 5))
    assert binomtest(right[0], 500, 0.1, alternative="greater").pvalue < ALARM
    assert right[0] > 2 * right[1]
    assert "epoch 4 of 4" in capsys.readouterr().out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", [0.01, 1, 50])
@pytest.mark.slow
def test_rescaled_features_leave_every_answer_bit_for_bit(seed, strength, clothes, images):
    model = ImageClassifier(jax.random.key(seed))
    model = eqx.tree_at(lambda m: m.hidden.weight, model, strength * model.hidden.weight)
    model = eqx.tree_at(lambda m: m.hidden.bias, model, strength * model.hidden.bias)
    scaled = with_features_near_one(model, clothes.pixels[:250])
    before, after = (apply_in_batches(m.features, images) for m in (model, scaled))
    mantissa, _ = np.frexp(before.max() / after.max())
    assert mantissa == 0.5  # a power of two
    np.testing.assert_array_equal(after * (before.max() / after.max()), before)
    assert 0.5**0.5 <= np.sqrt(np.mean(after**2)) <= 2**0.5
    answers, kept = (apply_in_batches(m.logits, images) for m in (model, scaled))
    np.testing.assert_array_equal(answers, kept)


@pytest.mark.parametrize("seed", rest_slow(SEEDS))
def test_training_images_are_grey_of_few_levels_or_binary(seed: int, clothes: Split):
    shown = np.asarray(rendered(jax.random.key(seed), jnp.asarray(clothes.pixels)))
    assert shown.shape == (1000, 28, 28)
    assert shown.min() == 0
    assert shown.max() == 1
    n_values = np.array([len(np.unique(image)) for image in shown])
    # No image has two values unless binarised, and grey ones have more than 16.
    assert binomtest(int((n_values <= 2).sum()), 1000, 0.5).pvalue > ALARM
    assert binomtest(int((n_values > 16).sum()), 1000, 0.25).pvalue > ALARM


@pytest.mark.parametrize("seed", rest_slow(SEEDS))
def test_training_images_are_shifted_by_up_to_a_pixel(seed: int):
    """A white dot reaches its nine places equally often, whatever the rendering."""
    dot = np.zeros((900, 28, 28), np.uint8)
    dot[:, 10, 20] = 255
    shown = np.asarray(rendered(jax.random.key(seed), jnp.asarray(dot.reshape(900, -1))))
    places = shown.sum(axis=0)
    assert places.sum() == places[9:12, 19:22].sum() == 900
    assert chisquare(places[9:12, 19:22].ravel()).pvalue > ALARM


# Extractors by name


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's module beside the script that is run."""
    text = "def corners(images):\n    return images[:, [0, -1], -1]\n\nside = 28\n"
    (tmp_path / "my_features_for_a_test.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_features_for_a_test", raising=False)
    importlib.import_module("my_features_for_a_test")
    return "my_features_for_a_test"


def test_names_give_one_extractor_a_process(own_module: str, images: np.ndarray):
    classifier = named_extractor("classifier", "fashion_mnist_10k")
    assert classifier is ClassifierFeatures.of_dataset("fashion_mnist_10k")
    own = named_extractor(f"{own_module}:corners", "fashion_mnist_10k")
    assert own == named_extractor(f"{own_module}:corners", "fashion_mnist_10k")
    assert (classifier.name, own.name) == ("classifier", "corners")
    np.testing.assert_array_equal(own(images), images[:, [0, 27], 27])


def test_classifiers_differ_between_clothes_and_digits(images: np.ndarray):
    shirts, digits = (named_extractor("classifier", name) for name in ("fashion_mnist", "mnist_5k"))
    assert shirts.fingerprint != digits.fingerprint
    assert not np.allclose(shirts(images), digits(images))


@pytest.mark.slow
def test_weights_that_are_written_anew_are_read_anew(tmp_path: Path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    file = tmp_path / "weights/mnist.npz"
    known = []
    for seed in (0, 1):
        save_weights(ImageClassifier(jax.random.key(seed)), file)
        known += [ClassifierFeatures.of_dataset("mnist") for _ in range(2)]
    assert known[0] is known[1]
    assert known[2] is known[3]
    assert known[0].fingerprint != known[2].fingerprint


def test_what_is_no_extractor_is_refused(own_module: str):
    for name in ("inceptoin", "fid", ""):
        with pytest.raises(ValueError, match=rf"'{name}'.*'classifier', 'inception'.*'module:"):
            named_extractor(name, "mnist")
    with pytest.raises(ValueError, match="side' is of type int, which cannot be called"):
        named_extractor(f"{own_module}:side", "mnist")
    with pytest.raises(ValueError, match="has no such name"):
        named_extractor(f"{own_module}:absent", "mnist")
    with pytest.raises(UnavailableError, match=r"'smoke_testing_3_1_3'.*fashion_mnist"):
        named_extractor("classifier", "smoke_testing_3_1_3")


# A user's own callable


@pytest.mark.parametrize("wrong", [np.zeros(250), np.zeros((249, 4)), np.zeros((250, 2, 2)), 1.0])
def test_features_have_to_be_one_vector_an_image(wrong, images: np.ndarray):
    extractor = CallableFeatures(lambda _: wrong, name="odd")
    with pytest.raises(ValueError, match=r"'odd'.*250 images.*\(250, features\)"):
        extractor(images)


def test_own_distances_never_pass_for_others(images: np.ndarray):
    def inception(images: np.ndarray) -> np.ndarray:
        return images.mean(axis=1)

    for name in (None, "inception", "classifier", "fid"):
        with pytest.raises(ValueError, match="another name"):
            CallableFeatures(inception, name)
    assert distance_names(CallableFeatures(inception, "columns")) == ("columns_fd", "columns_kd")
    assert not {"fid", "kid"} & set(distance_names(ClassifierFeatures.of_dataset("mnist")))


def test_a_fingerprint_is_taken_from_the_function():
    def columns(images: np.ndarray) -> np.ndarray:
        return images.mean(axis=1)

    assert CallableFeatures(columns).fingerprint is None
    columns.fingerprint = "v1"  # pyright: ignore[reportFunctionMemberAccess]  # as users set it
    assert CallableFeatures(columns).fingerprint == "v1"
