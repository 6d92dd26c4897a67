"""What the commands share: their help, and numbers in tables."""

import argparse

import thrmlDenoising.evaluate


def parser(command: str) -> argparse.ArgumentParser:
    """A parser whose help shows all commands; `command` is "" or the first word."""
    return argparse.ArgumentParser(
        prog=f"python -m thrmlDenoising.evaluate {command}".rstrip(),
        description=thrmlDenoising.evaluate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def cell(estimate: tuple[float, float, float]) -> str:
    """Value and interval."""
    value, low, high = estimate
    return f"{value:.3g} ({low:.3g} to {high:.3g})"
