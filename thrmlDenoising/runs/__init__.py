"""What a run leaves on disk: its folder, its checkpoints, its measurements and its log."""

from thrmlDenoising.runs.checkpoint import checkpoint_path, save_checkpoint
from thrmlDenoising.runs.folder import RunFolder
from thrmlDenoising.runs.history import EpochRecord, History
from thrmlDenoising.runs.lock import InUseError, run_used_alone, used_alone
from thrmlDenoising.runs.log import TrainingLog
from thrmlDenoising.runs.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    CheckpointError,
    Manifest,
    checkpoint_name,
    complete_epochs,
    damaged,
)
from thrmlDenoising.runs.step_files import (
    StepIdentity,
    graph_file,
    read_graph,
    read_state,
    state_file,
    write_step,
)

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "CheckpointError",
    "EpochRecord",
    "History",
    "InUseError",
    "Manifest",
    "RunFolder",
    "StepIdentity",
    "TrainingLog",
    "checkpoint_name",
    "checkpoint_path",
    "complete_epochs",
    "damaged",
    "graph_file",
    "read_graph",
    "read_state",
    "run_used_alone",
    "save_checkpoint",
    "state_file",
    "used_alone",
    "write_step",
]
