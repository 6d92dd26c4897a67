"""Heavy-tailed diffusion as a family: what it learns, keeps, draws and measures.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM
from scipy import stats
from tiny import measured, rest_slow

from thrmlDenoising.data import OwnImages, load_dataset
from thrmlDenoising.data.points import OwnPoints
from thrmlDenoising.families.levy import LevyConfig, LevyDiffusion, make_cfg
from thrmlDenoising.families.levy.learnt_images import Images, levels_of
from thrmlDenoising.families.levy.objectives import Objective
from thrmlDenoising.families.levy.trainer import Part, after_parts
from thrmlDenoising.processes import Place, Preserving
from thrmlDenoising.quality import RealImages
from thrmlDenoising.quality.bootstrap import draw_counts
from thrmlDenoising.quality.by_class import measure_class_recall, measure_class_shares
from thrmlDenoising.quality.features import named_extractor
from thrmlDenoising.quality.report import QualityReport


def tiny_cfg(**sections: Any) -> LevyConfig:
    return make_cfg(
        exp=dict(descriptor="tiny", generate_gif=False, n_drawn=4),
        data=dict(name="gmm_2", n_train=64, n_test=200),
        noise=dict(n_timesteps=6),
        mlp=dict(width=8, n_blocks=1, time_width=4),
        optim=dict(batch_size=32, learning_rate=0.01, n_warmup_updates=2, average_decay=0.9),
        generation=dict(n_judged=40),
        evaluation=dict(bootstrap_replicates=20),
    ).replace(**sections)


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


@pytest.fixture(scope="module")
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
        "tails.png",
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


# --- what is minimised ---------------------------------------------------------------------

SAID = np.array([[0.3, -2.0], [5.0, 0.1], [0.0, 0.2], [-1.0, 3.0], [0.4, 0.4], [40.0, -7.0]])
ADDED = np.array([[0.1, -1.0], [-3.0, 0.0], [0.0, 0.0], [1.0, 2.0], [0.5, -0.4], [2.0, 1.0]])
WAY = Preserving(1.7, 1.0).way(9)
AT = np.array([1, 1, 4, 4, 9, 9])
PLACE = WAY.at(jnp.asarray(AT))


def loss(kind: str, place: Place = PLACE, n_groups: int = 1, size: int = 1) -> np.ndarray:
    objective = Objective(kind, 1.7, 0.8, n_groups, size)
    said, added = (jnp.asarray(of, jnp.float32) for of in (SAID, ADDED))
    return np.asarray(objective(said, added, place), float)


def losses_by_hand(kind: str) -> np.ndarray:
    off = SAID - ADDED
    if kind == "root":
        return np.sqrt((off**2).mean(axis=1))
    if kind == "squared":
        g, s = np.asarray(WAY.signal, float)[AT], np.asarray(WAY.noise, float)[AT]
        return (1 + s**2 / g**2) * (off**2).mean(axis=1)
    y = abs(off) / 1.7
    return np.where(y < 0.8, y**2 / 2, 0.8 * (y - 0.4)).mean(axis=1)


@pytest.mark.parametrize("kind", ["root", "smooth", "squared"])
def test_losses_are_those_of_their_formulas(kind):
    np.testing.assert_allclose(loss(kind), losses_by_hand(kind), rtol=1e-5)
    others = {"root", "smooth", "squared"} - {kind}
    for twin in others:
        assert abs(loss(kind) - losses_by_hand(twin)).max() > 0.1


@pytest.mark.parametrize("kind", ["root", "smooth"])
def test_of_groups_of_noises_the_median_of_means_counts(kind):
    by_hand = losses_by_hand(kind)
    of_groups = by_hand.reshape(1, 3, 2).mean(axis=2)  # one example, three groups of two
    median = np.median(of_groups, axis=1)
    np.testing.assert_allclose(loss(kind, n_groups=3, size=2), median, rtol=1e-5)
    assert abs(of_groups.mean(axis=1) - median) > 0.1, "the twin"
    of_pairs = by_hand.reshape(2, 3, 1)[..., 0]
    np.testing.assert_allclose(loss(kind, n_groups=3), np.median(of_pairs, axis=1), rtol=1e-5)
    np.testing.assert_allclose(loss(kind, size=3), of_pairs.mean(axis=1), rtol=1e-5)


def test_a_loss_that_is_0_has_a_slope():
    objective = Objective("root", 1.7, 1.0, 1, 1)

    def total(said):
        return objective(said, jnp.zeros((2, 2)), WAY.at(jnp.array([2, 3]))).sum()

    assert np.isfinite(jax.grad(total)(jnp.zeros((2, 2)))).all()


@pytest.mark.slow
def test_every_example_is_noised_as_often_as_groups_say(tmp_path):
    grouped = trained(tmp_path, 1, loss=dict(n_groups=3, group_size=2))
    plain = trained(tmp_path, 1)
    assert grouped.model.trainer.objective.n_noises == 6
    assert int(grouped.state.n_updates) == int(plain.state.n_updates) == 2
    differing = zip(leaves_of(grouped), leaves_of(plain), strict=True)
    assert any((a != b).any() for a, b in differing)


# --- what users say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(noise=dict(alpha=1.0)), "noise.alpha must be a finite number above 1, to 2, not 1"),
        (dict(noise=dict(alpha=2.5)), "noise.alpha must be a finite number above 1, to 2"),
        (dict(data=dict(alpha=0.5)), "data.alpha must be a finite number above 1, to 2"),
        (dict(noise=dict(nu=2.0)), "noise.nu must be a finite number above 2"),
        (dict(noise=dict(method="t_edm", isotropic=False)), "noise.isotropic=False .* one size"),
        (dict(noise=dict(method="ddpm")), "noise.method must be .*dlpm.*lim.*t_edm"),
        (dict(noise=dict(n_timesteps=0)), "noise.n_timesteps must be"),
        (dict(noise=dict(spacing=0.0)), "noise.spacing must be a finite number above 0"),
        (dict(loss=dict(n_groups=0)), "loss.n_groups must be an integer of at least 1"),
        (dict(loss=dict(kind="mean")), "loss.kind must be .*smooth.*root.*squared"),
        (dict(generation=dict(eta=1.5)), "generation.eta must be a finite number from 0 to 1"),
        (dict(generation=dict(eta=0.5)), "generation.eta=0.5 with .*deterministic=False.*DLIM"),
        (dict(generation=dict(clip=0.0)), "generation.clip must be"),
        (dict(optim=dict(batch_size=65)), "batch_size=65 is more than the 64 training examples"),
        (
            dict(data=dict(name="fashion_mnist_10k"), exp=dict(n_drawn=41)),
            "n_drawn=41 are drawn of generation.n_judged=40",
        ),
        (dict(data=dict(imbalance=0.5)), "data.imbalance must be a finite number of at least 1"),
        (dict(data=dict(imbalance=5.0)), "data.imbalance: points have no classes"),
        (dict(data=dict(image="a.png")), "a picture goes with the name 'image'"),
        (dict(data=dict(name="image")), "a picture goes with the name 'image'"),
        (dict(data=dict(n_axes=2)), "describes own points in part"),
        (dict(data=dict(name="gmm_gird")), r"gmm_gird.*Points: gmm_2, gmm_grid"),
        (dict(data=dict(name="smoke_testing_3_1_3")), "toy sets are of one image a class"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(sections, message):
    with pytest.raises(ValueError, match=message):
        tiny_cfg(**sections)


@pytest.mark.parametrize("method", ["lim", "t_edm"])
def test_noise_on_the_deterministic_way_is_of_dlpm_alone(method):
    generation = dict(eta=0.5, deterministic=True)
    assert tiny_cfg(generation=generation).generation.eta == 0.5
    with pytest.raises(ValueError, match=rf"noise.method='{method}'.*Leave it at 0"):
        tiny_cfg(generation=generation, noise=dict(method=method))


def test_what_touches_training_stays_in_a_resumed_run():
    free = LevyConfig.free_to_change
    assert {name for name in free if name.startswith("generation.")} == {
        f"generation.{name}" for name in ("n_steps", "deterministic", "eta", "clip", "n_judged")
    }
    assert not [name for name in free if name.startswith(("noise.", "loss.", "optim.", "mlp."))]


# --- images --------------------------------------------------------------------------------


def image_cfg(**sections: Any) -> LevyConfig:
    return make_cfg(
        exp=dict(descriptor="tiny", generate_gif=False, n_drawn=4),
        data=dict(name="fashion_mnist_10k", target_classes=(0, 1)),
        noise=dict(n_timesteps=4),
        network=dict(channels=8, multipliers=(1,), n_blocks=1, attention_levels=()),
        optim=dict(batch_size=500, n_warmup_updates=1),
        generation=dict(n_judged=60),
        evaluation=dict(bootstrap_replicates=20),
    ).replace(**sections)


@pytest.mark.slow
def test_images_are_learnt_and_judged_class_by_class(tmp_path):
    at_work = LevyDiffusion(image_cfg(), tmp_path)
    at_work.train(1, evaluate_every=1)
    assert at_work.sample(3).shape == (3, 28, 28)
    metrics = at_work.history.records[-1].metrics
    names = {"class_shares_tv", "share_of_0", "share_of_1", "beyond_range"}
    names |= {"classifier_recall_of_0", "classifier_recall_of_1", "classifier_fd"}
    assert {f"free_{name}" for name in names} <= set(metrics)
    assert metrics["free_share_of_0"] + metrics["free_share_of_1"] == pytest.approx(100)
    assert (at_work.logging_and_saving_dir / "images/epoch1_free.png").stat().st_size > 500
    whole = LevyDiffusion.load(at_work.logging_and_saving_dir)
    np.testing.assert_array_equal(whole.sample(3), at_work.sample(3))


def test_numbers_of_images_are_grey_levels_and_beyond_them_only_counted():
    made = np.array([[[-1.0, 1.0], [0.0, 3.0]], [[-1.001, -7.0], [0.5, 1.001]]], np.float32)
    assert levels_of(made).tolist() == [[0, 255, 128, 255], [0, 0, 191, 255]]


@pytest.mark.parametrize("imbalance", [1.0, 10.0])
def test_training_images_are_as_imbalanced_as_is_said(imbalance):
    """floor(n imbalance^(-c / 2)) of the classes c = 0, 1, 2 in the order they are named."""
    data = dict(target_classes=(5, 0, 3), imbalance=imbalance)
    cfg = image_cfg(data=data)
    learnt = Images(cfg)
    counts = np.bincount(learnt.dataset.train.classes, minlength=3).tolist()
    n = min(cfg.data.facts.train_counts[target] for target in (5, 0, 3))
    if imbalance > 1:
        assert counts == [n, int(n * imbalance**-0.5), n // 10]
    assert len(learnt.train) == sum(counts) == cfg.data.n_learnt
    assert learnt.train.shape[1:] == (28, 28)
    assert learnt.train.min() == -1
    assert learnt.train.max() == 1
    held_out = np.bincount(learnt.dataset.test.classes)
    assert held_out.min() > 0.5 * held_out.max(), "held-out images are of all classes"


def test_classes_without_an_image_are_refused():
    with pytest.raises(ValueError, match="leaves the last class without images"):
        image_cfg(data=dict(imbalance=1e9))


def test_images_are_not_clamped_and_their_classes_exist():
    with pytest.raises(ValueError, match=r"evaluation\.clamp: images are judged in grey levels"):
        image_cfg(evaluation=dict(clamp=1.0))
    with pytest.raises(ValueError, match="has the classes 0 to 9, not 10"):
        image_cfg(data=dict(target_classes=(0, 10)))


@pytest.mark.parametrize("seed", rest_slow((0, 1, 2), 0))
def test_a_class_that_is_missing_is_seen(seed):
    """Training images of two classes, and those of one of them alone."""
    dataset = load_dataset(
        "fashion_mnist_10k",
        target_classes=(1, 9),
        n_levels=255,
        pixel_threshold=0.0,
    )
    rng, real = np.random.default_rng(seed), RealImages(dataset, 0.0)
    chosen = rng.permutation(len(dataset.train.pixels))[:600]
    pixels, classes = dataset.train.pixels[chosen], dataset.train.classes[chosen]
    extractor = named_extractor("classifier", "fashion_mnist_10k")

    def values(pixels: np.ndarray) -> dict[str, float]:
        report, brightness = QualityReport({}, {"classifier": None}), dataset.brightness(pixels)
        counts = draw_counts(np.random.default_rng(seed), len(pixels), 50)
        measure_class_recall(report, real, extractor, brightness, counts)
        measure_class_shares(report, real, brightness, counts)
        return report.values

    both, one = values(pixels), values(pixels[classes == 0])
    for target in (1, 9):
        assert both[f"classifier_recall_of_{target}"] > 0.7
        share = (classes == (target == 9)).mean()
        assert stats.binomtest(round(6 * both[f"share_of_{target}"]), 600, share).pvalue > ALARM
    assert both["class_shares_tv"] < 0.08
    assert one["classifier_recall_of_1"] > 0.7
    assert one["classifier_recall_of_9"] < 0.05
    assert one["share_of_9"] < 5
    assert one["class_shares_tv"] == pytest.approx(0.5, abs=0.05)


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


def test_images_that_are_not_finite_are_of_no_grey_level():
    made = np.zeros((3, 2, 2), np.float32)
    assert levels_of(made).tolist() == [[128] * 4] * 3
    made[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 3 images have numbers that are not finite"):
        levels_of(made)


def test_data_and_words_of_another_kind_are_refused(points):
    images = OwnImages("mine", np.eye(4, dtype=bool)[None].repeat(4, axis=0), [0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"data is OwnImages: .* OwnPoints"):
        LevyDiffusion(make_cfg(), data=images)
    with pytest.raises(ValueError, match="deterministic must be"):
        points.sample(3, deterministic="no")
