"""Networks on strings: what they take and give, what an answer hangs on, and the tree's formula."""

import doctest
from math import erf

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import rest_slow

from thrmlDenoising.networks import StringNetwork, StringNetworkConfig, build_string_network
from thrmlDenoising.networks.layers import LayerNorm
from thrmlDenoising.networks.strings import network as network_module
from thrmlDenoising.networks.strings.layers import Conv, ScaledLinear
from thrmlDenoising.networks.strings.tree import Step, TreeNet
from thrmlDenoising.networks.strings.unet import StringUNet

KINDS = ("tree", "mlp", "unet")
"""The last takes seconds to compile."""
TINY = StringNetworkConfig(width=8)
N_IN, N_OUT = 3, 5
TUPLE_SIZE, N_LAYERS = 2, 3
STRING = jax.random.normal(jax.random.key(1), (TUPLE_SIZE**N_LAYERS, N_IN))


def tiny(kind: str, seed: int = 0, **changes) -> StringNetwork:
    cfg = TINY.replace(kind=kind, **changes)
    return build_string_network(cfg, jax.random.key(seed), N_IN, N_OUT, TUPLE_SIZE, N_LAYERS)


@eqx.filter_jit
def _answer(network, x, time):
    return network(x, time)


def answer(network: StringNetwork, x=STRING, time=0.5) -> np.ndarray:
    """Of a network, which is compiled once for all strings and times."""
    return np.asarray(_answer(network, x, jnp.asarray(time)))


# ---------------------------------------------------------------------- shapes and settings


@pytest.mark.parametrize(
    ("changes", "tuple_size", "n_layers"),
    [
        (dict(), 2, 1),
        (dict(width=1), 3, 2),
        (dict(width=7, depth=1), 4, 2),
        (dict(filter_size=4), 4, 2),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_any_setting_keeps_the_tokens_and_makes_the_channels_asked_for(
    kind, changes, tuple_size, n_layers
):
    if kind == "mlp":
        changes = changes | dict(filter_size=None)
    cfg = TINY.replace(kind=kind, **changes)
    network = build_string_network(cfg, jax.random.key(0), 4, 6, tuple_size, n_layers)
    n_tokens = tuple_size**n_layers
    answer = jax.eval_shape(network, jnp.zeros((n_tokens, 4)), jnp.zeros(()))
    assert answer.shape == (n_tokens, 6)
    assert answer.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(kind="treee"), "did you mean 'tree'"),
        (dict(width=0), "from 1 to 4096"),
        (dict(depth=0), "from 1 to 64"),
        (dict(filter_size=1), "from 2 to 64"),
        (dict(precision="float16"), "float32"),
        (dict(kind="mlp", filter_size=2), "'mlp' has no filters: leave filter_size at None"),
    ],
)
def test_settings_that_are_wrong_or_do_not_go_together_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        StringNetworkConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "tuple_size", "n_layers", "words"),
    [
        (dict(depth=4), 2, 3, r"8 tokens .* 4 times .*2\*\*4 has to divide .* at most 3, or None"),
        (dict(filter_size=4), 2, 3, r"4\*\*3 has to divide .* network.depth of at most 1"),
        (dict(filter_size=3), 2, 3, "filter_size at None, which takes that of the grammar"),
        (dict(kind="unet", depth=3), 3, 2, r"kind 'unet'.* 3\*\*3 has to divide .* at most 2"),
        (dict(), 1, 3, "at least 2 and at least 1 layer, not tuple_size=1 and n_layers=3"),
        (dict(kind="mlp"), 2, 0, "tuple_size=2 and n_layers=0"),
    ],
)
def test_strings_that_cannot_be_shortened_are_refused_with_what_to_do(
    changes, tuple_size, n_layers, words
):
    with pytest.raises(ValueError, match=words):
        build_string_network(TINY.replace(**changes), jax.random.key(0), 1, 1, tuple_size, n_layers)


def test_a_batch_and_an_integer_time_are_refused():
    network = tiny("tree")
    with pytest.raises(ValueError, match=r"\(8, 3\), not \(5, 8, 3\): use jax.vmap"):
        network(jnp.zeros((5, 8, 3)), 0.5)
    with pytest.raises(ValueError, match=r"runs from 0 to 1.*divide"):
        network(STRING, 57)


def test_the_examples_are_true():
    result = doctest.testmod(network_module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("kind", rest_slow(KINDS))
def test_a_key_draws_one_network_and_another_key_another(kind):
    one, same, other = tiny(kind), tiny(kind), tiny(kind, seed=1)
    np.testing.assert_array_equal(answer(one), answer(same))
    assert np.abs(answer(one) - answer(other)).max() > 1e-3


def test_the_tree_has_the_parameters_of_bpunet():
    """In, up and down, read-out, and scale and shift of every norm."""
    v, s, depth, n = 8, 2, 3, 128
    network = build_string_network(StringNetworkConfig(), jax.random.key(0), v, v, s, depth)
    expected = v * n + depth * (n * n * s + 2 * n * n * s + 2 * 2 * n) + 2 * n * v
    assert network.n_parameters == expected


# ---------------------------------------------------------------------- the tree's formula


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2


def normed(x: np.ndarray, step: Step) -> np.ndarray:
    centred = x - x.mean()
    scale, shift = np.asarray(step.norm.scale), np.asarray(step.norm.shift)
    return centred / np.sqrt((centred**2).mean() + 1e-5) * scale + shift


def tree_by_hand(net: TreeNet, x: np.ndarray) -> np.ndarray:
    """The formula of the docstring, node by node and child by child, in float64."""
    s, width = TUPLE_SIZE, net.first.weight.shape[1]
    weight = np.asarray(net.first.weight, np.float64)
    levels = [[gelu(token @ weight / np.sqrt(N_IN)) for token in np.asarray(x, np.float64)]]
    for step in net.up:
        kernels = np.asarray(step.linear.weight, np.float64).reshape(s, width, width)
        below = levels[-1]
        sums = [
            sum(below[s * node + child] @ kernels[child] for child in range(s))
            for node in range(len(below) // s)
        ]
        levels.append([gelu(normed(total / np.sqrt(s * width), step)) for total in sums])
    above = levels[-1]
    for step, seen in zip(net.down, reversed(levels), strict=False):
        kernels = np.asarray(step.linear.weight, np.float64).reshape(2 * width, s, width)
        above = [
            gelu(normed(np.concatenate(both) @ kernels[:, child] / np.sqrt(2 * width * s), step))
            for both in zip(above, seen, strict=True)
            for child in range(s)
        ]
    weight = np.asarray(net.last.weight, np.float64)
    pairs = zip(above, levels[0], strict=True)
    return np.array([np.concatenate(both) @ weight / (2 * width) for both in pairs])


def awake(network: StringNetwork) -> StringNetwork:
    """The network as training leaves it: no norm is without scale and shift."""
    rng = np.random.default_rng(2)
    return jax.tree.map(
        lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.3, leaf.shape), jnp.float32), network
    )


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_tree_is_its_formula(depth):
    network = awake(tiny("tree", depth=depth))
    assert isinstance(network.body, TreeNet)
    expected = tree_by_hand(network.body, np.asarray(STRING))
    assert np.abs(expected).max() < 1
    # float32 rounds answers below 1 by 6e-8, some twenty times on the way
    np.testing.assert_allclose(answer(network), expected, rtol=0, atol=20 * 6e-8)


@pytest.mark.slow
def test_the_tree_does_not_hear_the_time_and_the_others_do():
    for kind in KINDS:
        early, late = (answer(tiny(kind), time=time) for time in (0.1, 0.9))
        assert (kind == "tree") == np.array_equal(early, late)


# ---------------------------------------------------------------------- who hears of whom


def reach(network: StringNetwork) -> np.ndarray:
    """Whether an answer (row) hangs on a token (column)."""
    others = [answer(network, STRING.at[token].add(1)) for token in range(len(STRING))]
    return np.stack([np.abs(other - answer(network)).max(axis=1) > 1e-6 for other in others], 1)


def of_blocks(size: int) -> np.ndarray:
    """Answers of a block hang on the tokens of that block."""
    n_tokens = len(STRING)
    return np.kron(np.eye(n_tokens // size), np.ones((size, size))).astype(bool)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_answer_hangs_on_every_token(kind):
    assert reach(tiny(kind)).all()


@pytest.mark.parametrize("depth", [1, 2])
def test_a_tree_of_less_depth_sees_its_subtree_and_no_more(depth):
    np.testing.assert_array_equal(reach(tiny("tree", depth=depth)), of_blocks(2**depth))


def test_a_unet_looks_over_the_borders_of_tuples():
    seen = reach(tiny("unet", depth=1))
    assert (seen & ~of_blocks(2)).any(axis=1).all()


def test_windows_of_a_unet_overlap_where_filters_are_tuples():
    body = tiny("unet", filter_size=2).body
    assert isinstance(body, StringUNet)
    assert all((level.shorter.size, level.shorter.stride) == (3, 2) for level in body.levels)


def test_a_tree_of_less_depth_treats_its_subtrees_alike():
    """They may stand in any order."""
    network = awake(tiny("tree", depth=1))
    order = np.array([4, 5, 0, 1, 6, 7, 2, 3])
    np.testing.assert_allclose(
        answer(network, STRING[order]), answer(network)[order], rtol=1e-5, atol=1e-6
    )


def children_swapped(network: StringNetwork, level: int) -> StringNetwork:
    """The tree that takes the first child of every node of a level, from 0, for its second."""
    width = TINY.width

    def up_and_down(network):
        return (
            network.body.up[level].linear.weight,
            network.body.down[-1 - level].linear.weight,
        )

    up, down = up_and_down(network)
    swapped = up.reshape(2, width, width)[::-1], down.reshape(2 * width, 2, width)[:, ::-1]
    return eqx.tree_at(
        up_and_down, network, (swapped[0].reshape(up.shape), swapped[1].reshape(down.shape))
    )


@pytest.mark.parametrize("level", range(N_LAYERS))
def test_subtrees_swapped_along_with_their_weights_are_answered_as_before_and_swapped(level):
    network = awake(tiny("tree"))
    order = np.arange(8) ^ 2**level
    swapped = answer(children_swapped(network, level), STRING[order])
    np.testing.assert_allclose(swapped, answer(network)[order], rtol=1e-4, atol=1e-5)
    # a tree that took its children for equal would not need the weights of the other
    assert np.abs(answer(network, STRING[order]) - answer(network)[order]).max() > 1e-3


@pytest.mark.parametrize("kind", rest_slow(KINDS, 2))
def test_strings_of_a_batch_do_not_mix(kind):
    network = tiny(kind)
    strings = jax.random.normal(jax.random.key(3), (4, *STRING.shape))
    times = jnp.linspace(0.1, 0.9, 4)
    together = jax.jit(jax.vmap(network))(strings, times)
    alone = [answer(network, *one) for one in zip(strings, times, strict=True)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- scales and precision


@pytest.mark.parametrize("kind", rest_slow(KINDS, 2))
@pytest.mark.parametrize("width", rest_slow([32, 128]))
def test_weights_are_drawn_with_variance_1_and_answers_are_small(kind, width):
    """At any width: products are scaled, not weights."""
    cfg = TINY.replace(kind=kind, width=width)
    network = build_string_network(cfg, jax.random.key(0), N_IN, 256, TUPLE_SIZE, N_LAYERS)
    weights = [np.asarray(leaf) for leaf in jax.tree.leaves(network) if leaf.ndim == 2]
    drawn = np.concatenate([np.ravel(weight) for weight in weights])
    # 6 standard deviations of the mean and the variance of normal numbers: an alarm in 10**8 runs
    assert abs(drawn.mean()) < 6 / len(drawn) ** 0.5
    assert abs(drawn.var() - 1) < 6 * (2 / len(drawn)) ** 0.5
    # GELUs of normal numbers have a mean square of 0.43; the 256 channels of an answer move that of
    # all by 0.53 of itself at most (6 standard deviations), few tokens by as much again
    assert 0.1 < (answer(network) ** 2).mean() * len(weights[-1]) < 1.5


def test_a_scaled_layer_keeps_the_variance():
    n_in, n_out = 400, 300
    layer = ScaledLinear(np.random.default_rng(0), n_in, n_out)
    x = np.random.default_rng(1).normal(size=n_in).astype(np.float32)
    y = np.asarray(layer(jnp.asarray(x)))
    # a mean of n_out squares of normal numbers, given x: 6 standard deviations
    assert abs((y**2).mean() / (x**2).mean() - 1) < 6 * (2 / n_out) ** 0.5
    assert ScaledLinear(np.random.default_rng(0), 4, 1, divisor=4.0).divisor == 4


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_a_convolution_looks_at_its_windows(size, stride):
    conv = Conv(np.random.default_rng(0), 4, 5, size, stride)
    x = np.random.default_rng(1).normal(size=(12, 4)).astype(np.float32)
    kernel = np.asarray(conv.linear.weight).reshape(size, 4, 5)
    before = (size - stride) // 2
    expected = [
        sum(x[at] @ kernel[at - start] for at in range(start, start + size) if 0 <= at < len(x))
        / np.sqrt(4 * size)
        for start in range(-before, len(x) - before, stride)
    ]
    np.testing.assert_allclose(conv(jnp.asarray(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", rest_slow(KINDS, 2))
def test_bfloat16_answers_nearly_as_float32_does_and_keeps_float32_parameters(kind):
    exact, coarse = awake(tiny(kind)), awake(tiny(kind, precision="bfloat16"))
    assert {leaf.dtype for leaf in jax.tree.leaves(coarse)} == {jnp.dtype("float32")}
    answers = answer(exact), answer(coarse)
    error = np.sqrt(np.mean((answers[0] - answers[1]) ** 2)) / answers[0].std()
    # one rounding is 2**-9; there are some twenty layers
    assert 1e-5 < error < 0.05


def test_layer_norm_adds_up_in_float32():
    x = jnp.full((2, 4096), 1 + 2**-7, jnp.bfloat16).at[0, 0].set(60.0)
    exact = LayerNorm(4096)(x.astype(jnp.float32))
    norm = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), LayerNorm(4096))
    assert norm(x).dtype == jnp.bfloat16
    np.testing.assert_allclose(norm(x).astype(jnp.float32), exact, rtol=0.01)


# ---------------------------------------------------------------------- learning


def strings_of_signs(key: jax.Array, n: int) -> jax.Array:
    """Pairs of equal signs, the product of all four of which is 1."""
    first, other, third = jax.random.rademacher(key, (n, 3), jnp.float32).T
    pairs = jnp.stack([first, other, third, first * other * third], axis=1)
    return jnp.repeat(pairs, 2, axis=1)


def hidden_pair_loss(network, key):
    """The mean square by which answers err where one of four pairs is hidden."""
    one, other = jax.random.split(key)
    strings, hidden = strings_of_signs(one, 64), jax.random.randint(other, (64, 1), 0, 4)
    given = jnp.where(jnp.arange(8) // 2 == hidden, 0, strings)
    answers = jax.vmap(network, (0, None))(given[..., None], jnp.float32(0.5))
    return jnp.mean((answers[..., 0] - strings) ** 2)


@eqx.filter_jit
def last_loss(network, n_updates):
    """The mean loss of the last twenty updates of Adam, at the rate that trees are trained with."""
    adam = optax.adam(1e-2)

    def update(carried, key):
        network, moments = carried
        value, gradient = jax.value_and_grad(hidden_pair_loss)(network, key)
        changes, moments = adam.update(gradient, moments)
        return (optax.apply_updates(network, changes), moments), value

    keys = jax.random.split(jax.random.key(1), n_updates)
    _, losses = jax.lax.scan(update, (network, adam.init(network)), keys)
    return losses[-20:].mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_hidden_pair_is_learned_from_the_others(kind):
    cfg = StringNetworkConfig(kind=kind, width=32)
    network = build_string_network(cfg, jax.random.key(0), 1, 1, 2, 3)
    # who sees pairs alone knows nothing of the hidden one, a quarter of all tokens, and errs by 1/4
    assert float(last_loss(network, 600)) < 0.05
