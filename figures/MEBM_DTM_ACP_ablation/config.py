"""Figure 5b: the MEBM, the DTM, and the DTM with the adaptive correlation penalty (ACP)."""

from figures.settings import LAPTOP, PUBLISHED
from thrmlDenoising.experiments import Experiment

_NO_PENALTY = dict(adaptive_cp=False, correlation_penalty=(0.0,))
MODELS = {
    "MEBM": dict(diffusion_schedule=dict(num_diffusion_steps=1), cp=_NO_PENALTY),
    "DTM": dict(cp=_NO_PENALTY),
    "DTM_ACP": {},
}
SCALES = {
    "paper": Experiment(PUBLISHED, MODELS, n_epochs=150, evaluate_every=5),
    "laptop": Experiment(LAPTOP, MODELS, n_epochs=14, evaluate_every=2, seeds=(0, 1, 2)),
}
