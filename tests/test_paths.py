"""`~` is the home directory wherever a user gives a path."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import TINY, rest_slow, trained

import figures.energy_vs_quality.plot as energy_figure
import thrmlDenoising.evaluate.__main__ as evaluate_command
import training_script
from thrmlDenoising import DTM, DTMConfig, plots
from thrmlDenoising.data import load_dataset
from thrmlDenoising.experiments import Experiment, command, train_command
from thrmlDenoising.quality.features import InceptionFeatures, UnavailableError
from thrmlDenoising.smoke_testing import save_accuracy_plot
from thrmlDenoising.support.paths import user_path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs"), 1).logging_and_saving_dir


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path) -> Path:
    """A home with a run in it; the working directory is another, where no "~" may appear."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree(run, tmp_path / "home/run")
    TINY.save(tmp_path / "home/tiny.yaml")
    return tmp_path / "home"


def evaluate(*words: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["evaluate", *words])
        evaluate_command.main()


WRITE: dict[str, tuple[Callable[[], object], str]] = {
    "DTM": (lambda: DTM(TINY, base_dir="~/new").save_epoch(), "new/*/model_saving/epoch_000"),
    "load": (lambda: DTM.load("~/run").open_run(), "tiny_*/model_saving/config.yaml"),
    "sources": (
        lambda: DTM.load("~/run", step_sources=[1, ("~/run", 1)]).save_epoch(),
        "tiny_*/model_saving/epoch_*",
    ),
    "resume": (lambda: DTM(TINY).train(1, resume="~/run"), "run/model_saving/epoch_002"),
    "graph": (lambda: plots.draw_graph(DTM(TINY).steps[0], path="~/graph.png"), "graph.png"),
    "weights": (lambda: plots.draw_weights(DTM(TINY).steps[0], path="~/w.png"), "w.png"),
    "config": (lambda: DTMConfig.load("~/tiny.yaml").save("~/again.yaml"), "again.yaml"),
    "accuracy": (lambda: save_accuracy_plot(DTM.load("~/run"), "~/acc.png"), "acc.png"),
    "compare": (lambda: evaluate("compare", "~/run", "--output", "~/c.png"), "c.png"),
    "figure": (lambda: energy_figure.main(["~/run", "--output", "~/energy.png"]), "energy.png"),
}


@pytest.mark.parametrize("way", rest_slow(WRITE, 4))
def test_files_are_found_and_written_at_home(way: str, home: Path):
    do, written = WRITE[way]
    do()
    assert list(home.glob(written))
    assert not os.listdir()


def test_commands_take_it_too(home: Path, monkeypatch):
    evaluate("~/run", "--images-per-class", "4", "--output", "~/all.json")
    assert (home / "all.json").is_file()
    words = ["~/tiny.yaml", "--epochs", "1", "--output_dir=~/out"]
    monkeypatch.setattr(sys, "argv", ["training_script.py", *words])
    training_script.main()
    assert list(home.glob("out/*/model_saving/epoch_001"))
    assert training_script.parse(["--resume", "~/run"]).cfg == TINY
    asked = []
    monkeypatch.setattr(command, "train_all", lambda runs, places, *_: asked.append(places.runs))
    scales = {"tiny": Experiment(TINY, {"plain": {}}, n_epochs=1, evaluate_every=1)}
    train_command(home, scales, ["--scale", "tiny", "--runs", "~/figures"])
    assert asked == [home / "figures" / home.name / "tiny"]
    assert not os.listdir()


def test_data_and_weights_are_looked_for_at_home(home: Path):
    with pytest.raises(FileNotFoundError, match=str(home / "data")):
        load_dataset(
            "mnist", target_classes=(0,), n_levels=1, pixel_threshold=0.1, data_dir="~/data"
        )
    with pytest.raises(UnavailableError, match=str(home / "weights.pth")):
        InceptionFeatures.load("~/weights.pth")


@pytest.mark.parametrize("given", ["~nobody_of_this_name/x", Path("~nobody_of_this_name")])
def test_a_home_that_is_not_there_is_told(given: str | Path):
    for take in (user_path, DTM.load, DTMConfig.load, lambda path: DTM(TINY, base_dir=path)):
        with pytest.raises(ValueError, match=r"~nobody_of_this_name.*no home directory"):
            take(given)


def test_a_command_tells_it_as_well(capsys):
    with pytest.raises(SystemExit):
        evaluate("~nobody_of_this_name/run")
    assert "no home directory to put in place of ~nobody" in capsys.readouterr().err


def test_a_folder_called_so_is_reached_by_its_path():
    assert user_path("runs/~") == Path("runs/~")
    assert user_path(Path("~").absolute()) == Path.cwd() / "~"


@pytest.mark.parametrize(
    "use",
    [
        DTM.load,
        DTMConfig.load,
        DTMConfig().save,
        lambda path: DTM(TINY, base_dir=path),
        lambda path: DTM.load(path, step_sources=[1, 2]),
    ],
)
def test_what_can_be_no_path_is_named(use: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"the path 'a.x00b' has a null byte"):
        use("a\0b")
    with pytest.raises(ValueError, match=r"5\.5 is no path"):
        user_path(5.5)  # pyright: ignore[reportArgumentType]
