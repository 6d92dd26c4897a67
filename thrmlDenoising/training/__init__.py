"""Training models of any family: the protocol they keep, the loop, and what a run leaves."""

from thrmlDenoising.training.loop import Callback
from thrmlDenoising.training.model import Model, State
from thrmlDenoising.training.results import Cost, Diagnostics, Finding, NotFiniteError, Samples
from thrmlDenoising.training.saved_run import SavedRun
from thrmlDenoising.training.source import Source
from thrmlDenoising.training.trainable import Trainable

__all__ = [
    "Callback",
    "Cost",
    "Diagnostics",
    "Finding",
    "Model",
    "NotFiniteError",
    "Samples",
    "SavedRun",
    "Source",
    "State",
    "Trainable",
]
