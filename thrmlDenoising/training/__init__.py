"""Training: gradient, penalty, controllers, the epoch loop, its state and what it leaves."""

from thrmlDenoising.training.compatible import check_resumable, check_same_source
from thrmlDenoising.training.examples import Examples, ImagesInMemory, StreamedBatches
from thrmlDenoising.training.gradient import kl_gradient
from thrmlDenoising.training.loop import TrainingLoop, check_epochs, draw_animations
from thrmlDenoising.training.model import (
    Model,
    ModelStep,
    NotFiniteError,
    build_steps,
    chain_of,
    draw_graphs,
    make_manager,
)
from thrmlDenoising.training.randomness import checked_key, purpose_key
from thrmlDenoising.training.recorder import RunRecorder, draw_headline
from thrmlDenoising.training.saved_model import SavedModel, load_steps
from thrmlDenoising.training.signals import StopsAtOnce, StopSignals, Terminated
from thrmlDenoising.training.spending import updates_per_epoch
from thrmlDenoising.training.state import TrainState
from thrmlDenoising.training.step_source import StepSource
from thrmlDenoising.training.stream import Batches, Stream
from thrmlDenoising.training.task import Task
from thrmlDenoising.training.trainer import Trainer

__all__ = [
    "Batches",
    "Examples",
    "ImagesInMemory",
    "Model",
    "ModelStep",
    "NotFiniteError",
    "RunRecorder",
    "SavedModel",
    "StepSource",
    "StopSignals",
    "StopsAtOnce",
    "Stream",
    "StreamedBatches",
    "Task",
    "Terminated",
    "TrainState",
    "Trainer",
    "TrainingLoop",
    "build_steps",
    "chain_of",
    "check_epochs",
    "check_resumable",
    "check_same_source",
    "checked_key",
    "draw_animations",
    "draw_graphs",
    "draw_headline",
    "kl_gradient",
    "load_steps",
    "make_manager",
    "purpose_key",
    "updates_per_epoch",
]
