"""What a benchmark leaves: records of one kind, and the machine they were taken on."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from thrmlDenoising.support.host import cpu_model, n_cores

Kind = Literal["sample", "train", "generate"]


@dataclass(frozen=True)
class Record:
    """One measurement; None where a field does not apply.

    Attributes:
        kind: what ran: sweeps alone, batches of training, or generation from noise.
        backend: which sampler.
        graph: the lattice's preset; "70_12, T=8" where a chain of 8 steps ran.
        chains: chains sampled at once.
        threads: cores the process was allowed.
        updates_per_ns: draws of one free spin of one chain, a nanosecond, when warm.
        ess_per_s: effective samples a second, of all chains together.
        seconds_warm: the median of calls after the first.
        seconds_cold: the first call, with the compilation it needs.
        peak_bytes: the most memory the process ever held.
    """

    kind: Kind
    backend: str
    graph: str
    chains: int
    threads: int
    updates_per_ns: float | None = None
    ess_per_s: float | None = None
    seconds_warm: float | None = None
    seconds_cold: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True)
class Machine:
    """Where and when the records were taken."""

    cpu: str
    cores: int
    memory_bytes: int
    python: str
    jax: str
    thrml: str
    numba: str | None
    date: str

    @classmethod
    def here(cls) -> "Machine":
        """The facts of this machine."""
        return cls(
            cpu=cpu_model(),
            cores=n_cores(),
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            python=platform.python_version(),
            jax=version("jax"),
            thrml=version("thrml"),
            numba=_version_if_installed("numba"),
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def __str__(self) -> str:
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_bytes / 2**30:.0f} GiB; "
            f"Python {self.python}, jax {self.jax}, thrml {self.thrml}, numba {self.numba}; "
            f"{self.date}"
        )


def write(path: Path, machine: Machine, records: Sequence[Record]) -> None:
    """Writes {"machine": {...}, "records": [{...}, ...]} as JSON."""
    content = {"machine": asdict(machine), "records": [asdict(record) for record in records]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _version_if_installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
