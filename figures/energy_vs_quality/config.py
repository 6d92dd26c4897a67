"""Figure 1: more steps, or one machine (MEBM) with longer chains.

The DTMs are the published ones. How the published MEBMs were made is not known to us: here
their chains are several times as long, in training as in generation, so that they may mix more
slowly and learn more; the adaptive penalty measures autocorrelation over that longer time, too.
"""

from figures.settings import LAPTOP, PUBLISHED
from thrmlDenoising import DTMConfig
from thrmlDenoising.experiments import Changes, Scale


def dtms(steps: tuple[int, ...], n_sweeps: int) -> dict[str, Changes]:
    """Several numbers of steps, of `n_sweeps` each in generation."""
    return {
        f"DTM_T={n}": dict(
            diffusion_schedule=dict(num_diffusion_steps=n), generation=dict(steps_warmup=n_sweeps)
        )
        for n in steps
    }


def mebms(cfg: DTMConfig, lengths: tuple[int, ...], n_sweeps: int) -> dict[str, Changes]:
    """One step, with chains several times as long as those of `cfg`."""
    sampling = cfg.sampling
    return {
        f"MEBM_K={n * n_sweeps}": dict(
            diffusion_schedule=dict(num_diffusion_steps=1),
            sampling=dict(
                steps_warmup=n * sampling.steps_warmup,
                steps_per_sample=n * sampling.steps_per_sample,
            ),
            generation=dict(steps_warmup=n * n_sweeps),
        )
        for n in lengths
    }


PAPER = dtms((1, 2, 4, 6, 8), 250) | mebms(PUBLISHED, (4, 16), 250)
SHORT = LAPTOP.replace(optim=dict(n_epochs_for_lrd=8))
MINIATURE = dtms((1, 2, 4), 200) | mebms(LAPTOP, (2, 4), 200)
SCALES = {
    "paper": Scale(PUBLISHED, PAPER, n_epochs=150, evaluate_every=5),
    "laptop": Scale(SHORT, MINIATURE, n_epochs=8, evaluate_every=4, seeds=(0, 1)),
}
