"""Draws Figure 5c, upper half: image quality against the size of the grid, by its degree.

python -m figures.degree_ablation.plot, or by its path from any directory
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
        (f"degree {row['degree']}", int(row["side"])): float(row["fid"]) for row in data.published
    }
    return draw_ablation(data, published, lambda degree: f"degree {degree}", N_VISIBLE)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
