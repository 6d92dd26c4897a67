"""Images conditioned on any bits in place of classes: learnt, asked for, measured and drawn."""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from tiny import SLOW, assert_same_states, measured, tiny_cfg

import thrmlDenoising.evaluate.__main__ as command
from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.data import OwnImages

ROWS, COLUMNS = 3, 4
N_BITS = ROWS * COLUMNS
SEEDS = range(3)


def random_bits(seed: int, n_images: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (n_images, N_BITS)).astype(bool)


def inverted(seed: int = 0, conditions: np.ndarray | None = None, **options: Any) -> OwnImages:
    """Random pixels; the condition is their inverse, unless another is given."""
    pixels = random_bits(seed, 200)
    images = pixels.reshape(-1, ROWS, COLUMNS).astype(float)
    conditions = ~pixels if conditions is None else conditions
    return OwnImages("inverted", images, conditions=conditions, **options)


def inverted_cfg(images: OwnImages, seed: int = 0, **sections: Any) -> DTMConfig:
    """Learnt in two seconds."""
    return tiny_cfg(
        exp=dict(seed=seed, compute_autocorr=False),
        data=images.cfg,
        graph=dict(side=8, connection_rules=((0, 1), (2, 1), (3, 2))),
        sampling=dict(batch_size=60, n_samples=10, steps_warmup=20),
        generation=dict(steps_warmup=60, fid_images_per_digit=20),
        optim=dict(step_learning_rates=(0.1,), n_epochs_for_lrd=12),
        cp=dict(adaptive_cp=False, correlation_penalty=(0.0,)),
        wd=dict(weight_decay=(0.0,)),
    ).replace(**sections)


def trained(images: OwnImages, folder: Path, n_epochs: int = 12, **options: Any) -> DTM:
    dtm = DTM(inverted_cfg(images, **options), base_dir=folder, data=images)
    dtm.train(n_epochs, evaluate_every=12)
    return dtm


def n_right(dtm: DTM, seed: int) -> int:
    """Of the pixels of 100 images under conditions that were never trained on."""
    wanted = random_bits(1000 + seed, 100)
    images = dtm.sample(100, conditions=~wanted)
    return int((images.reshape(100, N_BITS) == wanted).sum())


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    return trained(inverted(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module", params=SLOW)
def small(tmp_path_factory) -> DTM:
    """Hardly trained, everything measured and drawn, bits on two spots each."""
    images = inverted()
    cfg = inverted_cfg(images).replace(
        exp=dict(compute_autocorr=True, generate_gif=True),
        graph=dict(num_label_spots=2, side=10),
        evaluation=dict(bootstrap_replicates=20),
    )
    dtm = DTM(cfg, base_dir=tmp_path_factory.mktemp("runs"), data=images)
    dtm.train(2, evaluate_every=2)
    return dtm


# Learning


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_images_follow_their_condition(seed, tmp_path):
    """Of the twin, conditions were shuffled among images: it must fail.

    New conditions are fair coins, so whatever it makes is right once in two times; a count of this
    many is a false alarm at a rate of `ALARM`.
    """
    right = n_right(trained(inverted(seed), tmp_path, seed=seed), seed)
    shuffled = np.random.default_rng(seed).permutation(~random_bits(seed, 200))
    twin = n_right(trained(inverted(seed, shuffled), tmp_path, seed=seed), seed)
    n_pixels = 100 * N_BITS
    assert right > 0.9 * n_pixels
    assert twin < stats.binom.isf(ALARM, n_pixels, 0.5) < right


@pytest.mark.slow
def test_how_far_conditions_are_met_stands_for_the_run(dtm):
    assert dtm.eval_epochs == [0, 12]
    before, after = dtm.fids_dict["clamped"]
    assert before < 80 < after  # a coin would give 50; 240 pixels scatter by 3
    assert dtm.fids_dict["free"] == []
    report = dtm.quality("clamped", n_per_class=40)
    # There are 20 held-out images: each of them twice.
    assert report.measurements["held_out_pixels"].n_images == 40
    assert report.values["held_out_pixels"] > 80
    assert any("name no class" in note for note in report.notes)
    assert "held_out_pixels" not in dtm.quality("free", n_per_class=40).values


# What a user reads and asks for


def test_the_data_and_the_sizes(small):
    assert small.n_label_nodes == 2 * N_BITS
    assert small.cfg.class_names == ["all images"]
    for split in (small.train_dataset, small.test_dataset):
        np.testing.assert_array_equal(split.conditions, split.pixels == 0)
        assert not split.classes.any()
    with pytest.raises(ValueError, match=r"conditioned on bits.*train_dataset\.conditions"):
        _ = small.one_hot_target_labels


def test_one_condition_or_one_for_each(small):
    one, key = random_bits(0, 1)[0], jax.random.key(0)
    together = small.sample(4, conditions=one, key=key)
    assert together.shape == (4, ROWS, COLUMNS)
    each = small.sample(4, conditions=np.tile(one.astype(int), (4, 1)), key=key)
    np.testing.assert_array_equal(together, each)
    other = small.sample(4, conditions=~one, key=key)
    assert (together != other).any()
    assert small.sample(3).shape == (3, ROWS, COLUMNS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (dict(labels=0), "conditioned on bits, not on classes: ask for conditions="),
        (dict(labels=0, conditions=np.ones(N_BITS, bool)), "not on classes"),
        (dict(conditions=np.ones(N_BITS - 1, bool)), r"shape \(11,\).*have 12 bits each"),
        (dict(conditions=True), "conditions of type bool are no array"),
        (dict(conditions=np.ones((3, N_BITS), bool)), r"for 2 images.*\(12,\).*\(2, 12\)"),
        (dict(conditions=np.full(N_BITS, 2)), "conditions hold 2: bits are 0 or 1"),
        (dict(conditions=np.ones(N_BITS)), "type float64.*frames > 0.5"),
        (dict(conditions=np.ma.masked_all(N_BITS, bool)), "mask"),
        (dict(conditions=[[1], [1, 0]]), "conditions of different sizes"),
    ],
)
def test_what_cannot_be_asked_for(small, asked, message):
    with pytest.raises(ValueError, match=message):
        small.sample(2, **asked)


def test_a_model_of_classes_takes_no_conditions(tmp_path):
    with pytest.raises(ValueError, match="knows classes, not conditions: ask for labels="):
        DTM(tiny_cfg(), base_dir=tmp_path).sample(2, conditions=np.array([1, 0, 1]))


@pytest.mark.parametrize("free", [True, False])
def test_images_of_all_conditions_after_every_step(small, free):
    grid, labels, final = small.gen_images(
        jax.random.key(1), batch_size=30, free=free, drawn_images_per_digit=3
    )
    assert grid.shape == (2, 3, N_BITS)  # steps of the one class
    assert labels.shape == (2, 3, 2 * N_BITS)
    assert final.shape == (1, 30, N_BITS)
    images = small.class_images(jax.random.key(1), "free" if free else "clamped", 30)
    label_nodes = np.asarray(images.generated.outputs[-1].labels[-1])
    held_out = np.tile(small.test_dataset.conditions, (2, 2))[:30]
    assert (label_nodes == held_out).all() != free
    with pytest.raises(ValueError, match="have no class"):
        _ = images.final_classes


def test_everything_is_measured_and_drawn(small):
    run = small.logging_and_saving_dir
    for name in ("images/epoch2_free.png", "images/epoch2_clamped.png", "gifs/epoch2_clamped.gif"):
        assert (run / name).is_file()
    assert (run / "fid_vs_epoch.png").is_file()
    assert len(small.compute_autocorr(2)) == len(small.mixing()) == 2
    assert small.generate_gif(2).is_file()
    assert small.eval_epoch(2)["clamped_held_out_pixels"] >= 0


@pytest.mark.slow
def test_without_label_spots_conditions_play_no_part(tmp_path):
    images = inverted()
    dtm = DTM(inverted_cfg(images, graph=dict(num_label_spots=0)), tmp_path, data=images)
    dtm.train(1, 1)
    assert dtm.n_label_nodes == 0
    with pytest.raises(ValueError, match="no labels"):
        dtm.sample(1, conditions=np.ones(N_BITS, bool))


# Saving, loading, resuming


def test_loading_and_generating_need_no_images(small):
    loaded = DTM.load(small.logging_and_saving_dir)
    assert_same_states(loaded, small)
    bits, key = random_bits(5, 3), jax.random.key(3)
    ours, theirs = (dtm.sample(3, conditions=bits, key=key) for dtm in (loaded, small))
    np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"'inverted'.*DTM\.load\(run, data="):
        loaded.gen_images(jax.random.key(0), 3, False, 2)  # the conditions of held-out images
    with_images = DTM.load(small.logging_and_saving_dir, data=inverted())
    assert with_images.quality("clamped").values == small.quality("clamped").values


@pytest.mark.slow
def test_training_is_resumed_bit_for_bit(tmp_path):
    straight = trained(inverted(), tmp_path / "straight", 2)
    halved = trained(inverted(), tmp_path / "halved", 1)
    resumed = DTM(halved.cfg, tmp_path, data=inverted())
    resumed.train(1, evaluate_every=12, resume=halved.logging_and_saving_dir)
    assert_same_states(resumed, straight)
    assert measured(resumed)[-1] == measured(straight)[-1]


def test_the_command_says_that_it_needs_the_images(small, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(small.logging_and_saving_dir)])
    with pytest.raises(SystemExit, match=r"^error: the images 'inverted' are a user's own"):
        command.main()


def test_the_config_survives_yaml_and_tells_conditions_apart(tmp_path):
    cfg = inverted_cfg(inverted())
    assert cfg.data.n_condition_bits == N_BITS
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg
    bits = np.asarray(inverted().conditions)
    for others in (~bits, bits[:, :-1]):
        with pytest.raises(ValueError, match="not the images the config describes"):
            DTM(cfg, tmp_path, data=inverted(0, others))


def test_one_name_may_be_given(tmp_path):
    images = inverted(class_names=("next frame",))
    assert inverted_cfg(images).class_names == ["next frame"]


# Mistakes


IMAGES = np.ones((4, 2, 2))
BITS = np.ones((4, 3), bool)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(), "neither classes nor conditions"),
        (dict(conditions=BITS, classes=[0, 0, 1, 1]), "both classes and conditions"),
        (dict(conditions=BITS[:3]), r"\(3, 3\) for 4 images"),
        (dict(conditions=BITS[:, 0]), r"\(4,\) for 4 images.*\(image, bit\)"),
        (dict(conditions=BITS[:, :0]), r"\(4, 0\) for 4 images"),
        (dict(conditions=np.ones((4, 3, 2), bool)), r"reshape\(len\(conditions\), -1\)"),
        (dict(conditions=2 * BITS.astype(int)), "conditions hold 2.*one-hot"),
        (dict(conditions=-BITS.astype(int)), "conditions hold -1"),
        (dict(conditions=BITS.astype(float)), "type float64.*booleans"),
        (dict(conditions=np.full((4, 3), "a")), "type <U1"),
        (dict(conditions=np.ma.masked_array(BITS, BITS)), "mask"),
        (dict(conditions=[[0], [0, 1], [1], [1]]), "conditions of different sizes"),
        (dict(conditions=BITS, class_names=("a", "b")), "class_names"),
    ],
)
def test_mistakes_are_explained(given, message):
    with pytest.raises(ValueError, match=message):
        OwnImages("own", IMAGES, **given)


def test_arrays_are_copied():
    bits = BITS.copy()
    own = OwnImages("own", IMAGES, conditions=bits)
    bits[:] = False
    assert np.all(own.conditions)


def test_configs_that_contradict_themselves_are_refused():
    with pytest.raises(ValueError, match="describes own images in part"):
        make_cfg(data=dict(n_condition_bits=3))
    two = OwnImages("own", IMAGES, np.array([0, 0, 1, 1])).cfg
    with pytest.raises(ValueError, match="on bits or on classes, not on both"):
        make_cfg(data=two | dict(n_condition_bits=3))
