"""Which sampler a name in the config means, here and where something is missing."""

import jax
import pytest
from tiny import differ, finished, python, rest_slow, tiny_cfg, trained

from thrmlDenoising import DTM, make_cfg
from thrmlDenoising.sampling import sampler_type
from thrmlDenoising.sampling.cpu import CpuSampler
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler
from thrmlDenoising.sampling.xla.sampler import XlaSampler

SAMPLERS = {"cpu": CpuSampler, "xla": XlaSampler, "thrml": ThrmlSampler}

WITHOUT_NUMBA = """
import sys

class NoNumba:
    def find_spec(self, name, path=None, target=None):
        if name == "numba":
            raise ModuleNotFoundError("No module named 'numba'", name=name)

sys.meta_path.insert(0, NoNumba())
from thrmlDenoising import DTM
from thrmlDenoising.sampling import sampler_type
"""
"""Begins a script where Numba is not installed."""


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_name_means_its_sampler(name):
    assert sampler_type(name) is SAMPLERS[name]


def test_auto_is_numba_where_jax_computes_on_the_processor(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert sampler_type("auto") is CpuSampler


@pytest.mark.parametrize("platform", ["gpu", "tpu", "METAL"])
def test_auto_is_xla_on_accelerators(monkeypatch, platform):
    monkeypatch.setattr(jax, "default_backend", lambda: platform)
    assert sampler_type("auto") is XlaSampler
    assert sampler_type("cpu") is CpuSampler


def test_without_numba_auto_takes_xla_and_says_so_once():
    process = python(
        "-c", WITHOUT_NUMBA + "print([sampler_type('auto').__name__ for _ in range(3)])"
    )
    out, errors = process.communicate(timeout=300)
    assert (process.returncode, out) == (0, f"{['XlaSampler'] * 3}\n"), errors
    assert errors.count("sampling.backend='auto' takes the slower 'xla' sampler") == 1
    assert "install a Numba" in errors


def test_without_numba_cpu_says_what_to_do():
    ask = """
try:
    sampler_type("cpu")
except ImportError as error:
    print(error)
print(sampler_type("thrml").__name__)
"""
    message, name = finished(python("-c", WITHOUT_NUMBA + ask)).splitlines()
    assert "sampling.backend='cpu' cannot be used here (No module named 'numba')" in message
    assert "install a Numba" in message
    assert "sampling.backend='xla'" in message
    assert name == "ThrmlSampler"


@pytest.mark.parametrize("name", ["gpu", "CPU", "", "numba"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=rf"backend='{name}': use 'auto' or one of .*'cpu'"):
        sampler_type(name)
    with pytest.raises(ValueError, match=r"sampling\.backend.*auto"):
        make_cfg(sampling=dict(backend=name))


@pytest.mark.parametrize("name", rest_slow(SAMPLERS))
def test_a_model_trains_with_the_sampler_it_names(name, tmp_path, monkeypatch):
    calls = []
    moments = SAMPLERS[name].moments

    def counting(self, *arguments):
        calls.append(type(self))
        return moments(self, *arguments)

    monkeypatch.setattr(SAMPLERS[name], "moments", counting)
    cfg = tiny_cfg(
        sampling=dict(backend=name),
        exp=dict(compute_autocorr=False),
        cp=dict(adaptive_cp=False),
    )
    model = trained(tmp_path, 1, cfg)
    assert {type(step.diffusion.sampler) for step in model.steps} == {SAMPLERS[name]}
    assert set(calls) == {SAMPLERS[name]}
    assert differ(model, DTM(cfg))
    assert DTM.load(model.logging_and_saving_dir).cfg.sampling.backend == name
