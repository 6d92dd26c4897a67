"""Discrete diffusion as a family: what it learns, draws and measures, on toys that are enumerated.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import re
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, fit_p_value
from scipy.stats import norm
from tiny import measured

from thrmlDenoising.data import OwnImages
from thrmlDenoising.diffusion import REVERSE, time_grid
from thrmlDenoising.families.discrete import DiscreteConfig, DiscreteDiffusion, make_cfg, trainer
from thrmlDenoising.families.discrete.model import DiscreteModel
from thrmlDenoising.train.arguments import parse_any
from thrmlDenoising.training import NotFiniteError

SEEDS = (0, 1, 2)
SIDES = 2, 2
CODES = np.array(list(product(range(2), repeat=4)), np.uint8).reshape(-1, *SIDES)
"""All images of four binary pixels."""


def own_images(n: int = 96) -> OwnImages:
    """Two classes: columns alike, and rows alike, each pixel wrong with a chance of 1 / 10."""
    rng = np.random.default_rng(0)
    classes = np.arange(n) % 2
    lines = rng.random((n, 2)) < 0.5
    images = np.where(classes[:, None, None] == 0, lines[:, :, None], lines[:, None, :])
    images = images ^ (rng.random(images.shape) < 0.1)
    return OwnImages("lines", images.astype(float), classes)


def tiny_cfg(**sections) -> DiscreteConfig:
    return make_cfg(
        exp=dict(drawn_images_per_digit=2, animated_images_per_digit=1, descriptor="tiny"),
        data=own_images().cfg,
        generation=dict(fid_images_per_digit=8, n_steps=None),
        process=dict(n_timesteps=3, schedule="cosine_squared"),
        network=dict(kind="unet", channels=8, multipliers=(1,), n_blocks=1, attention_levels=()),
        optim=dict(batch_size=16, learning_rate=0.01, n_warmup_updates=2, average_decay=0.9),
    ).replace(**sections)


def model(tmp_path, **sections) -> DiscreteDiffusion:
    return DiscreteDiffusion(tiny_cfg(**sections), tmp_path, own_images())


def trained(tmp_path, n_epochs: int = 2, **sections) -> DiscreteDiffusion:
    at_work = model(tmp_path, **sections)
    at_work.train(n_epochs, evaluate_every=0)
    return at_work


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> DiscreteDiffusion:
    return trained(tmp_path_factory.mktemp("runs"), 15)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> DiscreteDiffusion:
    return model(tmp_path_factory.mktemp("runs"))


# --- the model's own distribution ----------------------------------------------------------


def states_of(at_work: DiscreteDiffusion) -> np.ndarray:
    """All states of an image, masks included."""
    n_states = at_work.model.process.n_states
    return np.array(list(product(range(n_states), repeat=4))).reshape(-1, *SIDES)


@eqx.filter_jit
def reversed_by(reverse, process, denoiser, states, labels, t, s):
    states = jnp.asarray(states)
    logits = denoiser(states, jnp.full(len(states), t), labels)
    return reverse(process, states, logits, s, t)


def exact_chain(at_work: DiscreteDiffusion, label: int, times: np.ndarray) -> np.ndarray:
    """p(x_0) of every state, by multiplying transition matrices along `times`."""
    process, states = at_work.model.process, states_of(at_work)
    denoiser, reverse = at_work.state.average, REVERSE[at_work.cfg.loss.reverse]
    log_p = np.asarray(process.log_prior)[states].sum(axis=(1, 2))
    p = np.exp(log_p)
    labels = jnp.full(len(states), label)
    for t, s in pairwise(times):
        of_pixels = np.asarray(reversed_by(reverse, process, denoiser, states, labels, t, s))
        row, column = np.indices(SIDES)
        step = of_pixels[:, row, column, states].sum(axis=(2, 3))
        p = p @ np.exp(step.astype(float))
    return p


def numbers_of(images: np.ndarray, n_states: int) -> np.ndarray:
    return images.reshape(len(images), -1) @ (n_states ** np.arange(3, -1, -1))


@pytest.mark.parametrize("kind", ["masked", "uniform", "neighbours"])
@pytest.mark.parametrize("n_steps", [3, 2])
@pytest.mark.slow
def test_images_are_drawn_from_the_distribution_of_the_chain(lines, tmp_path, kind, n_steps):
    at_work = lines if kind == "masked" else trained(tmp_path, 15, process=dict(kind=kind))
    n_states = at_work.model.process.n_states
    wanted = exact_chain(at_work, 1, time_grid(3, n_steps))
    assert wanted.sum() == pytest.approx(1, abs=1e-4)
    images = at_work.sample(3000, labels=1, n_steps=n_steps)
    counts = np.bincount(numbers_of(images, n_states), minlength=len(wanted))
    clean = (states_of(at_work) < 2).all(axis=(1, 2))
    assert wanted[~clean].sum() < 1e-6, "no mask is left"
    wanted = wanted[clean] / wanted[clean].sum()
    assert fit_p_value(counts[clean][None], wanted[None]) > ALARM
    other = exact_chain(at_work, 0, time_grid(3, n_steps))[clean]
    assert fit_p_value(counts[clean][None], (other / other.sum())[None]) < ALARM, "the twin"


@pytest.mark.parametrize("kind", ["uniform", "masked"])
@pytest.mark.slow
def test_bits_per_dim_bound_the_exact_likelihood(lines, tmp_path, kind):
    at_work = lines if kind == "masked" else trained(tmp_path, 15, process=dict(kind=kind))
    clean = (states_of(at_work) < 2).all(axis=(1, 2))
    exact = -np.log2(exact_chain(at_work, 1, np.arange(3, -1, -1))[clean]) / 4
    many = np.repeat(CODES, 200, axis=0)
    for seed in SEEDS:
        bits = at_work.bits_per_dim(many, labels=1, key=jax.random.key(seed), n_spans=3)
        slack = -norm.ppf(ALARM) * bits.standard_error
        assert exact.mean() < bits.value + slack
        assert bits.value == pytest.approx(bits.by_span.sum() + bits.prior, rel=1e-5)
        assert bits.spans.tolist() == [[1, 1], [2, 2], [3, 3]]
    bits = at_work.bits_per_dim(many, labels=1, n_spans=3)
    fewer = at_work.bits_per_dim(many, labels=1, n_spans=1)
    assert abs(fewer.value - bits.value) < 6 * np.hypot(fewer.standard_error, bits.standard_error)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
def test_images_of_no_asked_class_are_of_classes_as_frequent_as_in_training(lines, seed):
    """p(x) = sum_c p(c) p(x | c), with the two classes equally frequent."""
    of_classes = [exact_chain(lines, c, time_grid(3, 3)) for c in (0, 1)]
    clean = np.all(states_of(lines) < 2, axis=(1, 2))
    numbers = numbers_of(lines.sample(3000, key=jax.random.key(seed)), 3)
    counts = np.bincount(numbers, minlength=len(clean))[clean]
    wanted = np.mean(of_classes, axis=0)[clean]
    assert fit_p_value(counts[None], (wanted / wanted.sum())[None]) > ALARM
    twin = of_classes[0][clean]
    assert fit_p_value(counts[None], (twin / twin.sum())[None]) < ALARM


def test_a_model_that_is_never_told_a_class_is_not_told_one_to_generate(tmp_path):
    never, told = (model(tmp_path, optim=dict(classless_share=s)) for s in (1.0, 0.5))
    key = jax.random.key(0)
    of_never, of_told = (m.model.labels(m.state, key, 50, None)[0] for m in (never, told))
    assert set(of_never.tolist()) == {2}
    assert set(of_told.tolist()) == {0, 1}


@pytest.mark.slow
def test_what_is_learnt_is_the_data(tmp_path):
    """A class is told from its pixels alone: rows alike or columns alike."""
    at_work = trained(tmp_path, 60, process=dict(n_timesteps=10))
    images = at_work.sample(500, labels=0).astype(bool)
    rows_alike = (images[:, :, 0] == images[:, :, 1]).mean()
    columns_alike = (images[:, 0] == images[:, 1]).mean()
    # 0.82 in the data, and 0.5 across; 1000 pairs scatter by 0.016
    assert rows_alike > 0.65
    assert columns_alike < 0.6
    untrained = model(tmp_path, process=dict(n_timesteps=10)).sample(500, labels=0)
    assert abs((untrained[:, :, 0] == untrained[:, :, 1]).mean() - 0.5) < 0.1, "the twin"


@pytest.mark.slow
def test_parts_of_a_batch_count_by_their_images(untrained, monkeypatch):
    """Unweighted, the smaller part would turn the step round: Adam's first goes by the sign."""
    state = untrained.state
    slopes = eqx.filter(state.denoiser, eqx.is_inexact_array)

    def part(n, loss, slope):
        gradient = jax.tree.map(lambda x: jnp.full_like(x, slope), slopes)
        return trainer.Part(jnp.asarray(loss), gradient, jnp.ones(n, jnp.int32), jnp.ones(n))

    parts = [part(16, 1.0, 1.0), part(8, 4.0, -1.5)]
    monkeypatch.setattr(trainer, "in_parts", lambda *_: parts)
    whole = untrained.model.trainer
    at_once = replace(whole, optimizer=replace(whole.optimizer, n_warmup=0))
    fixed = at_once, untrained.model.process
    batch = np.zeros((24, *SIDES), np.uint8), np.zeros(24, np.int32)
    after, loss = trainer.update(fixed, state, *batch, jax.random.key(0))
    assert float(loss) == pytest.approx((16 * 1.0 + 8 * 4.0) / 24)
    before, moved = (
        jax.tree.leaves(eqx.filter(d, eqx.is_inexact_array))
        for d in (state.denoiser, after.denoiser)
    )
    assert all((new < old).all() for old, new in zip(before, moved, strict=True))
    assert after.times.visits.tolist()[0] == 24


# --- what training keeps -------------------------------------------------------------------


def leaves(at_work: DiscreteDiffusion) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(at_work.state)]


@pytest.mark.slow
def test_a_run_is_resumed_bit_for_bit(tmp_path):
    straight = trained(tmp_path / "straight", 4, loss=dict(times="importance"))
    halved = trained(tmp_path / "halved", 2, loss=dict(times="importance"))
    run = halved.logging_and_saving_dir
    resumed = model(tmp_path, loss=dict(times="importance"))
    resumed.train(2, evaluate_every=0, resume=run)
    for ours, theirs in zip(leaves(resumed), leaves(straight), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    assert measured(resumed)[1:] == measured(straight)[1:]
    loaded = DiscreteDiffusion.load(run, epoch=4)
    np.testing.assert_array_equal(loaded.sample(5), straight.sample(5))


@pytest.mark.slow
def test_images_are_made_with_the_average(lines):
    """With the parameters themselves they are others; so they are if no average is kept."""
    state = lines.state
    ours = lines.sample(1000, key=jax.random.key(0))
    swapped = eqx.tree_at(lambda s: s.denoiser, state, state.average)
    other = eqx.tree_at(lambda s: s.average, state, state.denoiser)
    try:
        lines.state = swapped
        np.testing.assert_array_equal(lines.sample(1000, key=jax.random.key(0)), ours)
        lines.state = other
        assert (lines.sample(1000, key=jax.random.key(0)) != ours).any()
    finally:
        lines.state = state


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_training_and_is_named(tmp_path):
    at_work = model(tmp_path, optim=dict(learning_rate=1e38, n_warmup_updates=0))
    with pytest.raises(NotFiniteError, match=r"update \d+, in epoch 1, is nan.*learning_rate"):
        at_work.train(3, evaluate_every=0)
    assert at_work.epoch == 0


@pytest.mark.slow
def test_everything_is_measured_drawn_and_written_down(tmp_path):
    at_work = model(tmp_path)
    at_work.train(2, evaluate_every=2)
    run = at_work.logging_and_saving_dir
    assert at_work.eval_epochs == [0, 2]
    last = at_work.history.last
    assert last is not None
    (bits,), (loss,) = last.per_part["bits_per_dim"], last.per_part["training_loss"]
    assert bits is not None
    assert loss is not None
    assert 0 < bits < 2
    assert "bits_per_dim" in (run / "metrics.csv").read_text().splitlines()[0]
    assert {"epoch2_clamped.png", "epoch2_free.png"} <= {p.name for p in (run / "images").iterdir()}
    assert list((run / "gifs").iterdir())
    assert {"bits_by_time.png", "fid_vs_epoch.png"} <= {path.name for path in run.iterdir()}
    assert re.search(r"epoch 2: [\d.]+ s \([\d.]+ ms a batch\)", at_work.log_file.read_text())
    (finding,) = at_work.model.findings(at_work.state)
    assert "bits per dimension" in finding.text


# --- what a user asks for ------------------------------------------------------------------


@pytest.mark.slow
def test_known_pixels_stay_and_others_are_made(lines):
    images = np.tile(CODES[[5]], (40, 1, 1))
    known = np.array([[True, False], [True, True]])
    made = lines.inpaint(images, known)
    np.testing.assert_array_equal(made[:, known], images[:, known])
    assert len(set(made[:, 0, 1].tolist())) == 2
    np.testing.assert_array_equal(lines.inpaint(images, np.ones_like(images, bool)), images)


@pytest.mark.slow
def test_noisy_images_are_denoised(lines):
    mask = 2
    noisy = np.full((30, *SIDES), mask)
    noisy[:, 0, 0] = 1
    made = lines.denoise(noisy, t=2)
    assert made.dtype == np.uint8
    assert (made[:, 0, 0] == 1).all(), "a pixel that is not masked is known"
    assert set(made.ravel().tolist()) == {0, 1}


@pytest.mark.slow
def test_guidance_drives_images_towards_their_class(lines):
    plain, driven = (lines.sample(400, labels=0, guidance=w) for w in (0.0, 4.0))
    assert (plain != driven).any()
    with pytest.raises(ValueError, match=r"guidance must be .* at least 0"):
        lines.sample(2, guidance=-1.0)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.sample(2, n_steps=4), "n_steps=4: from time 3 there are 3 steps back"),
        (lambda m: m.sample(0), "n must be"),
        (lambda m: m.sample(2, labels=7), "7"),
        (lambda m: m.sample(3, labels=[0, 1]), "2 labels for 3 images"),
        (lambda m: m.denoise(CODES, t=9), "t=9: the process has the times 1 to 3"),
        (lambda m: m.denoise(CODES + 3, t=1), "whole numbers from 0 to 2"),
        (lambda m: m.inpaint(CODES + 1, CODES > 0), "whole numbers from 0 to 1"),
        (lambda m: m.inpaint(CODES, CODES), "give booleans"),
        (lambda m: m.inpaint(CODES[0], CODES[0] > 0), r"give \(image, 2, 2\)"),
        (lambda m: m.bits_per_dim(CODES.astype(float)), "whole numbers"),
    ],
)
def test_mistakes_are_explained(untrained, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(untrained)


@pytest.mark.slow
def test_a_network_that_always_knew_the_class_makes_nothing_without_one(tmp_path):
    told = model(tmp_path, optim=dict(classless_share=0.0))
    asked = [
        lambda labels: told.inpaint(CODES[:2], CODES[0] > 0, labels=labels),
        lambda labels: told.denoise(CODES[:2], t=2, labels=labels),
        lambda labels: told.bits_per_dim(CODES[:2], labels=labels),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match=r"class of every training image.*give labels"):
            ask(None)
        ask(1)
    with pytest.raises(ValueError, match="leave out guidance"):
        told.sample(2, labels=0, guidance=1.0)
    told.sample(2)  # of classes that are drawn


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(generation=dict(n_steps=4)), "n_steps=4 are more than process.n_timesteps=3"),
        (dict(optim=dict(batch_size=1000)), "batch_size=1000 is more than the"),
        (dict(process=dict(absorbing_level=2)), "absorbing_level=2: images have the levels 0 to 1"),
        (dict(network=dict(multipliers=(1, 2, 2))), "do not halve"),
        (
            dict(optim=dict(classless_share=0.0), generation=dict(guidance=1.0)),
            "guidance=1.0 with optim.classless_share=0: .*share such as 0.1",
        ),
        (dict(process=dict(schedule="linear")), None),
    ],
)
def test_configs_that_contradict_themselves_are_refused(sections, message):
    if message is None:
        with pytest.raises(ValueError, match="not mixed"):
            DiscreteModel(tiny_cfg(**sections), own_images())
        return
    with pytest.raises(ValueError, match=message):
        tiny_cfg(**sections)


LINEAR: dict[str, Any] = dict(schedule="linear", beta_start=0.2, beta_end=0.9)


@pytest.mark.parametrize(
    "sections",
    [
        dict(process=dict(kind="uniform"), loss=dict(kind="bound", reverse="product")),
        dict(process=dict(kind="absorbing"), loss=dict(kind="cross_entropy")),
        dict(
            process=dict(kind="gaussian", grayscale_levels=3, **LINEAR),
            loss=dict(output="logistic"),
        ),
        dict(process=dict(kind="banded", grayscale_levels=3, band_width=2, **LINEAR)),
        dict(process=dict(kind="neighbours"), network=dict(precision="bfloat16")),
    ],
    ids=lambda sections: sections["process"]["kind"],
)
@pytest.mark.slow
def test_every_kind_trains_and_draws(tmp_path, sections):
    process = dict(n_timesteps=40, schedule="cosine_squared") | sections["process"]
    at_work = trained(tmp_path, 20, **sections | dict(process=process))
    losses = np.array([r.per_part["training_loss"] for r in at_work.history.records[1:]], float)
    # an epoch is 6 batches at random times: means of five scatter by less than they fall
    assert losses[-5:].mean() < losses[:5].mean()
    images = at_work.sample(4, labels=1)
    assert images.shape == (4, *SIDES)
    assert images.max() <= at_work.cfg.n_levels


@pytest.mark.parametrize("name", DiscreteConfig.names())
def test_configs_that_come_with_the_family_are_known_by_name(name):
    cfg = parse_any(["discrete", "--config", name, "--epochs", "3"]).cfg
    assert cfg == DiscreteConfig.named(name) != DiscreteConfig()


def test_a_config_of_another_name_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"no config 'binmnist'.*bin_mnist"):
        parse_any(["discrete", "--config", "binmnist"])
    with pytest.raises(ValueError, match="There are: none"):
        parse_any(["independent", "--config", "bin_mnist"])
    tiny_cfg().save(tmp_path / "mine.yaml")
    assert parse_any(["discrete", "--config", str(tmp_path / "mine.yaml")]).cfg == tiny_cfg()


def test_times_lead_from_the_first_to_0_and_never_stand_still():
    assert time_grid(10, 4).tolist() == [10, 8, 5, 3, 0]
    for first in (1, 3, 100):
        for n_steps in range(1, first + 1):
            times = time_grid(first, n_steps)
            assert (len(times), times[0], times[-1]) == (n_steps + 1, first, 0)
            assert (np.diff(times) < 0).all()
