"""A model put together from steps of several checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thrmlDenoising.config import Named
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.families.dtm.state import DTMState
from thrmlDenoising.support.hints import shown
from thrmlDenoising.training.resuming import differences_in_words
from thrmlDenoising.training.saved_run import SavedRun
from thrmlDenoising.training.source import Source


def open_sources(
    base_path: str | Path, epoch: int | None, step_sources: Any, classes: Sequence[Named]
) -> list[SavedRun]:
    """The checkpoint that each step comes from, in any of the forms that `DTM.load` takes.

    Raises:
        ValueError: they are no list, or an epoch is given besides, or see `Source.parse`.
    """
    is_list = isinstance(step_sources, (Sequence, np.ndarray))
    if isinstance(step_sources, str) or not is_list:
        raise ValueError(
            f"step_sources={shown(step_sources)} is no list: give a source for each step, such "
            "as [5, 3] for epochs 5 and 3 of this run"
        )
    if epoch is not None or len(step_sources) == 0:
        raise ValueError(
            f"epoch={shown(epoch)} and step_sources={shown(step_sources)}: give an epoch, or a "
            "source for each step"
        )
    sources = [Source.parse(source, base_path, i) for i, source in enumerate(step_sources)]
    opened = {source: SavedRun.open(DTMModel, source, classes) for source in sources}
    return [opened[source] for source in sources]


def check_sources(cfg: DTMConfig, saved: Sequence[SavedRun]) -> None:
    """Checks that there is a compatible checkpoint for each step.

    Raises:
        ValueError: there is not.
    """
    if len(saved) != cfg.n_steps:
        raise ValueError(
            f"{len(saved)} step sources for a model of {cfg.n_steps} steps: give one for each step"
        )
    for source in saved:
        check_compatible(cfg, source.cfg, source.run)


def stitched_state(model: DTMModel, saved: Sequence[SavedRun]) -> DTMState:
    """The state of step i from checkpoint i; as old as the oldest of them.

    Raises:
        CheckpointError: a file does not fit.
    """
    likes = model.split(model.like)
    steps = [
        model.read_part(source, index, like)
        for index, (source, like) in enumerate(zip(saved, likes, strict=True))
    ]
    return model.join(steps, max(source.checkpoint.epoch for source in saved))


def check_compatible(cfg: DTMConfig, source: DTMConfig, run: Path) -> None:
    """Checks that steps of a model of `source` work in one of `cfg`.

    Raises:
        ValueError: they do not; names the fields that differ.
    """
    theirs, ours = _kind_of_step(source), _kind_of_step(cfg)
    differing = {name: (ours[name], theirs[name]) for name in ours if theirs[name] != ours[name]}
    if differing:
        raise ValueError(
            f"steps of {run} do not fit this model: they differ in "
            f"{differences_in_words(differing)}"
        )


def _kind_of_step(cfg: DTMConfig) -> dict[str, Any]:
    """What two configs must share for the steps of one to work in a model of the other."""
    sections = ("diffusion_schedule.", "diffusion_rates.")
    return {
        "data.dataset_name": cfg.data.dataset_name,
        "data.images_sha256": cfg.data.images_sha256,
        "data.target_classes": cfg.target_classes,
        "data.pixel_threshold_for_single_trials": cfg.data.pixel_threshold_for_single_trials,
        "graph.graph_preset_architecture": cfg.graph.lattice,
        "graph.num_label_spots": cfg.graph.num_label_spots,
        "graph.grayscale_levels": cfg.graph.grayscale_levels,
        "graph.base_graph_manager": cfg.graph.manager_class,
        "sampling.training_beta": cfg.sampling.training_beta,
        "sampling.negative_start": cfg.sampling.negative_start,
        **{name: value for name, value in cfg.flat().items() if name.startswith(sections)},
    }
