"""Images of a user's own: from arrays to a trained model, and what users get wrong."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import tyro
from exactness import ALARM
from scipy import stats
from tiny import assert_same_states, measured, rest_slow, tiny_cfg

import thrmlDenoising.evaluate.__main__ as command
from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.data import ImageDataset, Mode, OwnImages
from thrmlDenoising.quality import RealImages
from thrmlDenoising.quality.accuracy import class_judge
from thrmlDenoising.quality.reference import feature_reference
from thrmlDenoising.support.cache import CACHE_VARIABLE

ROWS, COLUMNS, N_EACH = 6, 5, 20
CLASSES = np.repeat(np.arange(3), N_EACH)


def bars(seed: int = 0, **options: Any) -> OwnImages:
    """A bar lying, a bar standing and a cross, some of them grey, with specks; sorted by class."""
    rng = np.random.default_rng(seed)
    images = np.zeros((len(CLASSES), ROWS, COLUMNS))
    for image, label in zip(images, CLASSES, strict=True):
        if label != 1:
            image[2] = rng.choice([0.65, 1.0])
        if label != 0:
            image[:, 3] = rng.choice([0.65, 1.0])
        image.flat[rng.choice(image.size, 3)] = 1.0
    return OwnImages("bars", images, CLASSES, **options)


def bars_cfg(images: OwnImages, n_levels: int = 1, **sections: Any) -> DTMConfig:
    """Every optional part of training is on, and the default extractors are asked for."""
    graph = dict(
        side=16,
        connection_rules=((0, 1), (4, 1)),
        num_label_spots=4,
        grayscale_levels=n_levels,
    )
    return tiny_cfg(data=images.cfg, graph=graph, sampling=dict(batch_size=9)).replace(**sections)


def trained(images: OwnImages, folder: Path, n_epochs: int = 4, n_levels: int = 1) -> DTM:
    dtm = DTM(bars_cfg(images, n_levels), base_dir=folder, data=images)
    dtm.train(n_epochs, evaluate_every=2)
    return dtm


def quantised(images: OwnImages, n_levels: int, pixel_threshold: float = 0.1) -> ImageDataset:
    n_classes = images.facts.n_classes
    return images.quantised(
        target_classes=range(n_classes), n_levels=n_levels, pixel_threshold=pixel_threshold
    )


def blocks(images: np.ndarray) -> np.ndarray:
    """Features that tell rows from columns."""
    return np.concatenate([images.mean(axis=1), images.mean(axis=2)], axis=1)


@pytest.fixture(scope="module", params=rest_slow([1, 3], 0))
def dtm(request, tmp_path_factory) -> DTM:
    return trained(bars(), tmp_path_factory.mktemp("runs"), n_levels=request.param)


# From arrays to a model


@pytest.mark.slow
def test_a_model_of_own_images_trains_and_is_measured_without_a_classifier(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        dtm = trained(bars(), tmp_path)
    assert dtm.eval_epochs == [0, 2, 4]
    names = dtm.history.metric_names
    assert {"free_label_agreement", "clamped_conditional_accuracy"} <= set(names)
    assert not [name for name in names if "classifier" in name]
    run = dtm.logging_and_saving_dir
    assert (run / "images" / "epoch4_clamped.png").is_file()


def test_images_have_the_shape_and_levels_of_the_data(dtm):
    images = dtm.sample(8, labels=2)
    assert images.shape == (8, ROWS, COLUMNS)
    assert images.max() <= dtm.n_grayscale_levels
    assert dtm.cfg.class_names == ["0", "1", "2"]
    assert len(dtm.train_dataset.pixels) + len(dtm.test_dataset.pixels) == len(CLASSES)


def test_quality_in_own_features(dtm):
    report = dtm.quality("clamped", n_per_class=10, extractors=[blocks])
    assert report.values["blocks_fd"] > 0
    assert report.reference["dataset"] == "bars"


def n_right(dtm: DTM, images: OwnImages, mode: Mode) -> int:
    """How many of 300 generated images are of the class under which they stand."""
    real = quantised(images, n_levels=1)
    generated = dtm.class_images(jax.random.key(0), mode, 100).final_pixels
    judged = class_judge(real)(real.brightness(generated))
    return int((judged == np.repeat(np.arange(3), 100)).sum())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_classes_are_learnt(seed, tmp_path):
    """Free images are never told their class: right once in three times, independently.

    They are the twin that must fail. Either half gives a false alarm at a rate of `ALARM`.
    """
    images = bars(seed)
    cfg = bars_cfg(
        images,
        exp=dict(seed=seed, compute_autocorr=False),
        sampling=dict(n_samples=20, steps_per_sample=4, steps_warmup=40),
        generation=dict(steps_warmup=60),
        optim=dict(step_learning_rates=(0.03,), n_epochs_for_lrd=30),
        cp=dict(adaptive_cp=False),
    )
    dtm = DTM(cfg, base_dir=tmp_path, data=images)
    dtm.train(30, evaluate_every=30)
    by_guessing = stats.binom.isf(ALARM, 300, 1 / 3)
    assert n_right(dtm, images, "free") <= by_guessing < n_right(dtm, images, "clamped")


@pytest.mark.slow
def test_some_of_the_classes(tmp_path):
    images = bars(class_names=("lying", "standing", "cross"))
    cfg = bars_cfg(images).replace(data=dict(target_classes=(2, 0)))
    dtm = DTM(cfg, base_dir=tmp_path, data=images)
    assert cfg.class_names == ["2 cross", "0 lying"]
    assert cfg.n_train == len(dtm.train_dataset.pixels) == 2 * 18
    assert np.bincount(dtm.test_dataset.classes).tolist() == [2, 2]
    assert dtm.sample(2, labels=[2, 0]).shape == (2, ROWS, COLUMNS)
    with pytest.raises(ValueError, match="class 1 is not among"):
        dtm.sample(1, labels=1)


# Saving, loading, resuming


def test_loading_and_generating_need_no_images(dtm):
    loaded = DTM.load(dtm.logging_and_saving_dir)
    assert_same_states(loaded, dtm)
    for labels in (None, 1):
        ours, theirs = (model.sample(6, labels, jax.random.key(3)) for model in (loaded, dtm))
        np.testing.assert_array_equal(ours, theirs)
    assert loaded.generate_gif(4).is_file()
    drawn, _, final = loaded.gen_images(jax.random.key(0), 3, False, 2)
    assert (drawn.shape[1:], final.shape) == ((2, ROWS * COLUMNS), (3, 3, ROWS * COLUMNS))


def test_measuring_a_loaded_model_gives_the_same_numbers(dtm):
    loaded = DTM.load(dtm.logging_and_saving_dir, data=bars())
    ours, theirs = (
        model.quality("clamped", n_per_class=10, extractors=[blocks]) for model in (loaded, dtm)
    )
    assert ours.values == theirs.values
    assert loaded.compute_autocorr(4) == [step.autocorrelations[4] for step in dtm.steps]


@pytest.mark.parametrize("n_levels", [1, 3])
@pytest.mark.slow
def test_training_is_resumed_bit_for_bit(n_levels, tmp_path):
    straight = trained(bars(), tmp_path / "straight", 4, n_levels)
    halved = trained(bars(), tmp_path / "halved", 2, n_levels)
    run = halved.logging_and_saving_dir
    resumed = DTM(DTMConfig.load(run / "model_saving" / "config.yaml"), tmp_path, data=bars())
    resumed.train(2, evaluate_every=2, resume=run)
    loaded = DTM.load(run, epoch=2, data=bars())
    loaded.train(2, evaluate_every=2)
    for model in (resumed, loaded, DTM.load(run)):
        assert_same_states(model, straight)
        assert measured(model) == measured(straight)


def test_steps_are_stitched_from_runs_on_the_same_images_alone(dtm, tmp_path):
    run = dtm.logging_and_saving_dir
    stitched = DTM.load(run, step_sources=[2, 4], data=bars())
    assert stitched.quality("free", 2).values["label_agreement"] >= 0
    others = bars(seed=1)
    stranger = DTM(bars_cfg(others, dtm.n_grayscale_levels), base_dir=tmp_path)
    stranger.save_epoch()
    with pytest.raises(ValueError, match=r"do not fit.*images_sha256"):
        DTM.load(run, step_sources=[2, (stranger.logging_and_saving_dir, 0)])


@pytest.mark.parametrize(
    "use",
    [
        lambda dtm: dtm.train(1),
        lambda dtm: dtm.quality("free", 2),
        lambda dtm: dtm.compute_autocorr(dtm.epoch),
        lambda dtm: dtm.mixing(),
        lambda dtm: dtm.train_dataset,
    ],
    ids=["train", "quality", "autocorrelation", "mixing", "train_dataset"],
)
def test_training_and_measuring_ask_for_the_images(dtm, use: Callable[[DTM], object], tmp_path):
    fresh = DTM(dtm.cfg, base_dir=tmp_path / "runs")
    for model in (fresh, DTM.load(dtm.logging_and_saving_dir)):
        with pytest.raises(ValueError, match=r"'bars'.*DTM\(cfg, data=.*DTM\.load\(run, data="):
            use(model)
    assert not (tmp_path / "runs").exists()


def test_the_command_says_that_it_needs_the_images(dtm, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(dtm.logging_and_saving_dir)])
    with pytest.raises(SystemExit, match=r"^error: the images 'bars' are a user's own"):
        command.main()


# Which images a config describes


@pytest.mark.parametrize(
    ("others", "field"),
    [
        (lambda: bars(seed=1), "images_sha256"),
        (lambda: bars(test_fraction=0.5), r"train_counts is \(18, 18, 18\) there, \(10, 10, 10\)"),
        (lambda: OwnImages("bars", bars().images, CLASSES, seed=1), "images_sha256"),
        (lambda: OwnImages("bars", bars().images, CLASSES[::-1]), "images_sha256"),
        (lambda: OwnImages("rods", bars().images, CLASSES), "dataset_name is 'bars' there, 'rods'"),
        (
            lambda: OwnImages("bars", bars().images.reshape(-1, COLUMNS, ROWS), CLASSES),
            r"image_shape is \(6, 5\) there, \(5, 6\) here",
        ),
    ],
)
def test_other_images_than_the_config_describes_are_refused(dtm, others, field):
    for build in (DTM, lambda cfg, data: DTM.load(dtm.logging_and_saving_dir, data=data)):
        with pytest.raises(ValueError, match=rf"not the images the config describes.*{field}"):
            build(dtm.cfg, data=others())


@pytest.mark.parametrize("cfg", [None, tiny_cfg()])
def test_own_images_with_a_config_of_a_shipped_set_are_refused(cfg):
    with pytest.raises(ValueError, match=r"'bars' are given, but.*make_cfg\(data=data\.cfg\)"):
        DTM(cfg, data=bars())


def test_names_of_classes_may_change():
    images = bars()
    DTM(bars_cfg(images), data=bars(class_names=("a", "b", "c")))


def test_the_config_survives_yaml_and_the_command_line(tmp_path):
    images = bars(class_names=("lying: ─", "1e-3", "'+'"))
    cfg = bars_cfg(images)
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg
    cfg.save(tmp_path / "own.yaml")
    again = tyro.cli(
        DTMConfig,
        default=DTMConfig.load(tmp_path / "own.yaml"),
        args=["--exp.seed", "7"],
        config=(tyro.conf.FlagConversionOff,),
    )
    assert again == cfg.replace(exp=dict(seed=7))
    assert hash(again.data) == hash(cfg.data)


WHOLE = bars().cfg


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"image_shape": None}, "in part"),
        ({"train_counts": ()}, "in part"),
        ({"test_counts": (2, 2)}, "unequal numbers of classes"),
        ({"images_sha256": None}, "in part"),
        ({"images_sha256": "abc"}, "64 hexadecimal digits"),
        ({"class_names": ("one",)}, "unequal numbers of classes"),
        ({"image_shape": (6,)}, "data.image_shape"),
        ({"dataset_name": "mnist"}, "data.dataset_name: own images cannot be called 'mnist'"),
        ({"dataset_name": ""}, "data.dataset_name: own images cannot be called ''"),
        ({"target_classes": (0, 3)}, "bars has the classes 0 to 2, not 3"),
    ],
)
def test_descriptions_that_cannot_be_are_refused(changes, fragment):
    with pytest.raises(ValueError, match=fragment):
        make_cfg(data=WHOLE | changes)


def test_class_names_alone_describe_no_images():
    with pytest.raises(ValueError, match=r"in part.*make_cfg\(data=images\.cfg\)"):
        make_cfg(data=dict(class_names=("a", "b")))


def test_a_batch_is_at_most_all_images():
    with pytest.raises(ValueError, match="batch_size=55 is more than the 54 training images"):
        bars_cfg(bars(), sampling=dict(batch_size=55))


# From arrays to grey levels


def in_order(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_a_part_of_every_class_is_held_out(fraction: float):
    images = bars(test_fraction=fraction)
    n_test = {0.01: 1, 0.1: 2, 0.5: 10, 0.99: 19}[fraction]
    assert images.facts.test_counts == (n_test,) * 3
    assert images.facts.train_counts == (N_EACH - n_test,) * 3
    data = quantised(images, 255)
    for half, counts in ((data.train, images.facts.train_counts), (data.test, (n_test,) * 3)):
        assert tuple(np.bincount(half.classes)) == counts
    # Together the halves are all images, each with its class.
    rows = np.concatenate(
        [np.column_stack([half.classes, half.pixels]) for half in (data.train, data.test)]
    )
    given = np.column_stack([CLASSES, images.images.reshape(len(CLASSES), -1)])
    np.testing.assert_array_equal(in_order(rows), in_order(given))


def test_halves_are_drawn_anew_by_another_seed_alone():
    halves = [quantised(bars(seed=3), 1), quantised(bars(seed=3), 1)]
    np.testing.assert_array_equal(halves[0].train.pixels, halves[1].train.pixels)
    same, other = (OwnImages("bars", bars().images, CLASSES, seed=seed).cfg for seed in (0, 1))
    assert same == bars().cfg
    assert same["images_sha256"] != other["images_sha256"]


def test_few_images_from_the_front_are_of_several_classes():
    """Given sorted; in random order, 40 of one class in a row are rarer than 1e-20."""
    rng = np.random.default_rng(0)
    images = OwnImages("noise", rng.random((400, 2, 2)), np.repeat([0, 1], 200), 0.5)
    data = quantised(images, 1)
    assert {*data.test.classes[:40]} == {*data.train.classes[:40]} == {0, 1}


def test_floats_and_bytes_mean_the_same():
    grey = np.arange(256, dtype=np.uint8).reshape(-1, 2, 1).repeat(2, axis=0)
    classes = np.arange(256) % 2
    as_bytes = OwnImages("grey", grey, classes)
    for dtype in (np.float32, np.float64):
        as_floats = OwnImages("grey", (grey / 255).astype(dtype), classes)
        np.testing.assert_array_equal(as_floats.images, grey)
        assert as_floats.cfg == as_bytes.cfg


@pytest.mark.parametrize("n_levels", [1, 2, 3, 16, 255])
def test_levels_are_those_of_the_brightness(n_levels: int):
    steps = np.random.default_rng(0).integers(0, n_levels + 1, (9, 3, 4))
    steps[0, 0, 0] = n_levels
    images = OwnImages("steps", steps / n_levels, np.zeros(9, int))
    data = quantised(images, n_levels, pixel_threshold=0.5)
    found = np.concatenate([data.train.pixels, data.test.pixels])
    expected = steps.reshape(9, -1)
    np.testing.assert_array_equal(in_order(found), in_order(expected))


def test_arrays_are_copied():
    images, classes = np.ones((4, 2, 2)), np.array([0, 0, 1, 1])
    own = OwnImages("ones", images, classes)
    images[:], classes[:] = 0, 5
    assert own.images.min() == 255
    assert own.cfg == OwnImages("ones", np.ones((4, 2, 2)), [0, 0, 1, 1]).cfg  # pyright: ignore[reportArgumentType]  lists are read as arrays


GOOD = np.ones((4, 2, 2))
PAIRS = np.array([0, 0, 1, 1])


def spoilt(value: float) -> np.ndarray:
    images = GOOD.copy()
    images[1, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("given", "fragments"),
    [
        (dict(name="mnist"), ["'mnist'", "fashion_mnist_10k"]),
        (dict(name=""), ["''"]),
        (dict(name=3), ["3"]),
        (dict(images=np.ones((4, 4))), [r"\(4, 4\)", "reshape"]),
        (dict(images=np.ones((4, 2, 2, 3))), [r"\(4, 2, 2, 3\)", r"mean\(axis=-1\)"]),
        (dict(images=np.ones((0, 2, 2))), [r"\(0, 2, 2\)", "at least one pixel"]),
        (dict(images=spoilt(np.nan)), ["1 values.*NaN"]),
        (dict(images=spoilt(np.inf)), ["1 values.*infinite"]),
        (dict(images=spoilt(-0.5)), ["-0.5 to 1", "images - images.min"]),
        (dict(images=16 * GOOD), ["16 to 16", "divide them by their maximum"]),
        (dict(images=(16 * GOOD).astype(int)), ["int64", "divided by their maximum"]),
        (dict(images=(16 * GOOD).astype(np.uint8)), ["is 16,", "divide them by their maximum"]),
        (dict(images=GOOD / 255), ["0.003922", "divide them by their maximum"]),
        (dict(images=GOOD.astype(str)), ["<U", "floats"]),
        (dict(classes=PAIRS[:3]), [r"\(3,\) for 4 images"]),
        (dict(classes=np.eye(2)[PAIRS]), [r"\(4, 2\) for 4 images"]),
        (dict(classes=PAIRS.astype(float)), ["float64", r"np\.unique"]),
        (dict(classes=np.array(["a", "a", "b", "b"])), ["<U1", r"np\.unique"]),
        (dict(classes=PAIRS + 1), ["class 0 has no image", "class 1 has"]),
        (dict(classes=2 * PAIRS), ["class 1 has no image", "class 2 has", r"np\.unique"]),
        (dict(classes=PAIRS - 1), ["class -1 has", "0, 1, 2"]),
        (dict(classes=np.array([0, 0, 0, 1])), ["class 1 has 1 image", "at least 2"]),
        (dict(test_fraction=0.0), ["test_fraction=0.0", "above 0 and below 1"]),
        (dict(test_fraction=1), ["test_fraction=1", "above 0 and below 1"]),
        (dict(test_fraction=float("nan")), ["test_fraction=nan"]),
        (dict(class_names=("a",)), [r"class_names=\('a',\)", "2 texts"]),
        (dict(class_names="ab"), ["class_names='ab'", "2 texts"]),
        (dict(class_names=(0, 1)), [r"class_names=\(0, 1\)", "2 texts"]),
        (dict(seed=-1), ["seed=-1", "at least 0"]),
        (dict(seed=0.5), ["seed=0.5", "integer"]),
    ],
)
def test_mistakes_are_explained(given: dict[str, Any], fragments: list[str]):
    arguments: dict[str, Any] = dict(name="own", images=GOOD, classes=PAIRS)
    with pytest.raises(ValueError, match=".*".join(fragments)):
        OwnImages(**(arguments | given))


# The cache of real images


class Blocks:
    """Kept on disk under its fingerprint."""

    name = fingerprint = "blocks"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return blocks(images)


def test_sets_of_one_name_are_not_confused(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    first = bars()
    turned = OwnImages("bars", first.images.reshape(-1, COLUMNS, ROWS), CLASSES)
    for images in (first, bars(seed=1), turned, first):
        data = quantised(images, 1)
        reference = feature_reference(RealImages(data, 0.1), Blocks())
        expected = blocks(data.brightness(data.train.pixels)).mean(axis=0)
        np.testing.assert_allclose(reference.moments.mean, expected, rtol=1e-5)
    assert len([*tmp_path.iterdir()]) == 3
