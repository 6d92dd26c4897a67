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
from thrmlDenoising.runs.files import (
    check_can_be_written,
    check_can_hold_files,
    write_json,
    written_aside,
)
from thrmlDenoising.runs.folder import RunFolder
from thrmlDenoising.runs.history import EpochRecord, History
from thrmlDenoising.runs.log import TrainingLog
from thrmlDenoising.runs.step_files import read_graph, read_state, write_step

__all__ = [
    "FORMAT_VERSION",
    "CheckpointError",
    "EpochRecord",
    "History",
    "RunFolder",
    "TrainingLog",
    "check_can_be_written",
    "check_can_hold_files",
    "checkpoint_name",
    "checkpoint_path",
    "complete_epochs",
    "read_graph",
    "read_state",
    "save_checkpoint",
    "verify_checkpoint",
    "write_json",
    "write_step",
    "written_aside",
]
