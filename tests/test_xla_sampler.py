"""The sampler compiled by XLA: its random numbers, its programs and its chains over devices.

What it samples is tested with all samplers in test_samplers.py. Where chance decides, a false
alarm has chance 1e-7 (`exactness.ALARM`).
"""

import json
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, int32, observe_all, random_setting
from scipy.special import expit
from scipy.stats import binomtest, chisquare
from tiny import finished, python, rest_slow

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
    parse_preset,
)
from thrmlDenoising.sampling import CLAMPS, Chains, IsingMachine, Parameters, Schedule
from thrmlDenoising.sampling.xla import sampler as xla_sampler
from thrmlDenoising.sampling.xla.sampler import XlaSampler, random_words, threefry, up_at_random

SEEDS = (0, 1, 2)
SCHEDULE = Schedule.constant(0.8, n_warmup=3, n_samples=4, sweeps_per_sample=2)


def torus(preset: int, n_pixels: int, n_label_spots: int, seed: int) -> BaseGraph:
    chosen = parse_preset(preset)
    lattice = Lattice(chosen.side, chosen.rules, torus=True)
    return PoissonBinomialIsingGraphManager(
        GraphSpec((1, n_pixels), 1, n_label_spots, lattice)
    ).build_graph(seed)


# --- random numbers ------------------------------------------------------------------------

# Key, counters and words published with the Random123 library.
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counters", "words"), KNOWN_ANSWERS)
def test_threefry_gives_the_published_words(key, counters, words):
    x, y = (jnp.array(counter, jnp.uint32) for counter in counters)
    found = threefry(jnp.array(key, jnp.uint32), x, y)
    assert tuple(int(word) for word in found) == words


def test_words_of_nodes_chains_and_sweeps_are_independent():
    """Bytes of neighbouring words, as pairs, fill all cells alike."""
    for seed in SEEDS:
        keys = jax.random.bits(jax.random.key(seed), (2, 2), jnp.uint32)
        words = np.stack([random_words(key, jnp.arange(256), 512) for key in keys])
        top = words >> 24
        for axis in range(3):
            one, other = np.split(np.moveaxis(top, axis, 0)[: 2 * (top.shape[axis] // 2)], 2)
            counts = np.bincount((256 * one + other).ravel(), minlength=256**2)
            coarse = counts.reshape(16, 16, 16, 16).sum(axis=(1, 3))
            assert chisquare(coarse.ravel()).pvalue > ALARM


def probabilities(xs: np.ndarray, up: Callable = up_at_random) -> np.ndarray:
    """The exact chance of "up" at each x: how many of the 2^32 words lead there.

    A word leads there if every smaller one does, so the first that does not is bisected for.
    """
    low, high = np.zeros(len(xs), np.int64), np.full(len(xs), 2**32)
    for _ in range(33):
        middle = (low + high) // 2
        leads = np.asarray(up(jnp.asarray(xs), jnp.asarray(middle.astype(np.uint32))))
        inside = low < high
        low = np.where(inside & leads, middle + 1, low)
        high = np.where(inside & ~leads, middle, high)
    return low / 2**32


XS = np.concatenate([np.linspace(-30, 30, 601), np.linspace(-0.01, 0.01, 50)]).astype(np.float32)


def test_flip_probabilities_are_within_a_millionth():
    assert np.abs(probabilities(XS) - expit(XS.astype(float))).max() <= 1e-6


def test_sixteen_random_bits_would_not_do():
    def coarse(x, words):
        return up_at_random(x, words & np.uint32(0xFFFF0000))

    assert np.abs(probabilities(XS, coarse) - expit(XS.astype(float))).max() > 1e-6


@pytest.mark.parametrize("x", [30.0, 1e3, 2e4, 3e38])
def test_fields_that_nothing_can_beat_freeze(x):
    words = jnp.array([0, 1, 2**31, 2**32 - 2, 2**32 - 1], jnp.uint32)
    with jax.debug_nans(True), jax.debug_infs(True):
        assert up_at_random(jnp.float32(x), words).all()
        assert not up_at_random(jnp.float32(-x), words).any()


# --- graphs --------------------------------------------------------------------------------


@pytest.mark.parametrize("n_leaves", rest_slow([17, 1, 15, 16, 40]))
def test_a_hub_feels_all_its_leaves(n_leaves):
    """Leaves clamped at random, the hub free: one sweep has a known distribution."""
    leaves = np.arange(1, n_leaves + 1, dtype=np.int32)
    edges = np.stack([np.zeros_like(leaves), leaves], axis=1)
    graph = BaseGraph.untied(edges, (np.arange(n_leaves + 1) > 0).astype(np.int32), leaves, int32())
    sampler, schedule = XlaSampler.from_graph(graph), Schedule.constant(0.7, 1)
    for seed in SEEDS:
        setting = random_setting(seed, graph, "visible", n_conditions=1)
        # Contributions of alternating sign: small fields, where every leaf tells.
        contributions = (-1.0) ** leaves / np.sqrt(n_leaves)
        weights = jnp.asarray(contributions * (2 * setting.starts[0, 1:] - 1.0), jnp.float32)
        parameters = Parameters(jnp.zeros(graph.n_biases), weights)
        machine = setting.machine._replace(parameters=parameters)
        chains = setting.chains(20000)
        moments = sampler.moments(jax.random.key(seed), machine, chains, schedule, "visible")
        n_up = int(np.asarray(moments.last)[:, 0].sum())
        for field, agrees in ((contributions.sum(), True), (contributions[:-1].sum(), False)):
            p_value = binomtest(n_up, len(chains.spins), float(expit(2 * 0.7 * field))).pvalue
            assert (p_value > ALARM) == agrees


@pytest.mark.slow
def test_moments_are_the_counts_of_what_is_observed():
    """The same key gives the same chains: no statistics."""
    graph = torus(8_8, n_pixels=9, n_label_spots=2, seed=0)
    sampler = XlaSampler.from_graph(graph)
    for seed, clamp in enumerate(CLAMPS):
        setting = random_setting(seed, graph, clamp)
        run = jax.random.key(seed), setting.machine, setting.chains(7), SCHEDULE, clamp
        spins = 2.0 * np.asarray(sampler.observe(*run, observe_all(graph))) - 1
        moments = sampler.moments(*run)
        np.testing.assert_array_equal(moments.spins, spins.mean(axis=0))
        pairs = spins[..., graph.edges[:, 0]] * spins[..., graph.edges[:, 1]]
        np.testing.assert_allclose(moments.pairs, pairs.mean(axis=(0, 1)), atol=2e-7)
        np.testing.assert_array_equal(2.0 * moments.last - 1, spins[-1])


@pytest.mark.slow
def test_a_chain_does_not_depend_on_those_beside_it():
    graph = torus(8_8, n_pixels=9, n_label_spots=2, seed=0)
    sampler, setting = XlaSampler.from_graph(graph), random_setting(0, graph)
    chains = setting.chains(30)
    few = jax.tree.map(lambda leaf: leaf[:11], chains)
    run = jax.random.key(0), setting.machine
    all_moments = sampler.moments(*run, chains, SCHEDULE, "nothing")
    moments = sampler.moments(*run, few, SCHEDULE, "nothing")
    np.testing.assert_array_equal(moments.spins, all_moments.spins[:11])
    np.testing.assert_array_equal(moments.last, all_moments.last[:11])


def test_a_field_of_ten_thousand_freezes_and_leaves_no_nan():
    graph = torus(8_8, n_pixels=9, n_label_spots=2, seed=0)
    up = np.arange(graph.n_nodes) % 3 == 0
    setting = random_setting(0, graph)
    biases = jnp.where(jnp.asarray(up), 1e4, -1e4)
    parameters = setting.machine.parameters._replace(biases=biases)
    machine = setting.machine._replace(parameters=parameters)
    sampler, schedule = XlaSampler.from_graph(graph), Schedule.constant(1.0, 1, 50)
    moments = sampler.moments(jax.random.key(0), machine, setting.chains(100), schedule, "nothing")
    np.testing.assert_array_equal(moments.spins, np.tile(2.0 * up - 1, (300, 1)))
    assert np.isfinite(moments.pairs).all()


# --- programs ------------------------------------------------------------------------------


def programs(monkeypatch, runs: Callable[[], None]) -> int:
    """How many new programs draw random numbers in these runs: JAX traces each once."""
    traced = []

    def counted(*arguments):
        traced.append(arguments)
        return threefry(*arguments)

    monkeypatch.setattr(xla_sampler, "threefry", counted)
    jax.clear_caches()
    runs()
    return len(traced)


@pytest.mark.slow
def test_all_placements_and_clamps_share_one_program(monkeypatch):
    graphs = [torus(8_8, n_pixels=9, n_label_spots=2, seed=seed) for seed in range(3)]

    def runs(graphs, clamps):
        for graph in graphs:
            sampler = XlaSampler.from_graph(graph)
            for clamp in clamps:
                setting = random_setting(0, graph, clamp)
                chains = setting.chains(5)
                sampler.moments(jax.random.key(0), setting.machine, chains, SCHEDULE, clamp)

    one = programs(monkeypatch, lambda: runs(graphs[:1], ["nothing"]))
    assert one > 0
    assert programs(monkeypatch, lambda: runs(graphs, CLAMPS)) == one
    other_sizes = [*graphs[:1], torus(8_8, n_pixels=4, n_label_spots=2, seed=0)]
    assert programs(monkeypatch, lambda: runs(other_sizes, ["nothing"])) > one


def spread_over_colors(visible: tuple[int, int]) -> BaseGraph:
    """A ring of eight nodes with these two visible."""
    ring = np.stack([np.arange(8), np.roll(np.arange(8), -1)], axis=1).astype(np.int32)
    return BaseGraph.untied(ring, (np.arange(8) % 2).astype(np.int32), int32(*visible), int32())


def test_tables_have_one_shape_however_many_visible_nodes_a_color_has():
    def shapes(graph):
        return jax.tree.map(jnp.shape, eqx.filter(XlaSampler.from_graph(graph), eqx.is_array))

    rings = [spread_over_colors(visible) for visible in [(0, 1), (2, 7), (5, 4)]]
    assert shapes(rings[0]) == shapes(rings[1]) == shapes(rings[2])


def test_the_memory_of_a_large_run_is_a_few_states():
    graph, n_chains = torus(70_12, n_pixels=784, n_label_spots=5, seed=0), 400
    sampler, n_visible = XlaSampler.from_graph(graph), len(graph.visible_nodes)
    zeros = Parameters(jnp.zeros(graph.n_biases), jnp.zeros(graph.n_weights))
    machine = IsingMachine(zeros, jnp.zeros(n_visible))
    spins = jnp.zeros((n_chains, graph.n_nodes), bool)
    chains = Chains(spins, jnp.zeros((n_chains, n_visible), bool))

    def moments(key):
        return sampler.moments(key, machine, chains, SCHEDULE, "nothing")

    used = jax.jit(moments).lower(jax.random.key(0)).compile().memory_analysis()
    assert used is not None
    bytes_per_spin = (used.output_size_in_bytes + used.temp_size_in_bytes) / spins.size
    assert bytes_per_spin < 40


# --- devices -------------------------------------------------------------------------------

ON_EIGHT = """
import json, re, sys
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
sys.path.insert(0, sys.argv[1])
from exactness import observe_all, random_setting
from test_xla_sampler import SCHEDULE, torus
from thrmlDenoising.sampling import CLAMPS
from thrmlDenoising.sampling.xla.sampler import XlaSampler

made = jax.make_mesh((8,), ("chain",))
mesh = {"plain": Mesh(jax.devices(), ("chain",)), "made": made}[sys.argv[2]]
over_chains = NamedSharding(mesh, PartitionSpec("chain"))
graph = torus(8_8, n_pixels=9, n_label_spots=2, seed=0)
sampler = XlaSampler.from_graph(graph)
COLLECTIVES = r"(all-gather|all-to-all|collective-permute|all-reduce|reduce-scatter)(?:-start)?[(]"

def run(key, machine, chains, clamp):
    moments = sampler.moments(key, machine, chains, SCHEDULE, clamp)
    return moments, sampler.observe(key, machine, chains, SCHEDULE, clamp, observe_all(graph))

found = {"equal": [], "chains": [], "collectives": []}
for seed, clamp in enumerate(CLAMPS):
    setting, key = random_setting(seed, graph, clamp), jax.random.key(seed)
    one, spread = setting.chains(40), jax.device_put(setting.chains(40), over_chains)
    on_one, on_eight = (run(key, setting.machine, chains, clamp) for chains in (one, spread))
    pairs = zip(jax.tree.leaves(on_one), jax.tree.leaves(on_eight), strict=True)
    found["equal"] += [bool((np.asarray(a) == np.asarray(b)).all()) for a, b in pairs]
    moments, observed = on_eight
    found["chains"] += [len(shard.data) for shard in moments.spins.addressable_shards]
    found["chains"] += [shard.data.shape[1] for shard in observed.addressable_shards]
    program = jax.jit(run, static_argnums=3).lower(key, setting.machine, spread, clamp).compile()
    found["collectives"] += re.findall(COLLECTIVES, program.as_text())
print(json.dumps(found))
"""


@pytest.mark.parametrize("mesh", ["plain", "made"])
@pytest.mark.slow
def test_chains_over_eight_devices(mesh, request):
    """Bit for bit what one device gives; only sums over chains are communicated."""
    flags = "--xla_force_host_platform_device_count=8"
    process = python("-c", ON_EIGHT, request.path.parent, mesh, XLA_FLAGS=flags)
    found = json.loads(finished(process))
    assert all(found["equal"])
    assert found["chains"] == [3 * 40 // 8] * (2 * 8 * len(CLAMPS)), "8 shards of each result"
    assert set(found["collectives"]) == {"all-reduce"}
