"""Figure 5a: clothes in eight shades of grey."""

from figures.settings import LAPTOP, PUBLISHED
from thrmlDenoising.experiments import Experiment

PAPER = PUBLISHED.replace(
    graph=dict(
        graph_preset_architecture="80_48",
        num_label_spots=20,
        grayscale_levels=7,
        base_graph_manager="binomial",
    ),
    optim=dict(step_learning_rates=(0.012,), alpha_cosine_decay=0.2),
    cp=dict(adaptive_threshold=0.06),
)

# Seven tied trials a pixel outvote few label spots.
LAPTOP_GREY = LAPTOP.replace(
    graph=dict(num_label_spots=60, grayscale_levels=7, base_graph_manager="binomial"),
    sampling=dict(steps_per_sample=4),
    diffusion_rates=dict(image_rate=0.9, label_rate=0.2),
    optim=dict(alpha_cosine_decay=0.1, n_epochs_for_lrd=6),
    cp=dict(correlation_penalty=(0.0,), adaptive_threshold=0.3, cp_min=0.01),
)
GREY = {"DTM": {}}
SCALES = {
    "paper": Experiment(PAPER, GREY, n_epochs=100, evaluate_every=5),
    "laptop": Experiment(LAPTOP_GREY, GREY, n_epochs=6, evaluate_every=2),
}
