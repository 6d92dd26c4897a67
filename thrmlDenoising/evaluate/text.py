"""What the commands share: their help."""

import argparse

import thrmlDenoising.evaluate


def parser(command: str) -> argparse.ArgumentParser:
    """A parser whose help shows all commands; `command` is "" or the first word."""
    return argparse.ArgumentParser(
        prog=f"python -m thrmlDenoising.evaluate {command}".rstrip(),
        description=thrmlDenoising.evaluate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
