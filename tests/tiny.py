"""A model small enough to train in a blink, and ways to look at it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.runs import EpochRecord
from thrmlDenoising.training import Trainable

HAS_NUMBA = find_spec("numba") is not None
"""Not everywhere: where it is missing, its sampler is not tested."""
NEEDS_NUMBA = pytest.mark.skipif(not HAS_NUMBA, reason="Numba is not installed")
FAST_SAMPLERS = ["cpu", "xla"] if HAS_NUMBA else ["xla"]

REPOSITORY = Path(__file__).parents[1]


def rest_slow(cases: Iterable[Any], n_fast: int = 1) -> list[Any]:
    """The cases of a test as parameters, of which all but the first are left to the slow tests."""
    fast, slow = (cases := list(cases))[:n_fast], cases[n_fast:]
    return [*fast, *(pytest.param(case, marks=pytest.mark.slow) for case in slow)]


SLOW = rest_slow([None], 0)
"""The parameters of a fixture that takes long: they make slow tests of all that use it."""


# Steps differ in strengths, and every optional part of training is on.
TINY = make_cfg(
    exp=dict(descriptor="tiny", generate_gif=False, drawn_images_per_digit=2),
    data=dict(dataset_name="smoke_testing_3_1_3"),
    graph=dict(graph_preset_architecture=4_4, num_label_spots=1),
    sampling=dict(n_samples=4, steps_per_sample=2, steps_warmup=4),
    generation=dict(steps_warmup=8, fid_images_per_digit=4),
    diffusion_schedule=dict(num_diffusion_steps=2),
    optim=dict(step_learning_rates=(0.05, 0.03), n_epochs_for_lrd=8),
    cp=dict(adaptive_cp=True, correlation_penalty=(0.01,)),
    wd=dict(weight_decay=(0.001, 0.002)),
)


def tiny_cfg(**sections: Mapping[str, Any]) -> DTMConfig:
    """`TINY` with some fields changed."""
    return TINY.replace(**sections)


def trained(folder: Path, n_epochs: int, cfg: DTMConfig = TINY) -> DTM:
    """A model that has been trained into a run folder inside `folder`."""
    dtm = DTM(cfg, base_dir=folder)
    dtm.train(n_epochs, evaluate_every=2)
    return dtm


def copy_of_run(dtm: DTM, folder: Path) -> Path:
    """A copy of the model's run folder inside `folder`, to damage at will."""
    return Path(shutil.copytree(dtm.logging_and_saving_dir, folder / "copy"))


def states_of(dtm: DTM) -> list[np.ndarray]:
    """Every number of every step's training state."""
    return [np.asarray(leaf) for step in dtm.steps for leaf in jax.tree.leaves(step.state)]


def assert_same_states(ours: DTM, theirs: DTM) -> None:
    """Bit for bit."""
    for a, b in zip(states_of(ours), states_of(theirs), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def differ(ours: DTM, theirs: DTM) -> bool:
    """Whether any trained parameter differs."""
    pairs = zip(ours.steps, theirs.steps, strict=True)
    return any((a.weights != b.weights).any() for a, b in pairs)


def record(
    epoch: int, seconds: float, autocorrelation: tuple[float | None, ...], **metrics: float
) -> EpochRecord:
    """Of a model whose strengths are 0 all the time."""
    nothing = (0.0,) * len(autocorrelation)
    per_part = {"penalty_step": nothing, "decay_step": nothing}
    return EpochRecord(epoch, seconds, metrics, {"autocorr_step": autocorrelation} | per_part)


def measured(model: Trainable) -> list[tuple]:
    """The history without its wall-clock times."""

    def timeless(record: EpochRecord) -> tuple:
        return record.epoch, record.per_part, record.metrics

    return [timeless(record) for record in model.history.records]


def python(*arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
    """Starts another Python that finds the package, with these environment variables."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What a process has printed, once it has ended well."""
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out
