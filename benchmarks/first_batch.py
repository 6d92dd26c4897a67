"""Runs `training_script.py`'s job in a folder until its first batch, and prints when that was.

Everything before it belongs: imports, data, graphs, compilation, and the autocorrelation of the
untrained model, with its checkpoint and curves; its images are not judged.
"""

import sys
import time
from unittest.mock import patch

from thrmlDenoising import DTM
from thrmlDenoising.training.progress import Progress
from training_script import SHORT_RUN


class FirstBatchError(Exception):
    """The first batch is trained: no need to go on."""


def main() -> None:
    """Prints when, in seconds since 1970, the first batch was finished."""
    with patch.object(Progress, "batch_done", side_effect=FirstBatchError):
        try:
            cfg = SHORT_RUN.replace(exp=dict(autocorr_every_epoch=True))
            DTM(cfg, base_dir=sys.argv[1]).train(1, evaluate_every=0)
        except FirstBatchError:
            print(time.time())


if __name__ == "__main__":
    main()
