"""Training one step of a model: gradient, penalty, controllers, the epoch loop and its state."""

from thrmlDenoising.training.gradient import kl_gradient
from thrmlDenoising.training.state import TrainState
from thrmlDenoising.training.trainer import Trainer, adapt_strengths

__all__ = ["TrainState", "Trainer", "adapt_strengths", "kl_gradient"]
