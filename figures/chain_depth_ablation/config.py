"""Figure 5c, lower half: grids of several sides, each sampled by chains of several lengths."""

from figures.settings import LAPTOP_ABLATION, PUBLISHED_ABLATION, longer_chains
from thrmlDenoising import DTMConfig
from thrmlDenoising.experiments import Changes, Experiment


def chains(cfg: DTMConfig, sides: tuple[int, ...]) -> dict[str, Changes]:
    """Every side with the chains of `cfg`, and with ones two and three times as long."""
    return {
        f"{side}_{n * cfg.sampling.steps_warmup}": dict(
            graph=dict(graph_preset_architecture=f"{side}_12"), **longer_chains(cfg, n)
        )
        for side in sides
        for n in (1, 2, 3)
    }


SCALES = {
    "paper": Experiment(
        PUBLISHED_ABLATION,
        chains(PUBLISHED_ABLATION, (44, 50, 60, 70, 80, 90)),
        n_epochs=20,
        evaluate_every=2,
    ),
    "laptop": Experiment(
        LAPTOP_ABLATION,
        chains(LAPTOP_ABLATION, (44, 60, 70, 90)),
        n_epochs=4,
        evaluate_every=4,
        seeds=(0, 1),
    ),
}
