"""A figure for notebooks. As it is one of matplotlib's, it is imported where one is drawn."""

import io
from typing import TYPE_CHECKING

from thrmlDenoising.plots import mpl
from thrmlDenoising.plots.style import our_style

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase


class ShownFigure(mpl.figure.Figure):
    """A figure that a notebook shows as a picture, whether or not pyplot has been imported.

    It is drawn in our style whenever that happens, as ticks and their labels are made only then.
    """

    def draw(self, renderer: "RendererBase") -> None:
        """See `Figure.draw`."""
        with our_style():
            super().draw(renderer)

    @our_style()
    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=80)
        return buffer.getvalue()
