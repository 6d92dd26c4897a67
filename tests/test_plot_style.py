"""Pictures are the same whatever the user's matplotlib and NumPy are set to."""

import io
import warnings
from typing import Any

import matplotlib
import numpy as np
import pytest
from cycler import cycler
from matplotlib.backend_bases import FigureCanvasBase
from tiny import TINY, finished, python

from thrmlDenoising import DTM
from thrmlDenoising.plots import (
    ComparedRun,
    Curve,
    MetricStyle,
    draw_autocorrelation_vs_epoch,
    draw_autocorrelation_vs_lags,
    draw_comparison,
    draw_graph,
    draw_grid,
    draw_metric_vs_epoch,
    draw_weights,
    write_gif,
)
from thrmlDenoising.plots.paper import paper_style

WILD: Any = {
    "text.usetex": True,
    "savefig.dpi": 30,
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "figure.dpi": 31,
    "figure.autolayout": True,
    "figure.facecolor": "red",
    "font.family": ["no such font"],
    "font.size": 30,
    "axes.prop_cycle": cycler(linestyle=["--", ":"]),
    "axes.unicode_minus": False,
    "axes.formatter.use_locale": True,
    "axes.formatter.limits": (0, 0),
    "axes.facecolor": "yellow",
    "axes.titlelocation": "left",
    "axes.xmargin": 0.4,
    "lines.linewidth": 7,
    "lines.dashed_pattern": [1, 9],
    "image.cmap": "jet",
    "image.interpolation": "bicubic",
    "image.origin": "lower",
    "legend.loc": "lower left",
    "mathtext.fontset": "cm",
    "path.sketch": (10, 10, 10),
    "path.effects": [],
    "text.parse_math": False,
    "xtick.direction": "in",
    "ytick.labelright": True,
}


@pytest.fixture(scope="module")
def step():
    return DTM(TINY).steps[0]


@pytest.fixture
def wild():
    """Settings of matplotlib and NumPy that would change or break every picture."""
    with matplotlib.rc_context(), np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        matplotlib.rcParams.update(WILD)
        before = dict(matplotlib.rcParams)
        yield
        assert dict(matplotlib.rcParams) == before, "a user's settings stay"
        assert set(np.geterr().values()) == {"raise"}


def draw_all(step, folder):
    """A picture of every kind, in the words and numbers that are hardest to draw."""
    values = np.array([[0.5, 0.0], [1e-300, 0.1]])
    fid = MetricStyle("FID of $me_2$", inverted=True)
    draw_metric_vs_epoch({"_a": ([0, 1], [0.0, 1e-310]), "b": ([1], [-3.0])}, fid, folder / "1.png")
    draw_autocorrelation_vs_epoch([0, 1], values, 0.016, folder / "2.png")
    draw_autocorrelation_vs_lags(np.array([0, 4]), values - 0.3, "50 %", folder / "3.png")
    curve = Curve(np.arange(2), np.array([1.0, 0.0]), (np.zeros(2), np.ones(2)))
    runs = [ComparedRun(f"_{n}", {"seconds": 10.0**n}, {"free": curve}, curve) for n in range(9)]
    draw_comparison(runs, fid, folder / "4.png")
    draw_graph(step, path=folder / "5.png")
    draw_weights(step, ["a", "b", "c"], folder / "6.png")
    draw_grid(np.zeros((1, 1, 1, 4), np.uint8), np.ones((1, 1, 1, 1)), (2, 2), 1, ["a"],
              folder / "7.png")  # fmt: skip
    write_gif(np.zeros((2, 1, 4), np.uint8), np.ones((2, 1, 1)), ["", "x"], (2, 2), 1, ["a"],
              folder / "8.gif")  # fmt: skip


@pytest.fixture
def plainly_drawn(step, tmp_path):
    """What is drawn where nothing is set."""
    folder = tmp_path / "plain"
    draw_all(step, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_picture_is_the_same_bit_for_bit(step, plainly_drawn, wild, tmp_path):
    draw_all(step, tmp_path / "wild")
    for name, content in plainly_drawn.items():
        assert (tmp_path / "wild" / name).read_bytes() == content, name
    assert len(plainly_drawn) == 8


def as_inline_backend(figure):
    """As a notebook shows it once pyplot is imported."""
    buffer = io.BytesIO()
    FigureCanvasBase(figure).print_figure(buffer, format="png", dpi=40, bbox_inches="tight")
    return buffer.getvalue()


def test_a_figure_shown_later_is_drawn_alike(step, request):
    plain = draw_weights(step)._repr_png_()
    request.getfixturevalue("wild")
    figure = draw_weights(step)
    assert figure._repr_png_() == plain
    assert as_inline_backend(figure).startswith(b"\x89PNG")


def test_figures_of_a_paper_are_drawn_alike(wild):
    with paper_style():
        assert not matplotlib.rcParams["text.usetex"]
        assert matplotlib.rcParams["savefig.dpi"] == 200
        assert np.geterr()["under"] == "ignore"


@pytest.mark.slow
def test_settings_that_stop_matplotlib_do_not_stop_this_library(tmp_path):
    """Nor do they change what is drawn, or the process."""
    (tmp_path / "matplotlibrc").write_bytes(b"# \xe4\nfont.size: 30\n")
    variables = {"MPLBACKEND": "nonexistent", "MATPLOTLIBRC": str(tmp_path)}
    program = f"""
import os, warnings
before = dict(os.environ)
os.chdir({str(tmp_path)!r})
folder = os.getcwd()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from thrmlDenoising.plots import MetricStyle, draw_metric_vs_epoch
    from pathlib import Path
    import thrmlDenoising.experiments.ablation
    style = MetricStyle("FID", inverted=True)
    for name in ("1.png", "2.png"):
        draw_metric_vs_epoch({{"a": ([0, 1], [1.0, 2.0])}}, style, Path({str(tmp_path)!r}, name))
told = ["cannot be imported with the settings" in str(w.message) for w in caught]
assert sum(told) == 1, caught
assert (dict(os.environ), os.getcwd()) == (before, folder)
"""
    finished(python("-c", program, **variables))
    assert (tmp_path / "2.png").read_bytes().startswith(b"\x89PNG")
