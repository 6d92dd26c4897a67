"""How a step of a model is shown, from plain values: nothing is built or computed for it."""

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.support.hints import counted
from thrmlDenoising.support.html import table


def step_line(graph: BaseGraph, autocorrelation: float | None = None) -> str:
    """A step of a model in one line.

    Args:
        autocorrelation: the last that was measured, if any was.
    """
    return f"<ModelStep: {', '.join(_step_facts(graph, autocorrelation).values())}>"


def step_table(graph: BaseGraph, autocorrelation: float | None = None) -> str:
    """HTML of the same; see `step_line` for the arguments."""
    return table([("ModelStep", ""), *_step_facts(graph, autocorrelation).items()])


def _step_facts(graph: BaseGraph, autocorrelation: float | None) -> dict[str, str]:
    facts = {
        "graph": f"{counted(graph.n_nodes, 'node')}, {counted(graph.n_edges, 'edge')}",
        "parameters": f"{graph.n_biases:,} biases and {graph.n_weights:,} weights",
    }
    if autocorrelation is not None:
        facts["autocorrelation"] = f"autocorrelation {autocorrelation:.3g}"
    return facts
