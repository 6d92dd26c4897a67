"""Draws how many modes, which tails and which rare classes heavy-tailed noise finds again.

python -m figures.heavy_tails.plot, or by its path from any directory
"""

from thrmlDenoising.support.command_line import quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thrmlDenoising.experiments import FigureData, PaperFigure
from thrmlDenoising.plots.paper import draw_band, log_axis, plain_ticks

METHODS = {"dlpm": "DLPM, DLIM", "lim": "LIM, its ODE", "t_edm": "t-EDM, its flow"}
"""What a panel is called: generation with noise in every step, and without."""

PUBLISHED_STEPS = 25
"""At which the published choices of DLPM are held against ours."""

NAMES = {"beyond": "beyond 3 sigma (%)", "total_variation": "off in weights (TV)"}
"""What is shown of a mixture: points at no mode, and the modes' weights against those of data."""
EXACT = "exact_modes"
"""How variants begin whose denoiser is exact."""


class Curve(NamedTuple):
    """A number against steps.

    Attributes:
        n_steps: ascending.
        values: of every seed.
    """

    n_steps: list[int]
    values: Float[np.ndarray, "seed step"]

    def at(self, n_steps: int) -> Float[np.ndarray, " seed"]:
        """After so many steps."""
        return self.values[:, self.n_steps.index(n_steps)]


def draw(data: FigureData) -> Figure:
    """Above, a mixture against steps back; below, tails, rare classes, and choices of training."""
    figure = Figure(figsize=(6.9, 6.9))
    rows = figure.subplots(3, 3)
    for column, (method, title) in enumerate(METHODS.items()):
        for row, name in enumerate(NAMES):
            _draw_steps(rows[row][column], data, method, name)
        rows[0][column].set_title(title)
        if method != "lim":  # which has the alphas of DLPM, and crosses where a legend would be
            rows[0][column].legend(loc="upper right", handlelength=1)
    _draw_choices(rows[2][0], data)
    _draw_tails(rows[2][1], data)
    _draw_classes(rows[2][2], data)
    return figure


# --- what is drawn -------------------------------------------------------------------------


def tails_of(data: FigureData, method: str) -> list[str]:
    """The alphas or nus of a method that were trained, as the names of variants have them."""
    found = {row["variant"] for row in data.rows("modes")}
    prefix = f"modes_{method}_"
    tails = {name.removeprefix(prefix) for name in found if name.startswith(prefix)}
    return sorted((tail for tail in tails if _is_number(tail)), key=float)


def curve(data: FigureData, variant: str, name: str, deterministic: bool = False) -> Curve:
    """A column of what was measured of a mixture."""
    rows = [
        row
        for row in data.rows("modes")
        if (row["variant"], row["deterministic"]) == (variant, str(int(deterministic)))
    ]
    n_steps = sorted({int(row["n_steps"]) for row in rows})
    of_seed: dict[int, dict[int, float]] = {}
    for row in rows:
        of_seed.setdefault(int(row["seed"]), {})[int(row["n_steps"])] = read_number(row, name)
    return Curve(n_steps, np.array([[of[n] for n in n_steps] for of in of_seed.values()]))


def read_number(row: Mapping[str, str], name: str) -> float:
    """Of the names of `NAMES`."""
    return 100 * (1 - float(row["within"])) if name == "beyond" else float(row[name])


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


# --- the panels ----------------------------------------------------------------------------


def _draw_steps(axes: Axes, data: FigureData, method: str, name: str) -> None:
    symbol = "nu" if method == "t_edm" else "alpha"
    published = "DLPM" if method == "dlpm" else "LIM"
    for number, tail in enumerate(tails_of(data, method)):
        colour = f"C{number}"
        for deterministic, line in {False: "-", True: "--"}.items():
            of = curve(data, f"modes_{method}_{tail}", name, deterministic)
            label = None if deterministic else f"{symbol} = {tail}"
            draw_band(axes, of.n_steps, of.values, color=colour, linestyle=line, label=label)
        exact = curve(data, f"{EXACT}_{method}_{tail}", name)
        axes.plot(exact.n_steps, exact.values[0], ":", color=colour, linewidth=1)
        if method != "t_edm":
            met = [row for row in data.published if _is_of(row, published, tail)]
            steps = [int(row["n_steps"]) for row in met]
            found = [read_number(row, name) for row in met]
            axes.plot(steps, found, "x", color=colour, markersize=4)
    _axis_of_steps(axes)
    if name == "beyond":
        log_axis(axes, NAMES[name])
        axes.set_ylim(0.5, 100)
    else:
        axes.set(ylabel=NAMES[name], ylim=(0, 0.2))


def _is_of(row: Mapping[str, str], method: str, tail: str) -> bool:
    return row["method"] == method and float(row["alpha"]) == float(tail)


def _axis_of_steps(axes: Axes) -> None:
    axes.set(xscale="log", xlabel="steps back")
    plain_ticks(axes.xaxis, (5, 10, 25, 100))


def _draw_choices(axes: Axes, data: FigureData) -> None:
    alphas = tails_of(data, "dlpm")
    kinds = {
        "ours": ("modes_dlpm", "o-"),
        "as published": ("modes_dlpm_paper", "s-"),
        "exact denoiser": (f"{EXACT}_dlpm", ":"),
    }
    for label, (prefix, line) in kinds.items():
        found = [curve(data, f"{prefix}_{alpha}", "total_variation") for alpha in alphas]
        off = [of.at(PUBLISHED_STEPS) for of in found]
        places = [float(alpha) for alpha in alphas]
        axes.plot(places, [of.mean() for of in off], line, markersize=3, label=label)
    theirs = [
        (float(row["alpha"]), float(row["total_variation"]))
        for row in data.published
        if row["method"] == "DLPM" and int(row["n_steps"]) == PUBLISHED_STEPS
    ]
    axes.plot(*zip(*theirs, strict=True), "kx", markersize=4, label="published code")
    axes.set(xlabel="alpha", ylabel=NAMES["total_variation"], ylim=(0, 0.2))
    plain_ticks(axes.xaxis, [float(alpha) for alpha in alphas])
    axes.set_title(f"DLPM, {PUBLISHED_STEPS} steps")
    axes.legend(handlelength=1.5)


def _draw_tails(axes: Axes, data: FigureData) -> None:
    rows = data.rows("tails")
    shares = [float(row["share"]) for row in rows]
    names = [name for name in rows[0] if name not in ("share", "data")]
    axes.plot([float(row["data"]) for row in rows], shares, "k", linewidth=2, label="data")
    for number, name in enumerate(names):
        label = name.removeprefix("tails_").removesuffix("_seed0").replace("_", " ")
        sizes = [float(row[name]) for row in rows]
        axes.plot(sizes, shares, color=f"C{number}", linewidth=1, label=label)
    axes.set(xscale="log", yscale="log", xlabel="|x|", ylabel="share beyond", xlim=(1, 1e7))
    axes.set_title("stable points, alpha = 1.7")
    axes.legend(handlelength=1)


def _draw_classes(axes: Axes, data: FigureData) -> None:
    sizes = {int(row["class"]): int(row["n_train"]) for row in data.rows("class_sizes")}
    variants = [variant for variant in data.variants if variant.startswith("classes")]
    for number, variant in enumerate(variants):
        tables = data.seeds(variant)
        recalls = [
            [table.columns[f"free_classifier_recall_of_{c}"][-1] for c in sizes] for table in tables
        ]
        label = f"alpha = {variant.rsplit('_', 1)[1]}"
        draw_band(axes, list(sizes.values()), np.array(recalls), color=f"C{number}", label=label)
    axes.set(xscale="log", xlabel="training images of the class", ylabel="recall", ylim=(0, 1.02))
    axes.set_title("rare classes")
    axes.legend(handlelength=1)


FIGURE = PaperFigure(Path(__file__).parent, draw)

if __name__ == "__main__":
    FIGURE.main()
