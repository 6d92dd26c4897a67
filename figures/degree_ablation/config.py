"""Figure 5c, upper half: grids of several sides, each with several degrees."""

from figures.settings import LAPTOP_ABLATION, PUBLISHED_ABLATION
from thrmlDenoising.experiments import Experiment

SIDES = (44, 50, 60, 70, 80, 90)
DEGREES = (8, 12, 16, 20)
GRAPHS = {
    f"{side}_{degree}": dict(graph=dict(graph_preset_architecture=f"{side}_{degree}"))
    for side in SIDES
    for degree in DEGREES
}
SCALES = {
    "paper": Experiment(PUBLISHED_ABLATION, GRAPHS, n_epochs=20, evaluate_every=2),
    "laptop": Experiment(LAPTOP_ABLATION, GRAPHS, n_epochs=4, evaluate_every=4, seeds=(0, 1)),
}
