"""What training costs, in the unit every sampler shares: updates of one spin."""

from collections.abc import Sequence

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.trainer import Trainer
from thrmlDenoising.sampling import free_nodes


def updates_per_epoch(cfg: DTMConfig, graphs: Sequence[BaseGraph]) -> int:
    """Spin updates of one training epoch, over all steps; measurements are not counted.

    An example costs (sweeps x hidden nodes) in the positive and (sweeps x nodes) in the negative
    phase of every step; chains that start at the data, one more clamped warm-up.

    Args:
        graphs: the graph of every step.
    """
    trainer = Trainer.from_config(cfg)
    n_sweeps = len(trainer.schedule.betas)
    n_clamped_sweeps = n_sweeps + _clamped_sweeps_before_negative_phase(cfg)
    n_examples = cfg.n_batches * cfg.batch_size
    return n_examples * sum(
        n_clamped_sweeps * len(free_nodes(graph, "visible")) + n_sweeps * graph.n_nodes
        for graph in graphs
    )


def _clamped_sweeps_before_negative_phase(cfg: DTMConfig) -> int:
    """See `DataStart`."""
    starts_at_data = cfg.sampling.negative_start == "data"
    return max(1, cfg.sampling.steps_warmup) if starts_at_data else 0
