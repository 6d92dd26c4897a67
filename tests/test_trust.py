"""Runs and configs of somebody else: nothing in them is imported until the user says so."""

import functools
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from tiny import TINY, tiny_cfg, trained

import figures.energy_vs_quality.plot as energy_figure
import thrmlDenoising.evaluate.__main__ as evaluate_command
import training_script
from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.experiments import Experiment, Places, Run, command, train_all, train_command
from thrmlDenoising.support.imports import find_object

MODULE = "runs.evil"
"""A namespace package: the folder of runs below the working directory makes it reachable."""

SOURCE = """
from pathlib import Path

from thrmlDenoising.base_graphs import PoissonBinomialIsingGraphManager

Path(__file__).with_name("imported").touch()


class Mine(PoissonBinomialIsingGraphManager):
    pass


def features(images):
    return images.reshape(len(images), -1)
"""


def forget() -> None:
    for name in ("runs", MODULE):
        sys.modules.pop(name, None)


class Theirs(NamedTuple):
    """A run of somebody else, the working directory it lies in, and its code, forgotten."""

    run: Path
    work: Path
    module: ModuleType

    @property
    def config(self) -> Path:
        return self.run / "model_saving/config.yaml"

    @property
    def was_imported(self) -> bool:
        return (self.work / "runs/imported").exists() or MODULE in sys.modules


@pytest.fixture(scope="module")
def their_run(tmp_path_factory: pytest.TempPathFactory) -> Theirs:
    work = tmp_path_factory.mktemp("work")
    (work / "runs").mkdir()
    (work / "runs/evil.py").write_text(SOURCE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(work)
        module = importlib.import_module(MODULE)
        cfg = tiny_cfg(
            graph=dict(base_graph_manager=module.Mine),
            evaluation=dict(extractors=(f"{MODULE}:features",), bootstrap_replicates=20),
        )
        dtm = trained(work / "runs", 1, cfg)
    return Theirs(dtm.logging_and_saving_dir, work, module)


@pytest.fixture
def theirs(their_run: Theirs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theirs]:
    """As it was unpacked; its module can be reached from the working directory."""
    forget()
    (their_run.work / "runs/imported").unlink(missing_ok=True)
    monkeypatch.syspath_prepend(their_run.work)
    monkeypatch.chdir(their_run.work)
    yield their_run
    forget()


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command as the shell would."""

    def run(main: Callable[[], Any], *words: str | Path) -> Any:
        monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
        return main()

    return run


def parsed(*words: str | Path) -> Any:
    return training_script.parse([str(word) for word in words])


WAYS: dict[str, Callable[[Theirs, Callable[..., Any]], Any]] = {
    "load": lambda theirs, call: DTM.load(theirs.run),
    "stitch": lambda theirs, call: DTM.load(theirs.run, step_sources=[1, (theirs.run, 1)]),
    "resume": lambda theirs, call: DTM(TINY).train(1, resume=theirs.run),
    "config": lambda theirs, call: DTMConfig.load(theirs.config),
    "--resume": lambda theirs, call: call(training_script.main, "--resume", theirs.run),
    "yaml": lambda theirs, call: call(training_script.main, theirs.config),
    "argument": lambda theirs, call: call(
        training_script.main, "--graph.base_graph_manager", f"{MODULE}:Mine"
    ),
    "evaluate": lambda theirs, call: call(evaluate_command.main, theirs.run),
    "compare": lambda theirs, call: call(evaluate_command.main, "compare", theirs.run),
    "controls": lambda theirs, call: call(
        evaluate_command.main, "controls", "--images", "100", "--extractors", f"{MODULE}:Mine"
    ),
    "figure": lambda theirs, call: energy_figure.main([str(theirs.run)]),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_imported_because_a_file_says_so(way: str, theirs: Theirs, call, capsys):
    with pytest.raises((ValueError, SystemExit)) as caught:
        WAYS[way](theirs, call)
    said = str(caught.value) + capsys.readouterr().err
    for words in (f"{MODULE}:Mine", "classes=[Mine]", "import", f"--trust {MODULE}"):
        assert words in said
    assert not theirs.was_imported


def test_an_extractor_is_not_imported_either(theirs: Theirs, tmp_path: Path):
    """Nor does anybody need it to generate images."""
    dtm = DTM.load(theirs.run, classes=[theirs.module.Mine])
    assert dtm.sample(2).shape == (2, 1, 3)
    for measure in (lambda: dtm.quality("free"), lambda: dtm.train(1)):
        with pytest.raises(ValueError, match=rf"{MODULE}:features.*--trust {MODULE}"):
            measure()
    assert not theirs.was_imported


def test_classes_and_functions_are_given_in_python(theirs: Theirs):
    mine = theirs.module.Mine, theirs.module.features
    for sources in (None, [1, 1]):
        dtm = DTM.load(theirs.run, step_sources=sources, classes=mine)
        assert type(dtm.manager) is theirs.module.Mine
        assert dtm.cfg.evaluation.extractors == (theirs.module.features,)
    assert "features_fd" in dtm.quality("free", 8).values
    assert DTMConfig.load(theirs.config, classes=mine) == dtm.cfg
    assert not theirs.was_imported
    with pytest.raises(ValueError, match="cannot be written to YAML"):
        dtm.train(1)  # the module is imported nowhere: nobody could load it again
    with pytest.raises(ValueError, match="takes a list"):
        DTM.load(theirs.run, classes=theirs.module.Mine)
    with pytest.raises(ValueError, match="has no name"):
        DTM.load(theirs.run, classes=[functools.partial(theirs.module.features)])
    with pytest.raises(ValueError, match="of one name"):
        DTM.load(theirs.run, classes=[theirs.module.Mine, type(dtm.manager), type("Mine", (), {})])


@pytest.mark.parametrize("trust", [("--trust", MODULE), ("--trust", "json", "--trust", MODULE)])
def test_a_trusted_module_is_imported(trust: tuple[str, ...], theirs: Theirs, call, capsys):
    for words in ((theirs.config, *trust), (*trust, "--resume", theirs.run)):
        cfg = parsed(*words).cfg
        assert cfg.graph.manager_class is sys.modules[MODULE].Mine
    call(evaluate_command.main, theirs.run, "--images-per-class", "8", *trust)
    call(evaluate_command.main, "compare", theirs.run, *trust)
    assert "features_fd" in capsys.readouterr().out
    assert theirs.was_imported


def test_an_imported_module_needs_no_trust(theirs: Theirs):
    module = importlib.import_module(MODULE)
    assert type(DTM.load(theirs.run).manager) is module.Mine


@pytest.mark.parametrize(
    "module", ["no_such_module", "runs.evil.Mine", "my.yaml", "./runs", ".evil"]
)
def test_what_cannot_be_trusted_is_told(module: str, theirs: Theirs):
    with pytest.raises(ValueError, match=rf"--trust {module}"):
        parsed("--trust", module)


def test_the_processes_of_an_experiment_trust_too(theirs: Theirs, tmp_path: Path, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "train_all", lambda runs, places, *rest: asked.append(rest))
    scales = {"tiny": Experiment(TINY, {"plain": {}}, n_epochs=1, evaluate_every=1)}
    words = ["--scale", "tiny", "--runs", str(tmp_path), "--trust", MODULE]
    train_command(tmp_path, scales, words)
    assert asked == [(1, [MODULE])]
    assert theirs.was_imported


@pytest.mark.slow  # starts two processes
def test_so_they_do(theirs: Theirs, tmp_path: Path):
    cfg = tiny_cfg(evaluation=dict(extractors=(f"{MODULE}:features",), bootstrap_replicates=20))
    run = Run("own", cfg, n_epochs=1, evaluate_every=1)
    places = Places(tmp_path / "tables", tmp_path / "runs")
    with pytest.raises(RuntimeError, match="these runs failed: own") as caught:
        train_all([run], places, 1)
    assert f"--trust {MODULE}" in str(caught.value.__cause__)
    assert not theirs.was_imported
    train_all([run], places, 1, [MODULE])
    assert places.is_finished(run)


# Names that lead elsewhere

OPENING = "written module:Qual|part of Python itself|is code of somebody|is needed|unknown|must be"
NOT_WRITTEN_SO = [
    "a:b:c",
    ":x",
    "x:",
    ":",
    ".evil:M",
    "runs..evil:M",
    "runs/evil:M",
    "x:y.",
    "a b:c",
]
OF_PYTHON = [
    "os:system",
    "pickle:loads",
    "builtins:exec",
    "os.path:exists",
    "importlib:import_module",
]
NOT_THERE = [
    "__main__:__builtins__.exec",
    "thrmlDenoising.something:x",
    "thrmlDenoising.DTM:np.linalg",
    "thrmlDenoising.DTM:np.linalg.norm",
    "thrmlDenoising.support.files:json.dumps",
    "thrmlDenoising:runs.files.write_json",
    "runs.evil:Mine.__init__.__globals__",
    "наука:Менеджер",
    "x" * 1_000_000 + ":y",
]


@pytest.mark.parametrize(
    "name", [*NOT_WRITTEN_SO, *OF_PYTHON, *NOT_THERE], ids=lambda name: name[:40]
)
def test_odd_names_are_refused_at_once(name: str, theirs: Theirs):
    started = time.monotonic()
    with pytest.raises(ValueError, match=OPENING) as manager:
        make_cfg(graph=dict(base_graph_manager=name))
    with pytest.raises(ValueError, match=OPENING) as extractor:
        DTM(tiny_cfg(evaluation=dict(extractors=(name,)))).quality("free")
    assert max(len(str(caught.value)) for caught in (manager, extractor)) < 2000
    assert time.monotonic() - started < 1
    assert not theirs.was_imported


def test_functions_of_python_are_refused_under_other_names(monkeypatch):
    module = ModuleType("my_helpers_for_a_test")
    vars(module).update(system=os.system, loads=importlib.import_module("pickle").loads)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("system", "loads"):
        with pytest.raises(ValueError, match="comes from Python itself"):
            DTM(tiny_cfg(evaluation=dict(extractors=(f"{module.__name__}:{name}",)))).quality(
                "free"
            )


def test_parts_of_this_package_are_no_extractors():
    for name in ("thrmlDenoising.utils:make_cfg", "thrmlDenoising.DTM:DTM"):
        with pytest.raises(ValueError, match="extracts no features"):
            DTM(tiny_cfg(evaluation=dict(extractors=(name,)))).quality("free")


def test_a_class_has_to_be_a_whole_manager_before_it_is_called(monkeypatch):
    called = []
    module = ModuleType("my_classes_for_a_test")
    vars(module)["Sly"] = type("Sly", (), {"__init__": lambda self, *_: called.append(self)})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(ValueError, match="Sly is no base-graph manager"):
        make_cfg(graph=dict(base_graph_manager=f"{module.__name__}:Sly"))
    with pytest.raises(ValueError, match="write build_graph, decode, encode too"):
        make_cfg(
            graph=dict(base_graph_manager="thrmlDenoising.base_graphs:AbstractBaseGraphManager")
        )
    assert not called


class LazyModule(ModuleType):
    """As large packages have them: it imports what it is asked for."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


def test_lazy_modules_are_not_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "lazy_for_a_test", LazyModule("lazy_for_a_test"))
    with pytest.raises(ValueError, match="has no such name"):
        find_object("lazy_for_a_test:anything")


# A name means what it leads to now


def fd_of(dtm: DTM, extractor: Any = None) -> float:
    given = None if extractor is None else [extractor]
    (value,) = (
        value
        for name, value in dtm.quality("free", 8, given).values.items()
        if name.endswith("_fd")
    )
    return value


class Scaled:
    """A callable object, which can be changed in place."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.factor * images.reshape(len(images), -1)


def scaled(images: np.ndarray, factor: float) -> np.ndarray:
    return Scaled(factor)(images)


EDITS: dict[str, Callable[[float], Any]] = {
    "function": lambda factor: functools.wraps(scaled)(lambda images: scaled(images, factor)),
    "lambda": lambda factor: lambda images: scaled(images, factor),
    "partial": lambda factor: functools.partial(scaled, factor=factor),
    "object": Scaled,
}


def marked(function: Any, fingerprint: str | None) -> Any:
    if fingerprint:
        function.fingerprint = fingerprint
    return function


@pytest.mark.parametrize("fingerprint", [None, "v1"])
@pytest.mark.parametrize("kind", EDITS)
def test_an_edited_extractor_is_measured_anew(kind: str, fingerprint: str | None, monkeypatch):
    """On a new model and on the same one; also where its fingerprint says that nothing changed."""
    module = ModuleType("my_cells_for_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    cfg = tiny_cfg(evaluation=dict(extractors=(f"{module.__name__}:it",), bootstrap_replicates=20))
    dtm = DTM(cfg)
    vars(module)["it"] = marked(EDITS[kind](1), fingerprint)
    before = fd_of(dtm)
    vars(module)["it"] = edited = marked(EDITS[kind](10), fingerprint)
    for model in (dtm, DTM(cfg)):
        assert fd_of(model) == pytest.approx(100 * before)
        assert fd_of(model, edited) == pytest.approx(100 * before)


def test_a_reloaded_module_is_measured_anew(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "my_reloaded_features.py"
    text = "def it(images):\n    return {} * images.reshape(len(images), -1)\n"
    file.write_text(text.format(1), encoding="utf-8")
    module = importlib.import_module(file.stem)
    extractors = (f"{file.stem}:it",)
    dtm = DTM(tiny_cfg(evaluation=dict(extractors=extractors, bootstrap_replicates=20)))
    before = fd_of(dtm)
    file.write_text(text.format(10), encoding="utf-8")
    importlib.reload(module)
    assert fd_of(dtm) == pytest.approx(100 * before)
    monkeypatch.delitem(sys.modules, file.stem)


def test_an_object_that_is_changed_in_place_is_measured_anew():
    dtm, mutable = DTM(tiny_cfg(evaluation=dict(bootstrap_replicates=20))), Scaled(1)
    before = fd_of(dtm, mutable)
    mutable.factor = 10
    assert fd_of(dtm, mutable) == pytest.approx(100 * before)
