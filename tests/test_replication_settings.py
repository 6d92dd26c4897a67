"""Settings and calls that users of dtm-replication bring along, on models that are trained."""

from pathlib import Path

import numpy as np
from tiny import tiny_cfg

from thrmlDenoising import DTM


def test_a_step_with_a_learning_rate_of_0_stays_as_it_is(tmp_path: Path):
    dtm = DTM(tiny_cfg(optim=dict(step_learning_rates=(0.05, 0))), base_dir=tmp_path)
    before = [step.weights for step in dtm.steps]
    dtm.train(1, evaluate_every=1)
    assert [(step.weights == old).all() for step, old in zip(dtm.steps, before, strict=True)] == [
        False,
        True,
    ]


def test_without_labels_their_rate_may_be_0(tmp_path: Path):
    """And says nothing: the model is the same at any rate, one infinitely long step included."""
    weights = []
    for rate in (0.0, 0.2):
        cfg = tiny_cfg(
            graph=dict(num_label_spots=0),
            diffusion_rates=dict(label_rate=rate),
            diffusion_schedule=dict(num_diffusion_steps=1),
            optim=dict(step_learning_rates=(0.05,)),
            wd=dict(weight_decay=()),
        )
        dtm = DTM(cfg, base_dir=tmp_path)
        dtm.train(1, evaluate_every=1)
        weights.append(dtm.steps[0].weights)
    np.testing.assert_array_equal(*weights)
