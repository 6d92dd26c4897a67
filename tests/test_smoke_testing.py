"""A DTM learns the toy sets: data, training and generation at work together."""

import importlib
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from tiny import SLOW, tiny_cfg

from thrmlDenoising import DTM
from thrmlDenoising.data import ToySet
from thrmlDenoising.smoke_testing import (
    compute_conditional_accuracy,
    compute_free_accuracy,
    save_accuracy_plot,
    smoke_testing_cfg,
)

N_PER_CLASS = 100  # what evaluation draws as well: one compiled program serves both


def untrained(sizes: str, seed: int, folder: Path, **graph: str) -> DTM:
    return DTM(smoke_testing_cfg(sizes, seed=seed).replace(graph=graph), base_dir=folder)


def learnt(sizes: str, seed: int, folder: Path, **graph: str) -> DTM:
    dtm = untrained(sizes, seed, folder, **graph)
    dtm.train(n_epochs=200, evaluate_every=200)
    return dtm


def conditional_accuracy(dtm: DTM) -> float:
    """Of at least 1000 images."""
    n_runs = -(-1000 // (N_PER_CLASS * len(dtm.train_dataset.pixels)))
    keys = jax.random.split(jax.random.key(0), n_runs)
    runs = [compute_conditional_accuracy(dtm, key, N_PER_CLASS, n_print=0) for key in keys]
    return float(np.mean(runs))


@pytest.fixture(scope="module", params=SLOW)
def four_pixels(tmp_path_factory) -> DTM:
    return learnt("4_1_4", 0, tmp_path_factory.mktemp("runs"))


# Over six seeds, and three with each other sampler, all sets reached 99.0 to 100 per cent. A model
# that truly reaches 98 would fall below 95 in 1000 images with a chance under 1e-9.


def test_four_pixels_are_learnt(four_pixels):
    assert conditional_accuracy(four_pixels) >= 95
    assert compute_free_accuracy(four_pixels, jax.random.key(1), N_PER_CLASS, n_print=0) >= 80


@pytest.mark.parametrize(
    ("sizes", "seed"), [("4_1_4", 1), ("4_1_4", 2), ("2_2_2", 0), ("2_2_2", 1), ("2_2_2", 2)]
)
@pytest.mark.slow
def test_images_are_learnt_whatever_the_seed(sizes, seed, tmp_path):
    assert conditional_accuracy(learnt(sizes, seed, tmp_path)) >= 95


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("sizes", "manager"),
    [
        ("3_1_3", "poisson_binomial"),
        ("3_2_5", "poisson_binomial"),
        ("4_4_4", "poisson_binomial"),
        ("4_4_4", "binary_representation"),
    ],
)
@pytest.mark.slow
def test_every_set_and_manager_is_learnt(sizes, manager, seed, tmp_path):
    assert conditional_accuracy(learnt(sizes, seed, tmp_path, base_graph_manager=manager)) >= 95


@pytest.mark.slow
def test_an_untrained_model_knows_nothing(tmp_path):
    # One image in 2**4 is right by chance.
    assert conditional_accuracy(untrained("4_1_4", 0, tmp_path)) < 15


@pytest.mark.slow
def test_without_labels_any_image_of_the_set_is_right(tmp_path):
    cfg = tiny_cfg(graph=dict(num_label_spots=0), exp=dict(drawn_images_per_digit=0))
    dtm = DTM(cfg, base_dir=tmp_path)
    dtm.train(1, 1)
    assert dtm.eval_epochs == [0, 1]
    measured = dtm.fids_dict["free"][-1]
    report = dtm.quality("free")
    assert report.values["exact_accuracy"] == measured
    assert "exact_accuracy: of any image of the set" in str(report)
    images = dtm.class_images(jax.random.key(3), "free", 50).final_pixels
    targets = dtm.train_dataset.pixels
    right = 100 * (images[:, None] == targets).all(axis=-1).any(axis=1).mean()
    assert 0 < right < 100
    assert compute_free_accuracy(dtm, jax.random.key(3), 50, None) == pytest.approx(right)
    assert not list((dtm.logging_and_saving_dir / "images").glob("*")), "none were asked for"


# The helpers


def test_asked_images_are_printed_beside_their_target(four_pixels, capsys):
    compute_conditional_accuracy(four_pixels, jax.random.key(0), N_PER_CLASS, n_print=3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 * 4, "three of each class"
    for line in lines[:3]:
        assert line.startswith("class 0: wanted [1 1 0 0], generated [")
    compute_free_accuracy(four_pixels, jax.random.key(0), N_PER_CLASS)
    assert len(capsys.readouterr().out.splitlines()) == 10
    for n_print in (0, None):
        compute_free_accuracy(four_pixels, jax.random.key(0), N_PER_CLASS, n_print)
        compute_conditional_accuracy(four_pixels, jax.random.key(0), N_PER_CLASS, n_print)
        assert capsys.readouterr().out == ""


def test_what_stands_for_a_run_is_the_exact_accuracy(four_pixels):
    """With images of its own, so the same within what 400 images allow."""
    for mode, accuracy in (
        ("clamped", compute_conditional_accuracy),
        ("free", compute_free_accuracy),
    ):
        measured = four_pixels.fids_dict[mode][-1]
        again = accuracy(four_pixels, jax.random.key(7), N_PER_CLASS, None)
        assert measured == pytest.approx(again, abs=6 * 100 * 0.5 / 20)
        assert f"{mode}_exact_accuracy" in four_pixels.history.metric_names


def test_accuracy_is_the_share_of_exact_images(four_pixels):
    key = jax.random.key(5)
    *_, images = four_pixels.gen_images(key, N_PER_CLASS, free=False, drawn_images_per_digit=1)
    targets = four_pixels.train_dataset["image"][:, None]
    wanted = 100 * (images == targets).all(axis=-1).mean()
    got = compute_conditional_accuracy(four_pixels, key, N_PER_CLASS, n_print=None)
    assert got == pytest.approx(wanted)


def test_the_accuracy_plot_lies_in_the_run_folder(four_pixels):
    for path in (save_accuracy_plot(four_pixels), save_accuracy_plot(four_pixels, "mine.png")):
        assert path.parent == four_pixels.logging_and_saving_dir
        with Image.open(path) as picture:
            assert picture.format == "PNG"
    assert path.name == "mine.png"


def test_there_is_no_accuracy_plot_before_anything_was_measured(tmp_path):
    with pytest.raises(ValueError, match="measured"):
        save_accuracy_plot(untrained("4_1_4", 0, tmp_path))


def test_helpers_say_what_they_need(tmp_path):
    unlabelled = DTM(tiny_cfg(graph=dict(num_label_spots=0)), base_dir=tmp_path)
    with pytest.raises(ValueError, match=r"without labels|no labels"):
        compute_conditional_accuracy(unlabelled, jax.random.key(0), 4, n_print=0)
    with pytest.raises(ValueError, match=r"unknown data set 'smoke_testing_9_9_9'"):
        smoke_testing_cfg("9_9_9")
    with pytest.raises(ValueError, match=r"needs one image per class.*ToySet"):
        compute_free_accuracy(DTM(base_dir=tmp_path), jax.random.key(0), 1)
    with pytest.raises(ImportError, match=r"ToySet\(name, images\)"):
        importlib.import_module("thrmlDenoising.smoke_testing").smoke_test_data_dict  # noqa: B018


# Toy sets of one's own


def squares() -> ToySet:
    """Two rows and two columns, one corner in grey and one in white."""
    return ToySet("squares", [[[1, 0], [0, 0]], [[0, 0], [0, 2]], [[2, 2], [0, 0]]])


@pytest.mark.slow
def test_a_toy_set_of_ones_own_is_learnt_saved_and_loaded(tmp_path):
    toy = squares()
    assert (toy.n_levels, toy.facts.n_classes) == (2, 3)
    dtm = DTM(smoke_testing_cfg(toy, n_steps=1), base_dir=tmp_path, data=toy)
    assert dtm.is_smoke_test
    dtm.train(n_epochs=100, evaluate_every=100)
    assert dtm.fids_dict["clamped"][-1] >= 95
    assert compute_conditional_accuracy(dtm, jax.random.key(0), N_PER_CLASS, None) >= 95
    loaded = DTM.load(dtm.logging_and_saving_dir, data=squares())
    assert loaded.fids_dict == dtm.fids_dict
    images = loaded.sample(2, labels=1)
    assert images.shape == (2, 2, 2)
    assert compute_conditional_accuracy(loaded, jax.random.key(0), N_PER_CLASS, None) >= 95
    with pytest.raises(ValueError, match="a user's own and not kept with a run"):
        DTM.load(dtm.logging_and_saving_dir).quality("free")
    other = ToySet("squares", [[[1, 0], [0, 0]], [[0, 0], [0, 2]], [[0, 2], [0, 0]]])
    with pytest.raises(ValueError, match="images_sha256"):
        DTM.load(dtm.logging_and_saving_dir, data=other)


@pytest.mark.parametrize(
    ("images", "n_levels", "message"),
    [
        ([[0, 1], [0, 1]], 0, "classes 0 and 1 are equal"),
        ([[0.0, 1.0], [1.0, 0.0]], 0, "type float64: give grey levels"),
        ([[0, 300]], 0, "from 0 to 300"),
        ([[0, -1]], 0, "from -1 to 0"),
        ([0, 1], 0, r"shape \(2,\): give one image of each class"),
        ([[0, 3]], 2, "n_levels=2 with images of up to 3"),
        ([[0, 0]], 0, "n_levels=0 with images of up to 0"),
        (np.ma.masked_equal([[0, 1], [2, 0]], 2), 0, "mask hides 1"),
        ([np.ma.masked_equal([0, 1], 1), [1, 0]], 0, r"images\[0\].*mask hides 1"),
        ([[0, 1], [1]], 0, r"images of different sizes: images\[0\]"),
        ([[0, 1], [1, 0]], "a", "n_levels='a': give a whole number"),
        ([[0, 1], [1, 0]], 1.5, "n_levels=1.5: give a whole number"),
    ],
)
def test_toy_sets_that_cannot_be_are_refused(images, n_levels, message):
    with pytest.raises(ValueError, match=message):
        ToySet("mine", images, n_levels)


def test_a_large_toy_set_gets_a_large_grid_and_its_levels(tmp_path):
    digits = np.eye(64, dtype=int).reshape(64, 8, 8)[:10]
    cfg = smoke_testing_cfg(ToySet("digits", digits, n_levels=3))
    assert (cfg.graph.lattice.side, cfg.graph.grayscale_levels, cfg.batch_size) == (44, 3, 10)
    with pytest.raises(ValueError, match=r"grayscale_levels=1.*needs graph.grayscale_levels=3"):
        cfg.replace(graph=dict(grayscale_levels=1))
