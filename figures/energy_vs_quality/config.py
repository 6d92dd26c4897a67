"""Figure 1: more steps, or one machine (MEBM) with longer chains.

The penalty holds down the autocorrelation that is left after two lengths of a chain, so a machine
with longer chains may mix more slowly, and learn more. The DTMs are the published ones. How the
published MEBMs were made is not known to us; theirs spend more than the longest chains here.
"""

from figures.settings import LAPTOP, PUBLISHED
from thrmlDenoising.experiments import Changes, Scale


def points(steps: tuple[int, ...], n_sweeps: int, longer: tuple[int, ...]) -> dict[str, Changes]:
    """DTMs of several steps at `n_sweeps` each, and MEBMs at longer chains."""
    dtms: dict[str, Changes] = {
        f"DTM_T={n}": dict(
            diffusion_schedule=dict(num_diffusion_steps=n), generation=dict(steps_warmup=n_sweeps)
        )
        for n in steps
    }
    mebms: dict[str, Changes] = {
        f"MEBM_K={n}": dict(
            diffusion_schedule=dict(num_diffusion_steps=1), generation=dict(steps_warmup=n)
        )
        for n in longer
    }
    return dtms | mebms


SHORT = LAPTOP.replace(optim=dict(n_epochs_for_lrd=8))
SCALES = {
    "paper": Scale(
        PUBLISHED, points((1, 2, 4, 6, 8), 250, (1000, 4000, 16000)), n_epochs=150, evaluate_every=5
    ),
    "laptop": Scale(
        SHORT, points((1, 2, 4), 200, (600, 1200)), n_epochs=8, evaluate_every=4, seeds=(0, 1)
    ),
}
