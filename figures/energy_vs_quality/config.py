"""Figure 1: more steps, or one machine (MEBM) with longer chains.

The DTMs are the published ones. How the published MEBMs were made is not known to us: here
their chains are several times as long, in training as in generation, so that they may mix more
slowly and learn more; the adaptive penalty measures autocorrelation over that longer time, too.
"""

from figures.settings import LAPTOP, PUBLISHED, longer_chains
from thrmlDenoising import DTMConfig
from thrmlDenoising.experiments import Changes, Experiment


def points(cfg: DTMConfig, steps: tuple[int, ...], lengths: tuple[int, ...]) -> dict[str, Changes]:
    """DTMs of several numbers of steps, and one step with chains several times as long."""
    dtms: dict[str, Changes] = {
        f"DTM_T={n}": dict(diffusion_schedule=dict(num_diffusion_steps=n)) for n in steps
    }
    mebms: dict[str, Changes] = {
        f"MEBM_K={n * cfg.generation.steps_warmup}": dict(
            diffusion_schedule=dict(num_diffusion_steps=1), **longer_chains(cfg, n)
        )
        for n in lengths
    }
    return dtms | mebms


PAPER = PUBLISHED.replace(generation=dict(steps_warmup=250))
MINIATURE = LAPTOP.replace(optim=dict(n_epochs_for_lrd=8))
SCALES = {
    "paper": Experiment(
        PAPER, points(PAPER, (1, 2, 4, 6, 8), (4, 16)), n_epochs=150, evaluate_every=5
    ),
    "laptop": Experiment(
        MINIATURE, points(MINIATURE, (1, 2, 4), (2, 4)), n_epochs=8, evaluate_every=4, seeds=(0, 1)
    ),
}
