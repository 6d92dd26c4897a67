"""Trains a model of the family that the first word names."""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import sys

from thrmlDenoising.train.arguments import parse_any
from thrmlDenoising.train.command import train


def main() -> None:
    """Parses, trains, and says where to look."""
    train(lambda: parse_any(sys.argv[1:]))


if __name__ == "__main__":
    main()
