"""Runs `training_script.py`'s job in a folder until its first batch, and prints when that was.

Everything before it belongs: imports, data, graphs, compilation, and the measurement of the
untrained model, with its checkpoint and pictures.
"""

import sys
import time
from unittest.mock import patch

from thrmlDenoising import DTM
from thrmlDenoising.sampling import sampler_type
from thrmlDenoising.training.progress import Progress
from training_script import SHORT_RUN

BACKENDS = {"CpuSampler": "cpu", "XlaSampler": "xla", "ThrmlSampler": "thrml"}


class FirstBatchError(Exception):
    """The first batch is trained: no need to go on."""


def main() -> None:
    """Prints the backend, the batch size and the time (since 1970) of the first finished batch."""
    backend = BACKENDS[sampler_type(SHORT_RUN.sampling.backend).__name__]
    with patch.object(Progress, "batch_done", side_effect=FirstBatchError):
        try:
            DTM(SHORT_RUN, base_dir=sys.argv[1]).train(1)
        except FirstBatchError:
            print(backend, SHORT_RUN.batch_size, time.time())


if __name__ == "__main__":
    main()
