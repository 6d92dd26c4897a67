"""Every sampler against exactly enumerated machines, and broken samplers that must be caught.

Each statistical comparison raises a false alarm with chance 1e-7 (`exactness.ALARM`), whatever
the seeds: chains are independent and only one state of a chain enters a goodness-of-fit test.
Add a new sampler to `FAST_SAMPLERS` in tiny.py.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import (
    ALARM,
    TINY_CASES,
    Setting,
    all_states,
    boltzmann,
    chain_means,
    each_condition,
    expected_means,
    fit_p_value,
    int32,
    means_p_value,
    observe,
    observe_all,
    random_machine,
    random_setting,
    samples_p_value,
    sign_errors,
    start_at,
    state_numbers,
    sweep,
    sweeps,
    three_colored_graph,
    tied_graph,
)
from scipy.special import expit
from scipy.stats import binomtest
from tiny import FAST_SAMPLERS, rest_slow

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
    parse_preset,
)
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import Interval, Rates
from thrmlDenoising.sampling import (
    CLAMPS,
    AbstractSampler,
    Chains,
    IsingMachine,
    Parameters,
    Schedule,
    backends,
)
from thrmlDenoising.sampling.exact import exact_distribution
from thrmlDenoising.sampling.protocol import check_countable
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler

SAMPLERS = [ThrmlSampler, *map(backends.sampler_type, FAST_SAMPLERS)]
SEEDS = (0, 1, 2)
N_CHAINS = 2048
"""Chains a condition. Compiling dominates these tests, and a number that a sampler can divide
into equal groups compiles in half the time; one test takes another."""
N_WARMUP = 80
"""Enough for every tiny machine at beta 0.8: `test_long_runs_...` computes what bias is left."""

GRAPHS: dict[str, Callable[[], BaseGraph]] = {
    "three colours, tied": tied_graph,
    **{name: case.build_graph for name, case in TINY_CASES.items()},
}
BETAS = {"constant": (0.8, 0.8, 0.8), "ramp": (0.3, 0.8, 1.3)}
SCHEDULES = {
    name: Schedule(jnp.array(betas), n_warmup=1, n_samples=3, sweeps_per_sample=1)
    for name, betas in BETAS.items()
}


@pytest.fixture(
    scope="module",
    params=[*rest_slow(SAMPLERS[:1], 0), *SAMPLERS[1:]],  # thrml's programs take long to compile
    ids=lambda sampler: sampler.__name__,
)
def sampler_type(request) -> type[AbstractSampler]:
    return request.param


@pytest.fixture(scope="module", params=rest_slow(GRAPHS))
def graph(request) -> BaseGraph:
    return GRAPHS[request.param]()


@pytest.fixture(scope="module")
def sampler(sampler_type, graph) -> AbstractSampler:
    return sampler_type.from_graph(graph)


def sweep_p_values(
    sampler: AbstractSampler, setting: Setting, betas: str, seed: int
) -> list[float]:
    """How well the states after sweeps 1, 2 and 3 fit their exact distributions."""
    looks = observe(sampler, setting, SCHEDULES[betas], seed, N_CHAINS)
    exact = [sweeps(setting, condition, BETAS[betas]) for condition in each_condition(setting)]
    return [
        samples_p_value(setting, spins, distributions)
        for spins, distributions in zip(looks, zip(*exact, strict=True), strict=True)
    ]


# --- the yardstick itself ------------------------------------------------------------------


@pytest.mark.parametrize("clamp", CLAMPS)
def test_yardstick_sweep_leaves_boltzmann_alone_and_agrees_with_the_library(graph, clamp):
    setting = random_setting(3, graph, clamp)
    for condition in each_condition(setting):
        wanted = boltzmann(setting, condition, 0.9)
        np.testing.assert_allclose(sweep(setting, condition, 0.9, wanted), wanted, atol=1e-14)
        exact = exact_distribution(
            graph,
            setting.machine,
            setting.inputs[condition],
            0.9,
            clamp,
            setting.starts[condition],
        )
        np.testing.assert_array_equal(exact.states, all_states(setting, condition))
        np.testing.assert_allclose(exact.probabilities, wanted, rtol=1e-10)


def test_goodness_of_fit_is_calibrated_and_powerful():
    rng = np.random.default_rng(0)
    wanted = np.stack([rng.dirichlet(np.full(64, 0.3)) for _ in range(2)])
    p_values = [
        fit_p_value(np.stack([rng.multinomial(1500, p) for p in wanted]), wanted)
        for _ in range(2000)
    ]
    # binomial(2000, 0.01): above 50 with chance 1e-7
    assert np.sum(np.array(p_values) < 0.01) <= 50
    shifted = np.roll(wanted, 1, axis=1)
    assert fit_p_value(np.stack([rng.multinomial(1500, p) for p in shifted]), wanted) < ALARM


# --- samplers against exact distributions --------------------------------------------------


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("clamp", CLAMPS)
@pytest.mark.slow
def test_the_first_sweeps_have_their_exact_distributions(sampler, graph, clamp, betas):
    """The sweep itself, colour by colour in ascending order, far from equilibrium."""
    for seed in SEEDS:
        setting = random_setting(seed, graph, clamp)
        assert min(sweep_p_values(sampler, setting, betas, seed)) > ALARM


@pytest.mark.parametrize("n_ramp", rest_slow([20, 1]))
@pytest.mark.parametrize("clamp", rest_slow(CLAMPS))
def test_long_runs_reach_the_boltzmann_distribution(sampler, graph, clamp, n_ramp):
    """Constant beta, and a ramp that then stays at its end."""
    schedule = Schedule.ramp((0.8 if n_ramp == 1 else 0.2, 0.8), n_ramp, N_WARMUP)
    for seed in SEEDS:
        setting = random_setting(seed, graph, clamp)
        wanted = [boltzmann(setting, condition, 0.8) for condition in each_condition(setting)]
        for condition in each_condition(setting):
            after = sweeps(setting, condition, np.asarray(schedule.betas))[-1]
            # What the remaining bias adds to the chi-square statistic, on average: nothing.
            bias = N_CHAINS * ((after - wanted[condition]) ** 2 / wanted[condition]).sum()
            assert bias < 1e-3
        (last,) = observe(sampler, setting, schedule, seed, N_CHAINS)
        assert samples_p_value(setting, last, wanted) > ALARM


def test_a_torus_with_ten_hidden_spins(sampler_type):
    manager = PoissonBinomialIsingGraphManager(
        GraphSpec((2, 2), 1, 2, Lattice(4, ((0, 1), (2, 1)), torus=True))
    )
    graph = manager.build_graph(1)
    sampler = sampler_type.from_graph(graph)
    for seed in SEEDS:
        setting = random_setting(seed, graph, "visible")
        assert min(sweep_p_values(sampler, setting, "ramp", seed)) > ALARM


def test_fresh_chains_start_from_the_biases_alone(sampler_type):
    case = TINY_CASES["poisson_binomial, 1 level"]
    manager = case.build_manager()
    graph = case.build_graph()
    step = DiffusionStep.build(manager, graph, sampler_type, Interval(0, 1), Rates(1, 1), 0.0)
    for seed in SEEDS:
        setting = random_setting(seed, graph, n_conditions=1)
        inputs = setting.chains(6000).inputs
        parameters = setting.machine.parameters
        chains = step.fresh_chains(jax.random.key(seed), parameters, inputs, 0.7)
        up = expit(2 * 0.7 * np.asarray(parameters.biases, float))
        wanted = np.where(all_states(setting, 0), up, 1 - up).prod(axis=1)
        assert samples_p_value(setting, np.asarray(chains.spins)[None], wanted[None]) > ALARM
        np.testing.assert_array_equal(chains.inputs, inputs)


# --- broken twins --------------------------------------------------------------------------


class Misled(AbstractSampler):
    """A sampler that is handed the wrong machine."""

    inner: AbstractSampler
    mislead: Callable[[IsingMachine], IsingMachine]

    @classmethod
    def from_graph(cls, graph):
        raise NotImplementedError

    def moments(self, key, machine, chains, schedule, clamp):
        return self.inner.moments(key, self.mislead(machine), chains, schedule, clamp)

    def observe(self, key, machine, chains, schedule, clamp, observer):
        return self.inner.observe(key, self.mislead(machine), chains, schedule, clamp, observer)


class SkippedColor(AbstractSampler):
    """Free hidden nodes of colour 1 are never updated: to the inner sampler they are labels."""

    inner: AbstractSampler
    n_skipped: int

    @classmethod
    def from_graph(cls, graph):
        raise NotImplementedError

    def moments(self, key, machine, chains, schedule, clamp):
        raise NotImplementedError

    def observe(self, key, machine, chains, schedule, clamp, observer):
        couplings = jnp.pad(machine.input_couplings, (0, self.n_skipped))
        inputs = jnp.pad(chains.inputs, ((0, 0), (0, self.n_skipped)))
        machine = machine._replace(input_couplings=couplings)
        chains = chains._replace(inputs=inputs)
        return self.inner.observe(key, machine, chains, schedule, "labels", observer)


def scaled(machine: IsingMachine, factor: float) -> IsingMachine:
    return jax.tree.map(lambda leaf: factor * leaf, machine)


def flipped_sign(machine: IsingMachine) -> IsingMachine:
    return scaled(machine, -1)


def factor_two_dropped(machine: IsingMachine) -> IsingMachine:
    return scaled(machine, 0.5)


def edges_counted_twice(machine: IsingMachine) -> IsingMachine:
    parameters = machine.parameters
    return machine._replace(parameters=parameters._replace(weights=2 * parameters.weights))


def input_ignored(machine: IsingMachine) -> IsingMachine:
    return machine._replace(input_couplings=jnp.zeros_like(machine.input_couplings))


def coupling_of_another_input(machine: IsingMachine) -> IsingMachine:
    return machine._replace(input_couplings=jnp.roll(machine.input_couplings, 1) * 0.8)


MISTAKES = [
    flipped_sign,
    factor_two_dropped,
    edges_counted_twice,
    input_ignored,
    coupling_of_another_input,
]


@pytest.mark.parametrize("betas", BETAS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_conditional_is_caught(sampler, graph, mistake, betas):
    setting = random_setting(0, graph)
    twin = Misled(sampler, mistake)
    assert min(sweep_p_values(twin, setting, betas, 0)) < ALARM


def test_a_skipped_color_is_caught(sampler_type):
    graph = three_colored_graph()
    skipped = np.setdiff1d(np.flatnonzero(graph.colors == 1), graph.visible_nodes)
    labels = skipped.astype(np.int32)
    mistaken = replace(graph, image_nodes=graph.visible_nodes, label_nodes=labels)
    twin = SkippedColor(sampler_type.from_graph(mistaken), len(labels))
    assert min(sweep_p_values(twin, random_setting(0, graph), "constant", 0)) < ALARM


def test_colors_updated_in_another_order_are_caught(sampler_type):
    graph = three_colored_graph()
    twin = sampler_type.from_graph(replace(graph, colors=2 - graph.colors))
    assert min(sweep_p_values(twin, random_setting(0, graph), "constant", 0)) < ALARM


def test_a_ramp_run_backwards_is_caught(sampler, graph):
    setting = random_setting(0, graph)
    schedule = Schedule(jnp.array(BETAS["ramp"][::-1]), 1, 3, 1)
    first, *_ = observe(sampler, setting, schedule, 0, N_CHAINS)
    wanted = [sweeps(setting, condition, BETAS["ramp"])[0] for condition in each_condition(setting)]
    assert samples_p_value(setting, first, wanted) < ALARM


# --- moments -------------------------------------------------------------------------------

MOMENTS_SCHEDULE = Schedule.constant(0.8, N_WARMUP, n_samples=4, sweeps_per_sample=5)


def moments_p_values(sampler: AbstractSampler, setting: Setting, seed: int) -> list[float]:
    """Moments against enumeration: spins of each condition, then pairs over all.

    A chain's average over its samples varies no more than a single sample would, so the errors
    are at most those of one exact sample a chain.
    """
    key, chains = jax.random.key(seed), setting.chains(N_CHAINS)
    moments = sampler.moments(key, setting.machine, chains, MOMENTS_SCHEDULE, setting.clamp)
    spins = np.asarray(moments.spins).reshape(len(setting.starts), N_CHAINS, -1)
    p_values, exact_pairs = [], []
    for condition in each_condition(setting):
        exact = boltzmann(setting, condition, 0.8)
        means, pairs = expected_means(setting, condition, exact)
        error = sign_errors(means, N_CHAINS)
        difference = spins[condition].mean(axis=0) - means
        p_values.append(means_p_value(difference, error, N_CHAINS))
        exact_pairs.append(pairs)
    pair_errors = np.linalg.norm(sign_errors(np.array(exact_pairs), N_CHAINS), axis=0)
    difference = np.asarray(moments.pairs) - np.mean(exact_pairs, axis=0)
    return [*p_values, means_p_value(difference, pair_errors / len(exact_pairs), N_CHAINS)]


@pytest.mark.parametrize("clamp", ["nothing", "visible"])
@pytest.mark.slow
def test_moments_are_the_exact_expectations(sampler, graph, clamp):
    """The two phases of training."""
    for seed in SEEDS:
        assert min(moments_p_values(sampler, random_setting(seed, graph, clamp), seed)) > ALARM


@pytest.mark.parametrize("mistake", MISTAKES[:4])
def test_moments_of_a_wrong_conditional_are_caught(sampler, graph, mistake):
    twin = Misled(sampler, mistake)
    assert min(moments_p_values(twin, random_setting(0, graph), 0)) < ALARM


def test_moments_of_one_sample_are_that_sample(sampler, graph):
    """Pins the meaning of each field, chain by chain, without statistics."""
    setting = random_setting(5, graph, "labels")
    chains = setting.chains(20)
    schedule = Schedule.constant(0.8, n_warmup=2)
    moments = sampler.moments(jax.random.key(1), setting.machine, chains, schedule, "labels")
    last = np.asarray(moments.last)
    assert last.dtype == bool
    signs = 2.0 * last - 1
    np.testing.assert_array_equal(moments.spins, signs)
    pairs = (signs[:, graph.edges[:, 0]] * signs[:, graph.edges[:, 1]]).mean(axis=0)
    np.testing.assert_allclose(moments.pairs, pairs, atol=1e-6)
    np.testing.assert_array_equal(last[:, setting.clamped], chains.spins[:, setting.clamped])


def test_moments_average_over_the_samples_of_a_chain(sampler, graph):
    """Frozen by a field no coupling can beat after a first sample at the start."""
    setting = random_setting(6, graph)
    up = np.arange(graph.n_biases) % 2 == 0
    biases = jnp.where(jnp.asarray(up), 200.0, -200.0)
    parameters = setting.machine.parameters._replace(biases=biases)
    machine = setting.machine._replace(parameters=parameters)
    chains = setting.chains(5)
    schedule = Schedule.constant(1.0, n_warmup=0, n_samples=4, sweeps_per_sample=2)
    moments = sampler.moments(jax.random.key(0), machine, chains, schedule, "nothing")
    frozen = np.where(up[graph.bias_of_node], 1.0, -1.0)
    starts = 2.0 * np.asarray(chains.spins) - 1
    np.testing.assert_allclose(moments.spins, (starts + 3 * frozen) / 4, atol=1e-6)
    ends = graph.edges.T
    pairs = ((starts[:, ends[0]] * starts[:, ends[1]]).mean(0) + 3 * frozen[ends].prod(0)) / 4
    np.testing.assert_allclose(moments.pairs, pairs, atol=1e-6)
    np.testing.assert_array_equal(moments.last, np.tile(frozen > 0, (len(starts), 1)))


# --- observing, clamping, keys -------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_warmup", "n_samples", "sweeps_per_sample"), [(0, 3, 2), (3, 2, 1), (4, 1, 1)]
)
@pytest.mark.slow
def test_samples_are_taken_at_the_scheduled_sweeps(
    sampler_type, n_warmup, n_samples, sweeps_per_sample
):
    """Two spins, all sweeps at beta 0 but one that freezes them: seen from that sweep on."""
    graph = BaseGraph.untied(int32((0, 1)), int32(0, 1), int32(0), int32())
    machine = IsingMachine(Parameters(jnp.array([300.0, 300.0]), jnp.zeros(1)), jnp.zeros(1))
    n_sweeps = n_warmup + (n_samples - 1) * sweeps_per_sample
    chains = Chains(jnp.zeros((400, 2), bool), jnp.zeros((400, 1), bool))
    setting = Setting(graph, machine, "nothing", np.zeros((1, 2), bool), np.zeros((1, 1), bool))
    looks = n_warmup + sweeps_per_sample * np.arange(n_samples)
    sampler = sampler_type.from_graph(graph)
    for hot_until in range(n_sweeps + 1):
        betas = jnp.where(jnp.arange(n_sweeps) < hot_until, 0.0, 1.0)
        schedule = Schedule(betas, n_warmup, n_samples, sweeps_per_sample)
        observed = observe(sampler, setting, schedule, hot_until, len(chains.spins))[:, 0]
        for sweeps_done, spins in zip(looks, observed, strict=True):
            if sweeps_done == 0:
                assert not spins.any()
            elif sweeps_done > hot_until:
                assert spins.all()
            else:
                # fair coins: 800 of them are all up, or all down, with chance 2^-799
                assert 0 < spins.mean() < 1


def test_clamped_nodes_keep_their_values_and_free_ones_move(sampler, graph):
    for clamp in CLAMPS:
        setting = random_setting(0, graph, clamp)
        looks = observe(sampler, setting, SCHEDULES["constant"], 0, N_CHAINS)
        starts = setting.starts[:, None]
        assert (looks == starts)[..., setting.clamped].all()
        assert not (looks == starts)[..., setting.free].all(axis=(0, 1, 2)).any()


def test_every_chain_is_conditioned_on_its_own_input(sampler, graph):
    """Inputs so strong that visible spins copy them."""
    setting = random_setting(0, graph)
    n_visible = len(graph.visible_nodes)
    strong = setting.machine._replace(input_couplings=jnp.full(n_visible, 100.0, jnp.float32))
    strong_setting = setting._replace(machine=strong)
    _, _, last = observe(sampler, strong_setting, SCHEDULES["constant"], 0, N_CHAINS)
    wanted = np.broadcast_to(setting.inputs[:, None], (len(last), N_CHAINS, n_visible))
    np.testing.assert_array_equal(last[..., graph.visible_nodes], wanted)


def test_the_key_decides(sampler, graph):
    setting = random_setting(0, graph)
    same = [observe(sampler, setting, SCHEDULES["ramp"], 4, N_CHAINS) for _ in range(2)]
    np.testing.assert_array_equal(same[0], same[1])
    other = observe(sampler, setting, SCHEDULES["ramp"], 5, N_CHAINS)
    # Independent chains agree in all spins of three looks with a chance far below one half.
    assert (same[0] == other).all(axis=(0, -1)).mean() < 0.5


@pytest.mark.slow
def test_any_number_of_chains_and_none_copies_another(sampler, graph):
    """The joint states of neighbours under one condition factorise."""
    setting, n_chains = random_setting(0, graph), 1367
    first_sweep, *_ = observe(sampler, setting, SCHEDULES["constant"], 0, n_chains)
    wanted = [sweeps(setting, c, BETAS["constant"])[0] for c in each_condition(setting)]
    assert samples_p_value(setting, first_sweep, wanted) > ALARM
    for row, distribution in zip(state_numbers(setting, first_sweep), wanted, strict=True):
        equal = int((row[:-1:2] == row[1::2]).sum())
        chance = float((distribution**2).sum())
        assert binomtest(equal, n_chains // 2, chance).pvalue > ALARM


WRONG_SIZES: dict[str, Callable[[IsingMachine, Chains], tuple[IsingMachine, Chains]]] = {
    "biases": lambda machine, chains: (
        machine._replace(parameters=machine.parameters._replace(biases=jnp.zeros(2))),
        chains,
    ),
    "weights": lambda machine, chains: (
        machine._replace(parameters=machine.parameters._replace(weights=jnp.zeros(99))),
        chains,
    ),
    "input_couplings": lambda machine, chains: (
        machine._replace(input_couplings=machine.input_couplings[:-1]),
        chains,
    ),
    "spins": lambda machine, chains: (machine, chains._replace(spins=chains.spins[:, :-1])),
    "inputs": lambda machine, chains: (machine, chains._replace(inputs=chains.inputs[:-1])),
}


@pytest.mark.parametrize("name", WRONG_SIZES)
def test_arrays_of_another_graph_are_refused(sampler, graph, name):
    setting, key = random_setting(0, graph), jax.random.key(0)
    machine, chains = WRONG_SIZES[name](setting.machine, setting.chains(2))
    with pytest.raises(ValueError, match=f"{name} have shape .* this graph needs"):
        sampler.moments(key, machine, chains, MOMENTS_SCHEDULE, "nothing")
    with pytest.raises(ValueError, match=f"{name} have shape .* this graph needs"):
        sampler.observe(key, machine, chains, MOMENTS_SCHEDULE, "nothing", observe_all(graph))


NO_CHAINS = {
    "numbers for spins": lambda chains: chains._replace(spins=2.0 * chains.spins - 1),
    "numbers for inputs": lambda chains: chains._replace(inputs=chains.inputs.astype(int)),
    "no chain": lambda chains: Chains(chains.spins[:0], chains.inputs[:0]),
}


@pytest.mark.parametrize("name", NO_CHAINS)
def test_chains_are_booleans_and_at_least_one(sampler, graph, name):
    setting, key = random_setting(0, graph), jax.random.key(0)
    chains = NO_CHAINS[name](setting.chains(2))
    with pytest.raises(ValueError, match="give at least one chain, and booleans"):
        sampler.moments(key, setting.machine, chains, MOMENTS_SCHEDULE, "nothing")


def test_samples_beyond_32_bits_are_refused_by_those_who_count_in_them():
    schedule = Schedule.constant(1.0, n_warmup=1)
    object.__setattr__(schedule, "n_samples", 2**30)
    chains = Chains(jnp.zeros((2, 6), bool), jnp.zeros((2, 2), bool))
    with pytest.raises(ValueError, match=r"1073741824 samples of 2 chains .* below 2\^31"):
        check_countable(schedule, chains)
    object.__setattr__(schedule, "n_samples", 2**30 - 1)
    check_countable(schedule, chains)


@pytest.mark.parametrize(
    ("betas", "n_warmup", "n_samples", "sweeps_per_sample"),
    [((), 0, 1, 1), ((1.0,), 1, 0, 1), ((1.0,), 1, 1, 0), ((1.0,), -1, 3, 1), ((1.0,), 2, 1, 1)],
)
def test_schedules_that_make_no_sense_are_refused(betas, n_warmup, n_samples, sweeps_per_sample):
    with pytest.raises(ValueError, match=r"makes no sense|the run has"):
        Schedule(jnp.array(betas), n_warmup, n_samples, sweeps_per_sample)


def test_a_ramp_is_linear_and_then_stays():
    schedule = Schedule.ramp((0.5, 1.5), n_ramp=5, n_warmup=4, n_samples=3, sweeps_per_sample=2)
    np.testing.assert_allclose(schedule.betas, [0.5, 0.75, 1.0, 1.25, 1.5, 1.5, 1.5, 1.5])
    cut = Schedule.ramp((0.5, 1.5), n_ramp=5, n_warmup=3)
    np.testing.assert_allclose(cut.betas, [0.5, 0.75, 1.0])
    np.testing.assert_allclose(Schedule.constant(0.7, 2, 2, 3).betas, np.full(5, 0.7))
    at_once = Schedule.ramp((0.5, 1.5), n_ramp=1, n_warmup=3)
    np.testing.assert_allclose(at_once.betas, [0.5, 1.5, 1.5])
    with pytest.raises(ValueError, match="n_ramp=0"):
        Schedule.ramp((0.5, 1.5), n_ramp=0, n_warmup=3)


# --- a graph too large to enumerate --------------------------------------------------------


class LargeRun:
    """A 44_12 torus; samplers are compared by moments, errors from independent chains."""

    schedule = Schedule.constant(0.9, n_warmup=40, n_samples=8, sweeps_per_sample=4)
    n_chains = 128

    def __init__(self) -> None:
        preset = parse_preset(44_12)
        lattice = Lattice(preset.side, preset.rules, torus=True)
        self.graph = PoissonBinomialIsingGraphManager(
            GraphSpec((15, 20), 1, 20, lattice)
        ).build_graph(0)
        rng = np.random.default_rng(0)
        # weak enough for 40 sweeps from any start, strong enough to matter
        setting = random_setting(0, self.graph, n_conditions=1)
        self.setting = setting._replace(machine=random_machine(rng, self.graph, scale=0.15))

    def means(self, sampler: AbstractSampler, seed: int) -> np.ndarray:
        spins = observe(sampler, self.setting, self.schedule, seed, self.n_chains)
        return chain_means(spins, self.graph)[0]

    def p_value(self, one: np.ndarray, other: np.ndarray) -> float:
        errors = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / self.n_chains)
        return means_p_value(one.mean(axis=0) - other.mean(axis=0), errors, self.n_chains)


@pytest.fixture(scope="module")
def large_run() -> LargeRun:
    return LargeRun()


@pytest.fixture(scope="module")
def reference_means(large_run) -> np.ndarray:
    return large_run.means(ThrmlSampler.from_graph(large_run.graph), seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("sampler_type", SAMPLERS)
def test_samplers_agree_on_a_large_graph(large_run, reference_means, sampler_type):
    sampler = sampler_type.from_graph(large_run.graph)
    assert large_run.p_value(reference_means, large_run.means(sampler, seed=1)) > ALARM
    twin = Misled(sampler, factor_two_dropped)
    assert large_run.p_value(reference_means, large_run.means(twin, seed=2)) < ALARM


@pytest.mark.slow
@pytest.mark.parametrize("sampler_type", SAMPLERS)
def test_moments_agree_with_observations_on_a_large_graph(large_run, reference_means, sampler_type):
    setting = large_run.setting
    moments = sampler_type.from_graph(large_run.graph).moments(
        jax.random.key(3),
        setting.machine,
        setting.chains(large_run.n_chains),
        large_run.schedule,
        "nothing",
    )
    found = np.concatenate([np.asarray(moments.spins).mean(axis=0), np.asarray(moments.pairs)])
    errors = np.sqrt(2 * reference_means.var(axis=0, ddof=1) / large_run.n_chains)
    difference = found - reference_means.mean(axis=0)
    assert means_p_value(difference, errors, large_run.n_chains) > ALARM


def test_the_start_distribution_is_what_no_sweep_leaves():
    """The yardstick's delta at the start, as the sampler sees it before its first sweep."""
    graph = three_colored_graph()
    setting = random_setting(0, graph)
    schedule = Schedule.constant(1.0, n_warmup=0, n_samples=2)
    first, _ = observe(ThrmlSampler.from_graph(graph), setting, schedule, 0, 10)
    wanted = [start_at(setting, condition) for condition in each_condition(setting)]
    numbers = state_numbers(setting, first)
    assert all(wanted[condition][row].all() for condition, row in enumerate(numbers))
