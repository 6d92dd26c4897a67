"""Every figure: trained, drawn, or checked against its tables.

python -m figures.all --scale laptop --jobs 2          # trains what is missing, then draws
python -m figures.all --scale laptop --only plot       # draws from the tables, in seconds
python -m figures.all --scale laptop --only check      # fails where a figure is not its tables'
"""

from thrmlDenoising.support.command_line import exits_in_words, quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import figures.chain_depth_ablation.plot
import figures.chain_depth_ablation.train
import figures.degree_ablation.plot
import figures.degree_ablation.train
import figures.energy_vs_quality.plot
import figures.energy_vs_quality.train
import figures.families.plot
import figures.families.train
import figures.grayscale.plot
import figures.grayscale.train
import figures.heavy_tails.plot
import figures.heavy_tails.train
import figures.hierarchy.plot
import figures.hierarchy.train
import figures.MEBM_DTM_ACP_ablation.plot
import figures.MEBM_DTM_ACP_ablation.train
from thrmlDenoising.experiments import PaperFigure


class Folder(NamedTuple):
    """The two programs of a figure's folder."""

    train: Callable[[Sequence[str]], None]
    figure: PaperFigure


FOLDERS = [
    Folder(figures.MEBM_DTM_ACP_ablation.train.main, figures.MEBM_DTM_ACP_ablation.plot.FIGURE),
    Folder(figures.degree_ablation.train.main, figures.degree_ablation.plot.FIGURE),
    Folder(figures.chain_depth_ablation.train.main, figures.chain_depth_ablation.plot.FIGURE),
    Folder(figures.energy_vs_quality.train.main, figures.energy_vs_quality.plot.FIGURE),
    Folder(figures.grayscale.train.main, figures.grayscale.plot.FIGURE),
    Folder(figures.families.train.main, figures.families.plot.FIGURE),
    Folder(figures.hierarchy.train.main, figures.hierarchy.plot.FIGURE),
    Folder(figures.heavy_tails.train.main, figures.heavy_tails.plot.FIGURE),
]


def train(scale: str, n_jobs: int) -> None:
    """Trains what is not finished, folder after folder."""
    for folder in FOLDERS:
        folder.train(["--scale", scale, "--jobs", str(n_jobs)])


def plot(scale: str) -> None:
    """Draws every figure from its tables."""
    for folder in FOLDERS:
        print(*folder.figure.redraw(scale), sep="\n")


def check(scale: str) -> None:
    """Exits with what is wrong if a figure in a folder is not what its tables give."""
    wrong = [folder.figure.disagreement(scale) for folder in FOLDERS]
    if any(wrong):
        sys.exit("\n".join(filter(None, wrong)))
    print(f"all {len(wrong)} figures agree with their tables")


def main(argv: Sequence[str] | None = None) -> None:
    """Parses and does it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", choices=("paper", "laptop"), required=True)
    parser.add_argument("--only", choices=("train", "plot", "check"))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once (default: 1)")
    given = parser.parse_args(argv)
    with exits_in_words():
        if given.only in (None, "train"):
            train(given.scale, given.jobs)
        if given.only in (None, "plot"):
            plot(given.scale)
        if given.only == "check":
            check(given.scale)


if __name__ == "__main__":
    main()
