"""One compilation serves all steps; several devices give what one gives."""

import json
from collections import Counter

import jax
import numpy as np
import pytest
from tiny import NEEDS_NUMBA, assert_same_states, finished, python, tiny_cfg, trained

from thrmlDenoising import DTM, DTMConfig

CFG = tiny_cfg(
    exp=dict(compute_autocorr=False),
    cp=dict(adaptive_cp=False),
    diffusion_schedule=dict(num_diffusion_steps=3),
    sampling=dict(negative_start="persistent"),
)


def cfg_of(n_steps: int, seed: int) -> DTMConfig:
    return tiny_cfg(
        exp=dict(seed=seed),
        diffusion_schedule=dict(num_diffusion_steps=n_steps),
        optim=dict(step_learning_rates=tuple(0.01 * (1 + n) for n in range(n_steps))),
        wd=dict(weight_decay=(0.001,)),
    )


class Traces(Counter[str]):
    """How often JAX has traced each function: a trace is what a new compilation begins with."""

    listening = True

    def listen(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        if self.listening and event == "/jax/core/compile/jaxpr_trace_duration":
            self[str(kwargs["fun_name"])] += 1


@pytest.fixture
def traces():
    traces = Traces()
    jax.monitoring.register_event_duration_secs_listener(traces.listen)
    yield traces
    traces.listening = False  # JAX keeps its listeners


@pytest.mark.parametrize(
    ("backend", "runs"),
    [
        pytest.param("cpu", ("_apply",), marks=NEEDS_NUMBA),
        ("xla", ("_count", "_observe")),
        ("thrml", ("_run",)),
    ],
)
@pytest.mark.slow
def test_all_steps_share_their_programs(traces, tmp_path, backend, runs):
    def traced(n_steps: int, seed: int) -> dict[str, int]:
        """Of the functions that training and generation consist of, not of array operations."""
        jax.clear_caches()
        traces.clear()
        cfg = cfg_of(n_steps, seed).replace(sampling=dict(backend=backend))
        trained(tmp_path / str(n_steps), 2, cfg)
        names = ("_update", "_noisy_batch", "noisy_input", "fresh_chains", "set_visible", *runs)
        return {name: traces[name] for name in names}

    two = traced(2, seed=1)
    assert min(two.values()) > 0, "the names are those of the functions"
    assert traced(4, seed=2) == two


TRAIN_ON_TWO = """
import sys
import jax
from thrmlDenoising import DTM, DTMConfig
assert len(jax.devices()) == 2
dtm = DTM(DTMConfig.load(sys.argv[1]), base_dir=sys.argv[2])
assert len({step.device for step in dtm.steps}) == 2, "each device has steps to train"
dtm.train(3, evaluate_every=2)
print(dtm.logging_and_saving_dir)
print(dtm.sample(20, key=jax.random.key(1)).tolist())
"""


@pytest.fixture(scope="module")
def on_one(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("one"), 3, CFG)


@pytest.fixture(scope="module")
def printed_on_two(tmp_path_factory) -> list[str]:
    """The run folder and the samples of the same training on two emulated devices."""
    folder = tmp_path_factory.mktemp("two")
    CFG.save(folder / "config.yaml")
    flags = "--xla_force_host_platform_device_count=2"
    process = python("-c", TRAIN_ON_TWO, folder / "config.yaml", folder / "runs", XLA_FLAGS=flags)
    return finished(process).splitlines()


@pytest.mark.slow
def test_two_devices_train_what_one_trains(on_one, printed_on_two):
    on_two = DTM.load(printed_on_two[0])
    assert on_two.epoch == 3
    assert_same_states(on_two, on_one)
    assert on_two.fids_dict == on_one.fids_dict


@pytest.mark.slow
def test_two_devices_sample_what_one_samples(on_one, printed_on_two):
    images = on_one.sample(20, key=jax.random.key(1))
    np.testing.assert_array_equal(images, np.array(json.loads(printed_on_two[1])))
