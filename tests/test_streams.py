"""Training on batches that a user's own code makes on the way."""

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from tiny import (
    REPOSITORY,
    assert_same_states,
    differ,
    finished,
    measured,
    python,
    tiny_cfg,
)

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.data import OwnImages

SHAPE, N_BITS, BATCH = (2, 3), 4, 8
N_BATCHES = 3
Batch = tuple[np.ndarray, np.ndarray]


def pairs(seed: int, n_images: int) -> Batch:
    """Grey images, of two classes that differ in brightness."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n_images) % 2)
    images = np.clip(0.5 * rng.random((n_images, *SHAPE)) + 0.5 * classes[:, None, None], 0, 1)
    return images, classes


SAMPLE = OwnImages("sample", *pairs(0, 30))
"""26 images to train on: three batches."""


def cfg_of(data: OwnImages = SAMPLE, **sections: Any) -> DTMConfig:
    return tiny_cfg(
        exp=dict(compute_autocorr=False, drawn_images_per_digit=1),
        data=data.cfg,
        graph=dict(graph_preset_architecture=6_4, num_label_spots=1),
        sampling=dict(batch_size=BATCH),
        generation=dict(fid_images_per_digit=1),
        cp=dict(adaptive_cp=False),
    ).replace(**sections)


def batches_of(epoch: int) -> Iterator[Batch]:
    """A stream without an end, whose batches the epoch settles."""
    for number in itertools.count():
        yield pairs(1000 * epoch + number, BATCH)


def streamed(folder: Path, batches: Any, n_epochs: int = 2, cfg: DTMConfig | None = None) -> DTM:
    dtm = DTM(cfg or cfg_of(), base_dir=folder, data=SAMPLE)
    dtm.train(n_epochs, evaluate_every=2, batches=batches)
    return dtm


@pytest.fixture(scope="module")
def dtm(tmp_path_factory) -> DTM:
    """Two epochs of `batches_of`."""
    return streamed(tmp_path_factory.mktemp("runs"), batches_of)


# What is learnt


@pytest.mark.parametrize("phase_order", ["independent", "paired"])
@pytest.mark.slow
def test_streamed_batches_train_like_the_same_batches_from_memory(
    phase_order, tmp_path, monkeypatch
):
    """Bit for bit, once memory is walked through in the order of the stream."""
    monkeypatch.setattr(jax.random, "permutation", lambda key, numbers: jnp.asarray(numbers))
    cfg = cfg_of(sampling=dict(phase_order=phase_order), graph=dict(grayscale_levels=1))
    in_memory = DTM(cfg, base_dir=tmp_path, data=SAMPLE)
    in_memory.train(2, evaluate_every=2)
    # The very images, on or off, in the order of memory.
    train = in_memory.train_dataset
    images = train.pixels.reshape(-1, *SHAPE).astype(float)
    batches = [
        (images[start : start + BATCH], train.classes[start : start + BATCH])
        for start in range(0, N_BATCHES * BATCH, BATCH)
    ]
    model = streamed(tmp_path, batches, cfg=cfg)
    assert_same_states(model, in_memory)
    assert measured(model) == measured(in_memory)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_fresh_data_without_an_end_are_learnt(seed, tmp_path):
    """Pixels are their inverted condition; every batch is new.

    Those of the twin have nothing to do with it, and it must fail: whatever it makes of new
    conditions is right once in two times, and more is a false alarm at a rate of `ALARM`.
    """
    sample = OwnImages("inverted", *inverted(1, 60)[:1], conditions=inverted(1, 60)[1])
    cfg = cfg_of(
        sample,
        exp=dict(seed=seed),
        graph=dict(side=8, connection_rules=((0, 1), (2, 1), (3, 2))),
        sampling=dict(batch_size=50, batches_per_epoch=24, n_samples=10, steps_warmup=20),
        generation=dict(steps_warmup=60),
        optim=dict(step_learning_rates=(0.1,), n_epochs_for_lrd=1),
        cp=dict(correlation_penalty=(0.0,)),
        wd=dict(weight_decay=(0.0,)),
    )
    images, conditions = inverted(99 + seed, 200)

    def share(related: bool) -> float:
        def batches() -> Iterator[Batch]:
            for number in itertools.count(1000 * seed):
                images, conditions = inverted(number, 50)
                yield images, conditions if related else np.roll(conditions, 1, axis=0)

        dtm = DTM(cfg, base_dir=tmp_path, data=sample)
        dtm.train(1, evaluate_every=1, batches=batches)
        return float((dtm.sample(200, conditions=conditions) == images).mean())

    by_guessing = stats.binom.isf(ALARM, images.size, 0.5) / images.size
    assert share(related=True) > 0.9
    assert share(related=False) < by_guessing < 0.9


def inverted(seed: int, n_images: int) -> Batch:
    pixels = np.random.default_rng(seed).integers(0, 2, (n_images, 6))
    return pixels.reshape(-1, *SHAPE).astype(float), 1 - pixels


# How batches can be given


class Loader:
    """Starts anew with every epoch, as data loaders do; batches are lists."""

    def __iter__(self) -> Iterator[list[Any]]:
        return iter([[images, classes.tolist()] for images, classes in three_batches()])


def three_batches() -> Iterator[Batch]:
    return itertools.islice(batches_of(1), N_BATCHES)


@pytest.mark.slow
def test_all_ways_to_give_the_same_batches(tmp_path):
    ways = [
        list(three_batches()),
        Loader(),
        three_batches,
        lambda: iter(list(three_batches())),
        lambda epoch: three_batches(),
        itertools.cycle(list(three_batches())),
    ]
    first, *others = [streamed(tmp_path / str(n), way, 1) for n, way in enumerate(ways)]
    for other in others:
        assert_same_states(other, first)


def test_an_iterator_goes_on_where_the_last_epoch_left_it(dtm, tmp_path):
    batches = itertools.chain(*(itertools.islice(batches_of(epoch), N_BATCHES) for epoch in (1, 2)))
    assert_same_states(streamed(tmp_path, batches), dtm)
    assert next(batches, None) is None


def test_an_epoch_reads_no_batch_too_many(tmp_path):
    read = []

    def counted() -> Iterator[Batch]:
        for number, batch in enumerate(batches_of(1)):
            read.append(number)
            yield batch

    streamed(tmp_path, counted)
    assert read == 2 * [*range(N_BATCHES)]


@pytest.mark.slow
def test_brightness_in_bytes_and_floats_means_the_same(tmp_path):
    def in_bytes() -> Iterator[Batch]:
        for images, classes in three_batches():
            yield np.rint(255 * images).astype(np.uint8), classes.astype(np.int8)

    cfg = cfg_of(graph=dict(grayscale_levels=3, graph_preset_architecture=8_8))
    one, other = (streamed(tmp_path, way, 1, cfg) for way in (in_bytes, three_batches))
    assert_same_states(one, other)


def test_a_dark_batch_is_a_batch(tmp_path):
    """A data set that is all dark was scaled wrongly; a batch may be."""
    dark = [(np.zeros((BATCH, *SHAPE)), np.zeros(BATCH, int))] * N_BATCHES
    assert streamed(tmp_path, dark, 1).epoch == 1


def test_classes_are_numbered_as_in_the_data_set(tmp_path):
    def swapped() -> Iterator[Batch]:
        return ((images, 1 - classes) for images, classes in three_batches())

    reverse = cfg_of(SAMPLE).replace(data=dict(target_classes=(1, 0)))
    usual, other = streamed(tmp_path / "a", three_batches, 1), DTM(reverse, tmp_path, data=SAMPLE)
    other.train(1, 1, batches=swapped)
    assert_same_states(other, usual)


def test_a_model_without_labels_takes_images_alone(tmp_path):
    cfg = cfg_of(graph=dict(num_label_spots=0))
    alone = [images for images, _ in three_batches()]
    one, other = (streamed(tmp_path, way, 1, cfg) for way in (alone, [(i,) for i in alone]))
    assert_same_states(one, other)


# How many


def test_an_epoch_may_be_longer_than_the_sample(tmp_path):
    cfg = cfg_of(sampling=dict(batches_per_epoch=5))
    dtm = streamed(tmp_path, batches_of, 1, cfg)
    assert int(dtm.steps[0].state.optimizer[0].count) == 5
    with pytest.raises(ValueError, match=r"5 batches of 8 .*more than the 26 .*train\(batches"):
        DTM(cfg, tmp_path / "none", data=SAMPLE).train(1)
    assert not (tmp_path / "none").exists()


def test_an_epoch_may_be_shorter_than_the_data(tmp_path):
    dtm = DTM(cfg_of(sampling=dict(batches_per_epoch=1)), base_dir=tmp_path, data=SAMPLE)
    dtm.train(1, 1)
    assert int(dtm.steps[0].state.optimizer[0].count) == 1


def test_a_batch_may_be_larger_than_the_sample(tmp_path):
    cfg = cfg_of(sampling=dict(batch_size=40, batches_per_epoch=1))
    assert streamed(tmp_path, [pairs(0, 40)], 1, cfg).epoch == 1


# Going on


def test_a_function_of_the_epoch_is_resumed_bit_for_bit(dtm, tmp_path):
    halved = streamed(tmp_path, batches_of, 1)
    run = halved.logging_and_saving_dir
    resumed = DTM(halved.cfg, tmp_path, data=SAMPLE)
    resumed.train(1, evaluate_every=2, resume=run, batches=batches_of)
    loaded = DTM.load(run, 1, data=SAMPLE)
    loaded.train(1, evaluate_every=2, batches=batches_of)
    for model in (resumed, loaded):
        assert_same_states(model, dtm)
    assert measured(resumed)[-1] == measured(dtm)[-1]
    log = (run / "training_log_tiny.txt").read_text(encoding="utf-8")
    assert log.count("batches streamed from batches_of") == 2


def test_a_run_goes_on_with_what_it_was_trained_on(tmp_path):
    halved = streamed(tmp_path, batches_of, 1)
    run = halved.logging_and_saving_dir
    with pytest.raises(ValueError, match=r"trained on a stream .* give it again, .*batches="):
        DTM(halved.cfg, tmp_path, data=SAMPLE).train(1, resume=run)
    in_memory = DTM(halved.cfg, tmp_path, data=SAMPLE)
    in_memory.train(1, evaluate_every=0)
    run = in_memory.logging_and_saving_dir
    with pytest.raises(ValueError, match=r"trained on the images .* leave out batches"):
        DTM(halved.cfg, tmp_path, data=SAMPLE).train(1, resume=run, batches=batches_of)
    before_any = in_memory.model_saving_path / "epoch_001"
    shutil.rmtree(before_any)
    DTM(halved.cfg, tmp_path, data=SAMPLE).train(1, 0, resume=run, batches=batches_of)


ON_TWO_DEVICES = """
import sys
sys.path.insert(0, sys.argv[1])
import jax
from test_streams import batches_of, streamed
assert len(jax.devices()) == 2
print(streamed(sys.argv[2], batches_of).logging_and_saving_dir)
"""


@pytest.mark.slow
def test_two_devices_train_what_one_trains(dtm, tmp_path):
    flags = "--xla_force_host_platform_device_count=2"
    tests = Path(__file__).parent
    run = finished(python("-c", ON_TWO_DEVICES, tests, tmp_path, XLA_FLAGS=flags)).split()[-1]
    assert_same_states(DTM.load(run), dtm)


# Mistakes


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> DTM:
    return DTM(cfg_of(), base_dir=tmp_path_factory.mktemp("runs"), data=SAMPLE)


def after_a_good_one(*batch: Any) -> list[Any]:
    return [pairs(0, BATCH), batch if len(batch) > 1 else next(iter(batch)), pairs(2, BATCH)]


IMAGES, CLASSES = pairs(1, BATCH)


def with_pixel(value: float) -> np.ndarray:
    images = IMAGES.copy()
    images[3, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((IMAGES[:5], CLASSES[:5]), r"shape \(5, 2, 3\).*ask for \(8, 2, 3\)"),
        ((IMAGES.reshape(BATCH, 6), CLASSES), r"shape \(8, 6\)"),
        ((IMAGES.transpose(0, 2, 1), CLASSES), r"shape \(8, 3, 2\).*\(8, 2, 3\)"),
        ((with_pixel(np.nan), CLASSES), "1 values.*NaN"),
        ((with_pixel(1.5), CLASSES), "1.5"),
        (((255 * IMAGES).astype(int), CLASSES), "int64"),
        ((np.ma.masked_greater(IMAGES, 0.9), CLASSES), "masked array"),
        (([[0.0], [0.0, 1.0]], CLASSES), "images of different sizes"),
        ((IMAGES, CLASSES[:5]), r"classes of shape \(5,\).*8 images"),
        ((IMAGES, CLASSES[:, None]), r"classes of shape \(8, 1\)"),
        ((IMAGES, CLASSES.astype(float)), "type float64.*integer"),
        ((IMAGES, CLASSES + 1), r"class 2 is not among the target classes \(0, 1\)"),
        ((IMAGES, np.ma.masked_equal(CLASSES, 0)), "classes are a masked array"),
        ((IMAGES,), r"1 parts.*two arrays, \(images, classes\)"),
        ((IMAGES, CLASSES, CLASSES), r"3 parts.*two arrays"),
        ((None,), "images"),
    ],
)
def test_a_wrong_batch_is_named(untrained, tmp_path, batch, message):
    with pytest.raises(ValueError, match=f"batch 2 of epoch 1 of the stream: .*{message}"):
        untrained.train(1, batches=after_a_good_one(*batch))
    assert untrained.epoch == 0
    assert not differ(untrained, DTM(cfg_of(), base_dir=tmp_path, data=SAMPLE))


def test_a_stream_that_ends_too_early(tmp_path):
    model = DTM(cfg_of(), base_dir=tmp_path, data=SAMPLE)
    batches = itertools.islice(batches_of(1), N_BATCHES + 1)
    with pytest.raises(ValueError, match=r"after 1 batches of epoch 2, but an epoch has 3.*"):
        model.train(2, batches=batches)
    assert model.epoch == 1
    assert DTM.load(model.logging_and_saving_dir).epoch == 1
    model.train(1, batches=batches_of)
    assert model.epoch == 2


class SimulatorError(Exception):
    """Of the user's own."""


def test_an_error_in_the_users_code_is_theirs(tmp_path):
    def failing() -> Iterator[Batch]:
        yield from itertools.islice(batches_of(1), N_BATCHES - 1)
        raise SimulatorError("crashed")

    model = DTM(cfg_of(), base_dir=tmp_path, data=SAMPLE)
    with pytest.raises(SimulatorError, match="crashed") as caught:
        model.train(1, batches=failing)
    note = "raised by the stream of batches given to train, at batch 3 of epoch 1"
    assert caught.value.__notes__ == [note]
    assert model.epoch == 0
    assert not differ(model, DTM(cfg_of(), base_dir=tmp_path, data=SAMPLE))


@pytest.mark.parametrize(
    ("batches", "sampling", "message"),
    [
        (3, {}, "batches of type int: give an iterable"),
        (batches_of, dict(negative_start="persistent"), "'persistent'.*use 'fresh' or 'data'"),
    ],
)
def test_what_cannot_be_a_stream_is_refused_before_a_run_begins(
    tmp_path, batches, sampling, message
):
    model = DTM(cfg_of(sampling=sampling), base_dir=tmp_path / "runs", data=SAMPLE)
    with pytest.raises(ValueError, match=message):
        model.train(1, batches=batches)
    assert not (tmp_path / "runs").exists()


def test_a_function_has_to_return_batches(tmp_path):
    with pytest.raises(ValueError, match="function of batches returned a NoneType"):
        streamed(tmp_path, lambda: None)


@pytest.mark.slow
def test_the_documented_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where run folders are made
    text = (REPOSITORY / "docs" / "own_data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["dtm"].epoch == 2
