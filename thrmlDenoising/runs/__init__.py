"""What a run leaves on disk: its folder, its checkpoints, its measurements and its log."""

from thrmlDenoising.runs.checkpoint import (
    checkpoint_path,
    remove_checkpoint,
    save_checkpoint,
)
from thrmlDenoising.runs.folder import RunFolder, gif_name, image_name
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
from thrmlDenoising.runs.parts import (
    PartIdentity,
    read_arrays,
    read_part,
    write_arrays,
    write_part,
)

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST",
    "CheckpointError",
    "EpochRecord",
    "History",
    "InUseError",
    "Manifest",
    "PartIdentity",
    "RunFolder",
    "TrainingLog",
    "checkpoint_name",
    "checkpoint_path",
    "complete_epochs",
    "damaged",
    "gif_name",
    "image_name",
    "read_arrays",
    "read_part",
    "remove_checkpoint",
    "run_used_alone",
    "save_checkpoint",
    "used_alone",
    "write_arrays",
    "write_part",
]
