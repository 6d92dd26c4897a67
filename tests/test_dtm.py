"""What a user sees of a trained model: its attributes and its images."""

from pathlib import Path

import jax
import numpy as np
import pytest
from tiny import TINY, assert_same_states, differ, tiny_cfg, trained

from thrmlDenoising import DTM, DTMConfig

N_CLASSES, N_PIXELS, N_STEPS = 3, 3, 2
IMAGES = np.eye(3, dtype=np.uint8)
"""The toy set: image k has pixel k on."""


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("runs"), 3)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory) -> DTM:
    cfg = tiny_cfg(graph=dict(num_label_spots=0))
    return trained(tmp_path_factory.mktemp("runs"), 1, cfg)


# What users of dtm-replication read


def test_a_model_without_a_config_has_the_published_setting(tmp_path):
    assert DTM(base_dir=tmp_path).cfg == DTMConfig()


def test_the_data_and_the_sizes(dtm):
    assert dtm.cfg == TINY
    for split in (dtm.train_dataset, dtm.test_dataset):
        np.testing.assert_array_equal(split.pixels, IMAGES)
        np.testing.assert_array_equal(split.classes, [0, 1, 2])
    assert (dtm.n_image_pixels, dtm.n_label_nodes, dtm.n_grayscale_levels) == (3, 3, 1)
    np.testing.assert_array_equal(dtm.one_hot_target_labels, np.eye(3, dtype=bool))
    assert len(dtm.steps) == N_STEPS


def test_labels_are_repeated_once_for_every_spot(tmp_path):
    cfg = tiny_cfg(graph=dict(num_label_spots=3, graph_preset_architecture=6_4))
    dtm = DTM(cfg, base_dir=tmp_path)
    assert dtm.n_label_nodes == 9
    np.testing.assert_array_equal(dtm.one_hot_target_labels, np.tile(np.eye(3, dtype=bool), 3))


def test_what_was_measured(dtm):
    assert dtm.epoch == 3
    assert dtm.eval_epochs == [0, 2, 3]
    assert set(dtm.fids_dict) == {"free", "clamped"}
    for values in dtm.fids_dict.values():
        assert len(values) == 3
        assert all(0 <= value <= 100 for value in values)
    for step in dtm.steps:
        assert list(step.autocorrelations) == [0, 1, 2, 3]
        assert all(value >= 0 for value in step.autocorrelations.values())


def test_a_model_that_was_not_trained_leaves_nothing_on_disk(tmp_path):
    dtm = DTM(TINY, base_dir=tmp_path / "runs")
    dtm.sample(2)
    dtm.gen_images(jax.random.key(0), 2, free=True, drawn_images_per_digit=1)
    assert dtm.epoch == 0
    assert dtm.eval_epochs == []
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_seed_settles_everything(dtm, tmp_path):
    again = trained(tmp_path, 3)
    assert_same_states(dtm, again)
    np.testing.assert_array_equal(dtm.sample(5), again.sample(5))
    other = trained(tmp_path / "other", 1, tiny_cfg(exp=dict(seed=7)))
    assert differ(dtm, other)


# Images


@pytest.mark.parametrize("free", [True, False])
def test_images_of_every_class_after_every_step(dtm, free):
    """As dtm-replication lays them out: class by class, and in each step by step."""
    drawn, labels, final = dtm.gen_images(
        jax.random.key(1), batch_size=4, free=free, drawn_images_per_digit=2
    )
    assert drawn.shape == (N_CLASSES * N_STEPS, 2, N_PIXELS)
    assert labels.shape == (N_CLASSES * N_STEPS, 2, dtm.n_label_nodes)
    assert final.shape == (N_CLASSES, 4, N_PIXELS)
    assert drawn.dtype == final.dtype == np.float32
    assert labels.dtype == bool
    # The last step of a class is what its images end as.
    np.testing.assert_array_equal(drawn[N_STEPS - 1 :: N_STEPS], final[:, :2])
    wanted = np.repeat(dtm.one_hot_target_labels, N_STEPS, axis=0)[:, None]
    assert (labels == wanted).all() != free
    images = dtm.class_images(jax.random.key(1), "free" if free else "clamped", 4)
    np.testing.assert_array_equal(images.final_pixels, final.reshape(12, N_PIXELS))
    np.testing.assert_array_equal(np.concatenate(images.grid(2).pixels), drawn)


def test_brightness_is_a_share_of_the_grey_levels(tmp_path):
    cfg = tiny_cfg(data=dict(dataset_name="smoke_testing_2_2_2"), graph=dict(grayscale_levels=2))
    drawn, _, final = DTM(cfg, base_dir=tmp_path).gen_images(jax.random.key(0), 40, True, 40)
    assert set(np.unique(drawn)) == set(np.unique(final)) == {0, 0.5, 1}


@pytest.mark.parametrize("labels", [None, 2, [2, 0, 1, 1, 0], np.array([0, 1, 2, 0, 1])])
def test_samples_are_images_of_the_data_sets_shape(dtm, labels):
    images = dtm.sample(5, labels)
    assert images.shape == (5, 1, 3)
    assert images.dtype == np.uint8
    assert images.max() <= 1


def test_the_same_key_gives_the_same_samples(dtm):
    def draw(seed: int, labels: int | None) -> np.ndarray:
        return dtm.sample(12, labels, jax.random.key(seed))

    np.testing.assert_array_equal(draw(1, None), draw(1, None))
    np.testing.assert_array_equal(draw(1, 0), draw(1, 0))
    np.testing.assert_array_equal(dtm.sample(12), dtm.sample(12))
    assert (draw(1, None) != draw(2, None)).any()
    assert (draw(1, 0) != draw(2, 0)).any()


@pytest.mark.parametrize(
    ("n", "labels", "message"),
    [
        (2, 3, r"class 3 is not among the target classes \(0, 1, 2\)"),
        (2, -1, "class -1 is not among"),
        (2, [0, 5], "class 5 is not among"),
        (3, [0, 1], "2 labels for 3 images"),
        (3, [0], "1 labels for 3 images"),
        (0, None, "at least 1"),
        (-2, 1, "-2.*at least 1"),
    ],
)
def test_samples_that_cannot_be_drawn(dtm, n, labels, message):
    with pytest.raises(ValueError, match=message):
        dtm.sample(n, labels)


@pytest.mark.parametrize(
    ("batch_size", "drawn", "message"),
    [(0, 1, "at least 1"), (2, 0, "cannot draw 0 of 2"), (4, 9, "cannot draw 9 of 4")],
)
def test_image_counts_that_make_no_sense_are_refused(dtm, batch_size, drawn, message):
    with pytest.raises(ValueError, match=message):
        dtm.gen_images(jax.random.key(0), batch_size, free=True, drawn_images_per_digit=drawn)


@pytest.mark.parametrize(
    ("n_epochs", "evaluate_every", "message"),
    [
        (0, 1, r"n_epochs=0: .*at least 1; eval_epoch"),
        (-1, 5, "n_epochs=-1"),
        (2.0, 1, "n_epochs=2.0: give a whole number"),
        (True, 1, "n_epochs=True: give a whole number"),
        (None, 1, "n_epochs=None"),
        (1, -1, "evaluate_every=-1: .*0 or None to train without evaluating"),
        (1, 1.5, "evaluate_every=1.5: give a whole number"),
        (1, False, "evaluate_every=False.*0 or None"),
        (1, np.True_, "evaluate_every=.*True"),
    ],
)
def test_numbers_of_epochs_that_cannot_be_are_refused(tmp_path, n_epochs, evaluate_every, message):
    with pytest.raises(ValueError, match=message):
        DTM(TINY, base_dir=tmp_path).train(n_epochs, evaluate_every)
    assert not list(tmp_path.iterdir())


# Models without labels


@pytest.mark.slow
def test_an_unlabelled_model_trains_and_samples(unlabelled):
    assert unlabelled.n_label_nodes == 0
    assert unlabelled.one_hot_target_labels.shape == (3, 0)
    assert unlabelled.epoch == 1
    assert unlabelled.sample(5).shape == (5, 1, 3)
    drawn, labels, final = unlabelled.gen_images(
        jax.random.key(0), batch_size=4, free=True, drawn_images_per_digit=2
    )
    assert (drawn.shape, labels.shape, final.shape) == ((6, 2, 3), (6, 2, 0), (3, 4, 3))
    assert unlabelled.class_images(jax.random.key(0), "free", 4).grid(2).votes.shape[-1] == 0


def test_an_unlabelled_model_is_judged_by_free_images_and_draws_them(unlabelled):
    assert unlabelled.eval_epochs == [0, 1]
    assert len(unlabelled.fids_dict["free"]) == 2
    assert unlabelled.fids_dict["clamped"] == []
    pictures: Path = unlabelled.logging_and_saving_dir / "images"
    assert sorted(path.name for path in pictures.iterdir()) == [
        "epoch0_free.png",
        "epoch1_free.png",
    ]


def test_an_unlabelled_model_cannot_clamp_labels(unlabelled):
    with pytest.raises(ValueError, match=r"no labels \(graph.num_label_spots=0\)"):
        unlabelled.sample(5, labels=1)
    with pytest.raises(ValueError, match="generate free images"):
        unlabelled.gen_images(jax.random.key(0), 4, free=False, drawn_images_per_digit=2)
    with pytest.raises(ValueError, match="generate free images"):
        unlabelled.generate_gif(1)


# Mistakes


def test_a_misspelt_mode_is_refused(dtm):
    with pytest.raises(ValueError, match=r"'clampd'.*'free' or 'clamped'"):
        dtm.generate_gif(3, "clampd")


def test_an_autocorrelation_belongs_to_the_epoch_the_model_is_at(dtm):
    with pytest.raises(ValueError, match="epoch=2, but the model is at epoch 3"):
        dtm.compute_autocorr(2)
    assert dtm.compute_autocorr(3) == [step.autocorrelations[3] for step in dtm.steps]


def test_a_schedule_without_a_sweep_is_refused():
    with pytest.raises(ValueError, match=r"steps_warmup=0.*n_samples=1"):
        tiny_cfg(sampling=dict(n_samples=1, steps_warmup=0))


def test_a_run_stays_where_it_was_planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dtm = DTM(TINY, base_dir="runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dtm.save_epoch().is_relative_to(tmp_path / "runs")
    assert not list((tmp_path / "elsewhere").iterdir())
