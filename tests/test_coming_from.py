"""The page for users of dtm-replication: its code runs, and it names everything there is."""

import importlib
import re
import warnings
from dataclasses import fields
from pathlib import Path

import pytest
from tiny import REPOSITORY

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.replication import DTM_NAMES, MODEL_NAMES, STEP_NAMES, UTILS_NAMES

PAGE = (REPOSITORY / "docs/coming_from_dtm_replication.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
"""What stands in it as code, between words."""
FIELDS = {
    f"{section.name}.{field.name}"
    for section in fields(DTMConfig())
    for field in fields(getattr(DTMConfig(), section.name))
}


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 3
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in BLOCKS:
            exec(block, names)


def test_it_has_every_field_of_the_config_and_no_other():
    assert FIELDS - set(CODE) == set()
    sections = {name.partition(".")[0] for name in FIELDS}
    named = {code for code in CODE if re.fullmatch(r"\w+\.\w+", code)}
    assert {name for name in named if name.partition(".")[0] in sections} - FIELDS == set()


def test_it_has_every_attribute_of_a_model():
    words = set(re.findall(r"\w+", " ".join(CODE)))
    assert {name for name in dir(DTM) if not name.startswith("_")} - words == set()


@pytest.mark.parametrize("table", [DTM_NAMES, STEP_NAMES, MODEL_NAMES, UTILS_NAMES])
def test_it_has_every_name_that_is_told(table: dict[str, str]):
    words = set(re.findall(r"\w+", " ".join(CODE)))
    assert set(table) - words == set()


def test_what_it_says_can_be_imported_is_there():
    paths = set(re.findall(r"thrmlDenoising(?:\.\w+)+", " ".join([PAGE, *UTILS_NAMES.values()])))
    assert len(paths) > 5
    for path in paths:
        try:
            importlib.import_module(path)
        except ModuleNotFoundError:
            module, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(module), name), path


def test_modules_of_the_same_place():
    from thrmlDenoising.base_graphs.abstract_base_graph_manager import (
        AbstractBaseGraphManager,
    )
    from thrmlDenoising.DTM_config import ExperimentConfig, SamplingScheduleConfig
    from thrmlDenoising.step import DiffusionStep

    dtm = DTM()
    assert isinstance(dtm.manager, AbstractBaseGraphManager)
    assert isinstance(dtm.cfg.exp, ExperimentConfig)
    assert isinstance(dtm.cfg.sampling, SamplingScheduleConfig)
    assert isinstance(dtm.steps[0].diffusion, DiffusionStep)


@pytest.mark.parametrize(("name", "told"), UTILS_NAMES.items())
def test_functions_that_are_elsewhere_are_told_on_import(name: str, told: str):
    with pytest.raises(ImportError, match=re.escape(f"{name!r} of dtm-replication: {told}")):
        exec(f"from thrmlDenoising.utils import {name}", {})
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec("from thrmlDenoising.utils import nonsense", {})
