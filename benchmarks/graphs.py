"""What a graph is worth: the same training on several graphs, at equal numbers of spin updates.

python -m benchmarks.graphs placements    # scattered, raster, local; the short run of README.md
python -m benchmarks.graphs tables        # connection rules of the paper and of dtm-replication
python -m benchmarks.graphs encodings     # seven grey levels
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.support.files import check_can_hold_files
from thrmlDenoising.support.markdown import table
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training.results import AUTOCORRELATION
from training_script import SHORT_RUN

SCATTERED = SHORT_RUN.replace(exp=dict(generate_gif=False), graph=dict(placement="scattered"))
GREY = SCATTERED.replace(
    graph=dict(grayscale_levels=7, base_graph_manager="binomial", num_label_spots=60),
    sampling=dict(n_samples=10, steps_warmup=80),
    optim=dict(step_learning_rates=(0.02,)),
)

_WIDE = dict(side=112, connection_rules=((0, 1), (4, 1), (10, 9)))
COMPARISONS: dict[str, tuple[DTMConfig, int, Mapping[str, Mapping[str, Any]]]] = {
    "placements": (
        SCATTERED,
        4,
        {name: dict(placement=name) for name in ("scattered", "raster", "local")},
    ),
    "tables": (
        SCATTERED,
        4,
        {name: dict(graph_preset_architecture=name) for name in ("60_16", "60_16_paper")},
    ),
    "encodings": (
        GREY,
        5,
        {
            "binomial, 60 x 60": {},
            "convolved_poisson_binomial, 90 x 90": dict(
                graph_preset_architecture="90_12_1",
                base_graph_manager="convolved_poisson_binomial",
            ),
            "binary_representation, 80 x 80": dict(
                graph_preset_architecture="80_12", base_graph_manager="binary_representation"
            ),
            "poisson_binomial, 112 x 112": dict(base_graph_manager="poisson_binomial", **_WIDE),
        },
    ),
}
"""By name: the config, its epochs on the first graph, and how each graph differs."""

COLUMNS = {
    "clamped FD": "clamped_classifier_fd",
    "free FD": "free_classifier_fd",
    "clamped, % of their class": "clamped_conditional_accuracy",
}


class Trained(NamedTuple):
    """What came of one run."""

    n_epochs: int
    n_updates: float
    metrics: dict[str, float]
    autocorrelation: float
    seconds: float


def updates_of_an_epoch(cfg: DTMConfig) -> int:
    """Spin updates of one epoch of training."""
    return round(DTMModel(cfg).cost().amount)


def train(cfg: DTMConfig, n_updates: float, folder: Path) -> Trained:
    """Trains for the nearest whole number of epochs to `n_updates` spin updates."""
    per_epoch = updates_of_an_epoch(cfg)
    n_epochs = max(1, round(n_updates / per_epoch))
    # The learning rate has to end its decay with the training.
    dtm = DTM(cfg.replace(optim=dict(n_epochs_for_lrd=n_epochs)), base_dir=folder)
    started = time.perf_counter()
    dtm.train(n_epochs, evaluate_every=n_epochs)
    seconds = time.perf_counter() - started
    last = dtm.history.records[-1]
    worst = max(value for value in last.per_part[AUTOCORRELATION] if value is not None)
    return Trained(n_epochs, per_epoch * n_epochs, dict(last.metrics), worst, seconds)


def compare(name: str, seeds: Sequence[int], folder: Path) -> str:
    """Trains every graph with every seed; a Markdown table of means and ranges over seeds."""
    base, n_epochs, changes = COMPARISONS[name]
    budget: float | None = None
    rows = []
    for graph, fields in changes.items():
        runs = []
        for seed in seeds:
            cfg = base.replace(exp=dict(seed=seed, descriptor=f"{name}_{seed}"), graph=dict(fields))
            if budget is None:
                budget = n_epochs * updates_of_an_epoch(cfg)
            runs.append(train(cfg, budget, folder))
            print(graph, seed, runs[-1], flush=True)
        rows.append([graph, *_cells(runs)])
    header = ["graph", "epochs", "updates", *COLUMNS, "autocorrelation, worst step", "seconds"]
    return table([header, *rows])


def _cells(runs: Sequence[Trained]) -> list[str]:
    return [
        str(runs[0].n_epochs),
        f"{runs[0].n_updates:.2g}",
        *(_spread([run.metrics[metric] for run in runs], ".1f") for metric in COLUMNS.values()),
        _spread([run.autocorrelation for run in runs], ".2f"),
        _spread([run.seconds for run in runs], ".0f"),
    ]


def _spread(values: Sequence[float], form: str) -> str:
    """Mean, and the range where there are several seeds."""
    mean = format(float(np.mean(values)), form)
    if len(values) == 1:
        return mean
    return f"{mean} ({format(min(values), form)} to {format(max(values), form)})"


def main() -> None:
    """Parses, trains, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("comparison", choices=COMPARISONS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", type=user_path, help="folder to leave the runs in")
    given = parser.parse_args()
    if given.keep:
        try:
            check_can_hold_files(given.keep, "--keep")
        except OSError as error:
            parser.error(str(error))
    with tempfile.TemporaryDirectory() as temporary:
        print(compare(given.comparison, given.seeds, given.keep or Path(temporary)))


if __name__ == "__main__":
    main()
