"""How a model and its steps are shown, from plain values: nothing is built or computed for it."""

import os

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.config.showing import config_table
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import fold, table
from thrmlDenoising.support.user_text import one_line


def model_line(
    cfg: DTMConfig, epoch: int, folder: str | os.PathLike[str], headline: str | None = None
) -> str:
    """A model in one line.

    Args:
        epoch: how many epochs have been trained.
        folder: its run folder.
        headline: what stands for the run, as `headline_in_words` of the last evaluation says it.
    """
    said = ", ".join(_facts(cfg, epoch, headline).values())
    return f"<DTM: {said}, run folder {one_line(os.fspath(folder))}>"


def model_table(
    cfg: DTMConfig, epoch: int, folder: str | os.PathLike[str], headline: str | None = None
) -> str:
    """HTML of the same, with the config folded below; see `model_line` for the arguments."""
    facts = _facts(cfg, epoch, headline) | {"run folder": os.fspath(folder)}
    return table([("DTM", ""), *facts.items()]) + fold("config", config_table(cfg))


def _facts(cfg: DTMConfig, epoch: int, headline: str | None) -> dict[str, str]:
    side, n_steps = cfg.graph.lattice.side, cfg.diffusion_schedule.num_diffusion_steps
    facts = {
        "training": f"trained for {counted(epoch, 'epoch')}" if epoch else "untrained",
        "data": cfg.data.dataset_name,
        "chain": f"{counted(n_steps, 'step')} on {side} x {side} lattices",
    }
    return facts | ({"last evaluation": headline} if headline else {})


def step_line(graph: BaseGraph, epoch: int, autocorrelation: float | None = None) -> str:
    """A step of a model in one line.

    Args:
        epoch: how many epochs have been trained.
        autocorrelation: the last that was measured, if any was.
    """
    return f"<ModelStep: {', '.join(_step_facts(graph, epoch, autocorrelation).values())}>"


def step_table(graph: BaseGraph, epoch: int, autocorrelation: float | None = None) -> str:
    """HTML of the same; see `step_line` for the arguments."""
    return table([("ModelStep", ""), *_step_facts(graph, epoch, autocorrelation).items()])


def _step_facts(graph: BaseGraph, epoch: int, autocorrelation: float | None) -> dict[str, str]:
    facts = {
        "training": f"trained for {counted(epoch, 'epoch')}" if epoch else "untrained",
        "graph": f"{counted(graph.n_nodes, 'node')}, {counted(graph.n_edges, 'edge')}",
        "parameters": f"{graph.n_biases:,} biases and {graph.n_weights:,} weights",
    }
    if autocorrelation is not None:
        facts["autocorrelation"] = f"autocorrelation {autocorrelation:.3g}"
    return facts
