"""The Random Hierarchy Model, against lists of all that small grammars make.

Exact inference has tests of its own, in `test_belief_propagation`. Counts raise a false alarm with
chance 1e-7 each (`exactness.ALARM`).
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from exactness import ALARM, fit_p_value
from grammars import FILTERED, SMALL, Listed
from scipy.stats import binomtest
from tiny import finished, python

from thrmlDenoising.data.hierarchy import RandomHierarchy

SEEDS = (0, 1, 2)
CLEAR = [name for name, rhm in SMALL.items() if not rhm.ambiguous]


def all_strings(rhm: RandomHierarchy) -> np.ndarray:
    return np.array(list(product(range(rhm.n_symbols), repeat=rhm.n_tokens)))


# --- numbers of strings --------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_every_way_to_make_a_string_has_a_number(name):
    rhm, listed = SMALL[name], Listed(SMALL[name])
    assert len(listed.strings) == rhm.n_strings
    made = rhm.strings(range(rhm.n_strings))
    pairs = zip(made.classes.tolist(), made.tokens.tolist(), strict=True)
    assert sorted(pairs) == sorted(
        zip(listed.classes.tolist(), listed.strings.tolist(), strict=True)
    )
    n_different = len({tuple(string) for string in made.tokens.tolist()})
    assert n_different <= rhm.n_strings
    assert rhm.ambiguous or n_different == rhm.n_strings


@pytest.mark.parametrize("name", FILTERED)
def test_filtered_strings_are_as_frequent_as_the_filter_says(name):
    rhm, listed = FILTERED[name], Listed(FILTERED[name])
    made = rhm.strings(range(rhm.n_strings))
    found = np.zeros((rhm.n_classes, rhm.n_symbols**rhm.n_tokens))
    np.add.at(found, (made.classes, listed.codes(made.tokens)), 1 / rhm.n_strings)
    wanted = np.zeros_like(found)
    np.add.at(wanted, (listed.classes, listed.codes(listed.strings)), listed.p)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    # the whole tree has other strings, but the same tokens in every place
    whole = Listed(replace(rhm, filtered=0))
    unfiltered = np.zeros_like(found)
    np.add.at(unfiltered, (whole.classes, whole.codes(whole.strings)), whole.p)
    assert abs(unfiltered - wanted).max() > 1e-3
    for label in range(rhm.n_classes):
        shares = [
            (one.p * (one.classes == label))
            @ np.eye(rhm.n_symbols)[one.strings].reshape(len(one.p), -1)
            for one in (listed, whole)
        ]
        np.testing.assert_allclose(*shares, atol=1e-12)


def test_a_number_is_the_class_and_then_rules_from_the_root_on():
    rhm = SMALL["deep"]
    index = 1 * 2**7 + 0b1_01_0011  # class 1; rule 1; rules 0, 1; rules 0, 0, 1, 1
    tree = rhm.parse(rhm.strings([index]).tokens)
    assert tree.symbols[0].tolist() == [[1]]
    assert [rules.tolist() for rules in tree.rules] == [[[1]], [[0, 1]], [[0, 0, 1, 1]]]


def test_numbers_beyond_64_bits():
    rhm = RandomHierarchy(32, 32, 8, 2, 7)
    assert rhm.n_strings == 32 * 8**127
    some = [rhm.n_strings - 1, 0, 2**200, 5 * 8**127 + 3 * 8**40]
    strings = rhm.strings(some)
    trees = rhm.parse(strings.tokens)
    assert strings.classes.tolist() == trees.symbols[0][:, 0].tolist() == [31, 0, 0, 5]
    read = [0] * 4
    for row, label in enumerate(strings.classes.tolist()):
        read[row] = int(label)
        for rules in trees.rules:
            for digit in rules[row].tolist():
                read[row] = 8 * read[row] + digit
    assert read == some
    with pytest.raises(ValueError, match=f"this grammar makes {rhm.n_strings} strings"):
        rhm.strings([rhm.n_strings])


def test_more_strings_than_there_are_are_refused_with_their_number():
    rhm = RandomHierarchy(8, 2, 2, 2, 3)
    with pytest.raises(ValueError, match=r"string 256: this grammar makes 256 .* 0 to 255"):
        rhm.strings(range(1000))
    with pytest.raises(ValueError, match="1000 strings asked for, and this grammar makes 256"):
        rhm.sample_indices(1000, seed=0)
    with pytest.raises(ValueError, match="string -1"):
        rhm.strings([-1])


@pytest.mark.parametrize("seed", SEEDS)
def test_training_and_test_strings_are_disjoint_and_no_string_is_drawn_twice(seed):
    rhm = SMALL["deep"]
    train, test = rhm.split_indices(100, rhm.n_strings - 100, seed)
    assert sorted(train + test) == list(range(rhm.n_strings))
    assert rhm.sample_indices(100, seed) == train == rhm.split_indices(100, 5, seed)[0]
    assert rhm.sample_indices(100, seed + 1) != train
    assert rhm.split_indices(5, 0, seed)[1] == []
    train, test = RandomHierarchy(32, 32, 8, 2, 7).split_indices(50, 50, seed)
    assert len({*train, *test}) == 100
    assert max(train) > 2**300
    with pytest.raises(ValueError, match=r"157 strings asked for, .* makes 156 besides the 100"):
        rhm.sample_indices(157, seed, without=range(100))
    with pytest.raises(ValueError, match="string 256"):
        rhm.sample_indices(1, seed, without=[256])


@pytest.mark.parametrize("seed", SEEDS)
def test_all_strings_are_drawn_equally_often(seed):
    rhm = SMALL["as many classes as symbols"]  # of 32 strings
    drawn = [index for one in range(300) for index in rhm.sample_indices(5, 1000 * seed + one)]
    counts = np.bincount(drawn, minlength=rhm.n_strings)
    assert fit_p_value(counts[None], np.full((1, 32), 1 / 32)) > ALARM
    without_zero = np.bincount(np.maximum(drawn, 1), minlength=32)
    assert fit_p_value(without_zero[None], np.full((1, 32), 1 / 32)) < ALARM, "the twin"


# --- rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ambiguous", [False, True])
def test_rules_make_different_tuples_and_depend_on_the_seed(ambiguous):
    rhm = RandomHierarchy(5, 4, 3, 2, 3, seed=1, ambiguous=ambiguous)
    assert [table.shape for table in rhm.rules] == [(4, 3, 2), (5, 3, 2), (5, 3, 2)]
    for table in rhm.rules:
        for heads in table if ambiguous else [table]:
            tuples = heads.reshape(-1, 2).tolist()
            assert len({tuple(one) for one in tuples}) == len(tuples)
    again = RandomHierarchy(5, 4, 3, 2, 3, seed=1, ambiguous=ambiguous)
    other = RandomHierarchy(5, 4, 3, 2, 3, seed=2, ambiguous=ambiguous)
    pairs = list(zip(rhm.rules, again.rules, other.rules, strict=True))
    assert all((a == b).all() for a, b, _ in pairs)
    assert all((a != c).any() for a, _, c in pairs)
    assert (rhm.rules[1] != rhm.rules[2]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_all_tuples_are_equally_often_rules(seed):
    counts = np.zeros(9, int)
    for one in range(500):
        table = RandomHierarchy(3, 2, 2, 2, 1, seed=1000 * seed + one).rules[0]
        counts[table[0, 0] @ [3, 1]] += 1
    assert fit_p_value(counts[None], np.full((1, 9), 1 / 9)) > ALARM
    assert fit_p_value(counts[None] + 150 * np.eye(1, 9, dtype=int), np.full((1, 9), 1 / 9)) < ALARM


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((8, 8, 9, 2, 3), "9 of 8 classes need 72 different tuples.*use at most 8 synonyms"),
        ((8, 4, 9, 2, 3), "9 of 8 symbols need 72"),
        ((8, 16, 8, 2, 3), "8 of 16 classes need 128 .* use at most 4 synonyms"),
        ((8, 70, 1, 2, 1), "n_synonyms=1 of 70 classes .* use at most 64 classes"),
        ((1, 2, 1, 2, 2), "n_symbols=1: give at least 2"),
        ((8, 8, 3, 1, 2), "tuple_size=1: give at least 2"),
        ((300, 8, 3, 8, 2), "n_symbols=300 make .* tuples of 8, and 2\\^62 can be numbered"),
        ((8, 8, 65, 2, 3, 0, True), "65 each of 8 classes need 65 .* use at most 64 synonyms"),
        ((8, 8, 3, 2, 3, 0, False, 4), "filtered=4: give a level of the tree, 0 to 3"),
    ],
)
def test_grammars_that_cannot_be_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        RandomHierarchy(*numbers)


def test_the_root_has_a_bound_of_its_own():
    assert RandomHierarchy(8, 4, 8, 2, 3).rules[0].shape == (4, 8, 2)
    assert RandomHierarchy(8, 4, 16, 2, 1).n_strings == 64
    assert RandomHierarchy(8, 8, 64, 2, 3, ambiguous=True).rules[2].shape == (8, 64, 2)


# --- reading -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL, *FILTERED])
def test_valid_is_what_the_grammar_makes(name):
    rhm = (SMALL | FILTERED)[name]
    listed, every = Listed(rhm), all_strings(rhm)
    made = set(listed.codes(listed.strings[listed.p > 0]).tolist())
    *_, whole = rhm.valid(every)
    np.testing.assert_array_equal(
        whole[:, 0], [code in made for code in listed.codes(every).tolist()]
    )


@pytest.mark.parametrize("name", CLEAR)
def test_trees_are_read_or_where_they_break(name):
    rhm = SMALL[name]
    every, listed = all_strings(rhm), Listed(rhm)
    tree = rhm.parse(every)
    for valid, symbols in zip(rhm.valid(every), tree.symbols[-2::-1], strict=True):
        np.testing.assert_array_equal(symbols >= 0, valid)
    whole = np.concatenate(tree.symbols, axis=1)[~tree.broken]
    assert sorted(whole.tolist()) == sorted(listed.symbols.tolist())
    # each string that breaks does so at nodes over well-made ones, which hide all above them
    found = np.concatenate(tree.breaks, axis=1)
    np.testing.assert_array_equal(found.any(axis=1), tree.broken)
    for below, broken in zip(tree.symbols[1:], tree.breaks, strict=True):
        rows, nodes = np.nonzero(broken)
        tuples = below.reshape(len(below), -1, rhm.tuple_size)[rows, nodes]
        assert (tuples >= 0).all()


def test_a_break_is_found_where_it_is():
    rhm = RandomHierarchy(8, 8, 3, 2, 3, seed=42)
    good = rhm.strings([0]).tokens
    bad = next(
        tokens
        for token in range(8)
        for tokens in [np.where(np.arange(8) == 5, token, good)]
        if rhm.parse(tokens).symbols[2][0, 2] < 0
    )
    breaks = [np.argwhere(level).tolist() for level in rhm.parse(bad).breaks]
    assert breaks == [[], [], [[0, 2]]]
    np.testing.assert_allclose(rhm.validity(bad), [3 / 4, 1 / 2, 0])


def test_ambiguous_and_filtered_strings_are_not_parsed():
    clear = RandomHierarchy(4, 4, 2, 2, 2)
    kinds = {"ambiguous": replace(clear, ambiguous=True), "filtered": replace(clear, filtered=1)}
    for kind, rhm in kinds.items():
        with pytest.raises(ValueError, match=f"this grammar is {kind}: .* several ways"):
            rhm.parse(rhm.strings([0]).tokens)


def chance_validity(rhm: RandomHierarchy) -> np.ndarray:
    f = rhm.n_synonyms / rhm.n_symbols ** (rhm.tuple_size - 1)
    levels = np.arange(1, rhm.n_layers + 1)
    found = f ** ((rhm.tuple_size**levels - 1) / (rhm.tuple_size - 1))
    found[-1] *= rhm.n_classes / rhm.n_symbols
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("numbers", [(8, 8, 3, 2, 3), (3, 2, 4, 3, 2), (4, 6, 2, 2, 2)], ids=str)
def test_chance_keeps_to_the_grammar_as_often_as_counted(numbers, seed):
    """Whole tuples are counted, of which one in each string: nodes of a string share no tokens."""
    rhm, n = RandomHierarchy(*numbers, seed=seed), 50_000
    tokens = np.random.default_rng(seed).integers(0, rhm.n_symbols, (n, rhm.n_tokens))
    for valid, p in zip(rhm.valid(tokens), chance_validity(rhm), strict=True):
        assert binomtest(int(valid.sum()), valid.size, p).pvalue > ALARM
    shortest = rhm.valid(tokens)[0]
    wrong = chance_validity(rhm)[0] * 0.9
    assert binomtest(int(shortest.sum()), shortest.size, wrong).pvalue < ALARM, "the twin"


def test_chance_at_the_numbers_of_the_example():
    np.testing.assert_allclose(
        chance_validity(RandomHierarchy(8, 8, 3, 2, 3)), [0.375, 0.0527, 0.00104], rtol=0.01
    )


def test_a_synonym_changes_what_is_below_its_symbol_and_nothing_else():
    rhm = SMALL["deep"]
    strings = rhm.strings(range(rhm.n_strings)).tokens
    for level in range(3):
        before, after = rhm.parse(strings), rhm.parse(rhm.swapped(strings, level, seed=0))
        assert not after.broken.any()
        for above in range(level + 1):
            np.testing.assert_array_equal(before.symbols[above], after.symbols[above])
        for other in range(3):
            changed = (before.rules[other] != after.rules[other]).sum(axis=1)
            assert set(changed.tolist()) == ({1} if other == level else {0})
    with pytest.raises(ValueError, match="levels 0 to 2"):
        rhm.swapped(strings, 3, seed=0)
    with pytest.raises(ValueError, match="string 0 breaks the grammar"):
        rhm.swapped(all_strings(rhm)[rhm.parse(all_strings(rhm)).broken][:1], 0, seed=0)
    with pytest.raises(ValueError, match="n_synonyms=1"):
        SMALL["no synonyms"].swapped(SMALL["no synonyms"].strings([0]).tokens, 0, seed=0)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros((1, 3), int), r"tokens of shape \(1, 3\) .* \(string, 4\)"),
        (np.zeros((1, 4)), "type float64: give whole numbers"),
        (np.full((1, 4), 4), "tokens from 4 to 4: give 0 to 3"),
        (np.full((1, 4), -1), "tokens from -1 to -1"),
    ],
)
def test_what_is_no_string_is_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        SMALL["fewer classes"].parse(tokens)


def test_tokens_may_be_bytes():
    rhm = SMALL["fewer classes"]
    tokens = rhm.strings([3]).tokens
    trees = rhm.parse(tokens.astype(np.uint8))
    assert [level.tolist() for level in trees.symbols] == [
        level.tolist() for level in rhm.parse(tokens).symbols
    ]


@pytest.mark.slow
def test_the_room_of_data_sets_does_without_jax():
    program = "import sys; import thrmlDenoising.data; print('jax' in sys.modules)"
    assert finished(python("-c", program)).split() == ["False"]
