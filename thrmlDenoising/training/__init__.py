"""Training models of any family: the protocol they keep, the loop, and what a run leaves."""

from thrmlDenoising.training.at_work import at_work
from thrmlDenoising.training.images import ImageModel, ImageTrainable, Samples
from thrmlDenoising.training.loop import Callback
from thrmlDenoising.training.model import Model, State
from thrmlDenoising.training.results import Cost, Diagnostics, Evaluation, Finding, NotFiniteError
from thrmlDenoising.training.saved_run import SavedRun
from thrmlDenoising.training.source import Source
from thrmlDenoising.training.trainable import Trainable

__all__ = [
    "Callback",
    "Cost",
    "Diagnostics",
    "Evaluation",
    "Finding",
    "ImageModel",
    "ImageTrainable",
    "Model",
    "NotFiniteError",
    "Samples",
    "SavedRun",
    "Source",
    "State",
    "Trainable",
    "at_work",
]
