"""What a training run leaves on disk."""

import csv
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image
from tiny import copy_of_run, tiny_cfg, trained

from thrmlDenoising import DTM, DTMConfig

CFG = tiny_cfg(exp=dict(generate_gif=True, steps_per_sample_in_gif=4))
CHECKPOINT_FILES = {
    "config.yaml",
    "history.json",
    "manifest.json",
    "step_00.eqx",
    "step_00_graph.npz",
    "step_01.eqx",
    "step_01_graph.npz",
}

METRICS = {"free": "free_exact_accuracy", "clamped": "clamped_exact_accuracy"}


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    """Three epochs, evaluated before the first, after the second and the last."""
    return trained(tmp_path_factory.mktemp("runs"), 3, CFG)


@pytest.fixture(scope="module")
def run(dtm) -> Path:
    return dtm.logging_and_saving_dir


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_is_named_after_the_run(dtm, run):
    assert run.name.startswith("tiny_2")
    assert dtm.model_saving_path == run / "model_saving"


def test_everything_is_where_it_belongs(run):
    assert names_in(run) == {
        "training_log_tiny.txt",
        "metrics.csv",
        "images",
        "gifs",
        "evaluations",
        "fid_vs_epoch.png",
        "autocorr_vs_epoch.png",
        "autocorrelation_vs_lags",
        "model_saving",
    }
    drawn = {epoch: {f"epoch{epoch}_{mode}" for mode in ("free", "clamped")} for epoch in (0, 2, 3)}
    images, animated = drawn[0] | drawn[2] | drawn[3], drawn[2] | drawn[3]
    assert names_in(run / "images") == {f"{name}.png" for name in images}
    assert names_in(run / "gifs") == {f"{name}.gif" for name in animated}
    assert names_in(run / "evaluations") == {f"epoch{epoch}.json" for epoch in drawn}
    assert names_in(run / "autocorrelation_vs_lags") == {f"epoch{n}.png" for n in range(4)}
    checkpoints = {f"epoch_{epoch:03d}" for epoch in range(4)}
    assert names_in(run / "model_saving") == checkpoints | {"config.yaml"}
    for checkpoint in checkpoints:
        assert names_in(run / "model_saving" / checkpoint) == CHECKPOINT_FILES


def test_the_config_is_kept(run):
    assert DTMConfig.load(run / "model_saving/config.yaml") == CFG


def test_manifests_name_every_file_with_its_hash(run):
    for checkpoint in sorted((run / "model_saving").glob("epoch_*")):
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        assert manifest["format_version"] == 2
        assert set(manifest["files"]) == CHECKPOINT_FILES - {"manifest.json"}
        for name, entry in manifest["files"].items():
            content = (checkpoint / name).read_bytes()
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_table_has_a_row_for_every_epoch(dtm, run):
    rows = rows_of(run)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    for step in range(2):
        for name in ("autocorr", "penalty", "decay"):
            assert all(float(row[f"{name}_step_{step}"]) >= 0 for row in rows)
        assert {float(row[f"decay_step_{step}"]) for row in rows} == {CFG.wd.weight_decay[step]}
    assert all(float(row["seconds"]) > 0 for row in rows[1:])
    for mode in ("free", "clamped"):
        values = [row[METRICS[mode]] for row in rows]
        assert values[1] == ""
        assert [float(value) for value in values if value] == dtm.fids_dict[mode]


def test_the_penalty_follows_its_controller(run):
    threshold = CFG.cp.adaptive_threshold
    for step in range(2):
        series = [
            (float(row[f"autocorr_step_{step}"]), float(row[f"penalty_step_{step}"]))
            for row in rows_of(run)
        ]
        assert series[0][1] == 0.01, "the first measurement only serves for comparison"
        for (before, old), (after, new) in pairwise(series):
            if after >= threshold and after > before:
                assert new > old
            else:
                assert new < max(old, CFG.cp.cp_min)


def test_the_log_tells_the_run(run):
    log = (run / "training_log_tiny.txt").read_text()
    assert "dataset_name: smoke_testing_3_1_3" in log
    lines = [line for line in log.splitlines() if "; checkpoint epoch_" in line]
    assert len(lines) == 4
    for epoch, line in enumerate(lines):
        assert f"epoch {epoch}: " in line
        assert "autocorrelation" in line
        assert "correlation penalty" in line
        assert f"checkpoint epoch_{epoch:03d}" in line
        assert (METRICS["clamped"] in line) == (epoch != 1)


def test_pictures_can_be_opened_and_show_something(run):
    pictures = sorted(run.rglob("*.png"))
    assert len(pictures) == 6 + 4 + 2
    for path in pictures:
        with Image.open(path) as picture:
            assert min(picture.size) > 50
            assert np.asarray(picture.convert("L")).std() > 1


def test_animations_show_the_noise_and_every_observed_state(run):
    sweeps, every = CFG.generation.steps_warmup, CFG.exp.steps_per_sample_in_gif
    for path in (run / "gifs").iterdir():
        frames = imageio.imread(path, index=None)
        assert len(frames) == 1 + 2 * sweeps // every
        assert (frames[0] != frames[-1]).any()


def test_nothing_is_printed_where_nobody_looks(dtm, tmp_path, capfd):
    trained(tmp_path, 2, CFG)
    assert capfd.readouterr() == ("", "")


def test_models_planned_in_the_same_second_get_folders_of_their_own(tmp_path):
    first, second = DTM(CFG, base_dir=tmp_path), DTM(CFG, base_dir=tmp_path)
    first.save_epoch()
    second.save_epoch()
    assert first.logging_and_saving_dir != second.logging_and_saving_dir
    for dtm in (first, second):
        assert names_in(dtm.model_saving_path) == {"config.yaml", "epoch_000"}


def test_a_loaded_model_that_draws_can_be_trained_afterwards(dtm, tmp_path):
    loaded = DTM.load(copy_of_run(dtm, tmp_path))
    path = loaded.generate_gif(3)
    assert path.is_file()
    loaded.train(1, evaluate_every=1)
    assert loaded.epoch == 4
