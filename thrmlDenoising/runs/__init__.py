"""What a run leaves on disk: its folder, its checkpoints, its measurements and its log."""

from thrmlDenoising.runs.checkpoint import (
    FORMAT_VERSION,
    CheckpointError,
    checkpoint_name,
    checkpoint_path,
    complete_epochs,
    save_checkpoint,
    verify_checkpoint,
)
from thrmlDenoising.runs.files import write_json, written_aside
from thrmlDenoising.runs.folder import RunFolder
from thrmlDenoising.runs.history import EpochRecord, History
from thrmlDenoising.runs.lock import InUseError, run_used_alone, used_alone
from thrmlDenoising.runs.log import TrainingLog
from thrmlDenoising.runs.step_files import read_graph, read_state, write_step

__all__ = [
    "FORMAT_VERSION",
    "CheckpointError",
    "EpochRecord",
    "History",
    "InUseError",
    "RunFolder",
    "TrainingLog",
    "checkpoint_name",
    "checkpoint_path",
    "complete_epochs",
    "read_graph",
    "read_state",
    "run_used_alone",
    "save_checkpoint",
    "used_alone",
    "verify_checkpoint",
    "write_json",
    "write_step",
    "written_aside",
]
