"""Networks: what they take and give, and that they learn."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import rest_slow

from thrmlDenoising.networks import (
    Network,
    NetworkConfig,
    build_network,
    in_parts,
    n_operations,
    sinusoidal,
)
from thrmlDenoising.networks.layers import GroupNorm, dropout
from thrmlDenoising.networks.patches import from_patches, to_patches

KINDS = ("patches", "score", "unet")
TINY = NetworkConfig(channels=4, n_blocks=1, multipliers=(1, 2))
IMAGE = jax.random.normal(jax.random.key(1), (2, 8, 8))


def tiny(kind: str, n_classes: int = 3, **changes) -> Network:
    cfg = TINY.replace(kind=kind, **changes)
    return build_network(cfg, jax.random.key(0), 2, 2, (8, 8), n_classes)


def test_operations_are_counted():
    """Of a product of matrices, and of a network twice as wide: about four times as many."""
    assert n_operations(jnp.matmul, jnp.ones((3, 4)), jnp.ones((4, 5))) == 2 * 3 * 4 * 5
    time, label = jnp.asarray(0.5), jnp.asarray(1)
    one, other = (n_operations(tiny("score", channels=n), IMAGE, time, label) for n in (32, 64))
    assert 3 < other / one < 4.5


def awake(network: Network, seed: int = 2) -> Network:
    """The network as training leaves it: no layer is 0."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.1, leaf.shape), jnp.float32), network
    )


@eqx.filter_jit
def _answer(network, *arguments):
    return network(*arguments)


def answer(network: Network, x=IMAGE, time=0.5, label: int | None = 1, key=None):
    """Of a network, which is compiled once for all times and labels."""
    given = None if label is None else jnp.asarray(label)
    return _answer(network, x, jnp.asarray(time), given, key)


# ---------------------------------------------------------------------- shapes and settings


@pytest.mark.parametrize(
    ("changes", "image_shape"),
    [
        (dict(channels=1, multipliers=(1,), attention_levels=()), (4, 6)),
        (dict(channels=5, multipliers=(1, 2), n_blocks=3), (12, 8)),
        (dict(channels=3, multipliers=(2, 1, 4), attention_levels=(0, 2)), (8, 16)),
        (dict(channels=4, multipliers=(3,), attention_levels=(0,), dropout=0.5), (2, 2)),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_any_setting_keeps_the_sides_and_makes_the_channels_asked_for(kind, changes, image_shape):
    cfg = NetworkConfig(kind=kind, **changes)
    network = build_network(cfg, jax.random.key(0), 3, 7, image_shape, n_classes=0)
    answer = jax.eval_shape(network, jnp.zeros((3, *image_shape)), jnp.zeros(()))
    assert answer.shape == (7, *image_shape)
    assert answer.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_side_is_taken_where_nothing_is_halved(kind):
    cfg = NetworkConfig(kind=kind, multipliers=(1,), attention_levels=())
    if kind == "patches":
        with pytest.raises(ValueError, match='use kind="score" or kind="unet" with one'):
            cfg.check_sides((7, 8))
    else:
        cfg.check_sides((7, 9))


@pytest.mark.parametrize(
    ("kind", "multipliers", "image_shape", "words"),
    [
        ("unet", (1, 2, 2), (28, 30), "multiples of 4.* at most 2 multipliers"),
        ("score", (1, 2), (15, 15), "15 x 15 do not halve 1 times.* at most 1 multipliers"),
        ("patches", (1, 2, 2), (28, 28), "halve 3 times.*multiples of 8.* at most 2 multipliers"),
    ],
)
def test_sides_that_do_not_halve_are_refused_with_what_to_do(kind, multipliers, image_shape, words):
    cfg = NetworkConfig(kind=kind, multipliers=multipliers)
    with pytest.raises(ValueError, match=words):
        build_network(cfg, jax.random.key(0), 1, 1, image_shape)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(kind="unnet"), "did you mean 'unet'"),
        (dict(attention_levels=(2,)), "names level 2.*use levels from 0 to 1"),
        (dict(multipliers=()), "at least one entry"),
        (dict(dropout=1.0), "below 1"),
        (dict(precision="float16"), "float32"),
        (dict(channels=0), "from 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        NetworkConfig(**changes)


def test_a_batch_and_an_integer_time_are_refused():
    network = tiny("patches")
    with pytest.raises(ValueError, match=r"not \(5, 2, 8, 8\): use jax.vmap"):
        network(jnp.zeros((5, 2, 8, 8)), 0.5)
    with pytest.raises(ValueError, match=r"runs from 0 to 1.*divide"):
        network(IMAGE, 57)


def test_the_unet_of_d3pm_has_as_many_parameters_as_published():
    cfg = NetworkConfig(kind="unet", channels=32, multipliers=(1, 2), n_blocks=2)
    network = build_network(cfg, jax.random.key(0), 1, 2, (28, 28), n_classes=10)
    assert network.n_parameters == pytest.approx(1.01e6, rel=5e-3)


def test_the_default_network_is_less_than_a_third_of_that():
    network = build_network(NetworkConfig(), jax.random.key(0), 2, 2, (28, 28), n_classes=10)
    assert network.n_parameters == 300_456


# ---------------------------------------------------------------------- what an answer hangs on


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_network_answers_0_and_its_blocks_change_nothing(kind):
    assert not answer(tiny(kind)).any()
    assert answer(awake(tiny(kind))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_time_class_and_every_pixel_matter(kind):
    network = awake(tiny(kind))
    others = [
        answer(network, time=0.501),
        answer(network, label=2),
        answer(network, label=None),
        answer(network, IMAGE.at[0, 7, 7].add(1)),
    ]
    for other in others:
        assert (np.abs(other - answer(network)).max(axis=(1, 2)) > 1e-5).all()


def test_none_is_the_last_class_and_one_beyond_it_is_nan():
    network = awake(tiny("patches"))
    assert network.no_class == 3
    np.testing.assert_array_equal(answer(network, label=None), answer(network, label=3))
    for unknown in (4, -1):
        assert np.isnan(answer(network, label=unknown)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_images_of_a_batch_do_not_mix(kind):
    network = awake(tiny(kind, dropout=0.2))
    images = jax.random.normal(jax.random.key(3), (4, 2, 8, 8))
    times, labels = jnp.linspace(0.1, 0.9, 4), jnp.arange(4)
    keys = jax.random.split(jax.random.key(4), 4)
    many = eqx.filter_jit(lambda images: jax.vmap(network)(images, times, labels, keys))
    together = many(images)
    alone = [answer(network, *one) for one in zip(images, times, labels, keys, strict=True)]
    np.testing.assert_allclose(together, jnp.stack(alone), atol=2e-5)
    changed = many(images.at[0].add(1.0))
    np.testing.assert_allclose(changed[1:], together[1:], atol=2e-5)
    assert np.abs(changed[0] - together[0]).max() > 1e-3


@pytest.mark.parametrize("kind", rest_slow(KINDS))
def test_dropout_needs_a_rate_and_a_key(kind):
    network = awake(tiny(kind, dropout=0.3))
    one, other = jax.random.split(jax.random.key(0))
    off, on, again, else_ = (answer(network, key=key) for key in (None, one, one, other))
    assert np.abs(on - off).max() > 1e-3
    assert np.abs(on - else_).max() > 1e-3
    np.testing.assert_array_equal(on, again)
    np.testing.assert_array_equal(answer(awake(tiny(kind)), key=one), off)


def test_dropout_keeps_the_mean_and_leaves_out_its_share():
    n = 100_000
    dropped = dropout(jnp.ones(n), 0.3, jax.random.key(0))
    # 6 standard deviations of a share: a false alarm in 5e8 runs
    assert float((dropped == 0).mean()) == pytest.approx(0.3, abs=6 * (0.21 / n) ** 0.5)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / 0.7, rtol=1e-6)


# ---------------------------------------------------------------------- parts


def test_sinusoids_are_those_of_ddpm_at_a_thousand_steps():
    step, n = 37, 8
    rates = [10_000 ** -(i / 3) for i in range(4)]
    expected = [np.sin(step * r) for r in rates] + [np.cos(step * r) for r in rates]
    np.testing.assert_allclose(sinusoidal(jnp.asarray(step / 1000), n), expected, atol=1e-5)


def test_group_norm_leaves_mean_0_and_variance_1_in_each_group():
    x = 5 + 3 * jax.random.normal(jax.random.key(0), (6, 4, 12)) * jnp.arange(1, 13)
    norm = GroupNorm(12)
    assert norm.n_groups == 3
    groups = np.asarray(norm(x)).reshape(24, 3, 4)
    np.testing.assert_allclose(groups.mean((0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(groups.var((0, 2)), 1, atol=1e-4)


def test_patches_are_put_back_where_they_were_cut():
    image = jax.random.normal(jax.random.key(0), (6, 4, 3))
    patches = to_patches(image)
    assert patches.shape == (3, 2, 12)
    np.testing.assert_array_equal(patches[1, 0], image[2:4, 0:2].reshape(-1))
    np.testing.assert_array_equal(from_patches(patches), image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_bfloat16_answers_nearly_as_float32_does_and_keeps_float32_parameters(kind):
    exact = awake(tiny(kind, channels=8))
    coarse = awake(tiny(kind, channels=8, precision="bfloat16"))
    assert {leaf.dtype for leaf in jax.tree.leaves(coarse)} == {jnp.dtype("float32")}
    answers = np.asarray(answer(exact)), np.asarray(answer(coarse))
    error = np.sqrt(np.mean((answers[0] - answers[1]) ** 2)) / answers[0].std()
    # one rounding is 2**-9; there are some twenty layers
    assert 1e-5 < error < 0.05


def test_group_norm_adds_up_in_float32():
    pixels = jnp.full((64, 64, 4), 1 + 2**-7, jnp.bfloat16).at[0, 0].set(3.0)
    exact = GroupNorm(4)(pixels.astype(jnp.float32))
    norm = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), GroupNorm(4))
    assert norm(pixels).dtype == jnp.bfloat16
    np.testing.assert_allclose(norm(pixels).astype(jnp.float32), exact, rtol=0.01)


# ---------------------------------------------------------------------- learning

N_UPDATES = 300


@eqx.filter_jit
def learned(network, loss, key):
    """The network after some updates of Adam, and the mean loss of the last ten."""
    adam = optax.adam(1e-2)

    def update(carried, key):
        network, moments = carried
        value, gradient = jax.value_and_grad(loss)(network, key)
        changes, moments = adam.update(gradient, moments)
        return (optax.apply_updates(network, changes), moments), value

    keys = jax.random.split(key, N_UPDATES)
    (network, _), losses = jax.lax.scan(update, (network, adam.init(network)), keys)
    return network, losses[-10:].mean()


def noisy(key, images, share):
    """The images of signs, of which a share has changed its sign."""
    changed = jax.random.bernoulli(key, share, images.shape)
    return jnp.where(changed, -images, images)


def signs(key):
    return jnp.sign(jax.random.normal(key, (8, 2, 8, 8)))


def eight_images_loss(network, key):
    """Eight images without structure, at most a third of them changed: they have to be known."""
    images, times = signs(jax.random.key(7)), jax.random.uniform(key, (8,))
    given = jax.vmap(noisy, (0, 0, 0))(jax.random.split(key, 8), images, times / 3)
    return jnp.mean((jax.vmap(network)(given, times, jnp.arange(8) % 3) - images) ** 2)


def reversed_loss(hears, network, key):
    """Ever new images, of which early few pixels and late most are changed: it takes the time."""
    images, times = signs(key), jnp.tile(jnp.array([0.1, 0.9]), 4)
    given = jax.vmap(noisy, (0, 0, 0))(jax.random.split(key, 8), images, times)
    heard = 0.5 + hears * (times - 0.5)
    return jnp.mean((jax.vmap(network)(given, heard, jnp.zeros(8, int)) - images) ** 2)


def hearing(hears: float):
    """The loss of a network that hears the time, or at 0 always the same."""
    return jax.tree_util.Partial(reversed_loss, jnp.asarray(hears))


@pytest.mark.parametrize(
    ("kind", "seed"), [("patches", 0), ("patches", 1), ("patches", 2), ("score", 0), ("unet", 0)]
)
@pytest.mark.slow
def test_eight_images_are_learned_by_heart(kind, seed):
    network = tiny(kind, channels=16)
    assert float(eight_images_loss(network, jax.random.key(seed))) == 1
    assert float(learned(network, eight_images_loss, jax.random.key(seed))[1]) < 0.15


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_the_time_is_learned_from_and_its_twin_that_hears_none_learns_nothing(seed):
    """Of the default kind: all are told the time alike; a U-Net takes more updates to use it."""
    network, key = tiny("patches", channels=16), jax.random.key(seed)
    # The best answer errs by 1 - 0.8**2. Without the time the best is 0, which errs by 1: chance
    # takes 0.05 off a mean of 10,240 squares (5 standard deviations) once in 10**6 runs.
    assert float(learned(network, hearing(1.0), key)[1]) < 0.85
    assert float(learned(network, hearing(0.0), key)[1]) > 0.95


# --- batches in parts ----------------------------------------------------------------------


@pytest.mark.parametrize("n_images", rest_slow([16, 1, 40], 0))
def test_the_gradient_of_a_batch_is_the_mean_of_its_parts(n_images):
    """As whole; and parts have keys of their own, the same on any number of cores."""
    network = tiny("patches", channels=8)
    images = jnp.asarray(
        np.random.default_rng(0).random((n_images, *network.in_shape)), jnp.float32
    )

    def loss(network, images):
        return (jax.vmap(lambda x: network(x, jnp.float32(0.5)))(images) ** 2).mean()

    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    parts = in_parts(
        lambda _, some: (len(some), gradient(network, some)), jax.random.key(0), images
    )
    assert [n for n, _ in parts] == {1: [1], 16: [16], 40: [16, 16, 8]}[n_images]
    mean = jax.tree.map(
        lambda *values: sum(n * v for (n, _), v in zip(parts, values, strict=True)) / n_images,
        *(part for _, part in parts),
    )
    for ours, whole in zip(*map(jax.tree.leaves, (mean, gradient(network, images))), strict=True):
        np.testing.assert_allclose(ours, whole, rtol=1e-4, atol=1e-6)
    keys = in_parts(lambda key, _: jax.random.key_data(key).tolist(), jax.random.key(0), images)
    assert len({tuple(key) for key in keys}) == len(parts)
    assert keys == in_parts(
        lambda key, _: jax.random.key_data(key).tolist(), jax.random.key(0), images
    )


def test_a_part_that_fails_is_raised(monkeypatch):
    def compute(_, some):
        if some[0] == 16:
            raise FloatingPointError("the second part")
        return some

    with pytest.raises(FloatingPointError, match="the second part"):
        in_parts(compute, jax.random.key(0), np.arange(40))


def test_parts_are_computed_under_the_settings_of_the_library():
    with jax.numpy_dtype_promotion("strict"):
        (sum_of,) = in_parts(
            lambda _, x: jnp.asarray(x, jnp.float32) + jnp.int32(1), jax.random.key(0), np.ones(3)
        )
    assert sum_of.tolist() == [2, 2, 2]
