"""Whether what was trained under one config can go on, or work, under another."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.runs import History, RunFolder
from thrmlDenoising.support.hints import shown

_FREE_TO_CHANGE = {
    "exp.descriptor",
    "exp.autocorr_every_epoch",
    "exp.generate_gif",
    "exp.drawn_images_per_digit",
    "exp.animated_images_per_digit",
    "exp.steps_per_sample_in_gif",
    "exp.n_cores",
    "data.data_dir",
    "evaluation.extractors",
    "evaluation.inception_weights",
    "evaluation.bootstrap_replicates",
}
"""Fields that a resumed run may have changed: they do not touch what is trained."""


def check_resumable(cfg: DTMConfig, began: DTMConfig, run: Path) -> None:
    """Raises ValueError, naming the fields, if `cfg` would not continue the run as it began."""
    theirs, ours = _flat(began), _flat(cfg)
    differing = [name for name in theirs if theirs[name] != ours[name]]
    differing = [name for name in differing if name not in _FREE_TO_CHANGE]
    if differing:
        raise ValueError(
            f"cannot resume {run}: its config differs in {_compare(differing, theirs, ours)}. "
            f"Start from its own config, DTMConfig.load({str(RunFolder(run).config)!r}), or train "
            "into a new folder."
        )


def check_same_source(streamed: bool, began: History, run: Path) -> None:
    """Raises ValueError unless a run goes on with what its last epoch was trained on.

    Args:
        streamed: whether it would now be given a stream of batches.
    """
    was_streamed = any(record.streamed for record in began.records[-1:])
    if was_streamed and not streamed:
        raise ValueError(
            f"{run} was trained on a stream of batches, which a run does not keep: give it again, "
            "train(resume=..., batches=...), or load the run and train it on, into a new folder"
        )
    if streamed and not was_streamed and began.records and began.records[-1].epoch > 0:
        raise ValueError(
            f"{run} was trained on the images of its data set, and resuming it on a stream of "
            "batches would be another training: leave out batches, or load the run and train it "
            "on, into a new folder"
        )


def check_compatible(cfg: DTMConfig, source: DTMConfig, run: Path) -> None:
    """Raises ValueError, naming the fields, if steps of `source` do not work in one of `cfg`."""
    theirs, ours = _kind_of_step(source), _kind_of_step(cfg)
    differing = [name for name in ours if theirs[name] != ours[name]]
    if differing:
        raise ValueError(
            f"steps of {run} do not fit this model: they differ in "
            f"{_compare(differing, theirs, ours)}"
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
        **{name: value for name, value in _flat(cfg).items() if name.startswith(sections)},
    }


def _compare(names: list[str], theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} ({shown(theirs[name])} there, {shown(ours[name])} here)" for name in names
    )


def _flat(cfg: DTMConfig) -> dict[str, Any]:
    """All fields, those that can be written in several ways by their meaning."""
    flat = {
        f"{section}.{name}": value
        for section, values in asdict(cfg).items()
        for name, value in values.items()
    }
    meanings = {
        "graph.graph_preset_architecture": cfg.graph.lattice,
        "graph.image_jumps": cfg.graph.jumps,
        "graph.base_graph_manager": cfg.graph.manager_class,
        "optim.step_learning_rates": cfg.per_step(cfg.optim.step_learning_rates),
        "cp.correlation_penalty": cfg.per_step(cfg.cp.correlation_penalty),
        "wd.weight_decay": cfg.per_step(cfg.wd.weight_decay),
    }
    return flat | meanings
