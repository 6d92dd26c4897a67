"""What training does between its epochs: measuring, watching over the model, keeping its folder."""

import csv
import shutil
import warnings
from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np
import pytest
from PIL import Image
from tiny import REPOSITORY, TINY, assert_same_states, python, rest_slow, tiny_cfg, trained
from tqdm import tqdm

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.config import ExpConfig
from thrmlDenoising.families.dtm.model import NotFiniteError
from thrmlDenoising.families.independent import IndependentConfig, IndependentPixels
from thrmlDenoising.runs import EpochRecord
from thrmlDenoising.training import recorder

# When what is measured


@pytest.mark.parametrize(("never", "adaptive"), [(0, True), (None, False)])
@pytest.mark.slow
def test_training_without_evaluating_saves_every_epoch(tmp_path, never, adaptive):
    dtm = DTM(tiny_cfg(cp=dict(adaptive_cp=adaptive)), base_dir=tmp_path)
    dtm.train(2, never)
    run = dtm.logging_and_saving_dir
    assert {path.name for path in (run / "model_saving").glob("epoch_*")} == {
        f"epoch_{epoch:03d}" for epoch in range(3)
    }
    assert dtm.eval_epochs == []
    assert dtm.fids_dict == {"free": [], "clamped": []}
    assert not list((run / "images").iterdir())
    assert not (run / "evaluations").exists()
    assert not (run / "fid_vs_epoch.png").exists()
    with (run / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    # the controller has to see it
    assert list(dtm.steps[0].autocorrelations) == ([0, 1, 2] if adaptive else [])
    dtm.train(2, evaluate_every=3)
    assert dtm.eval_epochs == [3, 4]


def saved_epochs(model) -> list[int]:
    folders = (model.logging_and_saving_dir / "model_saving").glob("epoch_*")
    return sorted(int(path.name.removeprefix("epoch_")) for path in folders)


def test_checkpoints_are_kept_as_often_as_is_wanted_and_resumed_with_another_frequency(tmp_path):
    pixels = IndependentConfig().replace(data=dict(dataset_name="smoke_testing_3_2_5"))
    every = {n: pixels.replace(exp=dict(checkpoint_every=n)) for n in (1, 2, 3)}
    all_kept, some = (IndependentPixels(every[n], tmp_path) for n in (1, 2))
    for model in (all_kept, some):
        model.train(5, evaluate_every=0)
    assert saved_epochs(all_kept) == [0, 1, 2, 3, 4, 5]
    assert saved_epochs(some) == [0, 2, 4, 5]
    resumed = IndependentPixels(every[3], tmp_path)
    resumed.train(3, evaluate_every=0, resume=some.logging_and_saving_dir)
    assert saved_epochs(resumed) == [0, 2, 4, 6, 8]
    with pytest.raises(
        FileNotFoundError, match=r"no complete checkpoint of epoch 7.*0, 2, 4, 6, 8"
    ):
        IndependentPixels.load(resumed.logging_and_saving_dir, epoch=7)
    assert not list((resumed.logging_and_saving_dir / "model_saving").glob("*.saving"))


def test_checkpoints_are_kept_at_epochs_that_grow(tmp_path):
    growing = {"checkpoint_growth": 2.0}
    cfg = IndependentConfig().replace(
        data=dict(dataset_name="smoke_testing_3_2_5"), exp=growing | dict(checkpoint_every=2)
    )
    model = IndependentPixels(cfg, tmp_path)
    model.train(11, evaluate_every=0)
    assert saved_epochs(model) == [0, 2, 4, 8, 11]
    slowly = ExpConfig(checkpoint_growth=1.5)
    assert [n for n in range(30) if slowly.keeps(n)] == [0, 1, 2, 3, 5, 8, 11, 17, 26]
    with pytest.raises(ValueError, match=r"checkpoint_growth must be .* at least 1, not 0.5"):
        ExpConfig(checkpoint_growth=0.5)


def test_a_checkpoint_that_cannot_be_removed_is_only_warned_about(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr(recorder, "remove_checkpoint", refuse)
    cfg = IndependentConfig().replace(
        data=dict(dataset_name="smoke_testing_3_2_5"), exp=dict(checkpoint_every=5)
    )
    model = IndependentPixels(cfg, tmp_path)
    with pytest.warns(UserWarning, match="checkpoint of epoch 1 could not be removed: .*not yours"):
        model.train(2, evaluate_every=0)
    assert saved_epochs(model) == [0, 1, 2]


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.slow
def test_autocorrelation_at_every_epoch_is_a_choice(tmp_path, every):
    cfg = tiny_cfg(cp=dict(adaptive_cp=False), exp=dict(autocorr_every_epoch=every))
    dtm = DTM(cfg, base_dir=tmp_path)
    dtm.train(3, evaluate_every=2)
    assert dtm.eval_epochs == [0, 2, 3]
    for step in dtm.steps:
        assert list(step.autocorrelations) == ([0, 1, 2, 3] if every else [0, 2, 3])


@pytest.mark.slow
def test_the_start_is_evaluated_once(tmp_path):
    dtm = trained(tmp_path, 2)
    run = dtm.logging_and_saving_dir
    loaded = DTM.load(run, epoch=1)
    loaded.train(2, evaluate_every=2)
    assert loaded.eval_epochs == [0, 2, 3]
    # what a stitched model is has not been measured yet
    stitched = DTM.load(run, step_sources=[1, 2])
    stitched.train(1, evaluate_every=2)
    assert stitched.eval_epochs == [2, 3]


@pytest.mark.slow
def test_evaluating_at_the_start_changes_nothing_that_is_learnt(tmp_path):
    ours, theirs = DTM(TINY, base_dir=tmp_path), DTM(TINY, base_dir=tmp_path)
    ours.train(2, evaluate_every=1)
    theirs.train(2, evaluate_every=0)
    assert_same_states(ours, theirs)


# Models that are good for nothing


@pytest.mark.slow
def test_numbers_that_are_not_finite_stop_a_run_before_they_are_saved(tmp_path):
    cfg = tiny_cfg(optim=dict(step_learning_rates=(0.05, 1e39)))
    dtm = DTM(cfg, base_dir=tmp_path)
    message = (
        r"epoch 1, step 1: .* smaller optim.step_learning_rates.* checkpoint .* is of epoch 0$"
    )
    with pytest.raises(NotFiniteError, match=message):
        dtm.train(2)
    assert dtm.epoch == 0
    assert [path.name for path in dtm.model_saving_path.glob("epoch_*")] == ["epoch_000"]
    dtm.sample(2)
    log = (dtm.logging_and_saving_dir / "training_log_tiny.txt").read_text()
    assert "stopped by NotFiniteError" in log


@pytest.mark.slow
def test_the_script_says_in_a_line_that_training_diverged(tmp_path):
    arguments = ["--epochs", "1", "--evaluate-every", "0", "--output-dir", tmp_path]
    tiny_cfg(optim=dict(step_learning_rates=(1e39,))).save(tmp_path / "tiny.yaml")
    process = python(REPOSITORY / "training_script.py", tmp_path / "tiny.yaml", *arguments)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert "error: epoch 1, step 0: " in errors


@pytest.mark.parametrize("part", ["weights", "biases"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_is_not_finite_is_neither_sampled_nor_measured_nor_saved(tmp_path, part, bad):
    dtm = DTM(TINY, base_dir=tmp_path)
    numbers = getattr(dtm.state.steps[1].parameters, part).at[0].set(bad)
    dtm.state = eqx.tree_at(
        lambda state: getattr(state.steps[1].parameters, part), dtm.state, numbers
    )
    uses: list[Callable[[], object]] = [
        lambda: dtm.sample(2),
        lambda: dtm.gen_images(jax.random.key(0), 2, free=True, drawn_images_per_digit=1),
        lambda: dtm.quality("free"),
        dtm.mixing,
        lambda: dtm.compute_autocorr(0),
        lambda: dtm.eval_epoch(0),
        dtm.save_epoch,
    ]
    for use in uses:
        with pytest.raises(NotFiniteError, match=rf"step 1: 1 of \d+ {part} are NaN or infinite"):
            use()
    assert not list(dtm.model_saving_path.glob("epoch_*"))


@pytest.mark.parametrize("protocol", ["replication", "stationary"])
def test_frozen_chains_are_warned_about_and_relax_no_controller(tmp_path, protocol):
    cfg = tiny_cfg(
        exp=dict(autocorr_protocol=protocol),
        optim=dict(step_learning_rates=(1e3,)),
        wd=dict(adaptive_wd=True, weight_decay=(0.0,)),
    )
    dtm = DTM(cfg, base_dir=tmp_path)
    with pytest.warns(
        UserWarning, match=r"step 1 is frozen: \d+ % of its chains never moved"
    ) as warned:
        dtm.train(4, evaluate_every=0)
    assert len(warned) == 2  # one for each step
    log = (dtm.logging_and_saving_dir / "training_log_tiny.txt").read_text()
    assert "warning: epoch 4: step 0 is frozen" in log
    for index, step in enumerate(dtm.steps):
        assert all(step.autocorrelations[epoch] > 0.5 for epoch in range(1, 5))
        for strength in ("penalty_step", "decay_step"):
            values = [record.per_part[strength][index] or 0.0 for record in dtm.history.records]
            assert values == sorted(values)
            assert values[-1] > values[0]


@pytest.mark.slow
def test_callbacks_are_given_every_record_and_may_stop_the_run(tmp_path):
    dtm = DTM(TINY, base_dir=tmp_path)
    seen, others = [], []

    def stops_at_2(record: EpochRecord) -> bool:
        seen.append(record)
        assert (dtm.model_saving_path / f"epoch_{record.epoch:03d}").is_dir()
        return record.epoch == 2

    dtm.train(5, evaluate_every=2, callbacks=[stops_at_2, others.append])
    assert dtm.epoch == 2
    assert [record.epoch for record in seen] == [0, 1, 2]
    assert tuple(seen) == tuple(others) == dtm.history.records
    assert seen[2].metrics
    dtm.train(1, callbacks=[others.append])
    assert [record.epoch for record in others] == [0, 1, 2, 3]
    assert_same_states(dtm, trained(tmp_path / "straight", 3))


# A run folder of which something is deleted


@pytest.mark.parametrize(
    "part", rest_slow(["model_saving", "", "images", "model_saving/config.yaml"])
)
def test_a_folder_deleted_while_training_is_made_whole_again(tmp_path, monkeypatch, part):
    dtm = DTM(TINY, base_dir=tmp_path)
    updates = iter(range(100))

    def delete_once(_bar: tqdm) -> None:
        if next(updates) == 3:  # in the second epoch
            path = dtm.logging_and_saving_dir / part
            path.unlink() if path.is_file() else shutil.rmtree(path)

    with monkeypatch.context() as patch:
        patch.setattr(tqdm, "update", delete_once)
        with pytest.warns(UserWarning, match="had been deleted"):
            dtm.train(3, evaluate_every=0)
    run = dtm.logging_and_saving_dir
    assert DTMConfig.load(run / "model_saving/config.yaml") == TINY
    assert {path.name for path in run.iterdir() if path.is_dir()} >= {
        "images",
        "gifs",
        "autocorrelation_vs_lags",
        "model_saving",
    }
    log = (run / "training_log_tiny.txt").read_text()
    assert "had been deleted, and was made again" in log
    assert "dataset_name: smoke_testing_3_1_3" in log
    with (run / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]
    assert_same_states(DTM.load(run), dtm)
    resumed = DTM(TINY, base_dir=tmp_path)
    resumed.train(1, 0, resume=run)
    assert resumed.epoch == 4


def test_where_warnings_are_errors_they_cost_no_epoch(tmp_path, monkeypatch, capsys):
    def save(*_arguments: object, **_options: object) -> None:
        raise ValueError("too large")

    monkeypatch.setattr(Image.Image, "save", save)
    monkeypatch.setenv("THRML_DENOISING_CACHE", "/dev/null/none")
    cfg = tiny_cfg(
        optim=dict(step_learning_rates=(1e3,)),
        evaluation=dict(extractors=(unwelcome, welcome)),
        generation=dict(fid_images_per_digit=8),
    )
    dtm = DTM(cfg, base_dir=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dtm.train(2, evaluate_every=1)
    assert dtm.epoch == 2
    said = capsys.readouterr().err
    log = (dtm.logging_and_saving_dir / "training_log_tiny.txt").read_text()
    for failed in ("could not be drawn", "could not be measured", "is frozen"):
        assert failed in said
        assert failed in log
    assert "UserWarning: reference statistics are not kept" in said


def unwelcome(_images: np.ndarray) -> np.ndarray:
    raise KeyError("x")


def welcome(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=2)


vars(welcome)["fingerprint"] = "1"
