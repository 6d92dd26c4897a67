"""What is compiled for one run serves the next, of equal shapes, in the same process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax.monitoring
import pytest
from tiny import FAST_SAMPLERS, rest_slow, tiny_cfg

from thrmlDenoising import DTM, DTMConfig

_TRACED = "/jax/core/compile/jaxpr_trace_duration"
_COMPILED = "/jax/core/compile/backend_compile_duration"


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """How often JAX traces and compiles within."""
    found = {_TRACED: 0, _COMPILED: 0}
    active = [True]

    def listen(event: str, duration_secs: float, **_: object) -> None:
        if active and event in found:
            found[event] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        active.clear()  # a listener cannot be taken away


def use(cfg: DTMConfig, folder: Path) -> None:
    dtm = DTM(cfg, base_dir=folder)
    dtm.train(2, evaluate_every=1)
    dtm.sample(2)
    dtm.sample(2, labels=1)
    dtm.mixing()


@pytest.mark.slow
@pytest.mark.parametrize("backend", rest_slow(FAST_SAMPLERS))
def test_a_second_run_of_equal_shapes_compiles_nothing(tmp_path, backend):
    cfg = tiny_cfg(sampling=dict(backend=backend))
    use(cfg, tmp_path)
    with counted() as again:
        use(cfg.replace(exp=dict(seed=7, descriptor="other")), tmp_path)
    assert again[_COMPILED] == 0
    with counted() as other:
        use(cfg.replace(sampling=dict(n_samples=5)), tmp_path)
    assert other[_COMPILED] > 0, "otherwise nothing would be counted"


@pytest.mark.slow
def test_a_loaded_run_goes_on_with_what_is_compiled(tmp_path):
    dtm = DTM(tiny_cfg(), base_dir=tmp_path)
    dtm.train(2, evaluate_every=1)
    _ = DTM.load(dtm.logging_and_saving_dir, 0).state
    with counted() as again:
        DTM.load(dtm.logging_and_saving_dir, 1).train(1, evaluate_every=1)
    assert again[_COMPILED] == 0
