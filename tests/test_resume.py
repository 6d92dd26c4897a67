"""Training that was stopped and taken up again, bit for bit."""

from pathlib import Path

import pytest
from tiny import assert_same_states, finished, measured, python, tiny_cfg, trained

from thrmlDenoising import DTM, DTMConfig

RESUME = """
import sys
from thrmlDenoising import DTM, DTMConfig
run = sys.argv[1]
dtm = DTM(DTMConfig.load(f"{run}/model_saving/config.yaml"), base_dir=sys.argv[2])
dtm.train(5, evaluate_every=2, resume=run)
"""


def resumed_elsewhere(run: Path, unused: Path) -> DTM:
    """The model after five more epochs in a new process."""
    finished(python("-c", RESUME, run, unused))
    assert not unused.exists(), "resuming makes no new run folder"
    return DTM.load(run)


@pytest.mark.parametrize(
    ("negative_start", "phase_order", "protocol"),
    [("fresh", "independent", "replication"), ("persistent", "paired", "stationary")],
)
def test_five_and_five_epochs_are_ten(tmp_path, negative_start, phase_order, protocol):
    cfg = tiny_cfg(
        sampling=dict(negative_start=negative_start, phase_order=phase_order),
        exp=dict(autocorr_protocol=protocol, generate_gif=False),
    )
    # Evaluated every second epoch and after the last, so make 5 an epoch that both evaluate.
    straight = DTM(cfg, base_dir=tmp_path / "straight")
    straight.train(4, evaluate_every=2)
    straight.train(1, evaluate_every=2)
    straight.train(5, evaluate_every=2)
    halved = trained(tmp_path / "halved", 5, cfg)
    resumed = resumed_elsewhere(halved.logging_and_saving_dir, tmp_path / "unused")

    assert resumed.epoch == straight.epoch == 10
    assert_same_states(resumed, straight)
    assert measured(resumed) == measured(straight)
    assert resumed.fids_dict == straight.fids_dict
    assert resumed.eval_epochs == straight.eval_epochs == [2, 4, 5, 6, 8, 10]
    for ours, theirs in zip(resumed.steps, straight.steps, strict=True):
        assert ours.autocorrelations == theirs.autocorrelations
