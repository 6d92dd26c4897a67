"""Diffusion on hierarchical data: what it draws, learns and measures, held to the truth.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import json
import re
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, fit_p_value
from tiny import measured, rest_slow

from thrmlDenoising.diffusion import CategoricalStep, time_grid, walk
from thrmlDenoising.evaluate.checkpoint import checkpoint_command
from thrmlDenoising.families.hierarchy import HierarchyConfig, HierarchyDiffusion, make_cfg
from thrmlDenoising.families.hierarchy.config import GrammarConfig
from thrmlDenoising.families.hierarchy.denoisers import StringDenoiser
from thrmlDenoising.families.hierarchy.judging import judged
from thrmlDenoising.families.hierarchy.model import HierarchyModel
from thrmlDenoising.families.hierarchy.noise import OneHotNoise
from thrmlDenoising.families.hierarchy.rules import rule_uses
from thrmlDenoising.families.hierarchy.strings import draw_strings
from thrmlDenoising.processes import kl_bits
from thrmlDenoising.train.arguments import parse_any
from thrmlDenoising.train.command import train

SEEDS = (0, 1, 2)
SMALL = dict(n_symbols=3, n_classes=2, n_synonyms=2, n_layers=2, n_train=8, n_test=8)
"""16 strings of 4 tokens, of 81."""

EVERY = np.array(list(product(range(3), repeat=4)))


def tiny_cfg(**sections) -> HierarchyConfig:
    return make_cfg(
        exp=dict(descriptor="tiny"),
        hierarchy=SMALL,
        process=dict(n_timesteps=4, schedule="cosine_squared"),
        network=dict(width=16),
        optim=dict(batch_size=8, learning_rate=0.02, n_warmup_updates=2, average_decay=0.9),
        generation=dict(n_judged=40),
    ).replace(**sections)


EXACT = dict(denoiser=dict(kind="exact"))


@pytest.fixture(scope="module")
def exact(tmp_path_factory) -> HierarchyDiffusion:
    return HierarchyDiffusion(tiny_cfg(**EXACT), tmp_path_factory.mktemp("runs"))


def numbers_of(tokens: np.ndarray) -> np.ndarray:
    return tokens @ 3 ** np.arange(3, -1, -1)


def leaves_of(model: HierarchyDiffusion) -> list[np.ndarray]:
    return [np.array(leaf) for leaf in jax.tree.leaves(model.state.denoiser)]


def all_strings(model: HierarchyDiffusion) -> np.ndarray:
    return all_strings_of(model.model)


def all_strings_of(model: HierarchyModel) -> np.ndarray:
    grammar = model.cfg.hierarchy.grammar
    return grammar.strings(range(grammar.n_strings)).tokens


# --- the exact denoiser --------------------------------------------------------------------


@pytest.mark.parametrize("t", rest_slow([1, 2, 4]))
def test_the_exact_denoiser_knows_what_listing_all_strings_says(exact, t):
    process, strings = exact.model.noise.process, all_strings(exact)
    forward = np.exp(np.asarray(process.log_cumulative(t), float))
    joint = forward[strings[:, None, :], EVERY[None]].prod(axis=2).T  # (noisy, string)
    p = joint / joint.sum(axis=1, keepdims=True)
    wanted = np.einsum("ns,sdv->ndv", p, np.eye(3)[strings])
    said = np.asarray(exact.model.exact(jnp.asarray(EVERY), jnp.full(len(EVERY), t)))
    np.testing.assert_allclose(np.exp(said), wanted, atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_steps", rest_slow([1, 4]))
def test_with_the_exact_denoiser_every_string_is_drawn_as_often(exact, seed, n_steps):
    drawn = exact.sample(2000, jax.random.key(seed), n_steps)
    assert exact.cfg.hierarchy.grammar.validity(drawn).tolist() == [1, 1]
    strings = numbers_of(all_strings(exact))
    counts = (numbers_of(drawn)[:, None] == strings).sum(axis=0)
    assert fit_p_value(counts[None], np.full((1, 16), 1 / 16)) > ALARM


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_a_noisy_string_becomes_what_it_was_as_often_as_it_was(tmp_path, seed, n_steps):
    """From one noisy string, in strides of 6, 3 and 2 times: p(x_0 | x_t), listed."""
    process = dict(n_timesteps=12, schedule="cosine_squared")
    exact = HierarchyDiffusion(tiny_cfg(**EXACT, process=process), tmp_path)
    process, strings = exact.model.noise.process, all_strings(exact)
    noisy, t = np.array([0, 1, 2, 0]), 6
    p = np.exp(np.asarray(process.log_evidence(jnp.asarray(noisy)[None], t), float))[0]
    wanted = p[np.arange(4), strings].prod(axis=1)
    drawn = exact.denoise(np.tile(noisy, (4000, 1)), t, jax.random.key(seed), n_steps)
    counts = (numbers_of(drawn)[:, None] == numbers_of(strings)).sum(axis=0)
    assert counts.sum() == 4000
    assert fit_p_value(counts[None], wanted[None] / wanted.sum()) > ALARM
    assert fit_p_value(counts[None], np.full((1, 16), 1 / 16)) < ALARM, "the twin"


@pytest.mark.slow
def test_tokens_that_are_drawn_by_themselves_do_not_go_together(exact):
    """The twin: the same denoiser, without drawing whole strings."""
    model = exact.model
    step = CategoricalStep(model.noise.process, model.exact, "mixture")
    x = model.noise.process.start(jax.random.key(0), (2000, 4))
    tokens = walk(step, jax.random.key(1), x, time_grid(4, 1), [1])[-1]
    assert exact.cfg.hierarchy.grammar.validity(tokens)[-1] < 0.5


@pytest.mark.slow
def test_what_is_exact_is_nowhere_from_exact_and_bounds_what_strings_take(exact):
    assert exact.gap_to_exact().value == pytest.approx(0, abs=1e-6)
    bits = exact.bits_per_dim(all_strings(exact), n_spans=4)
    assert bits.value > np.log2(16) / 4 - 4 * bits.standard_error
    (finding,) = (f for f in exact.model.findings(exact.state) if f.key == "bits_per_dim")
    assert finding.content["exact"] == pytest.approx(1)


def continuous(**sections) -> HierarchyConfig:
    process = dict(kind="continuous", n_timesteps=10, schedule="linear", beta_start=0.1)
    return tiny_cfg(process=process | dict(beta_end=0.99), **sections)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_denoiser_is_exact_where_noise_is_continuous(tmp_path, seed):
    model = HierarchyDiffusion(continuous(**EXACT), tmp_path)
    strings, noise = all_strings(model), model.model.noise
    assert isinstance(noise, OneHotNoise)
    points = np.asarray(noise.one_hots(jnp.asarray(strings)), float)
    t = 4
    x_t = noise.noise(jax.random.key(seed), jnp.asarray(strings), jnp.full(16, t))
    left = noise.process.kept.log_between(0, t)
    spread = np.sqrt(-np.expm1(float(left)))
    away = np.asarray(x_t)[:, None] - np.exp(float(left) / 2) * points
    log_p = -(away**2).sum(axis=(2, 3)) / (2 * spread**2)
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    wanted = np.einsum("ns,sdv->ndv", p / p.sum(axis=1, keepdims=True), np.eye(3)[strings])
    said = np.exp(model.model.exact(x_t, jnp.full(16, t)))
    np.testing.assert_allclose(said, wanted, atol=1e-4)
    drawn = model.sample(2000, jax.random.key(seed), n_steps=2)
    counts = (numbers_of(drawn)[:, None] == numbers_of(strings)).sum(axis=0)
    assert counts.sum() == 2000
    assert fit_p_value(counts[None], np.full((1, 16), 1 / 16)) > ALARM


SAID = [
    ("start", "cross_entropy"),
    ("start", "squared_error"),
    ("noise", "squared_error"),
    ("exact_score", "cross_entropy"),
    ("exact_score", "squared_error"),
]


@pytest.mark.parametrize("said", rest_slow(SAID, 0), ids=" ".join)
def test_continuous_noise_is_learnt_whatever_the_network_says(tmp_path, said):
    says, loss = said
    cfg = continuous(
        hierarchy=SMALL | dict(n_train=16, n_test=0),
        denoiser=dict(says=says),
        loss=dict(kind=loss),
        network=dict(kind="mlp", width=32),
        optim=dict(n_trajectories=32, n_warmup_updates=2, learning_rate=0.01),
    )
    model = HierarchyDiffusion(cfg, tmp_path)
    strings, state = all_strings(model), model.state
    before = model.quality(300).values["valid_strings"]
    for _ in range(150):
        state = model.model.train_epoch(state, lambda: None)
    untrained, model.state = model.state, state
    assert model.quality(300).values["valid_strings"] > before + 12
    with pytest.raises(ValueError, match="bounded where noise is discrete"):
        model.bits_per_dim(strings)
    if (says, loss) in {("start", "squared_error"), ("noise", "squared_error")}:
        with pytest.raises(ValueError, match="says numbers"):
            model.gap_to_exact(strings)
        return
    gap, model.state = model.gap_to_exact(strings).value, untrained
    assert gap < 0.5 * model.gap_to_exact(strings).value


def test_the_network_is_shown_what_is_known_of_every_token_by_itself(tmp_path):
    model = HierarchyDiffusion(tiny_cfg(), tmp_path).model
    denoiser = model.denoiser(model.init(jax.random.key(0)))
    assert isinstance(denoiser, StringDenoiser)
    x_t, t = jnp.asarray(EVERY[:27]), jnp.full(27, 2)
    kept = float(np.exp(model.noise.process.kept.log_between(0, 2)))
    p = kept * np.eye(3)[EVERY[:27]] + (1 - kept) / 3
    np.testing.assert_allclose(denoiser.known(x_t, t), (p - 1 / 3) / np.sqrt(2 / 9), atol=1e-5)


@pytest.mark.slow
def test_the_gap_is_the_mean_over_all_times(tmp_path):
    """With windows of unequal width, and times within them; by hand at every time."""
    process = dict(n_timesteps=23, schedule="cosine_squared")
    model = HierarchyDiffusion(tiny_cfg(process=process), tmp_path).model
    state, strings = model.init(jax.random.key(0)), np.tile(all_strings_of(model), (60, 1))
    tokens, denoiser = jnp.asarray(strings), model.denoiser(state)
    by_time = []
    for t in range(1, 24):
        times = jnp.full(len(tokens), t)
        x_t = model.noise.noise(jax.random.key(t), tokens, times)
        said = jax.nn.log_softmax(denoiser(x_t, times))
        by_time.append(float(kl_bits(model.exact(x_t, times), said).mean()))
    gap = model.measuring(state, jax.random.key(5), strings).gap()
    assert gap.value == pytest.approx(np.mean(by_time), abs=5 * gap.standard_error)
    assert gap.standard_error < 0.02 * gap.value
    widths = np.diff(gap.spans, axis=1)[:, 0] + 1
    assert sorted(set(widths)) == [2, 3]
    weighted = np.average(gap.by_span, weights=widths)
    assert gap.value == pytest.approx(weighted, rel=1e-5)
    assert abs(gap.by_span.mean() - weighted) > 1e-4 * weighted, "the twin"
    for (first, last), found in zip(gap.spans, gap.by_span, strict=True):
        assert found == pytest.approx(np.mean(by_time[first - 1 : last]), rel=0.15)


# --- training ------------------------------------------------------------------------------


@pytest.mark.slow
def test_training_comes_nearer_to_exact_and_says_so(tmp_path):
    """Of all 81 strings 16 are valid; which were learnt is chance, so nearly all are."""
    cfg = tiny_cfg(
        hierarchy=SMALL | dict(n_train=14, n_test=2),
        process=dict(n_timesteps=12),
        network=dict(width=32),
        optim=dict(batch_size=14, n_trajectories=32, learning_rate=0.01, n_warmup_updates=2),
        generation=dict(n_judged=400),
    )
    trained = HierarchyDiffusion(cfg, tmp_path / "trained")
    trained.train(200, evaluate_every=100)
    gaps = np.array(list(trained.history.of_parts("kl_to_exact").values()), float)
    assert gaps[-1] < 0.7 * gaps[0]
    before, *_, after = trained.history.series("free_valid_strings")[1]
    assert before < 35
    assert after > 60
    untrained = HierarchyDiffusion(cfg, tmp_path / "untrained")
    assert untrained.gap_to_exact().value > 1.5 * trained.gap_to_exact().value, "the twin"
    folder = trained.logging_and_saving_dir
    for name in (
        "images/epoch200_free.png",
        "kl_by_time.png",
        "validity_vs_epoch.png",
        "rule_usage.png",
        "fid_vs_epoch.png",
        "evaluations/epoch200.json",
    ):
        assert (folder / name).stat().st_size > 500


@pytest.mark.slow
def test_a_resumed_run_is_the_one_that_never_stopped(tmp_path):
    whole, first = (HierarchyDiffusion(tiny_cfg(), tmp_path / name) for name in ("whole", "parts"))
    whole.train(4, evaluate_every=2)
    first.train(2, evaluate_every=2)
    second = HierarchyDiffusion(tiny_cfg(), tmp_path / "parts")
    second.train(2, evaluate_every=2, resume=first.logging_and_saving_dir)
    assert measured(second) == measured(whole)
    for ours, theirs in zip(
        jax.tree.leaves(second.state), jax.tree.leaves(whole.state), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    loaded = HierarchyDiffusion.load(whole.logging_and_saving_dir)
    np.testing.assert_array_equal(loaded.sample(5), whole.sample(5))


@pytest.mark.slow
def test_trajectories_are_noisy_versions_of_the_same_strings(tmp_path):
    more = tiny_cfg(optim=dict(n_trajectories=8))
    model = HierarchyDiffusion(more, tmp_path)
    model.train(1, evaluate_every=0)
    assert int(model.state.times.visits.sum()) == 8 * 8


@pytest.mark.slow
@pytest.mark.parametrize("optim", [dict(kind="sgd", momentum=0.9), dict(n_decay_updates=6)])
def test_other_ways_down(tmp_path, optim):
    model = HierarchyDiffusion(tiny_cfg(optim=optim), tmp_path)
    before = leaves_of(model)
    model.train(20, evaluate_every=0)
    moved = [abs(a - b).max() for a, b in zip(before, leaves_of(model), strict=True)]
    assert max(moved) > 1e-4


@pytest.mark.slow
def test_times_are_drawn_by_importance_if_that_is_wanted(tmp_path):
    chances = []
    for times in ("uniform", "importance"):
        cfg = tiny_cfg(loss=dict(times=times), optim=dict(n_trajectories=64))
        model = HierarchyDiffusion(cfg, tmp_path)
        model.train(12, evaluate_every=0)
        visits = np.asarray(model.state.times.visits)
        chances.append(visits / visits.sum())
    assert abs(chances[0] - 1 / 4).max() < 0.03
    assert abs(chances[1] - 1 / 4).max() > 0.05


@pytest.mark.slow
def test_a_rate_that_has_decayed_changes_nothing_more(tmp_path):
    optim = dict(n_warmup_updates=2, n_decay_updates=3)
    model = HierarchyDiffusion(tiny_cfg(optim=optim), tmp_path)
    model.train(6, evaluate_every=0)
    before = leaves_of(model)
    model.train(1, evaluate_every=0)
    for leaf, after in zip(before, leaves_of(model), strict=True):
        np.testing.assert_array_equal(leaf, after)


# --- judging -------------------------------------------------------------------------------


def values(model: HierarchyDiffusion, tokens: np.ndarray) -> dict[str, float]:
    return judged(model.cfg.hierarchy, model.model.data.train, tokens, seed=0).values


def test_strings_are_held_against_the_grammar(exact):
    data = exact.model.data
    all_of_it = values(exact, all_strings(exact))
    assert all_of_it["valid_strings"] == all_of_it["validity_1"] == all_of_it["validity_2"] == 100
    assert all_of_it["copies"] == 50
    for name in ("rule_usage_1", "rule_usage_2", "classes"):
        assert all_of_it[name] == pytest.approx(0, abs=1e-6)
    assert values(exact, data.train.tokens)["copies"] == 100
    assert values(exact, data.test.tokens)["copies"] == 0
    one = values(exact, np.repeat(data.train.tokens[:1], 20, axis=0))
    assert one["classes"] == pytest.approx(1 / 2)
    assert one["rule_usage_2"] == pytest.approx(1 - 1 / 4)


@pytest.mark.slow
def test_rules_are_counted(exact):
    """Of all 16 strings of 4 tokens, by the tree of each."""
    (finding,) = (f for f in exact.model.findings(exact.state) if f.key == "rules")
    grammar = exact.cfg.hierarchy.grammar
    uses = rule_uses(grammar, all_strings(exact))
    trees = grammar.parse(all_strings(exact))
    for level, of_level in enumerate(uses, 1):
        made = [
            (head, rule)
            for heads, rules in zip(trees.symbols[-1 - level], trees.rules[-level], strict=True)
            for head, rule in zip(heads.tolist(), rules.tolist(), strict=True)
        ]
        n_heads = len(of_level.usual) // 2
        counts = [made.count((head, rule)) for head in range(n_heads) for rule in range(2)]
        assert of_level.counts.tolist() == counts
        np.testing.assert_allclose(of_level.counts / of_level.counts.sum(), of_level.usual)
        assert sum(finding.content[f"level_{level}"]["counts"]) == 40 * 2 ** (2 - level)
    assert "| 2 | 40 | 4 of 4 |" in finding.text


def test_where_nothing_is_valid_nothing_is_said_of_rules(exact):
    grammar = exact.cfg.hierarchy.grammar
    broken = EVERY[[not valid[0].any() for valid in zip(*grammar.valid(EVERY), strict=True)]]
    report = judged(exact.cfg.hierarchy, exact.model.data.train, broken, seed=0)
    assert report.values["validity_1"] == 0
    assert "rule_usage_1" not in report.values
    assert "rule_usage_1: no tokens below are valid" in report.notes


@pytest.mark.slow
def test_a_time_of_little_noise_changes_nothing_and_one_of_all_noise_changes_all(exact):
    strings = all_strings(exact).repeat(50, axis=0)
    few = HierarchyDiffusion(tiny_cfg(**EXACT, process=dict(n_timesteps=200, schedule="linear")))
    assert few.forward_backward(1, strings).changed.max() < 0.01
    root, *_, tokens = exact.forward_backward(4, strings).changed
    assert root == pytest.approx(1 / 2, abs=0.1)
    assert tokens == pytest.approx(2 / 3, abs=0.15)


UNREADABLE = [
    dict(ambiguous=True, n_train=8, n_test=2),
    dict(filtered=1, n_train=8, n_test=4),
    dict(filtered=2, n_train=8, n_test=4),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNREADABLE, ids=str)
def test_grammars_that_cannot_be_parsed_are_learnt_and_judged_too(tmp_path, kind):
    model = HierarchyDiffusion(tiny_cfg(hierarchy=SMALL | kind), tmp_path)
    model.train(1, evaluate_every=1)
    report = model.quality(20)
    assert {"valid_strings", "validity_1", "copies"} <= set(report.values)
    assert "classes: in an ambiguous or filtered grammar" in " ".join(report.notes)
    assert (model.logging_and_saving_dir / "images" / "epoch1_free.png").is_file()
    with pytest.raises(ValueError, match=r"ambiguous|filtered"):
        model.forward_backward(1)


@pytest.mark.parametrize("kind", UNREADABLE, ids=str)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_string_is_held_out_that_is_learnt(kind, seed):
    cfg = tiny_cfg(hierarchy=SMALL | kind | dict(strings_seed=seed)).hierarchy
    train, test = (set(map(tuple, split.tokens.tolist())) for split in draw_strings(cfg))
    assert len(test) > 0
    assert not train & test


def test_what_is_learnt_does_not_depend_on_how_much_is_held_out():
    splits = [draw_strings(tiny_cfg(hierarchy=SMALL | dict(n_test=n)).hierarchy) for n in (0, 3, 8)]
    for split in splits:
        np.testing.assert_array_equal(split.train.tokens, splits[0].train.tokens)
    assert [len(split.test.tokens) for split in splits] == [0, 3, 8]


def test_too_few_strings_to_hold_out_are_refused():
    """Two classes of one rule each, which is the same."""
    pairs = dict(n_symbols=2, n_classes=2, n_synonyms=1, n_layers=1, ambiguous=True)
    small = dict(n_train=1, n_test=0)
    grammars = (GrammarConfig().replace(**pairs, **small, rules_seed=seed) for seed in range(99))
    same = next(cfg for cfg in grammars if not np.ptp(cfg.grammar.rules[0], axis=0).any())
    with pytest.raises(ValueError, match=r"n_test=1: of 1 strings that were drawn only 0 are none"):
        draw_strings(same.replace(n_train=1, n_test=1))


# --- what users say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (dict(hierarchy=dict(n_train=1000, n_test=0)), "n_train=1000.*this grammar makes 16"),
        (dict(hierarchy=dict(n_synonyms=5)), "n_synonyms=5"),
        (dict(generation=dict(n_steps=9)), "n_steps=9 are more than process.n_timesteps=4"),
        (dict(optim=dict(batch_size=9)), "batch_size=9 is more than the 8 training strings"),
        (dict(optim=dict(momentum=0.5)), "only 'sgd'"),
        (dict(hierarchy=dict(n_layers=40)), "n_layers must be an integer from 1 to 16, not 40"),
        (dict(hierarchy=dict(tuple_size=9, n_layers=9)), "387,420,489 tokens: use at most 65,536"),
        (dict(denoiser=dict(says="noise")), "'discrete' does not go with denoiser.says='noise'"),
        (dict(process=dict(kind="continuous")), "use denoiser.says='start' with loss.kind="),
        (dict(process=dict(schedule="linear", beta_start=1e-4, beta_end=0.01)), "has not mixed"),
    ],
)
def test_what_does_not_go_together_is_refused(sections, message):
    with pytest.raises(ValueError, match=message):
        HierarchyDiffusion(tiny_cfg(**sections))


def test_own_data_are_refused():
    with pytest.raises(ValueError, match="leave out data"):
        HierarchyDiffusion(tiny_cfg(), data=object())  # pyright: ignore[reportArgumentType]


def test_wrong_times_and_strings_are_refused(exact):
    with pytest.raises(ValueError, match="times 1 to 4"):
        exact.denoise(EVERY, 5)
    with pytest.raises(ValueError, match="from time 2 there are 2 steps back"):
        exact.denoise(EVERY, 2, n_steps=3)
    broken = EVERY[exact.cfg.hierarchy.grammar.parse(EVERY).broken]
    with pytest.raises(ValueError, match="string 0 breaks the grammar"):
        exact.forward_backward(1, broken)
    for ask in (
        exact.gap_to_exact,
        partial(exact.denoise, t=1),
        partial(exact.forward_backward, 1),
    ):
        with pytest.raises(ValueError, match="no strings"):
            ask(EVERY[:0])
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        exact.quality(0)


def test_noisy_strings_have_to_be_such_where_noise_is_continuous(tmp_path):
    model = HierarchyDiffusion(continuous(**EXACT), tmp_path)
    good = np.zeros((2, 4, 3))
    for wrong in (good[:, :3], good[0], good[:0], good.astype(int), good * np.nan):
        with pytest.raises(ValueError, match=r"give finite numbers of shape \(string, 4, 3\)"):
            model.denoise(wrong, 3)
    assert model.denoise(good, 3).shape == (2, 4)


@pytest.mark.slow
def test_it_is_trained_and_evaluated_on_the_command_line(tmp_path, capsys):
    words = ["hierarchy", "--epochs", "2", "--evaluate-every", "1", "--output-dir", str(tmp_path)]
    words += ["--hierarchy.n-layers", "2", "--hierarchy.n-train", "64", "--hierarchy.n-test", "20"]
    words += ["--network.width", "8", "--generation.n-judged", "30", "--process.n-timesteps", "20"]
    words += ["--process.schedule", "cosine"]
    train(lambda: parse_any(words))
    (run,) = tmp_path.iterdir()
    capsys.readouterr()
    checkpoint_command([str(run), "--images-per-class", "25"])
    said = capsys.readouterr().out
    assert re.search(r"## free strings of epoch 2", said)
    assert "KL to the exact denoiser" in said
    content = json.loads((run / "evaluations" / "epoch2_full.json").read_text())
    assert content["free"]["measurements"][0]["n_images"] == 25
    assert content["bits_per_dim"]["exact"] < 3
