"""Draws Figure 5c, lower half: image quality against the size of the grid, by length of chains.

python -m figures.chain_depth_ablation.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from pathlib import Path

from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure
from thrmlDenoising.experiments.ablation import draw_ablation

N_VISIBLE = 28 * 28 + 10 * 10  # pixels, and ten label spots of ten classes


def draw(data: FigureData) -> Figure:
    """Ours with free and with clamped labels, and the published distances."""
    published = {
        (f"{row['warmup']} sweeps of warm-up", int(row["side"])): float(row["fid"] or "nan")
        for row in data.published
    }
    return draw_ablation(data, published, lambda warmup: f"{warmup} sweeps of warm-up", N_VISIBLE)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
