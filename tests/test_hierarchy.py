"""The Random Hierarchy Model and belief propagation on it, against enumeration of all strings.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

from itertools import product

import jax
import numpy as np
import pytest
from exactness import ALARM, fit_p_value

from thrmlDenoising.data.hierarchy import (
    Posterior,
    RandomHierarchy,
    gaussian_evidence,
    uniform_evidence,
)

SEEDS = (0, 1, 2)
SMALL = {
    "binary": RandomHierarchy(4, 3, 2, 2, 2),
    "more classes": RandomHierarchy(3, 4, 2, 2, 2, seed=1),
    "triples": RandomHierarchy(3, 2, 3, 3, 1, seed=2),
    "deep": RandomHierarchy(3, 2, 2, 2, 3, seed=3),
    "ambiguous": RandomHierarchy(3, 3, 2, 2, 2, seed=4, ambiguous=True),
    "ambiguous and deep": RandomHierarchy(2, 2, 2, 2, 3, seed=5, ambiguous=True),
}


def derived(rhm: RandomHierarchy, symbol: int, level: int) -> list[list[int]]:
    """Every way to make tokens from a symbol, by recursion; a way may lead to the same tokens."""
    if level == rhm.n_layers:
        return [[symbol]]
    ways = []
    for rule in rhm.rules[level][symbol]:
        parts = [derived(rhm, int(child), level + 1) for child in rule]
        ways += [sum(chosen, []) for chosen in product(*parts)]
    return ways


def listed(rhm: RandomHierarchy) -> tuple[np.ndarray, np.ndarray]:
    """All strings in the order of their making, with their classes."""
    ways = [(label, way) for label in range(rhm.n_classes) for way in derived(rhm, label, 0)]
    return np.array([way for _, way in ways]), np.array([label for label, _ in ways])


def evidence_of(rhm: RandomHierarchy, seed: int, n: int = 5) -> np.ndarray:
    shape = (n, rhm.n_tokens, rhm.n_symbols)
    return np.random.default_rng(seed).random(shape).astype(np.float32) + 0.01


def likelihoods(strings: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """p(data | string) of every data and string, (data, string)."""
    token = np.arange(strings.shape[1])
    return np.stack([e.astype(float)[token, strings].prod(axis=1) for e in evidence])


# --- strings -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_every_string_has_a_number(name):
    rhm = SMALL[name]
    strings, classes = listed(rhm)
    assert len(strings) == rhm.n_strings
    made = rhm.strings(range(rhm.n_strings))
    pairs = sorted(zip(made.classes.tolist(), made.tokens.tolist(), strict=True))
    assert pairs == sorted(zip(classes.tolist(), strings.tolist(), strict=True))
    distinct = {tuple(string) for string in strings.tolist()}
    assert (len(distinct) < rhm.n_strings) >= rhm.ambiguous - 1
    if not rhm.ambiguous:
        assert len(distinct) == rhm.n_strings


def test_a_number_is_the_class_and_then_rules_from_the_root_on():
    rhm = SMALL["deep"]
    index = 1 * 2**7 + 0b1_01_0011  # class 1; rule 1; rules 0, 1; rules 0, 0, 1, 1
    tree = rhm.parse(rhm.strings([index]).tokens)
    assert tree.symbols[0].tolist() == [[1]]
    assert [rules.tolist() for rules in tree.rules] == [[[1]], [[0, 1]], [[0, 0, 1, 1]]]


def test_numbers_beyond_64_bits():
    rhm = RandomHierarchy(32, 32, 8, 2, 7)
    assert rhm.n_strings == 32 * 8**127
    last, first = rhm.n_strings - 1, 0
    strings = rhm.strings([last, first, 2**200])
    trees = rhm.parse(strings.tokens)
    assert strings.classes[:2].tolist() == [31, 0]
    assert all((rules[0] == 7).all() and (rules[1] == 0).all() for rules in trees.rules)
    with pytest.raises(ValueError, match="there are"):
        rhm.strings([rhm.n_strings])


@pytest.mark.parametrize("seed", SEEDS)
def test_training_and_test_strings_are_disjoint_and_no_string_is_drawn_twice(seed):
    rhm = SMALL["deep"]
    train = rhm.sample_indices(100, seed)
    test = rhm.sample_indices(rhm.n_strings - 100, seed, without=train)
    assert sorted(train + test) == list(range(rhm.n_strings))
    assert rhm.sample_indices(100, seed) == train
    many = RandomHierarchy(32, 32, 8, 2, 7).sample_indices(50, seed)
    assert len(set(many)) == 50
    assert max(many) > 2**300
    with pytest.raises(ValueError, match=r"157 strings asked for, and this grammar makes 156 besides"):
        rhm.sample_indices(157, seed, without=train)


@pytest.mark.parametrize("name", SMALL)
def test_valid_is_what_the_grammar_makes(name):
    rhm = SMALL[name]
    every = np.array(list(product(range(rhm.n_symbols), repeat=rhm.n_tokens)))
    made = {tuple(string) for string in listed(rhm)[0].tolist()}
    *_, whole = rhm.valid(every)
    assert [tuple(s) for s in every[whole[:, 0]].tolist()] == sorted(made)
    if not rhm.ambiguous:
        np.testing.assert_array_equal(rhm.parse(every).broken, ~whole[:, 0])


def test_chance_keeps_to_the_grammar_as_often_as_counted():
    """f^((s^l - 1) / (s - 1)) with f = m / v^(s - 1): .375, .053 and .001 (FAMILIES of numbers)."""
    rhm = RandomHierarchy(8, 8, 3, 2, 3, seed=42)
    chance = rhm.validity(np.random.default_rng(0).integers(0, 8, (200_000, 8)))
    np.testing.assert_allclose(chance, [0.375, 0.375**3, 0.375**7], rtol=0.1)


def test_a_synonym_changes_what_is_below_its_symbol_and_nothing_else():
    rhm = SMALL["deep"]
    strings = rhm.strings(range(rhm.n_strings)).tokens
    for level in range(3):
        before, after = rhm.parse(strings), rhm.parse(rhm.swapped(strings, level, seed=0))
        assert not after.broken.any()
        for above in range(level + 1):
            np.testing.assert_array_equal(before.symbols[above], after.symbols[above])
        changed = (before.rules[level] != after.rules[level]).sum(axis=1)
        assert set(changed.tolist()) == {1}
    with pytest.raises(ValueError, match="levels 0 to 2"):
        rhm.swapped(strings, 3, seed=0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((8, 8, 9, 2, 3), "72 different tuples.*use at most 8 synonyms"),
        ((8, 70, 1, 2, 1), "n_synonyms=1 of 70 classes"),
        ((1, 2, 1, 2, 2), "n_symbols=1: give at least 2"),
        ((8, 8, 3, 1, 2), "tuple_size=1: give at least 2"),
        ((300, 8, 3, 4, 2), "more than the 16777216"),
    ],
)
def test_grammars_that_cannot_be_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        RandomHierarchy(*numbers)


# --- belief propagation --------------------------------------------------------------------


def by_listing(rhm: RandomHierarchy, evidence: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """p(class | data), p(token | data), and p(data)."""
    strings, classes = listed(rhm)
    joint = likelihoods(strings, evidence) / len(strings)
    total = joint.sum(axis=1)
    p = joint / total[:, None]
    root = p @ np.eye(rhm.n_classes)[classes]
    tokens = np.einsum("ds,stv->dtv", p, np.eye(rhm.n_symbols)[strings])
    return [root, tokens], total


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("seed", SEEDS)
def test_belief_propagation_is_exact(name, seed):
    rhm = SMALL[name]
    evidence = evidence_of(rhm, seed)
    (root, tokens), total = by_listing(rhm, evidence)
    posterior = rhm.posterior_of(evidence)
    np.testing.assert_allclose(posterior.root, root, atol=1e-5)
    np.testing.assert_allclose(posterior.tokens, tokens, atol=1e-5)
    # each token's evidence counts up to a factor, which is part of what is seen
    np.testing.assert_allclose(posterior.log_evidence, np.log(total), rtol=1e-4)


def twins(rhm: RandomHierarchy) -> dict[str, Posterior]:
    """Belief propagation with a mistake each."""
    evidence, tables = evidence_of(rhm, 0), rhm.tables
    transposed = tuple(np.asarray(table)[::-1] for table in tables)
    return {
        "places of a rule exchanged": Posterior.of(transposed, rhm.n_synonyms, evidence),
        "evidence of another string": rhm.posterior_of(np.roll(evidence, 1, axis=0)),
    }


@pytest.mark.parametrize("twin", ["places of a rule exchanged", "evidence of another string"])
def test_twins_that_are_wrong_are_not_exact(twin):
    rhm = SMALL["binary"]
    (root, tokens), _ = by_listing(rhm, evidence_of(rhm, 0))
    wrong = twins(rhm)[twin]
    assert abs(wrong.tokens - tokens).max() > 0.01
    assert abs(wrong.root - root).max() > 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["binary", "ambiguous and deep"])
def test_strings_are_drawn_from_the_posterior(name, seed):
    rhm = SMALL[name]
    evidence = evidence_of(rhm, seed, n=2)
    strings, _ = listed(rhm)
    wanted = likelihoods(strings, evidence)
    codes = strings @ rhm.n_symbols ** np.arange(rhm.n_tokens)
    drawn = rhm.posterior_of(evidence).sample(jax.random.key(seed), 3000)
    found = drawn @ rhm.n_symbols ** np.arange(rhm.n_tokens)
    distinct = np.unique(codes)
    p = np.stack([wanted[:, codes == code].sum(axis=1) for code in distinct], axis=1)
    p /= p.sum(axis=1, keepdims=True)
    counts = np.stack([(found[:, data, None] == distinct).sum(axis=0) for data in range(2)])
    assert counts.sum() == 6000
    assert fit_p_value(counts, p) > ALARM
    assert fit_p_value(counts, p[::-1]) < ALARM, "the twin"


def test_noise_and_masks_are_evidence():
    rhm = SMALL["binary"]
    tokens = rhm.strings([7, 11]).tokens
    np.testing.assert_allclose(rhm.posterior(tokens).tokens, np.eye(4)[tokens], atol=1e-6)
    all_masked = np.full_like(tokens, 4)
    np.testing.assert_allclose(rhm.posterior(all_masked).root, 1 / 3, atol=1e-6)
    np.testing.assert_allclose(rhm.posterior(all_masked).log_evidence, 0, atol=1e-5)
    some = uniform_evidence(np.array([[0, 4]]), 0.4, 4)
    np.testing.assert_allclose(some, [[[0.7, 0.1, 0.1, 0.1], [1, 1, 1, 1]]], atol=1e-6)
    with pytest.raises(ValueError, match=r"noise=1.5"):
        rhm.posterior(tokens, noise=1.5)
    with pytest.raises(ValueError, match=r"tokens from 0 to 5: give 0 to 4"):
        rhm.posterior(np.array([[0, 5, 1, 1]]))


def test_gaussian_evidence_is_that_of_densities():
    x, alpha_bar = np.random.default_rng(0).normal(size=(2, 3, 4)), 0.3
    means = np.sqrt(alpha_bar) * np.eye(4)
    distances = ((x[:, :, None, :] - means) ** 2).sum(axis=-1)
    density = np.exp(-distances / (2 * (1 - alpha_bar)))
    found = gaussian_evidence(x, alpha_bar)
    np.testing.assert_allclose(
        found / found.sum(-1, keepdims=True), density / density.sum(-1, keepdims=True), rtol=1e-5
    )


def test_what_cannot_be_is_named():
    rhm = SMALL["binary"]
    every = np.array(list(product(range(4), repeat=4)))
    broken = every[rhm.parse(every).broken]
    good = rhm.strings([0]).tokens
    with pytest.raises(ValueError, match=r"string 1 \(1 in all\): the grammar makes no string"):
        rhm.posterior(np.concatenate([good, broken[:1]]))
    evidence = evidence_of(rhm, 0)
    evidence[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="string 2: evidence has to be finite"):
        rhm.posterior_of(evidence)


def fixed_point_map(p: float, v: int, m: int, s: int) -> float:
    """What a node knows of its symbol, from what each below it knows of its own."""
    f, g = (m * v - 1) / (v**s - 1), (m - 1) / (v**s - 1)
    return (p**s + g * (1 - p**s)) / (p**s + f * (1 - p**s))


@pytest.mark.parametrize(("v", "m", "layers"), [(32, 8, 5), (16, 4, 5), (8, 3, 5), (8, 2, 5)])
def test_the_root_is_known_as_well_as_theory_says(v, m, layers):
    """Tokens say with 1 - e + e / v what they are; the F map, averaged over grammars."""
    for noise in (0.5, 0.7, 0.9):
        p, found = 1 - noise + noise / v, []
        for _ in range(layers):
            p = fixed_point_map(p, v, m, 2)
        for seed in SEEDS:
            rhm = RandomHierarchy(v, v, m, 2, layers, seed=seed)
            tokens, classes = rhm.strings(rhm.sample_indices(100, seed))
            found.append(rhm.posterior(tokens, noise).root[np.arange(100), classes].mean())
        assert np.mean(found) == pytest.approx(p, abs=0.05)
