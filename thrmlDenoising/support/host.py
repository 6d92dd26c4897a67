"""What computer this is, for who reads a measurement."""

import hashlib
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
    # processors other than x86 have no such line
    return _cpu_facts().get("model name", platform.machine())


def cpu_digest() -> str:
    """A word for the kind of processor: machine code made for one may not run on another."""
    facts = _cpu_facts()
    features = facts.get("flags", facts.get("Features", ""))  # x86, ARM
    words = f"{cpu_model()} {features}"
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _cpu_facts() -> dict[str, str]:
    """What Linux tells of the last of its processors, by name; nothing elsewhere."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
