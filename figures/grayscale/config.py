"""Figure 5a: clothes in eight shades of grey."""

from figures.settings import LAPTOP, PUBLISHED
from thrmlDenoising.experiments import Scale

PAPER = PUBLISHED.replace(
    graph=dict(
        graph_preset_architecture="80_48",
        num_label_spots=20,
        grayscale_levels=7,
        base_graph_manager="binomial",
    ),
    optim=dict(step_learning_rates=(0.012,)),
    cp=dict(adaptive_threshold=0.06),
)

LAPTOP_GREY = LAPTOP.replace(
    graph=dict(num_label_spots=60, grayscale_levels=7, base_graph_manager="binomial"),
)
GREY = {"DTM": {}}
SCALES = {
    "paper": Scale(PAPER, GREY, n_epochs=150, evaluate_every=5),
    "laptop": Scale(LAPTOP_GREY, GREY, n_epochs=8, evaluate_every=2),
}
