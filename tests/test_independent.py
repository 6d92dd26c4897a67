"""Independent pixels: drawn as often as they were counted, and at home wherever a family is.

Statistical tests raise a false alarm with chance `exactness.ALARM` each.
"""

from math import log2
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from exactness import ALARM, fit_p_value
from tiny import measured

from thrmlDenoising.data import OwnImages
from thrmlDenoising.families.independent import IndependentConfig, IndependentPixels, Shares
from thrmlDenoising.quality.agreement import HELD_OUT_PIXELS

N_CLASSES, N_PIXELS, N_IMAGES = 3, 12, 2000
TOY = IndependentConfig().replace(
    exp=dict(descriptor="pixels", drawn_images_per_digit=2),
    data=dict(dataset_name="smoke_testing_3_2_5"),
    generation=dict(fid_images_per_digit=4),
)


def stripes() -> OwnImages:
    """Images whose neighbouring pixels go together, of classes that are bright elsewhere."""
    rng = np.random.default_rng(0)
    classes = np.arange(240) % N_CLASSES
    light = rng.random((240, 6, 1)).repeat(2, axis=2).reshape(240, N_PIXELS)
    brightness = 0.8 * light + 0.2 * (np.arange(N_PIXELS) // 4 == classes[:, None])
    return OwnImages("stripes", brightness.reshape(240, 3, 4), classes)


def model_of(data: OwnImages, folder: Path, **pixels: Any) -> IndependentPixels:
    """Trained for an epoch, in an instant."""
    cfg = IndependentConfig().replace(
        exp=dict(generate_gif=False),
        data=data.cfg | dict(pixel_threshold_for_single_trials=0.5),
        generation=dict(fid_images_per_digit=20),
        pixels=pixels,
    )
    model = IndependentPixels(cfg, folder, data)
    model.train(1)
    return model


def share_by_hand(model: IndependentPixels, level: int, label: int, pixel: int) -> float:
    images = [
        image
        for image, own_label in zip(*model.train_dataset, strict=True)
        if model.cfg.pixels.pooled or own_label == label
    ]
    return sum(image[pixel] <= level for image in images) / len(images)


def chances(model: IndependentPixels) -> np.ndarray:
    """Of every grey level, as counted."""
    counted = [
        [(images == level).mean(axis=0) for level in range(model.cfg.n_levels + 1)]
        for images in _by_class(model.train_dataset.pixels, model.train_dataset.classes)
    ]
    return np.moveaxis(np.array(counted), 1, 2)


def _by_class(pixels: np.ndarray, classes: np.ndarray) -> list[np.ndarray]:
    return [pixels[classes == label] for label in range(N_CLASSES)]


def drawn(model: IndependentPixels, seed: int) -> np.ndarray:
    labels = np.arange(N_CLASSES).repeat(N_IMAGES)
    images = model.sample(len(labels), labels=labels.tolist(), key=jax.random.key(seed))
    return images.reshape(N_CLASSES, N_IMAGES, N_PIXELS)


def levels_p_value(images: np.ndarray, wanted: np.ndarray) -> float:
    """Of the grey levels of every pixel of every class."""
    levels = np.arange(wanted.shape[-1])
    counts = (images[..., None] == levels).sum(axis=1)
    return fit_p_value(counts.reshape(-1, len(levels)), wanted.reshape(-1, len(levels)))


def pairs_p_value(images: np.ndarray, wanted: np.ndarray) -> float:
    """Of the grey levels of neighbours, no pixel being in two pairs, drawn independently."""
    n_levels = wanted.shape[-1]
    codes = images[..., ::2] * n_levels + images[..., 1::2]
    counts = (codes[..., None] == np.arange(n_levels**2)).sum(axis=1)
    joint = wanted[:, ::2, :, None] * wanted[:, 1::2, None, :]
    return fit_p_value(counts.reshape(-1, n_levels**2), joint.reshape(-1, n_levels**2))


# Counting


@pytest.mark.parametrize("pixels", [{}, dict(grayscale_levels=3), dict(pooled=True)], ids=str)
def test_shares_are_those_counted_by_hand(tmp_path, pixels):
    model = model_of(stripes(), tmp_path, **pixels)
    n_levels, n_groups = model.cfg.n_levels + 1, 1 if pixels.get("pooled") else N_CLASSES
    assert model.state.at_most.shape == (n_levels, n_groups, N_PIXELS)
    for place in np.ndindex(model.state.at_most.shape):
        assert model.state.at_most[place] == pytest.approx(share_by_hand(model, *place), 1e-12)


def test_before_training_all_grey_levels_are_equally_frequent(tmp_path):
    cfg = TOY.replace(data=dict(dataset_name="smoke_testing_4_4_4"))
    shares = IndependentPixels(cfg, tmp_path).state.at_most
    np.testing.assert_allclose(shares, np.full((5, 4, 4), 0.2).cumsum(axis=0))


# Bits per dimension


def by_hand(model: IndependentPixels, image: np.ndarray, label: int, added: float) -> float:
    """-log2 of a product of counted shares, an image at a time."""
    train, n_values = model.train_dataset, model.cfg.n_levels + 1
    of_class = train.pixels[train.classes == label]
    total = len(of_class) + n_values * added
    shares = [
        (np.sum(of_class[:, pixel] == level) + added) / total for pixel, level in enumerate(image)
    ]
    return -sum(map(log2, shares)) / len(image)


@pytest.mark.parametrize("n_levels", [1, 3])
def test_bits_per_dimension_are_those_of_counted_shares(tmp_path, n_levels):
    model = model_of(stripes(), tmp_path, grayscale_levels=n_levels, added_counts=0.5)
    test = model.model.data.test
    exact = [by_hand(model, *example, added=0.5) for example in zip(*test, strict=True)]
    np.testing.assert_allclose(model.model.bits(model.state, *test), exact, rtol=1e-9)
    (finding,) = model.model.findings(model.state)
    assert finding.content["value"] == pytest.approx(np.mean(exact))
    assert finding.content["standard_error"] == pytest.approx(
        np.std(exact, ddof=1) / len(exact) ** 0.5
    )
    twin = [by_hand(model, *example, added=1.0) for example in zip(*test, strict=True)]
    assert finding.content["value"] != pytest.approx(np.mean(twin))


def test_images_that_nothing_was_counted_of_are_impossible_and_said_to_be(tmp_path):
    model = model_of(stripes(), tmp_path)
    all_black = Shares(1, np.ones_like(model.state.at_most))
    (finding,) = model.model.findings(all_black)
    n = len(model.model.data.test.pixels)
    assert finding.text.startswith(f"infinite: {n} of {n} images have a grey level where no")
    assert finding.content["value"] == finding.content["standard_error"] == np.inf


# Drawing


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("n_levels", [1, 3])
def test_pixels_are_drawn_as_often_as_counted(tmp_path, n_levels, seed):
    model = model_of(stripes(), tmp_path, grayscale_levels=n_levels)
    images, wanted = drawn(model, seed), chances(model)
    assert levels_p_value(images, wanted) > ALARM
    assert pairs_p_value(images, wanted) > ALARM


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_twins_that_are_wrong_do_not_pass(tmp_path, seed):
    model = model_of(stripes(), tmp_path)
    wanted, train = chances(model), model.train_dataset
    right = model.state.at_most
    for twin in (np.roll(right, 1, axis=1), right.mean(axis=1, keepdims=True).repeat(3, axis=1)):
        model.state = Shares(1, twin)
        assert levels_p_value(drawn(model, seed), wanted) < ALARM
    rng = np.random.default_rng(seed)
    copies = np.array(
        [
            images[rng.integers(len(images), size=N_IMAGES)]
            for images in _by_class(train.pixels, train.classes)
        ]
    )
    assert levels_p_value(copies, wanted) > ALARM, "each pixel by itself is right"
    assert pairs_p_value(copies, wanted) < ALARM


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_free_images_are_of_all_classes_equally(tmp_path, seed):
    """Of a toy set every image says its class."""
    model = IndependentPixels(TOY, tmp_path)
    model.train(1, evaluate_every=0)
    pictures = model.sample(5, labels=range(5)).reshape(5, -1)
    images = model.sample(N_IMAGES, key=jax.random.key(seed)).reshape(N_IMAGES, 1, -1)
    counts = (images == pictures).all(axis=2).sum(axis=0)
    assert counts.sum() == N_IMAGES
    assert fit_p_value(counts[None], np.full((1, 5), 0.2)) > ALARM


def test_a_key_says_which_images(tmp_path):
    model = model_of(stripes(), tmp_path)
    images = [model.sample(20, key=jax.random.key(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()
    np.testing.assert_array_equal(model.sample(20), model.sample(20))


def test_labels_are_the_numbers_of_the_data_set(tmp_path):
    cfg = IndependentConfig().replace(data=dict(target_classes=(9, 5)))
    model = IndependentPixels(cfg, tmp_path)
    model.train(1, evaluate_every=0)
    boots, sandals = model.sample(400, labels=[9] * 200 + [5] * 200).reshape(2, 200, -1)
    pixels, classes = model.train_dataset
    for images, position in ((boots, 0), (sandals, 1)):
        wanted = pixels[classes == position].mean(axis=0)
        assert np.abs(images.mean(axis=0) - wanted).max() < 0.25, "7 standard errors"
    assert np.abs(boots.mean(axis=0) - sandals.mean(axis=0)).max() > 0.5
    with pytest.raises(ValueError, match="class 3 is not among the target classes"):
        model.sample(1, labels=3)
    with pytest.raises(ValueError, match="2 labels for 3 images"):
        model.sample(3, labels=[9, 5])


@pytest.mark.parametrize("n", [0, -1, 2.5, "many"])
def test_less_than_an_image_is_refused(tmp_path, n):
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        IndependentPixels(TOY, tmp_path).sample(n)


# Without classes


def test_pooled_pixels_know_no_classes(tmp_path):
    model = model_of(stripes(), tmp_path, pooled=True)
    assert model.sample(4).shape == (4, 3, 4)
    for ask in (lambda: model.sample(4, labels=1), lambda: model.quality("clamped")):
        with pytest.raises(ValueError, match="no labels, so none can be clamped"):
            ask()
    assert set(model.quality("free").values) == {"binary_mmd"}, "all that takes no network"
    assert "the model has no labels" in str(model.quality("free"))
    images = sorted(path.name for path in model.logging_and_saving_dir.glob("images/*"))
    assert images == ["epoch0_free.png", "epoch1_free.png"]


def test_images_with_conditions_are_of_no_class(tmp_path):
    rng = np.random.default_rng(0)
    bits = rng.random((60, 3)) < 0.5
    data = OwnImages("mine", rng.random((60, 3, 4)), conditions=bits)
    model = model_of(data, tmp_path)
    assert "bits, which name no class" in str(model.quality("free"))
    names = {"free_binary_mmd", "clamped_binary_mmd", f"clamped_{HELD_OUT_PIXELS}"}
    assert set(model.history.metric_names) == names


# Grey levels


@pytest.mark.parametrize("n_levels", [0, 256, 10**9, 1.5])
def test_grey_levels_that_no_image_has_are_refused(n_levels):
    with pytest.raises(ValueError, match=r"pixels\.grayscale_levels must be .* from 1 to 255"):
        IndependentConfig().replace(pixels=dict(grayscale_levels=n_levels))


def test_toy_sets_bring_their_grey_levels(tmp_path):
    model = IndependentPixels(TOY, tmp_path)
    model.train(1)
    assert model.history.records[0].metrics["clamped_exact_accuracy"] < 100
    assert set(model.history.records[1].metrics.values()) == {100.0}


# Saving


def test_a_run_is_saved_loaded_and_resumed_bit_for_bit(tmp_path):
    straight = IndependentPixels(TOY, tmp_path / "straight")
    straight.train(2, evaluate_every=1)
    first = IndependentPixels(TOY, tmp_path / "runs")
    first.train(1, evaluate_every=1)
    run = first.logging_and_saving_dir
    resumed = IndependentPixels(TOY)
    resumed.train(1, evaluate_every=1, resume=run)
    loaded = IndependentPixels.load(run)
    for model in (resumed, loaded):
        assert model.epoch == 2
        np.testing.assert_array_equal(model.state.at_most, straight.state.at_most, strict=True)
        np.testing.assert_array_equal(model.sample(20), straight.sample(20))
        assert measured(model) == measured(straight)
    assert IndependentPixels.load(run, epoch=1).epoch == 1
    with pytest.raises(ValueError, match=r"pixels\.pooled \(False there, True here\)"):
        IndependentPixels(TOY.replace(pixels=dict(pooled=True))).train(1, resume=run)


def test_own_images_are_needed_to_train_on_but_not_to_draw(tmp_path):
    data = stripes()
    run = model_of(data, tmp_path, grayscale_levels=3).logging_and_saving_dir
    alone = IndependentPixels.load(run)
    assert alone.sample(2, labels=1).max() <= 3
    with pytest.raises(ValueError, match="a user's own"):
        alone.train(1)
    IndependentPixels.load(run, data=data).train(1)
