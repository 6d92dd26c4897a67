"""Training: gradient, penalty, controllers, the epoch loop, its state and what it leaves."""

from thrmlDenoising.training.gradient import kl_gradient
from thrmlDenoising.training.model_step import (
    ModelStep,
    build_steps,
    chain_of,
    draw_graphs,
    make_manager,
)
from thrmlDenoising.training.parallel import run_on_devices
from thrmlDenoising.training.progress import Progress
from thrmlDenoising.training.randomness import purpose_key
from thrmlDenoising.training.recorder import RunRecorder
from thrmlDenoising.training.saved_model import (
    StepSource,
    check_resumable,
    load_history,
    load_steps,
    save_model,
)
from thrmlDenoising.training.state import TrainState
from thrmlDenoising.training.task import Mode, Task
from thrmlDenoising.training.trainer import Trainer, adapt_strengths

__all__ = [
    "Mode",
    "ModelStep",
    "Progress",
    "RunRecorder",
    "StepSource",
    "Task",
    "TrainState",
    "Trainer",
    "adapt_strengths",
    "build_steps",
    "chain_of",
    "check_resumable",
    "draw_graphs",
    "kl_gradient",
    "load_history",
    "load_steps",
    "make_manager",
    "purpose_key",
    "run_on_devices",
    "save_model",
]
