"""The benchmarks measure what they say, at sizes that take no time."""

import json
import os
import sys
import time
from typing import NamedTuple

import jax
import numpy as np
import pytest
from tiny import TINY

from benchmarks import hierarchy, networks, samplers, string_networks, tables, workloads
from benchmarks.child import run_in_child
from benchmarks.records import Machine, Record, n_cores, write
from benchmarks.timing import interleaved
from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.data.hierarchy import RandomHierarchy
from thrmlDenoising.families.dtm.model import draw_graphs, make_manager
from thrmlDenoising.networks import NetworkConfig, StringNetworkConfig
from thrmlDenoising.sampling import free_nodes
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="needs a system that lets a process choose cores"
)

PAUSE = 0.1


class SlowedSampler(ThrmlSampler):
    """Waits before it samples."""

    def observe(self, key, machine, chains, schedule, clamp, observer):
        time.sleep(PAUSE)
        return super().observe(key, machine, chains, schedule, clamp, observer)


@pytest.fixture(scope="module")
def tiny_graph() -> BaseGraph:
    (graph, _) = draw_graphs(TINY, make_manager(TINY))
    return graph


@pytest.fixture
def updates_made(monkeypatch, tiny_graph) -> list[int]:
    """Free spins times chains times sweeps of every run of the thrml sampler, as it is called."""
    made = []

    def counting(method):
        def count(self, key, model, chains, schedule, clamp, *rest):
            n_sweeps = schedule.n_warmup + (schedule.n_samples - 1) * schedule.sweeps_per_sample
            made.append(len(free_nodes(tiny_graph, clamp)) * len(chains.spins) * n_sweeps)
            return method(self, key, model, chains, schedule, clamp, *rest)

        return count

    for name in ("moments", "observe"):
        monkeypatch.setattr(ThrmlSampler, name, counting(getattr(ThrmlSampler, name)))
    return made


class Measured(NamedTuple):
    """The fields that every timed record has."""

    rate: float
    warm: float
    cold: float

    @classmethod
    def of(cls, record: Record) -> "Measured":
        assert record.updates_per_ns is not None
        assert record.seconds_warm is not None
        assert record.seconds_cold is not None
        return cls(record.updates_per_ns, record.seconds_warm, record.seconds_cold)

    @property
    def updates(self) -> float:
        return 1e9 * self.rate * self.warm


@pytest.mark.slow
def test_a_slowed_sampler_is_measured_slower(tiny_graph):
    compared = {
        "thrml": ThrmlSampler.from_graph(tiny_graph),
        "slowed": SlowedSampler.from_graph(tiny_graph),
    }
    records = workloads.time_samplers(compared, "4_4", tiny_graph, 8, repeats=5, seconds=1e-6)
    assert [record.backend for record in records] == ["thrml", "slowed"]
    thrml, slowed = map(Measured.of, records)
    # These fail only where the machine itself pauses in three of five calls of a millisecond.
    assert slowed.rate < thrml.rate
    assert thrml.warm < PAUSE <= slowed.warm
    assert thrml.warm < thrml.cold, "the first call compiles"


@pytest.mark.slow
def test_updates_of_sampling_are_those_made(tiny_graph, updates_made):
    compared = {"thrml": ThrmlSampler.from_graph(tiny_graph)}
    (record,) = workloads.time_samplers(compared, "4_4", tiny_graph, 5, 1, seconds=1e-6)
    cold, warm = updates_made
    assert cold == warm == pytest.approx(Measured.of(record).updates)


@pytest.mark.slow
def test_updates_of_a_batch_are_those_made(updates_made):
    (record,) = workloads.train(["thrml"], 1, TINY)
    positive, negative = updates_made[2:]  # after those of the first call
    assert 0 < positive < negative, "clamped nodes are not drawn"
    assert positive + negative == pytest.approx(Measured.of(record).updates)
    assert (record.kind, record.graph, record.chains) == ("train", "4_4", TINY.batch_size)


@pytest.mark.slow
def test_updates_of_a_generation_are_those_made(updates_made):
    (record,) = workloads.generate_images(["thrml"], 7, 1, TINY)
    first_step, second_step = updates_made[2:]
    assert first_step + second_step == pytest.approx(Measured.of(record).updates)
    assert (record.kind, record.graph, record.chains) == ("generate", "4_4, T=2", 7)


def test_calls_take_turns_and_medians_leave_out_the_first(monkeypatch):
    seconds = iter([9.0, 8.0, 1.0, 20.0, 2.0, 10.0, 6.0, 30.0])
    clock, order = [0.0], []

    def call(name: str):
        def run() -> None:
            order.append(name)
            clock[0] += next(seconds)

        return run

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    timings = interleaved({"a": call("a"), "b": call("b")}, repeats=3)
    assert order == ["a", "b"] * 4
    assert timings == {"a": (9.0, 2.0), "b": (8.0, 20.0)}


def test_a_long_call_is_repeated_once(monkeypatch):
    clock, n_calls = [0.0], [0]

    def run() -> None:
        n_calls[0] += 1
        clock[0] += 100.0

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    assert interleaved({"slow": run}, repeats=5) == {"slow": (100.0, 100.0)}
    assert n_calls == [2]


@pytest.mark.slow
def test_a_child_measures_on_the_cores_it_is_given():
    arguments = dict(graph="44_12", chains=[3], repeats=1, seconds=1e-4)
    (record,) = run_in_child(1, "sample", backends=["cpu"], **arguments)
    assert (record.backend, record.graph, record.chains) == ("cpu", "44_12", 3)
    assert record.threads == 1


def test_a_failing_child_is_an_error(capfd):
    with pytest.raises(RuntimeError, match=r"benchmarks\.child .* failed"):
        run_in_child(1, "sample", backends=["gpu"], graph="44_12", chains=[1], repeats=1, seconds=1)
    assert "backend='gpu'" in capfd.readouterr().err


def test_files_hold_the_machine_and_the_records(tmp_path):
    path = tmp_path / "numbers.json"
    record = Record("sample", "cpu", "44_12", 16, 2, updates_per_ns=0.5)
    write(path, Machine.here(), [record])
    content = json.loads(path.read_text())
    assert content["records"] == [
        {
            "kind": "sample",
            "backend": "cpu",
            "graph": "44_12",
            "chains": 16,
            "threads": 2,
            "updates_per_ns": 0.5,
            "ess_per_s": None,
            "seconds_warm": None,
            "seconds_cold": None,
            "peak_bytes": None,
        }
    ]
    assert content["machine"]["jax"] == jax.__version__
    assert content["machine"]["cores"] == n_cores()


def test_tables_sort_presets_as_numbers_and_give_ratios():
    def record(backend: str, graph: str, rate: float) -> Record:
        return Record("sample", backend, graph, 16, 2, updates_per_ns=rate)

    rates = [
        record("thrml", "120_36", 0.1),
        record("cpu", "120_36", 0.5),
        record("thrml", "70_12", 0.1),
        record("cpu", "70_12", 1.2),
    ]
    header, _, *rows = (line.split() for line in tables.rates(rates).splitlines())
    assert header == ["graph", "chains", "threads", "thrml", "cpu", "cpu/thrml"]
    assert rows == [
        ["70_12", "16", "2", "0.100", "1.200", "12.0"],
        ["120_36", "16", "2", "0.100", "0.500", "5.0"],
    ]


def test_a_backend_that_is_missing_is_told_before_anything_is_measured(monkeypatch, capsys):
    def missing(name: str):
        raise ImportError(f"no {name} here")

    monkeypatch.setattr(samplers, "sampler_type", missing)
    monkeypatch.setattr(sys, "argv", ["benchmarks.samplers", "--backends", "cpu"])
    with pytest.raises(SystemExit):
        samplers.main()
    out, err = capsys.readouterr()
    assert "--backends cpu: no cpu here" in err
    assert not out


@pytest.mark.slow
def test_a_call_of_a_network_is_a_training_step():
    cfg = NetworkConfig(channels=2, multipliers=(1,), attention_levels=(), n_blocks=1)
    made = networks.networks({"tiny": cfg}, side=4)
    trained, _ = networks.calls(made, n_images=3, side=4)["tiny"]()
    assert np.abs(trained.body.read_out.last.weight).all()  # it was 0
    assert all(timing.warm > 0 for timing in interleaved(networks.calls(made, 3, 4), 1).values())


def test_a_step_of_a_network_on_strings_changes_it():
    made = string_networks.networks({"tiny": StringNetworkConfig(kind="mlp", width=4)})
    trained, _ = string_networks.calls(made, n_strings=3)["tiny"]()
    assert (trained.body.last.weight != made["tiny"].body.last.weight).all()


def test_plain_programs_find_what_the_library_finds():
    timed = hierarchy.calls(RandomHierarchy(5, 3, 2, 3, 2), n_strings=7, n_slow=2)
    wanted = np.asarray(timed["denoised"][1]())
    for name in ("NumPy, all at once", "NumPy, one by one"):
        n, call = timed[name]
        np.testing.assert_allclose(call(), wanted[:n], atol=1e-5)
    assert all(timing.warm > 0 for timing in interleaved({"one": timed["denoised"][1]}, 1).values())
