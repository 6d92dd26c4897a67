"""Pictures of a run (image grids, animations, curves) and of what is in a step of a model."""

from thrmlDenoising.plots.comparison import ComparedRun, Curve, draw_comparison
from thrmlDenoising.plots.curves import (
    draw_autocorrelation_vs_epoch,
    draw_autocorrelation_vs_lags,
    draw_bits_by_time,
    draw_metric_vs_epoch,
)
from thrmlDenoising.plots.gifs import write_gif
from thrmlDenoising.plots.graphs import draw_graph
from thrmlDenoising.plots.grids import draw_grid, draw_tiles, tile_images
from thrmlDenoising.plots.point_gifs import write_points_gif
from thrmlDenoising.plots.points import draw_points, draw_survival
from thrmlDenoising.plots.style import MetricStyle
from thrmlDenoising.plots.trees import draw_rule_usage, draw_trees
from thrmlDenoising.plots.weights import draw_weights

__all__ = [
    "ComparedRun",
    "Curve",
    "MetricStyle",
    "draw_autocorrelation_vs_epoch",
    "draw_autocorrelation_vs_lags",
    "draw_bits_by_time",
    "draw_comparison",
    "draw_graph",
    "draw_grid",
    "draw_metric_vs_epoch",
    "draw_points",
    "draw_rule_usage",
    "draw_survival",
    "draw_tiles",
    "draw_trees",
    "draw_weights",
    "tile_images",
    "write_gif",
    "write_points_gif",
]
