"""Checkpoints that were damaged or put together, and whose hashes were made to fit again."""

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from tiny import REPOSITORY, assert_same_states, copy_of_run, states_of, tiny_cfg, trained

from tests.mutations import Target
from thrmlDenoising import DTM
from thrmlDenoising.evaluate.checkpoint import checkpoint_command
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.runs import Manifest
from thrmlDenoising.training import SavedRun, Source


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("runs"), 3)


@pytest.fixture
def target(dtm, tmp_path) -> Target:
    """The last checkpoint of a copy of the run."""
    return Target(copy_of_run(dtm, tmp_path), 3, tmp_path)


def swap(folder: Path, ending: str) -> None:
    first, second = (folder / f"step_{step:02d}{ending}" for step in (0, 1))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def swap_states(target: Target) -> None:
    swap(target.folder, ".eqx")


def swap_graphs(target: Target) -> None:
    swap(target.folder, "_graph.npz")


def swap_steps(target: Target) -> None:
    swap(target.folder, ".eqx")
    swap(target.folder, "_graph.npz")


def take_from_epoch_2(name: str) -> Callable[[Target], object]:
    return lambda target: shutil.copy(target.sibling(2) / name, target.folder / name)


def shorten_history(target: Target) -> None:
    path = target.folder / "history.json"
    path.write_text(json.dumps(json.loads(path.read_text())[-1:]))


def empty_history(target: Target) -> None:
    (target.folder / "history.json").write_text("[]")


def history_of_epoch_4(target: Target) -> None:
    path = target.folder / "history.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps([*records, records[-1] | {"epoch": 4}]))


def three_steps(target: Target) -> None:
    cfg = tiny_cfg(diffusion_schedule=dict(num_diffusion_steps=3))
    cfg.save(target.folder / "config.yaml")


def one_step(target: Target) -> None:
    cfg = tiny_cfg(
        diffusion_schedule=dict(num_diffusion_steps=1),
        optim=dict(step_learning_rates=(0.05,)),
        wd=dict(weight_decay=(0.001,)),
    )
    cfg.save(target.folder / "config.yaml")


def with_leaf(number: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Target], None]:
    """Step 1 with one of its arrays changed."""

    def damage(target: Target) -> None:
        path = target.folder / "step_01.eqx"
        stream, written, at = io.BytesIO(path.read_bytes()), io.BytesIO(), 0
        while stream.tell() < len(stream.getbuffer()):
            array = np.load(stream)
            np.save(written, change(array) if at == number else array)
            at += 1
        path.write_bytes(written.getvalue())

    return damage


def first_replaced(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array.ravel()[0] = value
        return array

    return change


NOT_FINITE = r"step_01\.eqx: step 1 of epoch 3: 1 of its \d+ parameters are not finite"


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (swap_states, r"step_00\.eqx: step 0 of epoch 3: .* its step is 1, where 0 belongs"),
        (swap_graphs, r"step_00\.eqx: step 0 of epoch 3: .* its graph is"),
        (swap_steps, r"step_00\.eqx: step 0 of epoch 3: .* its step is 1, where 0 belongs"),
        (take_from_epoch_2("step_01.eqx"), r"step_01\.eqx: .* its epoch is 2, where 3 belongs"),
        (history_of_epoch_4, r"history\.json begins or ends"),
        (take_from_epoch_2("history.json"), r"history\.json: it ends with epoch 2, but"),
        (shorten_history, r"history\.json begins or ends"),
        (empty_history, r"history\.json begins or ends"),
        (three_steps, r"manifest\.json: it leaves out 'step_02\.eqx', 'step_02_graph\.npz'"),
        (one_step, r"manifest\.json: it lists unknown files: 'step_01\.eqx'"),
        (with_leaf(0, first_replaced(np.nan)), NOT_FINITE),
        (with_leaf(1, first_replaced(-np.inf)), NOT_FINITE),
        (with_leaf(0, lambda array: array.astype(float)), "float64 .* was saved, float32"),
        (with_leaf(1, lambda array: array[:-1]), r"step_01\.eqx does not fit the config"),
        (with_leaf(3, first_replaced(np.nan)), "a number that training goes on from is NaN"),
    ],
)
def test_what_does_not_belong_together_is_refused_by_name(target, forge, message):
    forge(target)
    target.rehash()
    with pytest.raises(ValueError, match=rf"epoch_003.*{message}"):
        DTM.load(target.run)
    assert DTM.load(target.run, epoch=2).epoch == 2


def header(kind: str, shape: tuple[int, ...]) -> bytes:
    """Of an array that is not there."""
    written = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        written, {"descr": kind, "fortran_order": False, "shape": shape}
    )
    return written.getvalue()


def endless_array(target: Target) -> None:
    path = target.folder / "step_00.eqx"
    path.write_bytes(header("<f4", (10**18,)) + path.read_bytes())


def sparse(target: Target) -> None:
    os.truncate(target.folder / "step_00.eqx", 2**21)


def graph_of_a_gigabyte(target: Target) -> None:
    path = target.folder / "step_00_graph.npz"
    with ZipFile(path) as entries:
        content = {name: entries.read(name) for name in entries.namelist()}
    with ZipFile(path, "w") as entries:
        for name, array in (content | {"edges.npy": header("<i4", (2**27, 2))}).items():
            entries.writestr(name, array)


def graph_with_edges(n: int) -> Callable[[Target], None]:
    """A small file, packed, of a graph with the same edge many times."""

    def forge(target: Target) -> None:
        path = target.folder / "step_00_graph.npz"
        with np.load(path) as content:
            arrays = dict(content)
        arrays["edges"] = np.repeat(np.array([[0, 1]], np.int32), n, axis=0)
        arrays["weight_of_edge"] = np.zeros(n, np.int32)
        np.savez_compressed(path, **arrays)

    return forge


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (
            graph_with_edges(10**4),
            r"step_00_graph\.npz .*edges has the shape \(10000, 2\): nothing",
        ),
        (graph_with_edges(10**6), r"step_00_graph\.npz .*nothing is so large, of this config"),
        (endless_array, r"step_00\.eqx .*biases an array .*\(1000000000000000000,\) was saved"),
        (sparse, r"step_00\.eqx: it has 2,097,152 bytes, and such a file has at most"),
        (graph_of_a_gigabyte, r"step_00_graph\.npz .*nothing is so large"),
    ],
)
def test_nothing_larger_than_the_model_is_read(target, forge, message):
    forge(target)
    target.rehash()
    with pytest.raises(ValueError, match=message):
        DTM.load(target.run)


@pytest.mark.parametrize(
    "name", ["config.yaml", "history.json", "step_00.eqx", "step_00_graph.npz"]
)
def test_a_file_of_many_gigabytes_is_not_even_hashed(target, name):
    os.truncate(target.folder / name, 2**36)
    manifest = target.manifest
    manifest["files"][name]["bytes"] = 2**36
    target.write_manifest(manifest)
    with pytest.raises(ValueError, match=rf"{name}: it has 68,719,476,736 bytes"):
        DTM.load(target.run)


def test_the_config_that_was_held_against_the_manifest_is_the_one_that_is_used(
    target, dtm, monkeypatch
):
    read_file = Manifest.read_file

    def changed_after_it_was_read(manifest: Manifest, name: str, at_most: int) -> bytes:
        content = read_file(manifest, name, at_most)
        if name == "config.yaml":
            tiny_cfg(exp=dict(seed=77)).save(target.folder / name)
        return content

    monkeypatch.setattr(Manifest, "read_file", changed_after_it_was_read)
    saved = SavedRun.open(DTMModel, Source(target.run))
    assert saved.cfg == dtm.cfg


def test_a_history_that_could_not_be_read_again_is_not_saved(dtm, target, monkeypatch):
    monkeypatch.setattr("thrmlDenoising.training.saved_run._LARGEST_HISTORY", 1000)
    loaded = DTM.load(dtm.logging_and_saving_dir, 0)
    long = replace(dtm.history.records[-1], metrics={"m" * 1000: 1.0})
    loaded.history = loaded.history.followed_by(long)
    with pytest.raises(ValueError, match=r"takes [\d,]+ bytes, .*is not read again"):
        loaded.save_epoch()


def test_a_pipe_in_place_of_a_file_holds_nothing_up(target):
    for path in (target.folder / "history.json", target.folder / "step_01.eqx"):
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ValueError, match=f"{path.name}: it is no regular file"):
            DTM.load(target.run)
        path.unlink()
        path.write_bytes(content)
    assert DTM.load(target.run).epoch == 3


def test_a_damaged_manifest_of_another_epoch_blocks_nothing(target):
    (target.sibling(1) / "manifest.json").write_text("{")
    assert DTM.load(target.run).epoch == 3
    assert DTM.load(target.run, epoch=2).epoch == 2
    with pytest.raises(ValueError, match=r"epoch_001.*missing or unreadable.*: 0, 2, 3\."):
        DTM.load(target.run, epoch=1)


FIRST = REPOSITORY / "tests" / "format_1" / "toy"
EPOCH_IN_FIRST_FORMAT = 12
"""The place of the epoch among the arrays of a step."""


@pytest.fixture
def first(tmp_path) -> Target:
    """A checkpoint of the first format, as the library's very first were."""
    run = Path(shutil.copytree(FIRST, tmp_path / "first"))
    target = Target(run, 1, tmp_path)
    as_once_written(target)
    return target


def as_once_written(target: Target) -> None:
    for path in target.folder.glob("*.eqx"):
        content = path.read_bytes()
        path.write_bytes(content[: content.rindex(b"\x93NUMPY")])
    target.rehash()
    manifest = target.manifest
    del manifest["steps_identified"]
    target.write_manifest(manifest)


def test_checkpoints_whose_steps_do_not_say_which_they_are_are_read(first):
    assert_same_states(DTM.load(first.run), DTM.load(FIRST))
    first.write_manifest(first.manifest | {"steps_identified": True})
    with pytest.raises(ValueError, match="it does not say which step it is"):
        DTM.load(first.run)


def test_a_step_of_another_epoch_is_noticed_in_those_too(first):
    epochs = first_replaced(0)
    with_leaf(EPOCH_IN_FIRST_FORMAT, epochs)(first)
    first.rehash()
    with pytest.raises(ValueError, match=r"step_01\.eqx: .* has been trained for 0 epochs"):
        DTM.load(first.run)


def test_of_the_second_format_they_have_to_say_it(target):
    as_once_written(target)
    with pytest.raises(ValueError, match="it does not say which step it is"):
        DTM.load(target.run)
    target.write_manifest(target.manifest | {"steps_identified": False})
    with pytest.raises(ValueError, match="steps_identified is False"):
        DTM.load(target.run)


def test_a_stitched_model_is_saved_trained_and_loaded(dtm):
    stitched = DTM.load(dtm.logging_and_saving_dir, step_sources=[3, 1])
    stitched.save_epoch()
    assert_same_states(DTM.load(stitched.logging_and_saving_dir), stitched)
    again = DTM.load(stitched.logging_and_saving_dir)
    again.train(2, evaluate_every=2)
    loaded = DTM.load(again.logging_and_saving_dir)
    assert loaded.epoch == 5
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(states_of(loaded), states_of(again), strict=True)
    )


# Runs of dtm-replication


def of_dtm_replication(folder: Path, dtm: DTM) -> Path:
    """What it leaves: a config, and the parameters of every step."""
    run = folder / "replication"
    for epoch in (0, 5):
        checkpoint = run / f"model_saving/epoch_{epoch:03d}"
        checkpoint.mkdir(parents=True)
        for path in (dtm.model_saving_path / "epoch_003").glob("*.eqx"):
            shutil.copy(path, checkpoint)
    return run


@pytest.mark.parametrize("config", ["{}", "num_steps: 3"])
@pytest.mark.parametrize("epoch", [None, 5])
def test_a_run_of_dtm_replication_is_told_as_such(dtm, tmp_path, config, epoch):
    run = of_dtm_replication(tmp_path, dtm)
    (run / "model_saving/config.yaml").write_text(config)
    how = "DTMConfig.load" if config == "{}" else "copy its values into make_cfg"
    message = (
        rf"replication is a run of dtm-replication.*step_\*\.eqx alone.*draws the graph again.*"
        rf"{how}.*docs/coming_from_dtm_replication\.md"
    )
    with pytest.raises(ValueError, match=message):
        DTM.load(run, epoch)


def test_a_broken_run_of_ours_is_not_told_to_be_of_dtm_replication(target):
    for epoch in range(4):
        (target.sibling(epoch) / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match="no complete checkpoint"):
        DTM.load(target.run)


# Links


def test_resuming_writes_through_no_link(target, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(target.run / "images")
    (target.run / "images").symlink_to(outside)
    with pytest.raises(OSError, match="images"):
        DTM.load(target.run).train(1, resume=target.run)
    with pytest.raises(OSError, match="images"):
        checkpoint_command([str(target.run)])
    assert not list(outside.iterdir())
