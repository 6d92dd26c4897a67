"""Trains the models of the comparison of families.

python -m figures.families.train --scale laptop
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Sequence
from pathlib import Path

from figures.families.config import SCALES
from thrmlDenoising.experiments import train_command


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished."""
    train_command(Path(__file__).parent, SCALES, argv)


if __name__ == "__main__":
    main()
