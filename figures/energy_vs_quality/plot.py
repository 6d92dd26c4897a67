"""Draws Figure 1 of the paper: energy per sample against image quality.

python -m figures.energy_vs_quality.plot                      # the published points, and ours
python -m figures.energy_vs_quality.plot RUN RUN --output figure.pdf
"""

from thrmlDenoising.support.command_line import exits_in_words, quiet_interrupts

if __name__ == "__main__":
    quiet_interrupts()

import argparse
import csv
from collections.abc import Iterable, Sequence
from itertools import cycle, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

from thrmlDenoising.data import Mode
from thrmlDenoising.experiments import FigureData, PaperFigure, RunTable
from thrmlDenoising.families.dtm.hardware_energy import (
    QUOTED_TOTALS,
    HardwareEnergy,
)
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.plots.style import our_style, write
from thrmlDenoising.quality import DISTANCES, at_best_epoch
from thrmlDenoising.runs import History
from thrmlDenoising.support.files import written_aside
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training import SavedRun, Source

PUBLISHED = Path(__file__).with_name("published.csv")
FID, CLASSIFIER_FD = "fid", "classifier_fd"

# Okabe and Ito's colour-blind-safe set; the user's runs are black, whatever their marker.
_FAMILIES = {
    "DTM": ("#0072B2", "o"),
    "MEBM": ("#56B4E9", "s"),
    "GAN": ("#D55E00", "D"),
    "VAE": ("#009E73", "^"),
    "DDPM": ("#CC79A7", "v"),
}
_RUN_MARKERS = "*PXph<>"
_LEGEND = {"frameon": False, "fontsize": 8, "alignment": "left"}


class PublishedPoint(NamedTuple):
    """A point of the paper's figure."""

    family: str
    hardware: str
    variant: str
    joules: float
    fid: float


class OurPoint(NamedTuple):
    """A variant of our own experiment: its distances of free and of clamped images, by seed."""

    family: str
    variant: str
    joules: float
    e_cell: str
    best: dict[str, list[dict[Mode, float]]]


class Run(NamedTuple):
    """What a run folder says: where it stands on the energy axis, and what it measured."""

    name: str
    energy: HardwareEnergy
    history: History

    @classmethod
    def read(cls, path: str | Path, e_cell: str) -> "Run":
        """From the last complete checkpoint of a run folder.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            ValueError: the checkpoint is damaged, or its energy is not known.
        """
        saved = SavedRun.open(DTMModel, Source(path))
        cfg = saved.cfg
        energy = DTMModel.read_static(saved).hardware_energy(e_cell)
        return cls(f"{saved.run.name} on {cfg.data.dataset_name}", energy, saved.history)

    def best(self, distance: str) -> dict[Mode, float]:
        """See `at_best_epoch`."""
        return at_best_epoch(RunTable.of(self.history, {}).distances(distance))


def read_published(path: Path = PUBLISHED) -> list[PublishedPoint]:
    """The points of the paper's figure, family by family."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            PublishedPoint(
                row["family"],
                row["hardware"],
                row["variant"],
                float(row["joules_per_sample"]),
                float(row["fid"]),
            )
            for row in csv.DictReader(file)
        ]


def read_ours(data: FigureData, e_cell: str = "figure_1") -> list[OurPoint]:
    """The points of our experiment, whose tables are called family_variant, each at its best.

    Raises:
        FileNotFoundError: the scale has no tables.
    """
    points = []
    for name in data.variants:
        family, variant = name.split("_", 1)
        tables = data.seeds(name)
        joules = float(tables[0].facts[f"joules per sample, E_cell {e_cell}"])
        measured = [d for d in (FID, CLASSIFIER_FD) if f"free_{d}" in tables[0].columns]
        best = {distance: [table.best(distance) for table in tables] for distance in measured}
        points.append(OurPoint(family, variant, joules, e_cell, best))
    return sorted(points, key=lambda point: (point.family, point.joules))


def draw(
    published: Sequence[PublishedPoint], runs: Sequence[Run], ours: Sequence[OurPoint] = ()
) -> Figure:
    """Published points with the runs on top; classifier FD has a panel of its own, if needed."""
    has_classifier_fd = ours or any(run.best(CLASSIFIER_FD) for run in runs)
    panels = [FID, *([CLASSIFIER_FD] if has_classifier_fd else [])]
    heights = [3.6, 2.4 if ours else 1.5][: len(panels)]
    legend_height = 0.2 * (len(runs) + 3) if runs else 0
    figure = Figure(figsize=(6.9, sum(heights) + legend_height), layout="constrained")
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)
    axes = dict(zip(panels, column[:, 0], strict=True))
    for panel in axes.values():
        _style(panel)
    axes[FID].set_ylabel("FID (Inception)")
    axes[panels[-1]].set_xlabel("energy per sample (J)")
    _draw_published(axes[FID], published)
    if CLASSIFIER_FD in axes:
        axes[CLASSIFIER_FD].set_ylabel(DISTANCES[CLASSIFIER_FD])
        axes[CLASSIFIER_FD].set_title("another distance, not comparable with FID", fontsize=8)
    for panel in panels:
        _draw_ours(axes[panel], [point for point in ours if panel in point.best], panel)
    if ours:
        title = f'ours: mean and range of seeds; E_cell "{ours[0].e_cell}"'
        axes[CLASSIFIER_FD].legend(title=title, title_fontsize=8, loc="upper right", **_LEGEND)
    markers = cycle(_RUN_MARKERS)
    handles = [_draw_run(axes, run, marker) for run, marker in zip(runs, markers, strict=False)]
    if runs:
        under = {"loc": "outside lower left", "title": _caption(runs), "title_fontsize": 7.5}
        legend = figure.legend(handles, ["."] * len(handles), **under, **_LEGEND)
        for place, handle in zip(legend.get_texts(), handles, strict=True):
            write(place, str(handle.get_label()))  # labels such as "_run" would be left out
    return figure


def _style(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.07, y=0.12)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _draw_published(axes: Axes, points: Iterable[PublishedPoint]) -> None:
    for (family, hardware), group in groupby(points, key=lambda point: point[:2]):
        members = list(group)
        colour, marker = _FAMILIES[family]
        axes.plot(
            [point.joules for point in members],
            [point.fid for point in members],
            color=colour,
            marker=marker,
            markersize=4.5,
            linewidth=1.2,
            label=f"{family} ({hardware})",
        )
        for end in (members[0], members[-1]):
            text = axes.annotate(
                end.variant, (end.joules, end.fid), xytext=(-5, -6), textcoords="offset points"
            )
            text.set(color=colour, fontsize=7, horizontalalignment="right")
    title = "Published (arXiv 2510.23972, Figure 1)"
    place = {"loc": "upper center", "bbox_to_anchor": (0.6, 1.02)}
    axes.legend(title=title, title_fontsize=8, **place, **_LEGEND)


def _draw_ours(axes: Axes, points: Sequence[OurPoint], distance: str) -> None:
    """Means over seeds, with bars to the extremes; free images filled, clamped ones hollow."""
    for family, group in groupby(points, key=lambda point: point.family):
        members = list(group)
        colour, marker = _FAMILIES[family]
        joules = [point.joules for point in members]
        faces: dict[Mode, str] = {"free": colour, "clamped": "white"}
        # A model without labels has free images alone.
        measured: list[Mode] = [
            mode for mode in faces if all(mode in m.best[distance][0] for m in members)
        ]
        for mode in measured:
            seeds = [[best[mode] for best in point.best[distance]] for point in members]
            low, means, high = (
                np.array([f(values) for values in seeds]) for f in (min, np.mean, max)
            )
            bars = means - low, high - means
            style = {"marker": marker, "markersize": 4.5, "ls": "--"}
            style["markerfacecolor"] = faces[mode]
            label = f"{family}, {mode} labels"
            axes.errorbar(joules, means, bars, color=colour, linewidth=1.2, label=label, **style)
        # DTM and MEBM may spend the same: names to the left of one, to the right of the other.
        x, side = (-6, "right") if family == "DTM" else (6, "left")
        for point in members:
            mean = float(np.mean([best["free"] for best in point.best[distance]]))
            place = {"xytext": (x, -2), "textcoords": "offset points", "ha": side}
            axes.annotate(point.variant, (point.joules, mean), color=colour, fontsize=7, **place)


def _draw_run(axes: dict[str, Axes], run: Run, marker: str) -> Line2D:
    """Free images filled, clamped ones hollow; a line where no distance was measured."""
    best = {panel: run.best(panel) for panel in axes}
    if not any(best.values()):
        line = axes[FID].axvline(run.energy.joules, color="0.4", linestyle=":", linewidth=1.2)
        line.set_label(f"{run.name} (no distance measured)")
        return line
    style = {"color": "black", "marker": marker, "markersize": 8, "linestyle": "none"}
    for panel, values in best.items():
        for mode, value in values.items():
            face = "black" if mode == "free" else "white"
            axes[panel].plot(run.energy.joules, value, markerfacecolor=face, zorder=3, **style)
    return Line2D([], [], label=run.name, **style)


def _caption(runs: Sequence[Run]) -> str:
    assumptions = sorted({run.energy.assumptions for run in runs})
    return "\n".join(["Runs at their best epoch; filled: free, hollow: clamped.", *assumptions])


def _draw_experiment(data: FigureData) -> Figure:
    return draw(read_published(), [], read_ours(data))


FIGURE = PaperFigure(Path(__file__).parent, _draw_experiment)


def files_for(output: Path) -> list[Path]:
    """A .png stands alone; a .pdf gets a .png of the same name beside it.

    Raises:
        ValueError: another ending.
    """
    files = {".png": [output], ".pdf": [output, output.with_suffix(".png")]}
    if output.suffix not in files:
        raise ValueError(f"--output {output}: the figure is drawn as .png, or as .pdf and .png")
    return files[output.suffix]


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the runs, draws, and says where the figure is and what it rests on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="run folder to draw on top")
    parser.add_argument("--output", type=user_path, default=Path("energy_vs_quality.png"))
    parser.add_argument("--scale", default="laptop", help="whose tables are ours")
    parser.add_argument("--e-cell", choices=QUOTED_TOTALS, default="figure_1")
    given = parse_trusting(parser, argv)
    with exits_in_words():
        _draw_and_say(given)


def _draw_and_say(given: argparse.Namespace) -> None:
    files = files_for(given.output)
    runs = [Run.read(path, given.e_cell) for path in given.runs]
    ours = read_ours(FigureData(FIGURE.folder, given.scale), given.e_cell)
    # TrueType, since publishers refuse the default
    with our_style(), rc_context({"pdf.fonttype": 42}):
        figure = draw(read_published(), runs, ours)
        for file in files:
            with written_aside(file) as aside:
                figure.savefig(aside, format=file.suffix[1:], dpi=200)
            print(file)
    for run in runs:
        print(f"\n{run.name}\n{run.energy}")


if __name__ == "__main__":
    main()
