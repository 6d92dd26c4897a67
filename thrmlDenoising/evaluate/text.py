"""What the commands share: their help, and numbers in tables."""

import argparse
from pathlib import Path

import thrmlDenoising.evaluate


def parser(command: str) -> argparse.ArgumentParser:
    """A parser whose help shows all commands; `command` is "" or the first word."""
    return argparse.ArgumentParser(
        prog=f"python -m thrmlDenoising.evaluate {command}".rstrip(),
        description=thrmlDenoising.evaluate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def check_can_be_a_file(output: Path) -> None:
    """Raises ValueError for a folder, before hours of measuring are lost on it."""
    if output.is_dir():
        raise ValueError(f"--output {output} is a folder: give the name of a file")


def cell(estimate: tuple[float, float, float]) -> str:
    """Value and interval."""
    value, low, high = estimate
    return f"{value:.3g} ({low:.3g} to {high:.3g})"
