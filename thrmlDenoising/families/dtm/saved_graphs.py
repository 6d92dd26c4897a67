"""The graphs of steps in checkpoints."""

from collections.abc import Sequence
from dataclasses import fields

import jax

from thrmlDenoising.base_graphs import (
    AbstractBaseGraphManager,
    BaseGraph,
    check_graph,
    most_graph_bytes,
)
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.runs import damaged, read_arrays
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.training.keys import seed_key
from thrmlDenoising.training.saved_run import SavedRun


def step_name(index: int) -> str:
    """What the files of a step are called."""
    return f"step_{index:02d}"


def graph_file(index: int) -> str:
    """The file with the graph of a step."""
    return f"{step_name(index)}_graph.npz"


def read_graphs(
    cfg: DTMConfig, manager: AbstractBaseGraphManager, saved: Sequence[SavedRun]
) -> list[BaseGraph]:
    """The graph that step i was trained on, from checkpoint i.

    Raises:
        CheckpointError: it is damaged, or the state beside it cannot be that of its step.
        ValueError: it is none of the manager as it is now.
    """
    graphs = [_read_graph(source, index) for index, source in enumerate(saved)]
    for index, (source, graph) in enumerate(zip(saved, graphs, strict=True)):
        try:
            check_graph(manager, graph)
        except ValueError as error:
            raise ValueError(
                f"{source.folder} was saved when {type(manager).__name__} was another class: "
                f"{error}"
            ) from error
        _check_memory(cfg, source, index, graph)
    return graphs


def _read_graph(saved: SavedRun, index: int) -> BaseGraph:
    names = [field.name for field in fields(BaseGraph)]
    most = most_graph_bytes(saved.cfg.manager)
    arrays = read_arrays(saved.checkpoint, graph_file(index), names, most)
    try:
        return BaseGraph.from_arrays(arrays)
    except ValueError as error:
        raise damaged(saved.folder, graph_file(index), shortened(error)) from error


def _check_memory(cfg: DTMConfig, saved: SavedRun, index: int, graph: BaseGraph) -> None:
    """Checks that a file can hold a state as large as the config asks for.

    Raises:
        CheckpointError: it cannot.
    """
    start = Trainer.from_config(cfg).negative_start
    remembered = jax.eval_shape(lambda: start.init(seed_key(0), cfg.n_train, graph.n_nodes))
    needed = remembered.size + 4 * (graph.n_biases + graph.n_weights)
    file = f"{step_name(index)}.eqx"
    found = saved.checkpoint.files[file].n_bytes
    if found < needed:
        what = f"it has {found} bytes, but its config and its graph need more than {needed}"
        raise damaged(saved.folder, file, what)
