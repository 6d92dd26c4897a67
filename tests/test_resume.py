"""Training that was stopped and taken up again, bit for bit."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import assert_same_states, finished, measured, python, tiny_cfg

from thrmlDenoising import DTM, DTMConfig

RESUME = """
import sys
from thrmlDenoising import DTM, DTMConfig
run, unused = sys.argv[1:]
dtm = DTM(DTMConfig.load(f"{run}/model_saving/config.yaml"), base_dir=unused)
dtm.train(2, evaluate_every=2, resume=run)
"""


def trained(folder: Path, n_epochs: int, cfg: DTMConfig) -> DTM:
    dtm = DTM(cfg, base_dir=folder)
    dtm.train(n_epochs, evaluate_every=2)
    return dtm


def assert_same_models(ours: DTM, theirs: DTM) -> None:
    assert_same_states(ours, theirs)
    assert measured(ours) == measured(theirs)
    assert (ours.fids_dict, ours.eval_epochs) == (theirs.fids_dict, theirs.eval_epochs)
    for our_step, their_step in zip(ours.steps, theirs.steps, strict=True):
        assert our_step.autocorrelations == their_step.autocorrelations


@pytest.fixture(scope="module")
def halved(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("halved"), 2, tiny_cfg())


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("straight"), 4, tiny_cfg())


@pytest.fixture
def stopped_run(halved, tmp_path) -> Path:
    """A run folder that ends after two epochs, to go on in."""
    return Path(shutil.copytree(halved.logging_and_saving_dir, tmp_path / "run"))


def in_a_new_process(run: Path, unused: Path) -> DTM:
    """The model after two more epochs."""
    finished(python("-c", RESUME, run, unused))
    assert not unused.exists(), "resuming makes no new run folder"
    return DTM.load(run)


@pytest.mark.slow
def test_two_and_two_epochs_are_four(stopped_run, straight, tmp_path):
    resumed = in_a_new_process(stopped_run, tmp_path / "unused")
    assert resumed.epoch == 4
    assert resumed.eval_epochs == [0, 2, 4]
    assert_same_models(resumed, straight)


@pytest.mark.slow
def test_everything_that_training_carries_is_resumed(tmp_path):
    cfg = tiny_cfg(
        sampling=dict(negative_start="persistent", phase_order="paired"),
        exp=dict(autocorr_protocol="stationary"),
        cp=dict(penalty_estimator="per_condition", controller="paper"),
        wd=dict(adaptive_wd=True),
    )
    straight = trained(tmp_path / "straight", 4, cfg)
    halved = trained(tmp_path / "halved", 2, cfg)
    resumed = in_a_new_process(halved.logging_and_saving_dir, tmp_path / "unused")
    assert_same_models(resumed, straight)


@pytest.mark.slow
def test_training_again_goes_on(straight, tmp_path):
    dtm = trained(tmp_path, 2, tiny_cfg())
    dtm.train(2, evaluate_every=2)
    assert_same_models(dtm, straight)


@pytest.mark.slow
def test_a_loaded_model_goes_on_in_a_folder_of_its_own(stopped_run, halved, straight):
    dtm = DTM.load(stopped_run)
    dtm.train(2, evaluate_every=2)
    assert_same_models(dtm, straight)
    assert dtm.logging_and_saving_dir != stopped_run
    assert dtm.logging_and_saving_dir.parent == stopped_run.parent
    assert_same_models(DTM.load(stopped_run), halved)
    assert_same_models(DTM.load(dtm.logging_and_saving_dir), straight)


@pytest.mark.slow
def test_a_resumed_run_has_one_table_and_one_log(stopped_run, straight):
    dtm = DTM(tiny_cfg(), base_dir=stopped_run.parent)
    dtm.train(2, evaluate_every=2, resume=stopped_run)
    assert dtm.logging_and_saving_dir == stopped_run
    assert_same_models(dtm, straight)
    with (stopped_run / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(n) for n in range(5)]
    log = (stopped_run / "training_log_tiny.txt").read_text()
    assert "resumed after epoch 2" in log
    assert log.index("epoch 2: ") < log.index("resumed") < log.index("epoch 3: ")


@pytest.mark.slow
def test_how_often_a_run_is_evaluated_does_not_change_what_it_learns(straight, tmp_path):
    often = DTM(tiny_cfg(), base_dir=tmp_path)
    often.train(4, evaluate_every=1)
    assert often.eval_epochs == list(range(5))
    assert_same_states(often, straight)
    assert [values[2] for values in often.fids_dict.values()] == [
        values[1] for values in straight.fids_dict.values()
    ]


@pytest.mark.slow
def test_measuring_does_not_change_what_is_learnt(tmp_path):
    fixed = tiny_cfg(cp=dict(adaptive_cp=False))
    blind = fixed.replace(exp=dict(compute_autocorr=False))
    ours, theirs = trained(tmp_path / "a", 3, fixed), trained(tmp_path / "b", 3, blind)
    for our_step, their_step in zip(ours.steps, theirs.steps, strict=True):
        np.testing.assert_array_equal(our_step.weights, their_step.weights)
        np.testing.assert_array_equal(our_step.biases, their_step.biases)


# What cannot be resumed


def test_a_run_of_another_config_is_refused_with_the_fields_named(stopped_run):
    cfg = tiny_cfg(exp=dict(seed=1), optim=dict(step_learning_rates=(0.1,)))
    dtm = DTM(cfg, base_dir=stopped_run.parent)
    before = sorted(stopped_run.rglob("*"))
    with pytest.raises(ValueError, match=r"exp\.seed \(42 there, 1 here\), .*step_learning_rates"):
        dtm.train(1, resume=stopped_run)
    assert sorted(stopped_run.rglob("*")) == before


@pytest.mark.slow
def test_what_does_not_touch_training_may_change(stopped_run, straight):
    cfg = tiny_cfg(exp=dict(drawn_images_per_digit=1, descriptor="other"))
    dtm = DTM(cfg, base_dir=stopped_run.parent)
    dtm.train(2, evaluate_every=2, resume=stopped_run)
    assert_same_models(dtm, straight)


def test_a_trained_model_is_not_thrown_away(stopped_run):
    elsewhere, before = DTM.load(stopped_run, epoch=1), DTM.load(stopped_run, epoch=1)
    with pytest.raises(ValueError, match=r"trained"):
        elsewhere.train(1, resume=stopped_run)
    assert_same_states(elsewhere, before)


def test_a_model_at_the_last_checkpoint_may_resume(stopped_run):
    loaded = DTM.load(stopped_run)
    loaded.train(1, resume=stopped_run)
    assert loaded.epoch == 3
    assert loaded.logging_and_saving_dir == stopped_run


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    dtm = DTM(tiny_cfg(), base_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere.*no such folder"):
        dtm.train(1, resume=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no run folder"):
        dtm.train(1, resume=tmp_path)


def test_a_run_without_a_checkpoint_is_refused(stopped_run):
    shutil.rmtree(stopped_run / "model_saving" / "epoch_000")
    for epoch in range(1, 3):
        (stopped_run / f"model_saving/epoch_{epoch:03d}/manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match="no complete checkpoint"):
        DTM(tiny_cfg(), base_dir=stopped_run.parent).train(1, resume=stopped_run)
