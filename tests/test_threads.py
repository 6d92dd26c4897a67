"""Results do not depend on how many threads a sampler may use."""

import os

import pytest
from tiny import FAST_SAMPLERS, finished, python

SAMPLE = """
import hashlib, os, sys
cores = sorted(os.sched_getaffinity(0))[: int(sys.argv[1])]
os.sched_setaffinity(0, cores)  # before JAX counts them and makes its threads
import jax, numpy as np
from thrmlDenoising.base_graphs import (
    GraphSpec, Lattice, PoissonBinomialIsingGraphManager, parse_preset,
)
from thrmlDenoising.sampling import Chains, IsingMachine, Parameters, Schedule, sampler_type

preset = parse_preset(44_12)
lattice = Lattice(preset.side, preset.rules, torus=True)
graph = PoissonBinomialIsingGraphManager(GraphSpec((28, 28), 1, 50, lattice)).build_graph(seed=0)
keys = jax.random.split(jax.random.key(0), 5)
machine = IsingMachine(
    Parameters(
        0.1 * jax.random.normal(keys[0], (graph.n_biases,)),
        0.1 * jax.random.normal(keys[1], (graph.n_weights,)),
    ),
    0.5 + jax.numpy.zeros(len(graph.visible_nodes)),
)
chains = Chains(
    jax.random.bernoulli(keys[2], 0.5, (200, graph.n_nodes)),
    jax.random.bernoulli(keys[3], 0.5, (200, len(graph.visible_nodes))),
)
sampler = sampler_type(sys.argv[2]).from_graph(graph)
schedule = Schedule.constant(1.0, n_warmup=10, n_samples=5, sweeps_per_sample=2)
moments = sampler.moments(keys[4], machine, chains, schedule, "nothing")
digest = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in moments))
print(len(os.sched_getaffinity(0)), digest.hexdigest())
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores and a system that lets a process choose",
)
@pytest.mark.parametrize("backend", ["thrml", *FAST_SAMPLERS])
@pytest.mark.slow
def test_one_core_and_all_cores_sample_the_same(backend):
    n_cores = len(os.sched_getaffinity(0))
    on_one, digest_of_one = finished(python("-c", SAMPLE, "1", backend)).split()
    on_all, digest_of_all = finished(python("-c", SAMPLE, str(n_cores), backend)).split()
    assert (on_one, on_all) == ("1", str(n_cores))
    assert digest_of_one == digest_of_all
