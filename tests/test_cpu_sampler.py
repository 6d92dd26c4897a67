"""The sampler for processors as a whole: its threads and processes, its cache and its counts.

Its samples are held against exact enumeration in test_samplers.py, its arithmetic in
test_lanes.py.
"""

import faulthandler
import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import (
    ALARM,
    int32,
    observe_all,
    random_setting,
    scores_p_value,
)
from jaxtyping import Float
from tiny import REPOSITORY, finished, python

from thrmlDenoising.base_graphs import (
    BaseGraph,
    GraphSpec,
    Lattice,
    PoissonBinomialIsingGraphManager,
)
from thrmlDenoising.sampling import Chains, IsingMachine, Parameters, Schedule
from thrmlDenoising.sampling.cpu import CpuSampler, kernels

SEEDS = (0, 1, 2)
# --- whole runs ----------------------------------------------------------------------------

CHAIN_COUNTS = (1, 31, 33, 100)


def lattice_graph() -> BaseGraph:
    lattice = Lattice(12, ((0, 1), (4, 1)), torus=True)
    return PoissonBinomialIsingGraphManager(GraphSpec((4, 5), 1, 10, lattice)).build_graph(0)


def random_machine_of(graph: BaseGraph) -> IsingMachine:
    return random_setting(0, graph).machine


def random_chains(graph: BaseGraph, n_chains: int) -> Chains:
    """The first chains are the same, however many."""
    rng = np.random.default_rng(0)
    bits = rng.random((n_chains, graph.n_nodes + len(graph.visible_nodes))) < 0.5
    return Chains(*(jnp.asarray(part) for part in np.split(bits, [graph.n_nodes], axis=1)))


@cache
def lattice_run(n_chains: int, seed: int) -> tuple[CpuSampler, tuple[Any, ...]]:
    """The sampler, and what it is run with, made once: JAX cannot make it in a fork."""
    graph = lattice_graph()
    schedule = Schedule.ramp((0.3, 1.1), n_ramp=8, n_warmup=6, n_samples=4, sweeps_per_sample=3)
    start = random_machine_of(graph), random_chains(graph, n_chains), schedule
    return CpuSampler.from_graph(graph), (jax.random.key(seed), *start, "labels")


def sample_moments(n_chains: int) -> list[np.ndarray]:
    sampler, run = lattice_run(n_chains, 0)
    return [np.asarray(leaf) for leaf in sampler.moments(*run)]


def sample(n_chains: int, seed: int = 0) -> list[np.ndarray]:
    """Moments, and then observations, of a machine in which every spin matters."""
    graph, (sampler, run) = lattice_graph(), lattice_run(n_chains, seed)
    observed = sampler.observe(*run, observer=observe_all(graph))
    return [np.asarray(leaf) for leaf in [*sampler.moments(*run), observed]]


def digest(n_chains: int, seed: int = 0) -> str:
    return sha256(b"".join(leaf.tobytes() for leaf in sample(n_chains, seed))).hexdigest()


def digests() -> list[str]:
    return [digest(n_chains) for n_chains in CHAIN_COUNTS]


def report(call: str, **variables: str) -> list:
    """What a function of this file returns in another process, started with these variables."""
    script = f"import json, {__name__} as here; print(json.dumps(here.{call}))"
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    return json.loads(finished(python("-c", script, PYTHONPATH=path, **variables)))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_threads(n_threads):
    assert report("digests()", NUMBA_NUM_THREADS=str(n_threads)) == digests()


def test_keys_and_numbers_of_chains_tell_results_apart():
    """The yardstick of the tests around this one."""
    assert len({*digests(), *(digest(33, seed) for seed in (1, 2))}) == len(CHAIN_COUNTS) + 2


def test_a_chain_does_not_know_how_many_others_run():
    *all_spins, _, all_last, all_observed = sample(100)
    for n_chains in CHAIN_COUNTS:
        spins, _, last, observed = sample(n_chains)
        np.testing.assert_array_equal(spins, all_spins[0][:n_chains])
        np.testing.assert_array_equal(last, all_last[:n_chains])
        np.testing.assert_array_equal(observed, all_observed[:, :n_chains])


def test_runs_in_several_python_threads_do_not_meet():
    seeds = range(12)
    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(lambda seed: digest(100, seed), seeds))
    assert at_once == [digest(100, seed) for seed in seeds]


@pytest.mark.slow
def test_without_compilation_the_results_are_the_same():
    """What NUMBA_DISABLE_JIT=1 is for: the kernels as NumPy programs, under a debugger."""
    assert report("digests()", NUMBA_DISABLE_JIT="1") == digests()


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [method for method in multiprocessing.get_all_start_methods() if method != "fork"]
)
def test_worker_processes_sample(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply_async(digests).get(timeout=120) == digests()


def in_fork(function: Callable[[], str]) -> str:
    """What the function returns in a fork of this process; a fork that hangs is ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True)
        os.write(writer, function().encode())
        os._exit(0)
    os.close(writer)
    result = os.read(reader, 1000).decode()
    os.waitpid(child, 0)
    return result


def fork_then_sample() -> list[str]:
    return [in_fork(lambda: digest(100)), digest(100)]


def moments_digest() -> str:
    return sha256(b"".join(leaf.tobytes() for leaf in sample_moments(100))).hexdigest()


def sample_then_fork() -> list[str]:
    in_parent = moments_digest()
    return [in_fork(moments_digest), in_parent]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("order", ["fork_then_sample", "sample_then_fork"])
@pytest.mark.slow
def test_forks_sample_the_same(order):
    """Observers are JAX programs, which hang in a fork of a process where JAX has computed."""
    in_child, in_parent = report(f"{order}()")
    assert in_child == in_parent


def digest_and_compilations() -> list:
    """One result, and how often the kernels of the sampler came from the cache, and did not."""
    result = digest(33)
    stats = [kernel.stats for kernel in (kernels.moments, kernels.observe, kernels.pack)]
    hits = [sum(each.cache_hits.values()) for each in stats]
    misses = [sum(each.cache_misses.values()) for each in stats]
    return [result, hits, misses]


@pytest.mark.slow
def test_the_second_process_need_not_compile(tmp_path):
    first, second = (
        report("digest_and_compilations()", NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)
    )
    assert any(path.suffix == ".nbc" for path in tmp_path.rglob("*"))
    result = digest(33)
    assert first == [result, [0, 0, 0], [1, 1, 1]]
    assert second == [result, [1, 1, 1], [0, 0, 0]]


def test_kernels_run_where_nothing_can_be_kept():
    """Numba has no place for code that is in no file."""
    namespace = {}
    exec("def double(x): return 2 * x", namespace)
    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR"):
        double = kernels.compiled(namespace["double"])
    assert double(3) == 6


# --- moments -------------------------------------------------------------------------------


def two_spins() -> BaseGraph:
    return BaseGraph.untied(int32((0, 1)), int32(0, 1), int32(0), int32())


def frozen_moments(starts: tuple[bool, bool], biases: tuple[float, float], n_chains: int, n: int):
    """Spins that start anywhere, and stay where their biases put them from the second look on."""
    machine = IsingMachine(Parameters(jnp.array(biases), jnp.zeros(1)), jnp.zeros(1))
    chains = Chains(jnp.tile(jnp.array(starts), (n_chains, 1)), jnp.zeros((n_chains, 1), bool))
    schedule = Schedule.constant(1.0, n_warmup=0, n_samples=n)
    sampler = CpuSampler.from_graph(two_spins())
    return sampler.moments(jax.random.key(0), machine, chains, schedule, "nothing")


@pytest.mark.parametrize("n_chains", CHAIN_COUNTS)
def test_more_samples_than_two_bytes_count_are_counted_exactly(n_chains):
    n = 2**17 + 5
    means = np.array([1 - 2 / n, 1], np.float32)
    moments = frozen_moments((False, True), (300.0, 300.0), n_chains, n)
    np.testing.assert_array_equal(moments.spins, np.tile(means, (n_chains, 1)))
    np.testing.assert_array_equal(moments.pairs, means[:1])
    assert np.asarray(moments.last).all()


@pytest.mark.parametrize("n_chains", [1, 31, 33])
@pytest.mark.parametrize("biases", [(300.0, 300.0), (300.0, -300.0), (-300.0, -300.0)])
def test_lanes_without_a_chain_do_not_count(n_chains, biases):
    starts = biases[0] > 0, biases[1] > 0
    moments = frozen_moments(starts, biases, n_chains, 5)
    np.testing.assert_array_equal(moments.pairs, [np.sign(biases[0] * biases[1])])
    np.testing.assert_array_equal(moments.spins, np.tile(np.sign(biases), (n_chains, 1)))


@pytest.mark.parametrize("n_chains", CHAIN_COUNTS)
def test_moments_are_the_averages_of_what_the_same_key_observes(n_chains):
    """Whole numbers are averaged, so but for the last rounding they agree exactly."""
    spins, pairs, last, observed = sample(n_chains)
    signs, ends = 2 * observed.astype(int) - 1, lattice_graph().edges.T
    np.testing.assert_array_equal(last, observed[-1])
    np.testing.assert_array_equal(spins, signs.mean(axis=0))
    products = signs[..., ends[0]] * signs[..., ends[1]]
    np.testing.assert_allclose(pairs, products.mean(axis=(0, 1)), rtol=0, atol=2**-23)


# --- streams -------------------------------------------------------------------------------


def correlations(signs: Float[np.ndarray, "stream step"]) -> Float[np.ndarray, " pair"]:
    """Scores: how fair signs of two streams agree, for every pair."""
    products = signs @ signs.T / np.sqrt(signs.shape[1])
    return products[np.triu_indices(len(signs), 1)]


def coins(key: jax.Array, n_chains: int) -> Float[np.ndarray, "chain toss"]:
    """At beta 0 every spin is a fair coin, tossed with a word of the chain's stream."""
    graph = lattice_graph()
    machine = random_machine_of(graph)
    schedule = Schedule.constant(0.0, n_warmup=1, n_samples=40)
    sampler, observer = CpuSampler.from_graph(graph), observe_all(graph)
    chains = random_chains(graph, n_chains)
    looks = np.asarray(sampler.observe(key, machine, chains, schedule, "nothing", observer))
    return 2.0 * looks.swapaxes(0, 1).reshape(n_chains, -1) - 1


def test_streams_of_chains_and_of_keys_have_nothing_in_common():
    """Neighbouring seeds, and keys split from one of them or folded into it."""
    first, *others = (jax.random.key(seed) for seed in SEEDS)
    keys = [first, *others, *jax.random.split(first), jax.random.fold_in(first, 99)]
    tosses = np.concatenate([coins(key, 40) for key in keys])
    n_up = tosses.sum(axis=1) / np.sqrt(tosses.shape[1])
    assert scores_p_value(n_up) > ALARM
    assert scores_p_value(correlations(tosses)) > ALARM
    assert scores_p_value(correlations(np.concatenate([tosses, coins(first, 1)]))) < ALARM
