"""Saving the steps of a model and loading them again, from one run or stitched from several."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, BaseGraph
from thrmlDenoising.config import DTMConfig
from thrmlDenoising.runs import (
    CheckpointError,
    History,
    RunFolder,
    checkpoint_path,
    read_graph,
    read_state,
    save_checkpoint,
    verify_checkpoint,
    write_step,
)
from thrmlDenoising.sampling import GraphSizes
from thrmlDenoising.training.model_step import ModelStep, build_steps, draw_graphs, put_on
from thrmlDenoising.training.trainer import Trainer

_HISTORY = "history.json"
_FREE_TO_CHANGE = {
    "exp.descriptor",
    "exp.generate_gif",
    "exp.drawn_images_per_digit",
    "exp.animated_images_per_digit",
    "exp.steps_per_sample_in_gif",
    "exp.n_cores",
    "data.data_dir",
}
"""Fields that a resumed run may have changed: they do not touch what is trained."""


class StepSource(NamedTuple):
    """Where one step of a stitched model comes from; epoch None is the last complete one."""

    run: str | Path
    epoch: int | None = None

    @classmethod
    def parse(cls, source: Any, base: str | Path) -> "StepSource":
        """An epoch of the run `base`, or a pair of a run and an epoch.

        Raises:
            ValueError: it is neither.
        """
        match source:
            case int() | np.integer():
                return cls(base, int(source))
            case (str() | Path() as run, None | int() | np.integer() as epoch):
                return cls(run, None if epoch is None else int(epoch))
        raise ValueError(
            f"step source {source!r} is neither an epoch, such as 5, nor a run and an epoch, such "
            "as ('model_logging_and_saving/run_20261122_101500', 5)"
        )


def save_model(
    model_saving: Path, epoch: int, steps: Sequence[ModelStep], history: History
) -> Path:
    """Writes a checkpoint, whole or not at all; returns its folder.

    Raises:
        OSError: the disk does not take it; earlier checkpoints stay as they are.
    """

    def write(folder: Path) -> None:
        for index, step in enumerate(steps):
            write_step(folder, index, step.graph.to_arrays(), step.state)
        (folder / _HISTORY).write_text(history.to_json(), encoding="utf-8")

    return save_checkpoint(model_saving, epoch, write)


def load_history(source: StepSource) -> History:
    """What the run had measured when the checkpoint was made."""
    path = _checkpoint_of(source)
    return History.from_json((path / _HISTORY).read_text(encoding="utf-8"))


def load_steps(
    cfg: DTMConfig,
    manager: AbstractBaseGraphManager,
    trainer: Trainer,
    sources: Sequence[StepSource],
) -> list[ModelStep]:
    """Step i from checkpoint i, with the graph it was trained on.

    Raises:
        FileNotFoundError: there is no such run or checkpoint.
        CheckpointError: a checkpoint is damaged or does not fit.
        ValueError: a source's config makes a different kind of step; names the fields.
    """
    n_steps = cfg.diffusion_schedule.num_diffusion_steps
    if len(sources) != n_steps:
        raise ValueError(
            f"{len(sources)} step sources for a model of {n_steps} steps: give one for each step"
        )
    for source in sources:
        _check_compatible(cfg, source)
    folders = [_checkpoint_of(source) for source in sources]
    for folder in dict.fromkeys(folders):
        verify_checkpoint(folder)
    graphs = [
        BaseGraph.from_arrays(read_graph(folder, index)) for index, folder in enumerate(folders)
    ]
    for folder, graph, expected in zip(folders, graphs, draw_graphs(cfg, manager), strict=True):
        if GraphSizes.of(graph) != GraphSizes.of(expected):
            raise CheckpointError(
                f"{folder} was saved with another config than the config.yaml beside it now: its "
                f"graph has {GraphSizes.of(graph)}, the config makes {GraphSizes.of(expected)}. "
                "Restore the run's own config.yaml."
            )
    steps = build_steps(cfg, manager, trainer, graphs)
    for index, (step, folder) in enumerate(zip(steps, folders, strict=True)):
        state = read_state(folder, index, like=step.state)
        step.state = put_on(step.device, state)
    return steps


def check_resumable(cfg: DTMConfig, run: RunFolder) -> None:
    """Raises ValueError, naming the fields, if `cfg` would not continue the run as it began."""
    saved, current = _flat(DTMConfig.load(run.config)), _flat(cfg)
    differing = [name for name in saved if saved[name] != current[name]]
    differing = [name for name in differing if name not in _FREE_TO_CHANGE]
    if differing:
        raise ValueError(
            f"cannot resume {run.root}: its config differs in {_compare(differing, saved, current)}"
            ". Start from its own config, DTMConfig.load(run / 'model_saving/config.yaml'), or "
            "train into a new folder."
        )


def _check_compatible(cfg: DTMConfig, source: StepSource) -> None:
    run = RunFolder.open(Path(source.run))
    theirs, ours = _kind_of_step(DTMConfig.load(run.config)), _kind_of_step(cfg)
    differing = [name for name in ours if theirs[name] != ours[name]]
    if differing:
        raise ValueError(
            f"steps of {run.root} do not fit this model: they differ in "
            f"{_compare(differing, theirs, ours)}"
        )


def _kind_of_step(cfg: DTMConfig) -> dict[str, Any]:
    """What two configs must share for the steps of one to work in a model of the other."""
    flat = _flat(cfg)
    sections = ("diffusion_schedule.", "diffusion_rates.")
    return {
        "data.dataset_name": cfg.data.dataset_name,
        "data.target_classes": cfg.target_classes,
        "data.pixel_threshold_for_single_trials": cfg.data.pixel_threshold_for_single_trials,
        "graph lattice": cfg.graph.lattice,
        "graph.num_label_spots": cfg.graph.num_label_spots,
        "graph.grayscale_levels": cfg.graph.grayscale_levels,
        "graph.base_graph_manager": cfg.graph.manager_class,
        "sampling.negative_start": cfg.sampling.negative_start,
        **{name: value for name, value in flat.items() if name.startswith(sections)},
    }


def _compare(names: list[str], saved: dict[str, Any], current: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({saved[name]!r} there, {current[name]!r} here)" for name in names)


def _flat(cfg: DTMConfig) -> dict[str, Any]:
    return {
        f"{section}.{name}": value
        for section, values in asdict(cfg).items()
        for name, value in values.items()
    }


def _checkpoint_of(source: StepSource) -> Path:
    return checkpoint_path(RunFolder.open(Path(source.run)).model_saving, source.epoch)
