"""Experiments: variants of a config trained side by side, restartable, measured into tables."""

from thrmlDenoising.experiments.command import train_command
from thrmlDenoising.experiments.experiment import Changes, Experiment, Experiments, Run
from thrmlDenoising.experiments.figure import FigureData, PaperFigure
from thrmlDenoising.experiments.table import RunTable, config_hash, write_rows
from thrmlDenoising.experiments.training import Places, train_all, train_run

__all__ = [
    "Changes",
    "Experiment",
    "Experiments",
    "FigureData",
    "PaperFigure",
    "Places",
    "Run",
    "RunTable",
    "config_hash",
    "train_all",
    "train_command",
    "train_run",
    "write_rows",
]
