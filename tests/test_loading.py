"""Loading a model from its run folder, whole or stitched from several; what cannot be loaded."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from tiny import assert_same_states, copy_of_run, measured, tiny_cfg, trained

from thrmlDenoising import DTM, make_cfg


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("runs"), 3)


@pytest.fixture(scope="module")
def other_seed(tmp_path_factory) -> DTM:
    cfg = tiny_cfg(exp=dict(seed=7))
    return trained(tmp_path_factory.mktemp("runs"), 2, cfg)


# One run


@pytest.mark.parametrize("inside", ["", "model_saving"])
def test_the_last_complete_epoch_is_loaded(dtm, inside):
    loaded = DTM.load(dtm.logging_and_saving_dir / inside)
    assert loaded.cfg == dtm.cfg
    assert loaded.epoch == 3
    assert_same_states(loaded, dtm)
    assert measured(loaded) == measured(dtm)
    assert loaded.fids_dict == dtm.fids_dict
    for ours, theirs in zip(loaded.steps, dtm.steps, strict=True):
        assert ours.autocorrelations == theirs.autocorrelations
    assert list(dtm.logging_and_saving_dir.parent.iterdir()) == [dtm.logging_and_saving_dir]


def test_a_loaded_model_makes_the_same_images(dtm):
    loaded = DTM.load(str(dtm.logging_and_saving_dir))
    for labels in (None, 1):
        ours, theirs = (model.sample(12, labels, jax.random.key(3)) for model in (loaded, dtm))
        np.testing.assert_array_equal(ours, theirs)


def test_any_epoch_can_be_loaded(dtm, tmp_path):
    first = DTM.load(dtm.logging_and_saving_dir, epoch=1)
    assert first.epoch == 1
    assert measured(first) == measured(dtm)[:2]
    assert_same_states(first, trained(tmp_path, 1))
    assert DTM.load(dtm.logging_and_saving_dir, epoch=0).epoch == 0


def test_graphs_are_loaded_as_they_were_drawn(dtm, other_seed):
    loaded = DTM.load(dtm.logging_and_saving_dir)
    for ours, theirs in zip(loaded.steps, dtm.steps, strict=True):
        np.testing.assert_array_equal(ours.graph.visible_nodes, theirs.graph.visible_nodes)
    stitched = DTM.load(
        dtm.logging_and_saving_dir, step_sources=[3, (other_seed.logging_and_saving_dir, 2)]
    )
    for ours, theirs in zip(stitched.steps, [dtm.steps[0], other_seed.steps[1]], strict=True):
        np.testing.assert_array_equal(ours.graph.visible_nodes, theirs.graph.visible_nodes)


def test_a_model_that_was_saved_by_hand_is_loaded(dtm, tmp_path):
    fresh = DTM(dtm.cfg, base_dir=tmp_path)
    assert fresh.save_epoch() == fresh.model_saving_path / "epoch_000"
    assert_same_states(DTM.load(fresh.logging_and_saving_dir), fresh)
    with pytest.raises(ValueError, match="epoch=12, but the model is at epoch 0"):
        fresh.save_epoch(12)


def test_loading_and_sampling_need_no_data_set(tmp_path):
    cfg = make_cfg(
        data=dict(dataset_name="mnist", data_dir=str(tmp_path / "nothing here")),
        graph=dict(graph_preset_architecture=44_12, num_label_spots=1),
        generation=dict(steps_warmup=1),
    )
    fresh = DTM(cfg, base_dir=tmp_path)
    fresh.save_epoch(0)
    assert DTM.load(fresh.logging_and_saving_dir).sample(1, labels=7).shape == (1, 28, 28)
    with pytest.raises(FileNotFoundError, match="nothing here"):
        _ = fresh.train_dataset


# Stitched models


def test_steps_of_several_epochs(dtm):
    run = dtm.logging_and_saving_dir
    stitched = DTM.load(run, step_sources=[1, 3])
    assert stitched.epoch == 3
    sources = DTM.load(run, epoch=1).steps[0], dtm.steps[1]
    for ours, theirs in zip(stitched.steps, sources, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.biases, theirs.biases)
    assert stitched.sample(6, labels=2).shape == (6, 1, 3)


def test_steps_of_several_runs(dtm, other_seed, tmp_path):
    runs = dtm.logging_and_saving_dir, other_seed.logging_and_saving_dir
    stitched = DTM.load(runs[0], step_sources=[(str(runs[1]), 1), (runs[0], 2)])
    sources = DTM.load(runs[1], epoch=1).steps[0], DTM.load(runs[0], epoch=2).steps[1]
    for ours, theirs in zip(stitched.steps, sources, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
    # A stitched model is a model: it can be sampled, saved and loaded again.
    images = stitched.sample(6, key=jax.random.key(0))
    stitched.save_epoch()
    again = DTM.load(stitched.logging_and_saving_dir)
    assert_same_states(again, stitched)
    np.testing.assert_array_equal(again.sample(6, key=jax.random.key(0)), images)


def step_file(dtm: DTM, epoch: int, step: int) -> Path:
    return dtm.model_saving_path / f"epoch_{epoch:03d}" / f"step_{step:02d}.eqx"


@pytest.mark.parametrize("kind", [str, Path])
def test_steps_by_their_files(dtm, other_seed, kind):
    """The form of dtm-replication: the path says run, epoch and step."""
    files = [kind(step_file(other_seed, 1, 0)), kind(step_file(dtm, 2, 1))]
    stitched = DTM.load(dtm.model_saving_path, step_sources=files)
    runs = (other_seed.logging_and_saving_dir, 1), (dtm.logging_and_saving_dir, 2)
    same = DTM.load(dtm.logging_and_saving_dir, step_sources=runs)
    assert_same_states(stitched, same)
    assert stitched.cfg == dtm.cfg, "the config is that of the base path"
    stitched.train(1, evaluate_every=1)
    assert stitched.epoch == 3


def test_forms_of_sources_may_be_mixed(dtm, other_seed, monkeypatch, tmp_path):
    monkeypatch.chdir(dtm.logging_and_saving_dir)
    run = dtm.logging_and_saving_dir
    wanted = DTM.load(run, step_sources=[3, (run, 2)])
    through = "model_saving/epoch_001/../epoch_002/step_01.eqx"
    (tmp_path / "best").symlink_to(dtm.model_saving_path / "epoch_002")
    for second in (
        "model_saving/epoch_002/step_01.eqx",
        through,
        "./model_saving/epoch_002",
        dtm.model_saving_path / "epoch_002/",
        tmp_path / "best/step_01.eqx",
        (dtm.model_saving_path / "epoch_002", None),
        (dtm.model_saving_path / "epoch_002", 2),
    ):
        assert_same_states(DTM.load(".", step_sources=[3, second]), wanted)


def test_a_checkpoints_folder_is_loaded(dtm):
    folder = dtm.model_saving_path / "epoch_002"
    assert_same_states(DTM.load(folder), DTM.load(dtm.logging_and_saving_dir, epoch=2))
    assert DTM.load(str(folder), epoch=2).epoch == 2
    assert DTM.load(folder, step_sources=[1, 3]).epoch == 3
    with pytest.raises(ValueError, match=r"epoch_002 is the checkpoint of epoch 2, not of 3"):
        DTM.load(folder, epoch=3)
    with pytest.raises(ValueError, match=r"step_00.eqx is one step of a model"):
        DTM.load(folder / "step_00.eqx")


def test_a_run_may_be_called_like_a_checkpoint(dtm, tmp_path):
    run = copy_of_run(dtm, tmp_path).rename(tmp_path / "epoch_001")
    assert DTM.load(run).epoch == 3


def test_a_step_in_the_place_of_another_is_refused_by_name(dtm):
    files = [step_file(dtm, 2, 1), step_file(dtm, 2, 0)]
    with pytest.raises(ValueError, match=r"step_sources\[0\].*step_01.eqx.*step_00.eqx there"):
        DTM.load(dtm.model_saving_path, step_sources=files)


@pytest.mark.parametrize("name", ["epoch_009/step_00.eqx", "epoch_009"])
def test_a_step_of_an_epoch_there_is_not_names_those_there_are(dtm, name):
    with pytest.raises(FileNotFoundError, match=r"epoch 9 .*epochs 0, 1, 2, 3"):
        DTM.load(dtm.model_saving_path, step_sources=[dtm.model_saving_path / name, 1])


@pytest.mark.parametrize("name", ["step_00.eqx", "epoch_002/step_00_graph.npz", "step_0.eqx"])
def test_other_files_are_no_sources(dtm, name):
    with pytest.raises(ValueError, match=r"neither an epoch.*nor a checkpoint or a step's file"):
        DTM.load(dtm.model_saving_path, step_sources=[dtm.model_saving_path / name, 1])


@pytest.mark.parametrize("sources", [[1], [1, 2, 3]])
def test_a_wrong_number_of_sources_is_refused(dtm, sources):
    with pytest.raises(ValueError, match=rf"{len(sources)} step sources for a model of 2 steps"):
        DTM.load(dtm.logging_and_saving_dir, step_sources=sources)


@pytest.mark.parametrize(
    ("sections", "fields"),
    [
        (dict(diffusion_rates=dict(image_rate=0.7)), [r"image_rate \(0\.7 there, 0\.8 here\)"]),
        (dict(graph=dict(graph_preset_architecture=6_4, num_label_spots=2)), ["num_label_spots"]),
        (dict(graph=dict(graph_preset_architecture=6_4)), ["graph_preset_architecture", "side=6"]),
        (dict(diffusion_schedule=dict(kind="linear")), ["diffusion_schedule.kind"]),
        (
            dict(data=dict(dataset_name="smoke_testing_4_1_4")),
            ["data.dataset_name", "target_classes"],
        ),
    ],
)
def test_steps_of_another_kind_are_refused_with_the_fields_named(dtm, sections, fields, tmp_path):
    stranger = DTM(tiny_cfg(**sections), base_dir=tmp_path)
    stranger.save_epoch(0)
    with pytest.raises(ValueError, match=".*".join(["do not fit", *fields])):
        DTM.load(dtm.logging_and_saving_dir, step_sources=[3, (stranger.logging_and_saving_dir, 0)])


def test_a_source_that_is_only_a_path_is_refused(dtm):
    run = str(dtm.logging_and_saving_dir)
    with pytest.raises(ValueError, match=r"neither an epoch.*nor a run and an epoch"):
        DTM.load(run, step_sources=[run, run])


# What cannot be loaded


def test_an_unknown_epoch_names_those_there_are(dtm):
    with pytest.raises(FileNotFoundError, match=r"epoch 9 .*epochs 0, 1, 2, 3"):
        DTM.load(dtm.logging_and_saving_dir, epoch=9)
    with pytest.raises(FileNotFoundError, match=r"epoch 9 .*epochs 0, 1, 2, 3"):
        DTM.load(dtm.logging_and_saving_dir, step_sources=[3, 9])


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        DTM.load(tmp_path / "nowhere")


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, Path.unlink])
@pytest.mark.parametrize(
    "name", ["step_01.eqx", "step_00_graph.npz", "history.json", "config.yaml"]
)
def test_a_damaged_file_is_named_with_the_epochs_left(
    dtm, tmp_path, name: str, damage: Callable[[Path], None]
):
    run = copy_of_run(dtm, tmp_path)
    damage(run / "model_saving/epoch_003" / name)
    with pytest.raises(ValueError, match=rf"epoch_003.*{name}.*another epoch: 0, 1, 2"):
        DTM.load(run)
    assert DTM.load(run, epoch=2).epoch == 2


@pytest.mark.parametrize("damage", [Path.unlink, truncate, lambda path: path.write_text("[]")])
def test_an_unreadable_newest_checkpoint_is_not_passed_over(dtm, tmp_path, damage):
    run = copy_of_run(dtm, tmp_path)
    manifest = run / "model_saving/epoch_003/manifest.json"
    damage(manifest)
    message = r"epoch_003.*manifest\.json: it is missing or unreadable.*another epoch: 0, 1, 2\."
    with pytest.raises(ValueError, match=f"{message}.*move this folder out of the way or delete"):
        DTM.load(run)
    with pytest.raises(ValueError, match=message):
        DTM(dtm.cfg, base_dir=tmp_path).train(1, resume=run)
    assert DTM.load(run, epoch=2).epoch == 2
    shutil.rmtree(manifest.parent)
    assert DTM.load(run).epoch == 2


def test_a_checkpoint_keeps_its_config_whatever_becomes_of_the_runs(dtm, tmp_path):
    run = copy_of_run(dtm, tmp_path)
    tiny_cfg(exp=dict(seed=1)).save(run / "model_saving/config.yaml")
    loaded = DTM.load(run)
    assert loaded.cfg == dtm.cfg
    assert_same_states(loaded, dtm)


def test_an_epoch_and_sources_are_too_much(dtm):
    with pytest.raises(ValueError, match="give an epoch, or a source"):
        DTM.load(dtm.logging_and_saving_dir, epoch=1, step_sources=[1, 2])


@pytest.mark.parametrize("epoch", ["2", 2.0, True])
def test_an_epoch_is_a_whole_number(dtm, epoch):
    for asked in (
        lambda: DTM.load(dtm.logging_and_saving_dir, epoch=epoch),
        lambda: DTM.load(dtm.logging_and_saving_dir, step_sources=[(dtm.model_saving_path, epoch)]),
    ):
        with pytest.raises(ValueError, match=f"epoch={epoch!r} is no epoch: give a whole number"):
            asked()
    with pytest.raises(ValueError, match="step source"):
        DTM.load(dtm.logging_and_saving_dir, step_sources=[epoch, 2])


@pytest.mark.parametrize("sources", [5, "12", {1, 2}])
def test_step_sources_are_a_list(dtm, sources):
    with pytest.raises(ValueError, match=r"step_sources=.* is no list: give a source for each"):
        DTM.load(dtm.logging_and_saving_dir, step_sources=sources)
    numbers: Any = np.array([3, 2])
    assert DTM.load(dtm.logging_and_saving_dir, step_sources=numbers).epoch == 3
