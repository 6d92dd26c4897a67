"""Settings and calls that users of dtm-replication bring along, on models that are trained."""

import operator
import os
import re
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from tiny import tiny_cfg, trained

from thrmlDenoising import DTM
from thrmlDenoising.families.dtm.replication import DTM_NAMES, STEP_NAMES


@pytest.mark.slow
def test_a_step_with_a_learning_rate_of_0_stays_as_it_is(tmp_path: Path):
    dtm = DTM(tiny_cfg(optim=dict(step_learning_rates=(0.05, 0))), base_dir=tmp_path)
    before = [step.weights for step in dtm.steps]
    dtm.train(1, evaluate_every=1)
    assert [(step.weights == old).all() for step, old in zip(dtm.steps, before, strict=True)] == [
        False,
        True,
    ]


@pytest.mark.slow
def test_without_labels_their_rate_may_be_0(tmp_path: Path):
    """And says nothing: the model is the same at any rate, one infinitely long step included."""
    weights = []
    for rate in (0.0, 0.2):
        cfg = tiny_cfg(
            graph=dict(num_label_spots=0),
            diffusion_rates=dict(label_rate=rate),
            diffusion_schedule=dict(num_diffusion_steps=1),
            optim=dict(step_learning_rates=(0.05,)),
            wd=dict(weight_decay=()),
        )
        dtm = DTM(cfg, base_dir=tmp_path)
        dtm.train(1, evaluate_every=1)
        weights.append(dtm.steps[0].weights)
    np.testing.assert_array_equal(*weights)


@pytest.fixture(scope="module")
def dtm(tmp_path_factory: pytest.TempPathFactory) -> DTM:
    return trained(tmp_path_factory.mktemp("runs"), 1)


def test_data_are_read_by_their_keys(dtm: DTM):
    for split in (dtm.train_dataset, dtm.test_dataset):
        assert split["image"] is split.pixels
        np.testing.assert_array_equal(split["label"], dtm.one_hot_target_labels[split.classes])
        assert split["label"].shape == (3, dtm.n_label_nodes)
        assert split[1] is split.classes
        with pytest.raises(KeyError, match="the keys are 'image' and 'label'"):
            split["labels"]


def test_the_run_folder_adds_up_with_text(dtm: DTM):
    run = dtm.logging_and_saving_dir
    assert run + "/metrics.csv" == str(run / "metrics.csv")
    assert "file:" + run == f"file:{run}"
    assert os.path.isfile(dtm.model_saving_path + "/config.yaml")
    assert os.path.join(run, "images") == str(run / "images")
    assert run == Path(str(run))
    assert "dataset_name" in Path(dtm.log_file).read_text(encoding="utf-8")
    assert DTM.load(run + "/model_saving").epoch == 1


def test_attributes_of_the_same_meaning(dtm: DTM):
    assert dtm.base_graph_manager is dtm.manager
    assert dtm.is_smoke_test
    assert not DTM().is_smoke_test


@pytest.mark.parametrize("table", [DTM_NAMES, STEP_NAMES])
def test_attributes_of_other_names_are_told(dtm: DTM, table: dict[str, str]):
    owner: Any = {
        "key": dtm,
        "opt_state": dtm.steps[0],
    }[next(name for name in ("key", "opt_state") if name in table)]
    for name, told in table.items():
        with pytest.raises(AttributeError, match=re.escape(f"{name!r} of dtm-replication: {told}")):
            getattr(owner, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        _ = owner.nonsense
    assert not hasattr(owner, "nonsense")


def test_what_the_tables_name_is_there(dtm: DTM):
    """Every `cfg.x.y`, method and attribute that a message sends a user to."""
    words = " ".join([*DTM_NAMES.values(), *STEP_NAMES.values()])
    for path in re.findall(r"cfg(?:\.\w+)+", words):
        assert operator.attrgetter(path.removeprefix("cfg."))(dtm.cfg) is not None
    for path in re.findall(r"steps\[i\]((?:\.\w+)+)", words):
        assert operator.attrgetter(path[1:])(dtm.steps[0]) is not None
    for name in re.findall(r"(?:DTM\.)?(\w+)\((?:epoch|key|mode|n_epochs)", words):
        assert callable(getattr(dtm, name))


def test_an_animation_needs_no_epoch(dtm: DTM):
    path = dtm.generate_gif()
    assert path.name == "epoch1_clamped.gif"
    few = dtm.generate_gif(mode="free", runs_per_label=1, steps_per_sample=4)
    frames = imageio.imread(few, index=None)
    assert len(frames) == 1 + 2 * dtm.cfg.generation.steps_warmup // 4
    assert frames[0].shape[1] < imageio.imread(path, index=0).shape[1]
    with pytest.raises(ValueError, match=r"mode=2.*runs_per_label=2"):
        dtm.generate_gif(1, 2)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"runs_per_label must be.*not 0"):
        dtm.generate_gif(runs_per_label=0)
    for given in (0, 2.5, True):
        with pytest.raises(ValueError, match=rf"steps_per_sample must be.*not {given}"):
            dtm.generate_gif(steps_per_sample=given)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"epoch must be.*not -1"):
        dtm.generate_gif(-1)
    with pytest.raises(ValueError, match=r"epoch='free'.*mode='free'"):
        dtm.generate_gif("free")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"'frame_stride' of dtm-replication: steps_per_sample"):
        dtm.generate_gif(frame_stride=2)
    with pytest.raises(ValueError, match=r"'fps' of dtm-replication: .*frames_per_second"):
        dtm.generate_gif(1, fps=800)
    with pytest.raises(TypeError, match="unexpected keyword argument 'fpss'"):
        dtm.generate_gif(fpss=1)


def test_an_autocorrelation_without_an_epoch_is_only_returned(dtm: DTM):
    before = dict(dtm.steps[0].autocorrelations)
    assert len(dtm.compute_autocorr()) == len(dtm.compute_autocorr(n_samples=5)) == 2
    assert dtm.steps[0].autocorrelations == before
    assert dtm.compute_autocorr(1, n_samples=5) == [step.autocorrelations[1] for step in dtm.steps]
    for n_samples in (0, 1, 2.5):
        with pytest.raises(ValueError, match=rf"n_samples must be.*at least 2.*not {n_samples}"):
            dtm.compute_autocorr(n_samples=n_samples)  # pyright: ignore[reportArgumentType]


def test_a_lookup_that_fails_inside_says_what_failed(dtm: DTM, monkeypatch: pytest.MonkeyPatch):
    """And not that the attribute itself were missing."""

    def fails(_: object) -> object:
        return operator.attrgetter("it")(1)

    monkeypatch.setattr(type(dtm.history), "metric_names", property(fails))
    with pytest.raises(AttributeError, match="'int' object has no attribute 'it'"):
        _ = dtm.fids_dict
