"""Trains the MEBM, the DTM and the DTM with adaptive penalty of Figure 5b.

python -m figures.MEBM_DTM_ACP_ablation.train --scale laptop --jobs 2
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Sequence
from pathlib import Path

from figures.MEBM_DTM_ACP_ablation.config import SCALES
from thrmlDenoising.experiments import train_command


def main(argv: Sequence[str] | None = None) -> None:
    """Trains what is not finished."""
    train_command(Path(__file__).parent, SCALES, argv)


if __name__ == "__main__":
    main()
