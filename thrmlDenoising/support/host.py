"""What computer this is, for who reads a measurement."""

import os
import platform
from pathlib import Path


def n_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """The processor's name, or its kind where the system does not tell the name."""
    facts = Path("/proc/cpuinfo")  # on Linux
    for line in facts.read_text(encoding="utf-8").splitlines() if facts.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()  # processors other than x86 have no such line
