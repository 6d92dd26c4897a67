"""The adaptive controllers against a table worked out by hand from their published rules."""

import math

import jax.numpy as jnp
import pytest

from thrmlDenoising.families.dtm.controllers import CONTROLLERS, Limits, adapt
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.families.dtm.state import DTMState, StepState
from thrmlDenoising.families.dtm.trainer import adapt_strengths
from thrmlDenoising.sampling import Parameters
from thrmlDenoising.training import Diagnostics
from thrmlDenoising.training.results import AUTOCORRELATION
from thrmlDenoising.utils import make_cfg

EPSILON, FLOOR = 0.03, 0.001

# value, previous autocorrelation, autocorrelation, wanted value
REPLICATION = [
    # below the threshold: times 0.6 + 0.2 a / eps
    (0.1, 0.5, 0.0, 0.06),
    (0.1, 0.5, 0.015, 0.07),
    (0.1, 0.0, 0.015, 0.07),  # also when it rose
    (0.1, 0.5, 0.0297, 0.0798),
    # at the threshold or above and risen: times 1.2, or 1.5 from 1.8 eps = 0.054 on
    (0.1, 0.02, 0.03, 0.12),
    (0.1, 0.02, 0.05, 0.12),
    (0.1, 0.02, 0.06, 0.15),
    (0.1, 0.05, 0.9, 0.15),
    # at the threshold or above, not risen: times 0.95
    (0.1, 0.03, 0.03, 0.095),
    (0.1, 0.5, 0.5, 0.095),
    (0.1, 0.9, 0.5, 0.095),
    (0.1, math.inf, 0.5, 0.095),
    # restart from the floor, rising
    (0.0, 0.02, 0.05, 0.0012),
    (0.0, 0.02, 0.06, 0.0015),
    (0.0005, 0.02, 0.06, 0.0015),
    # at or near the floor, falling: off
    (0.0, 0.5, 0.01, 0.0),
    (0.0, 0.9, 0.5, 0.0),
    (0.001, 0.9, 0.5, 0.0),
    (0.0015, 0.5, 0.0, 0.0),
    (0.002, 0.5, 0.0, 0.0012),
]
PAPER = [
    (0.1, 0.5, 0.0, 0.08),
    (0.1, 0.0, 0.029, 0.08),
    (0.1, 0.02, 0.03, 0.12),
    (0.1, 0.02, 0.9, 0.12),
    (0.1, 0.03, 0.03, 0.1),
    (0.1, 0.9, 0.5, 0.1),
    (0.0, 0.02, 0.05, 0.0012),
    (0.0, 0.9, 0.5, 0.001),  # unchanged is not below the floor
    (0.0, 0.5, 0.01, 0.0),
    (0.00124, 0.5, 0.01, 0.0),
    (0.0013, 0.5, 0.01, 0.00104),
]
TABLE = [("replication", *row) for row in REPLICATION] + [("paper", *row) for row in PAPER]


@pytest.mark.parametrize(("rule", "value", "previous", "current", "wanted"), TABLE)
def test_one_update(rule, value, previous, current, wanted):
    changed = adapt(CONTROLLERS[rule], value, current, previous, Limits(EPSILON, FLOOR))
    assert changed == pytest.approx(wanted, rel=1e-12, abs=0)


@pytest.mark.parametrize("rule", CONTROLLERS)
def test_a_threshold_of_zero_never_counts_as_met(rule):
    limits = Limits(0.0, FLOOR)
    assert adapt(CONTROLLERS[rule], 0.1, 0.2, 0.0, limits) > 0.1
    assert adapt(CONTROLLERS[rule], 0.1, 0.0, 0.0, limits) <= 0.1


def test_a_run_of_the_replication_controller():
    """Rise, rise harder, ease off, switch off, and come back."""
    strength, previous = 0.0, 0.01
    values = []
    for autocorrelation in (0.04, 0.08, 0.05, 0.0, 0.0, 0.04):
        limits = Limits(EPSILON, FLOOR)
        rule = CONTROLLERS["replication"]
        strength = adapt(rule, strength, autocorrelation, previous, limits)
        previous = autocorrelation
        values.append(strength)
    wanted = [0.0012, 0.0018, 0.00171, 0.001026, 0.0, 0.0012]
    assert values == pytest.approx(wanted, rel=1e-12)


def step_state(correlation_penalty: float, weight_decay: float) -> StepState:
    nothing = jnp.zeros(0)
    return StepState(
        parameters=Parameters(nothing, nothing),
        optimizer=(),
        correlation_penalty=correlation_penalty,
        weight_decay=weight_decay,
        key=jnp.zeros(2, jnp.uint32),
        negative_chains=jnp.zeros((0, 0), jnp.uint8),
    )


ADAPTIVE = make_cfg(
    cp={"adaptive_cp": True, "cp_min": 0.01, "adaptive_threshold": 0.03},
    wd={"adaptive_wd": True, "wd_min": 0.0001},
)


def test_each_controller_reads_its_own_floor():
    changed = adapt_strengths(ADAPTIVE, step_state(0.0, 0.0), 0.04, previous=0.02)
    found = (changed.correlation_penalty, changed.weight_decay)
    assert found == pytest.approx((0.012, 0.00012), rel=1e-12)


@pytest.mark.parametrize(
    ("before", "frozen", "wanted"),
    [
        ({}, {}, 0.1),  # the first measurement is what the next is compared with
        ({AUTOCORRELATION: (0.02,)}, {}, 0.12),
        ({AUTOCORRELATION: (0.05,)}, {}, 0.095),
        ({AUTOCORRELATION: (0.05,)}, {0: "its chains never move"}, 0.1),
        ({AUTOCORRELATION: (None,)}, {}, 0.095),
    ],
)
def test_a_model_compares_with_the_last_record(before, frozen, wanted):
    state = DTMState(1, (step_state(0.1, 0.0),))
    now = Diagnostics({AUTOCORRELATION: (0.04,)}, frozen, {})
    adapted = DTMModel(ADAPTIVE).adapt(state, now, before)
    assert adapted.steps[0].correlation_penalty == pytest.approx(wanted, rel=1e-12)


def test_controllers_that_are_off_leave_their_strength_alone():
    cfg = make_cfg(cp={"adaptive_cp": False}, wd={"adaptive_wd": False})
    changed = adapt_strengths(cfg, step_state(0.3, 0.2), 0.9, previous=0.02)
    assert (changed.correlation_penalty, changed.weight_decay) == (0.3, 0.2)
