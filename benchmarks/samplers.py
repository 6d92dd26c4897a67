"""Measures the samplers side by side.

python -m benchmarks.samplers                      # everything; prints tables
python -m benchmarks.samplers --json numbers.json  # and writes the records
python -m benchmarks.samplers --quick              # one graph, in under a minute
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from benchmarks import tables
from benchmarks.child import run_in_child
from benchmarks.records import Machine, Record, n_cores, write
from benchmarks.startup import start_up
from benchmarks.timing import LONG
from thrmlDenoising.sampling import sampler_type
from thrmlDenoising.support.files import check_can_be_written
from thrmlDenoising.support.paths import user_path

BACKENDS = ("thrml", "cpu", "xla")
SECONDS = 0.4
"""What a call of a sampler should take, roughly."""

GRAPHS = ("44_12", "70_12", "70_20", "80_48")
CHAINS = (16, 100, 400, 2000)

SIDES = tuple(f"{side}_12" for side in (44, 50, 60, 70, 80, 90))
DEGREES = tuple(f"70_{degree}" for degree in (8, 12, 16, 20, 36, 52))
MANY_CHAINS = (16, 32, 64, 100, 200, 400, 800, 2000)
CHAIN_LENGTHS = (1, 2, 4, 8)


class Section(NamedTuple):
    """Some measurements and how they are shown."""

    title: str
    measure: Callable[[], list[Record]]
    show: Callable[[Sequence[Record]], str]


def quick(backends: Sequence[str], repeats: int) -> Iterator[Section]:
    """One graph at two chain counts, on all cores."""
    measure = partial(sample, backends, ("44_12",), (16, 400), (n_cores(),), repeats)
    yield Section("Sampling, updates/ns", measure, tables.rates)


def full(backends: Sequence[str], repeats: int) -> Iterator[Section]:
    """Everything."""
    every = n_cores()
    fast = [name for name in backends if name != "thrml"]
    in_child = partial(run_in_child, every, backends=backends, repeats=repeats)
    yield Section(
        "Sampling, updates/ns (80_48: 7 grey levels as binary_representation, since "
        "poisson_binomial does not fit)",
        partial(sample, backends, GRAPHS, CHAINS, thread_counts(), repeats),
        tables.rates,
    )
    yield Section(
        "Effective samples",
        partial(in_child, "mix", graph="70_12", n_chains=400, seconds=SECONDS),
        tables.times,
    )
    yield Section(
        "A training batch of one step at the setting of Figure 5b",
        partial(in_child, "train"),
        tables.times,
    )
    yield Section(
        "A generation at the setting of Figure 5b",
        partial(in_child, "generate_images", n_images=100),
        tables.times,
    )
    yield Section(
        "From starting a process to the first batch of training_script.py, empty caches and warm",
        lambda: [start_up()],
        tables.times,
    )
    if not fast:
        return
    yield Section(
        "Updates/ns against the side of the grid",
        partial(sample, fast, SIDES, (400,), (every,), repeats),
        tables.rates,
    )
    yield Section(
        "Updates/ns against the degree",
        partial(sample, fast, DEGREES, (400,), (every,), repeats),
        tables.rates,
    )
    yield Section(
        "Updates/ns against the number of chains",
        partial(sample, fast, ("70_12",), MANY_CHAINS, (every,), repeats),
        tables.rates,
    )
    yield Section(
        "A short training batch (72 sweeps a phase) of each of T steps, each row a new process "
        "(cold - warm is compilation: it grows with T unless one serves all steps)",
        partial(train_chains, fast, CHAIN_LENGTHS, repeats),
        tables.times,
    )


def sample(
    backends: Sequence[str],
    graphs: Sequence[str],
    chains: Sequence[int],
    threads: Sequence[int],
    repeats: int,
) -> list[Record]:
    """Sampling in a process for every graph and number of threads."""
    arguments = dict(backends=backends, chains=chains, repeats=repeats, seconds=SECONDS)
    return [
        record
        for graph in graphs
        for n_threads in threads
        for record in run_in_child(n_threads, "sample", graph=graph, **arguments)
    ]


def train_chains(backends: Sequence[str], lengths: Sequence[int], repeats: int) -> list[Record]:
    """Training of chains of several lengths, each in a process of its own."""
    return [
        record
        for backend in backends
        for n_steps in lengths
        for record in run_in_child(
            n_cores(), "train_chain", backend=backend, n_steps=n_steps, repeats=repeats
        )
    ]


def thread_counts() -> list[int]:
    """One, and all there are."""
    return sorted({1, n_cores()})


def parse() -> argparse.Namespace:
    """The command line, checked before anything is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.samplers",
        description=f"Measures samplers in turn. Medians of --repeats calls after a first one; a "
        f"call that takes longer than {LONG:.0f} s is repeated once only.",
    )
    parser.add_argument("--quick", action="store_true", help="one graph, in under a minute")
    parser.add_argument("--json", type=user_path, metavar="FILE", help="write the records here")
    parser.add_argument("--repeats", type=int, default=5, help="calls a median is taken of")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    arguments = parser.parse_args()
    if not hasattr(os, "sched_setaffinity"):
        parser.error("this system has no os.sched_setaffinity, which limits cores: use Linux")
    if arguments.repeats < 1:
        parser.error(f"--repeats {arguments.repeats}: at least 1 is needed")
    for name in arguments.backends:
        try:
            sampler_type(name)
        except ImportError as error:
            parser.error(f"--backends {name}: {error}")
    if arguments.json:
        try:
            check_can_be_written(arguments.json, "--json")
        except OSError as error:
            parser.error(str(error))
    return arguments


def main() -> None:
    """Measures, prints section by section, and writes the records if a file is named."""
    arguments = parse()
    machine, records, started = Machine.here(), [], time.monotonic()
    print(machine)
    sections = quick if arguments.quick else full
    for title, measure, show in sections(arguments.backends, arguments.repeats):
        print(f"\n{title}", flush=True)  # before what may take minutes
        measured = measure()
        print(f"\n{show(measured)}", flush=True)
        records += measured
        if arguments.json:  # after every section: a run that is stopped leaves what it has
            write(arguments.json, machine, records)
    print(f"\n{(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
