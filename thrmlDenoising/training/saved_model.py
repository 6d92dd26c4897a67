"""Saving the steps of a model and loading them again, from one run or stitched from several."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import jax

from thrmlDenoising.base_graphs import (
    AbstractBaseGraphManager,
    BaseGraph,
    check_graph,
    most_graph_bytes,
)
from thrmlDenoising.config import Named
from thrmlDenoising.families.dtm.compatible import check_compatible
from thrmlDenoising.families.dtm.config.dtm_config import LARGEST_FILE, DTMConfig
from thrmlDenoising.families.dtm.foreign_run import refuse_run_of_dtm_replication
from thrmlDenoising.families.dtm.model import Model, ModelStep, build_steps, put_on
from thrmlDenoising.families.dtm.state import TrainState
from thrmlDenoising.families.dtm.step_checks import (
    identity_problem,
    is_stitched,
    last_epoch,
    numbers_problem,
)
from thrmlDenoising.families.dtm.step_source import StepSource
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.runs import (
    MANIFEST,
    History,
    Manifest,
    RunFolder,
    StepIdentity,
    checkpoint_path,
    damaged,
    graph_file,
    read_graph,
    read_state,
    save_checkpoint,
    state_file,
    write_step,
)
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.reading import decoded

_LARGEST_HISTORY = 2**25
"""Bytes: twenty thousand epochs of ten steps."""

_CONFIG, _HISTORY = "config.yaml", "history.json"


class SavedModel(NamedTuple):
    """A checkpoint whose files are all there, with the config and the history it was saved with.

    Every file is held against the manifest when it is read.
    """

    run: Path
    folder: Path
    cfg: DTMConfig
    history: History
    checkpoint: Manifest

    @classmethod
    def open(cls, source: StepSource, classes: Sequence[Named] = ()) -> "SavedModel":
        """Finds a checkpoint, reads its config and its history, and looks at all other files.

        Args:
            classes: own classes and functions that its config may name, see `DTMConfig.from_yaml`.

        Raises:
            FileNotFoundError: there is no such run or checkpoint.
            CheckpointError: the checkpoint is damaged, its files are not those of its config, or
                it is one of dtm-replication.
        """
        run = RunFolder.open(user_path(source.run))
        refuse_run_of_dtm_replication(run)
        folder = checkpoint_path(run.model_saving, source.epoch)
        checkpoint = Manifest.read(folder)
        cfg = _read_config(checkpoint, classes)
        checkpoint.check_names(_files_of(cfg))
        return cls(run.root, folder, cfg, _read_history(checkpoint, cfg), checkpoint)

    def graph(self, index: int) -> BaseGraph:
        """The graph that a step was trained on."""
        names = [field.name for field in fields(BaseGraph)]
        at_most = most_graph_bytes(self.cfg.manager)
        arrays = read_graph(self.checkpoint, index, names, at_most)
        try:
            return BaseGraph.from_arrays(arrays)
        except ValueError as error:
            raise damaged(self.folder, graph_file(index), shortened(error)) from error

    def state(self, index: int, like: TrainState) -> TrainState:
        """The training state of a step; `like` is a state of the same shapes.

        Raises:
            CheckpointError: it does not fit, is that of another step, graph or epoch, or has
                parameters that are not finite.
        """
        state, identity = read_state(self.checkpoint, index, like)
        epoch, n_steps = self.checkpoint.epoch, self.cfg.diffusion_schedule.num_diffusion_steps
        stitched = is_stitched(self.history, epoch)
        graph = self.checkpoint.files[graph_file(index)].sha256
        wanted = StepIdentity(index, n_steps, epoch, stitched, last_epoch(self.history), graph)
        if identity is None and self.checkpoint.steps_identified:
            problem = "it does not say which step it is"
        else:
            problem = identity_problem(wanted, state, identity)
        if problem := numbers_problem(state) or problem:
            what = f"step {index} of epoch {epoch}: {problem}"
            raise damaged(self.folder, state_file(index), what)
        return state

    @property
    def graphs(self) -> list[BaseGraph]:
        """The graph of every step."""
        return [self.graph(i) for i in range(self.cfg.diffusion_schedule.num_diffusion_steps)]


def save_model(
    model_saving: Path, cfg: DTMConfig, model: Model, made_with: Mapping[str, Any] | None = None
) -> Path:
    """Writes a checkpoint, whole or not at all; returns its folder.

    Args:
        made_with: what the model may depend on besides the config, for the manifest.

    Raises:
        OSError: the disk does not take it; earlier checkpoints stay as they are.
        ValueError: its history is longer than one that is read again.
    """
    history = model.history.to_json()
    if len(history) > _LARGEST_HISTORY:  # it is ASCII
        raise ValueError(
            f"the history of {len(model.history.records)} epochs takes {len(history):,} bytes, and "
            f"one of more than {_LARGEST_HISTORY:,} is not read again, so epoch {model.epoch} is "
            "not saved: measure less often or fewer metrics; earlier checkpoints are as they were"
        )
    n_steps = len(model.steps)
    stitched, recorded = is_stitched(model.history, model.epoch), last_epoch(model.history)

    def write(folder: Path) -> None:
        cfg.save(folder / _CONFIG)
        (folder / _HISTORY).write_text(history, encoding="utf-8")
        for index, step in enumerate(model.steps):
            identity = StepIdentity(index, n_steps, model.epoch, stitched, recorded)
            write_step(folder, identity, step.graph.to_arrays(), step.state)

    return save_checkpoint(model_saving, model.epoch, write, made_with)


def load_steps(
    cfg: DTMConfig,
    manager: AbstractBaseGraphManager,
    trainer: Trainer,
    saved: Sequence[SavedModel],
) -> list[ModelStep]:
    """Step i from checkpoint i, with the graph it was trained on.

    Raises:
        ValueError: not one checkpoint for each step, or one whose config makes a different kind
            of step; names the fields.
        CheckpointError: a file does not fit.
    """
    n_steps = cfg.diffusion_schedule.num_diffusion_steps
    if len(saved) != n_steps:
        raise ValueError(
            f"{len(saved)} step sources for a model of {n_steps} steps: give one for each step"
        )
    for source in saved:
        check_compatible(cfg, source.cfg, source.run)
    graphs = [_graph_for(manager, source, index) for index, source in enumerate(saved)]
    for index, (source, graph) in enumerate(zip(saved, graphs, strict=True)):
        _check_memory(cfg, trainer, source, index, graph)
    steps = build_steps(cfg, manager, trainer, graphs)
    for index, (step, source) in enumerate(zip(steps, saved, strict=True)):
        step.state = put_on(step.device, source.state(index, like=step.state))
        for record in source.history.records:
            value = record.autocorrelation[index]
            if value is not None:
                step.autocorrelations[record.epoch] = value
    return steps


def _files_of(cfg: DTMConfig) -> set[str]:
    """The names of all files of a checkpoint."""
    steps = range(cfg.diffusion_schedule.num_diffusion_steps)
    return {_CONFIG, _HISTORY, *map(graph_file, steps), *map(state_file, steps)}


def _read_config(checkpoint: Manifest, classes: Sequence[Named]) -> DTMConfig:
    """The config of a checkpoint.

    Raises:
        CheckpointError: it is not as it was written.
        ValueError: it is no valid config; names the file.
    """
    path = checkpoint.folder / _CONFIG
    if _CONFIG not in checkpoint.files:
        raise damaged(checkpoint.folder, MANIFEST, f"it leaves out {_CONFIG!r}")
    # What was held against the manifest is parsed: the file may change meanwhile.
    content = checkpoint.read_file(_CONFIG, LARGEST_FILE)
    return DTMConfig.from_file(path, decoded(content, path), classes)


def _read_history(checkpoint: Manifest, cfg: DTMConfig) -> History:
    """The history of a checkpoint, which has to end with its epoch.

    One of an own making may go further; then the steps beside it know where it ends.

    Raises:
        CheckpointError: it is damaged, or that of another epoch or of another number of steps.
    """
    content = checkpoint.read_file(_HISTORY, _LARGEST_HISTORY)
    try:
        history = History.from_json(decoded(content, checkpoint.folder / _HISTORY))
    except ValueError as error:
        raise damaged(checkpoint.folder, _HISTORY, shortened(error)) from error
    n_steps = cfg.diffusion_schedule.num_diffusion_steps
    for last in history.records[-1:]:
        ends_well = last.epoch == checkpoint.epoch or (
            checkpoint.steps_identified and last.epoch > checkpoint.epoch
        )
        if not ends_well or last.n_steps != n_steps:
            what = (
                f"it ends with epoch {last.epoch} of {last.n_steps} steps, but the checkpoint is "
                f"of epoch {checkpoint.epoch}, and its config has {n_steps} steps"
            )
            raise damaged(checkpoint.folder, _HISTORY, what)
    return history


def _check_memory(
    cfg: DTMConfig, trainer: Trainer, saved: SavedModel, index: int, graph: BaseGraph
) -> None:
    """Raises CheckpointError if the config asks for larger states than the file can hold."""
    remembered = jax.eval_shape(
        lambda: trainer.negative_start.init(jax.random.key(0), cfg.n_train, graph.n_nodes)
    )
    needed = remembered.size + 4 * (graph.n_biases + graph.n_weights)
    found = saved.checkpoint.files[state_file(index)].n_bytes
    if found < needed:
        what = f"it has {found} bytes, but its config and its graph need more than {needed}"
        raise damaged(saved.folder, state_file(index), what)


def _graph_for(manager: AbstractBaseGraphManager, saved: SavedModel, index: int) -> BaseGraph:
    """A saved graph, held against the manager as it is now."""
    graph = saved.graph(index)
    try:
        check_graph(manager, graph)
    except ValueError as error:
        raise ValueError(
            f"{saved.folder} was saved when {type(manager).__name__} was another class: {error}"
        ) from error
    return graph
