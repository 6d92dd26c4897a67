"""Heavy-tailed diffusion as a family: what it learns, keeps, draws and measures.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from heavy import tiny_cfg
from tiny import SLOW, measured, rest_slow

from thrmlDenoising.data import OwnImages
from thrmlDenoising.data.points import OwnPoints
from thrmlDenoising.families.levy import LevyDiffusion, make_cfg
from thrmlDenoising.families.levy.trainer import Part, after_parts
from thrmlDenoising.quality.report import QualityReport


def model(folder, **sections: Any) -> LevyDiffusion:
    return LevyDiffusion(tiny_cfg(**sections), folder)


def trained(folder, n_epochs: int = 2, **sections: Any) -> LevyDiffusion:
    at_work = model(folder, **sections)
    at_work.train(n_epochs, evaluate_every=0)
    return at_work


def leaves_of(at_work: LevyDiffusion) -> list[np.ndarray]:
    return [np.array(leaf) for leaf in jax.tree.leaves(at_work.state)]


def assert_same_states(ours: LevyDiffusion, theirs: list[np.ndarray]) -> None:
    for a, b in zip(leaves_of(ours), theirs, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.fixture(scope="module", params=SLOW)
def points(tmp_path_factory) -> LevyDiffusion:
    return trained(tmp_path_factory.mktemp("runs"))


# --- training, and what is kept ------------------------------------------------------------


@pytest.mark.slow
def test_a_resumed_run_is_the_one_that_never_stopped(tmp_path):
    whole, first = (model(tmp_path / name) for name in ("whole", "parts"))
    whole.train(4, evaluate_every=0)
    first.train(2, evaluate_every=0)
    second = model(tmp_path / "parts")
    second.train(2, evaluate_every=0, resume=first.logging_and_saving_dir)
    assert measured(second) == measured(whole)
    assert_same_states(second, leaves_of(whole))
    loaded = LevyDiffusion.load(whole.logging_and_saving_dir)
    assert_same_states(loaded, leaves_of(whole))
    np.testing.assert_array_equal(loaded.sample(5), whole.sample(5))
    twin = LevyDiffusion.load(whole.logging_and_saving_dir, epoch=2)
    assert (twin.sample(5) != whole.sample(5)).any()


@pytest.mark.slow
def test_a_run_has_numbers_tables_and_pictures(tmp_path):
    at_work = model(tmp_path, exp=dict(generate_gif=True), evaluation=dict(clamp=3.0))
    at_work.train(1, evaluate_every=1)
    folder = at_work.logging_and_saving_dir
    for name in (
        "images/epoch1_free.png",
        "gifs/epoch1_free.gif",
        "images/epoch1_tails.png",
        "modes_vs_epoch.png",
        "evaluations/epoch1.json",
        "metrics.csv",
    ):
        assert (folder / name).stat().st_size > 100, name
    losses = np.array(at_work.history.of_parts("training_loss")[1], float)
    assert np.isfinite(losses).all()
    epochs, values = at_work.history.series("free_emd")
    assert list(epochs) == [0, 1]
    assert np.isfinite(values).all()
    free = json.loads((folder / "evaluations/epoch1.json").read_text())["free"]
    assert free["reference"]["clamped at"].startswith("3 (")
    assert {row["n_images"] for row in free["measurements"]} <= {0, 40}


METHODS = [
    dict(method="dlpm", alpha=1.7),
    dict(method="dlpm", alpha=2.0),
    dict(method="dlpm", isotropic=False),
    dict(method="lim"),
    dict(method="t_edm"),
    dict(method="dlpm", schedule="exploding"),
    dict(method="lim", schedule="preserving", spacing=1.0),
]


@pytest.mark.parametrize("noise", rest_slow(METHODS, 0), ids=str)
@pytest.mark.parametrize("says", ["noise", "start", "rest"])
def test_every_method_learns_and_draws(tmp_path, noise, says):
    at_work = trained(tmp_path, 15, noise=noise, denoiser=dict(says=says))
    losses = np.array(list(at_work.history.of_parts("training_loss").values())[1:], float)
    assert np.isfinite(losses).all()
    assert losses[-3:].mean() < losses[:3].mean()
    stochastic, deterministic = (at_work.sample(20, deterministic=of) for of in (False, True))
    assert np.isfinite(stochastic).all()
    assert np.isfinite(deterministic).all()
    assert (stochastic != deterministic).any()


# --- samples -------------------------------------------------------------------------------


@pytest.mark.slow
def test_other_numbers_of_steps_leave_the_model_as_it_is(points):
    """The schedule is a function of the number of steps, and kept nowhere."""
    way, before, state = points.model.way, points.sample(30), leaves_of(points)
    made = [points.sample(30, n_steps=n) for n in (3, 50)]
    assert all(np.isfinite(of).all() and (of != before).any() for of in made)
    assert points.model.way is way
    assert points.model.way.n_steps == points.cfg.noise.n_timesteps == 6
    assert_same_states(points, state)
    np.testing.assert_array_equal(points.sample(30), before)
    np.testing.assert_array_equal(points.sample(30, n_steps=6), before)
    points.model.train_epoch(points.state, lambda: None)  # at the times of training
    np.testing.assert_array_equal(points.sample(30), before)


@pytest.mark.slow
def test_training_goes_on_as_if_nothing_had_been_drawn(tmp_path):
    drawing, silent = (trained(tmp_path, 1) for _ in range(2))
    drawing.sample(10, n_steps=3)
    for at_work in (drawing, silent):
        at_work.train(1, evaluate_every=0)
    assert_same_states(drawing, leaves_of(silent))


def test_the_same_key_gives_the_same_points_however_many(points):
    keys = jax.random.key(3), jax.random.PRNGKey(3)
    ours, theirs = (points.sample(7, key) for key in keys)
    np.testing.assert_array_equal(ours, theirs)
    assert (points.sample(7, jax.random.key(4)) != ours).any()
    block = points.model.data.block
    many = points.sample(block + 7)
    np.testing.assert_array_equal(points.sample(2 * block)[:block], many[:block])
    np.testing.assert_array_equal(points.sample(block), many[:block])
    assert many.shape == (block + 7, 2)
    assert len(np.unique(many, axis=0)) == len(many)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda of: of.sample(0), "n must be an integer of at least 1"),
        (lambda of: of.sample(3, n_steps=0), "n_steps must be an integer of at least 1"),
        (lambda of: of.quality(0), "n must be an integer of at least 1"),
    ],
)
def test_no_points_and_no_steps_are_refused(points, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(points)


# --- own points ----------------------------------------------------------------------------


def own_points(n_axes: int) -> OwnPoints:
    rng = np.random.default_rng(n_axes)
    return OwnPoints("mine", rng.standard_t(3, (80, n_axes)), test_fraction=0.25)


@pytest.mark.parametrize("n_axes", rest_slow([3, 1], 0))
def test_own_points_of_any_number_of_axes(tmp_path, n_axes):
    own = own_points(n_axes)
    at_work = LevyDiffusion(tiny_cfg(data=own.cfg), tmp_path, own)
    at_work.train(1, evaluate_every=0)
    assert at_work.sample(6).shape == (6, n_axes)
    np.testing.assert_array_equal(at_work.train_dataset, own.train)
    folder = at_work.logging_and_saving_dir
    loaded = LevyDiffusion.load(folder)
    np.testing.assert_array_equal(loaded.sample(6), at_work.sample(6))
    with pytest.raises(ValueError, match=r"the points 'mine' are a user's own.*give them"):
        loaded.quality()
    again = LevyDiffusion.load(folder, data=own)
    values = again.quality(20).values
    assert values["emd"] > 0
    assert "within_3_sigma" not in values, "they are of no known mixture"


def test_missing_or_other_points_are_refused(tmp_path):
    own, other = own_points(3), OwnPoints("mine", np.random.default_rng(9).normal(size=(80, 3)))
    cfg = tiny_cfg(data=own.cfg)
    with pytest.raises(ValueError, match="the points 'mine' are a user's own"):
        LevyDiffusion(cfg, tmp_path).train(1)
    with pytest.raises(ValueError, match=r"not the points the config describes: .*points_sha256"):
        LevyDiffusion(cfg, tmp_path, other)
    with pytest.raises(ValueError, match=r"build it with the entries of points\.cfg"):
        LevyDiffusion(tiny_cfg(), tmp_path, own)
    assert not list(tmp_path.iterdir())


# --- judging -------------------------------------------------------------------------------


def judged(at_work: LevyDiffusion, made: np.ndarray) -> QualityReport:
    return at_work.model.data.judged(made)


def test_nothing_is_cut_before_it_is_judged_unless_that_is_said(points, tmp_path):
    """Of 400 points 8 are 100 and more away, which is the quantile .99; DLPM's are cut at 6."""
    rng = np.random.default_rng(0)
    made = rng.normal(0, 0.1, (400, 2)).astype(np.float32) + np.array([1, 0], np.float32)
    made[:8] *= 200
    free = judged(points, made)
    assert free.values["q99"] > 100
    assert "clamped at" not in free.reference
    cut = model(tmp_path, evaluation=dict(clamp=6.0))
    report = judged(cut, made)
    assert report.values["q99"] < 6 * np.sqrt(2) + 1e-3
    assert report.reference["clamped at"] == "6 (8 of 400 points)"
    assert report.values["emd"] < free.values["emd"]
    assert "clamped at" in str(report)


def test_what_is_drawn_is_not_cut(tmp_path):
    """An untrained network says 0: what is left of the noise of sizes comes through."""
    heavy = model(tmp_path, noise=dict(alpha=1.1, schedule="exploding"))
    made = heavy.sample(500)
    assert abs(made).max() > 6
    assert heavy.quality(500).values["q99"] > 6


@pytest.mark.slow
def test_clipping_what_is_said_keeps_points_within(tmp_path):
    clipped = model(tmp_path, generation=dict(clip=0.5), noise=dict(alpha=1.2))
    assert abs(clipped.sample(200)).max() <= 0.5 + 1e-5
    assert abs(clipped.sample(200, deterministic=True)).max() <= 0.5 + 1e-5
    free = model(tmp_path, noise=dict(alpha=1.2))
    assert abs(free.sample(200)).max() > 0.5


@pytest.mark.slow
def test_every_example_is_noised_as_often_as_groups_say(tmp_path):
    grouped = trained(tmp_path, 1, loss=dict(n_groups=3, group_size=2))
    plain = trained(tmp_path, 1)
    assert grouped.model.trainer.objective.n_noises == 6
    assert int(grouped.state.n_updates) == int(plain.state.n_updates) == 2
    differing = zip(leaves_of(grouped), leaves_of(plain), strict=True)
    assert any((a != b).any() for a, b in differing)


def test_parts_of_a_batch_count_by_their_examples(points):
    trainer, state = points.model.trainer, points.state
    one, other = (jax.tree.map(lambda p, c=c: c * jnp.ones_like(p), state.denoiser) for c in (1, 6))
    mean = jax.tree.map(lambda a, b: (16 * a + 4 * b) / 20, one, other)
    parts = [Part(16, jnp.array(1.0), one), Part(4, jnp.array(6.0), other)]
    _, loss = after_parts(trainer, state, parts)
    assert float(loss) == pytest.approx(2.0)
    whole, _ = after_parts(trainer, state, [Part(20, jnp.array(2.0), mean)])
    divided, _ = after_parts(trainer, state, parts)
    pairs = zip(jax.tree.leaves(whole), jax.tree.leaves(divided), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_data_and_words_of_another_kind_are_refused(points):
    images = OwnImages("mine", np.eye(4, dtype=bool)[None].repeat(4, axis=0), [0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"data is OwnImages: .* OwnPoints"):
        LevyDiffusion(make_cfg(), data=images)
    with pytest.raises(ValueError, match="deterministic must be"):
        points.sample(3, deterministic="no")
