"""Workloads in a process of their own, which starts fresh and may use only some cores."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.records import Record

REPOSITORY = Path(__file__).parents[1]


def run_in_child(threads: int, workload: str, **arguments: object) -> list[Record]:
    """Calls a function of `benchmarks.workloads` in a new process on so many cores.

    Raises:
        RuntimeError: it failed; its own message is on the error output.
    """
    request = json.dumps({"threads": threads, "workload": workload, "arguments": arguments})
    lines = output_of("benchmarks.child", request, NUMBA_NUM_THREADS=str(threads))
    return [Record(**fields) for fields in json.loads(lines[-1])]


def output_of(module: str, *arguments: str, **variables: str) -> list[str]:
    """The lines that a module prints when it is run with these environment variables.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | variables
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed with status {done.returncode}")
    return done.stdout.splitlines()


def main() -> None:
    """Takes its cores, and only then starts JAX, whose threads are counted by them."""
    request = json.loads(sys.argv[1])
    cores = sorted(os.sched_getaffinity(0))[: request["threads"]]
    os.sched_setaffinity(0, cores)

    from benchmarks import workloads

    records = getattr(workloads, request["workload"])(**request["arguments"])
    print(json.dumps([asdict(record) for record in records]))


if __name__ == "__main__":
    main()
