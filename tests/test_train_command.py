"""`python -m thrmlDenoising.train`, and runs of two families side by side, as a user meets them."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import TINY, finished, measured, python, trained

import thrmlDenoising.evaluate.__main__ as evaluate_command
import thrmlDenoising.train.__main__ as train_command
import training_script
from thrmlDenoising import DTM
from thrmlDenoising.data import OwnImages
from thrmlDenoising.families import FAMILIES
from thrmlDenoising.families.independent import (
    IndependentConfig,
    IndependentModel,
    IndependentPixels,
)

KNOWN = ", ".join(FAMILIES)
Outcome = tuple[int | str | None, str, str]

# On the toy set of `TINY`.
PIXELS = IndependentConfig().replace(
    exp=dict(descriptor="pixels", drawn_images_per_digit=2),
    data=dict(dataset_name=TINY.data.dataset_name),
    generation=dict(fid_images_per_digit=TINY.generation.fid_images_per_digit),
)


@pytest.fixture
def call(monkeypatch, capfd, tmp_path) -> Callable[..., Outcome]:
    """Runs a command in an empty folder; returns exit status, output and error output."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(main: Callable[[], None], *words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
        status = 0
        try:
            main()
        except SystemExit as stopped:
            status = stopped.code or 0
        out, errors = capfd.readouterr()
        # sys.exit(message) prints the message and exits with 1.
        return (1, out, errors + status) if isinstance(status, str) else (status, out, errors)

    return run


@pytest.fixture
def train(call) -> Callable[..., Outcome]:
    return lambda *words: call(train_command.main, *words)


@pytest.fixture
def evaluate(call) -> Callable[..., Outcome]:
    return lambda *words: call(evaluate_command.main, *words)


def trained_pixels(folder: Path, cfg: IndependentConfig = PIXELS) -> Path:
    model = IndependentPixels(cfg, folder)
    model.train(2, evaluate_every=1)
    return model.logging_and_saving_dir


@pytest.fixture(scope="module")
def pixels_run(tmp_path_factory) -> Path:
    return trained_pixels(tmp_path_factory.mktemp("pixels"))


@pytest.fixture(scope="module")
def dtm_run(tmp_path_factory) -> Path:
    return trained(tmp_path_factory.mktemp("dtm"), 2).logging_and_saving_dir


@pytest.fixture
def pixels(pixels_run, tmp_path) -> Path:
    """A copy to go on in, or to damage."""
    return Path(shutil.copytree(pixels_run, tmp_path / "pixels"))


@pytest.fixture
def of_a_later_version(pixels) -> Path:
    config = pixels / "model_saving/config.yaml"
    config.write_text(config.read_text().replace("family: independent", "family: independents"))
    return pixels


def only_run_in(folder: str) -> Path:
    (run,) = Path(folder).absolute().iterdir()
    return run


def words_of(text: str) -> str:
    """The text without the frames and line breaks of a terminal."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


# Training


def test_a_family_is_trained_with_overrides_into_a_folder(train):
    dataset = ["--data.dataset-name", TINY.data.dataset_name, "--exp.seed", "7"]
    few = ["--generation.fid_images_per_digit", "4", "--epochs", "2", "--evaluate-every", "1"]
    status, out, errors = train("independent", *dataset, *few, "--output-dir", "runs")
    assert status == 0
    assert "Traceback" not in errors
    run = only_run_in("runs")
    assert out == f"run folder: {run}\nimages: {run / 'images'}\n"
    loaded = IndependentPixels.load(run)
    assert (loaded.epoch, loaded.cfg.exp.seed, loaded.eval_epochs) == (2, 7, [0, 1, 2])
    for mode in ("free", "clamped"):
        picture = np.asarray(Image.open(run / f"images/epoch2_{mode}.png").convert("L"))
        assert picture.std() > 1
        assert Image.open(run / f"gifs/epoch2_{mode}.gif").size[0] > 10
    assert (run / "fid_vs_epoch.png").is_file()


def test_a_yaml_file_of_the_family_may_come_first(train):
    PIXELS.save("own.yaml")
    words = ["own.yaml", "--pixels.pooled", "True", "--epochs", "1", "--output-dir", "runs"]
    assert train("independent", *words)[0] == 0
    wanted = PIXELS.replace(pixels=dict(pooled=True))
    assert IndependentPixels.load(only_run_in("runs")).cfg == wanted


@pytest.mark.slow
def test_a_dtm_is_trained_as_by_its_script(train, call):
    TINY.save("tiny.yaml")
    words = ["tiny.yaml", "--epochs", "2", "--evaluate_every", "2", "--output_dir"]
    assert train("dtm", *words, "ours")[0] == 0
    assert call(training_script.main, *words, "theirs")[0] == 0
    ours, theirs = DTM.load(only_run_in("ours")), DTM.load(only_run_in("theirs"))
    assert ours.cfg == theirs.cfg == TINY
    assert measured(ours) == measured(theirs)


@pytest.mark.parametrize("spelling", ["--resume {}", "--resume={}", "independent --resume {}"])
def test_a_run_to_resume_says_its_family(train, pixels, spelling):
    status, out, _ = train(*spelling.format(pixels).split(), "--epochs", "1")
    assert (status, f"run folder: {pixels}" in out) == (0, True)
    assert IndependentPixels.load(pixels).epoch == 3
    assert not list(Path.cwd().iterdir())


@pytest.mark.slow
def test_it_runs_as_a_program_of_its_own(tmp_path):
    PIXELS.save(tmp_path / "own.yaml")
    words = ["independent", tmp_path / "own.yaml", "--epochs", "1", "--output-dir", tmp_path / "a"]
    out = finished(python("-m", "thrmlDenoising.train", *words))
    assert str(only_run_in(str(tmp_path / "a"))) in out


def test_ctrl_c_says_how_to_go_on(train, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(IndependentModel, "train_epoch", interrupted)
    PIXELS.save("own.yaml")
    status, _, errors = train("independent", "own.yaml", "--output-dir", "runs")
    assert status == 130
    assert "interrupted; complete checkpoints: [0]" in errors
    assert f"go on with --resume {only_run_in('runs')}" in errors


# Help


def test_help_names_the_families(train):
    status, out, errors = train("--help")
    assert (status, errors) == (0, "")
    assert f"families: {KNOWN}" in out


def test_help_of_a_family_lists_its_options(train):
    status, out, _ = train("independent", "--help")
    assert status == 0
    text = words_of(out)
    assert text.startswith("usage: python -m thrmlDenoising.train independent ")
    assert re.search(r"--pixels\.pooled \{True,False\} One set of frequencies", text)
    assert re.search(r"--epochs INT How many .*?\(default: 50\)", text)
    assert "--sampling" not in text


# Mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], [f"name a family first, one of {KNOWN}, or --resume"]),
        (["--epochs", "3"], ["name a family first"]),
        (["independant"], ["'independant'; did you mean 'independent'?", f"knows {KNOWN}"]),
        (["independent", "dtm.yaml"], ["dtm.yaml: ", "family 'dtm'", "'independent' is needed"]),
        (["dtm", "pixels.yaml"], ["pixels.yaml: ", "family 'independent'", "'dtm' is needed"]),
        (["dtm", "--resume", "RUN"], ["RUN", "family 'independent'", "'dtm' is needed"]),
        (["--resume", "RUN", "--exp.seed", "3"], ["exp.seed (42 there, 3 here)"]),
        (["--resume", "nowhere"], ["nowhere", "no such folder"]),
        (["--resume"], ["--resume"]),
        (["independent", "nowhere.yaml"], ["there is no config file 'nowhere.yaml'"]),
        (["independent", "--graph.torus", "True"], ["--graph.torus"]),
        (["independent", "--pixels.grayscale-levels", "256"], ["from 1 to 255, not 256"]),
        (["independent", "--epochs", "0"], ["n_epochs=0"]),
        (["independent", "--trust", "no_such_module"], ["--trust no_such_module"]),
        (["independent", "--output-dir", "dtm.yaml/x"], ["--output-dir dtm.yaml/x cannot be"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_mistakes_are_explained_without_a_traceback(train, pixels, words, said):
    TINY.save("dtm.yaml")
    PIXELS.save("pixels.yaml")
    before = sorted(Path.cwd().rglob("*"))
    status, out, errors = train(*(str(pixels) if word == "RUN" else word for word in words))
    assert status in (1, 2)
    text = words_of(out + errors)
    assert "Traceback" not in text
    for words_said in said:
        assert words_said.replace("RUN", str(pixels)) in text
    assert sorted(Path.cwd().rglob("*")) == before
    assert IndependentPixels.load(pixels).epoch == 2


def test_the_script_of_dtms_resumes_no_other_family(call, pixels):
    status, _, errors = call(training_script.main, "--resume", pixels)
    assert status == 1
    assert "family 'independent', where one of 'dtm' is needed" in errors


def test_a_family_that_this_version_does_not_know_is_named(train, evaluate, of_a_later_version):
    run = of_a_later_version
    for told in (train("--resume", run), evaluate(run), evaluate("compare", run)):
        status, _, errors = told
        assert status == 1
        assert f"error: {run}/model_saving/config.yaml: unknown family 'independents'" in errors
        assert f"This version of thrmlDenoising knows {KNOWN}" in errors


# Evaluating and comparing


def test_a_run_is_evaluated_from_its_folder_alone(evaluate, pixels):
    (pixels / "evaluations").rename(pixels.with_name("elsewhere"))
    status, out, errors = evaluate(pixels)
    assert (status, errors) == (0, "")
    content = json.loads((pixels / "evaluations/epoch2_full.json").read_text())
    assert set(content) == {"thrmlDenoising", "epoch", "free", "clamped", "bits_per_dim"}
    for mode in ("free", "clamped"):
        assert f"## {mode} images of epoch 2" in out
        (exact,) = content[mode]["measurements"]
        assert (exact["name"], exact["value"]) == ("exact_accuracy", 100)


def test_families_are_compared_over_epochs_and_seconds(evaluate, pixels_run, dtm_run, drawn):
    status, out, errors = evaluate("compare", pixels_run, dtm_run)
    assert (status, errors) == (0, "")
    ours, theirs = out.split(f"{dtm_run.name}: ")
    assert re.match(rf"{pixels_run.name}: [\d.e-]+ seconds, 3 training images an epoch\n", ours)
    assert re.match(r"[\d.e-]+ seconds, 1\.56e\+03 spin updates an epoch\n", theirs)
    for text in (ours, theirs):
        assert re.findall("  (free|clamped) exactly", text) == ["free", "clamped"]
    assert "same way" not in out
    (figure,) = drawn
    bottom = [axes.get_xlabel() for axes in figure.axes[2:]]
    assert bottom == ["epoch", "training spent (seconds)"]
    lines = [axes.get_lines() for axes in figure.axes]
    assert len(lines[0]) == len(lines[1]) == 4, "two runs, free and clamped"
    spent = [lines[1][place].get_xdata()[-1] for place in (0, 2)]
    models = [IndependentPixels.load(pixels_run), DTM.load(dtm_run)]
    assert spent == [pytest.approx(_seconds(model.history)) for model in models]
    assert np.asarray(Image.open("comparison.png").convert("L")).std() > 1


def _seconds(history) -> float:
    return sum(record.seconds for record in history.records)


def test_runs_of_one_family_are_compared_over_what_it_counts(evaluate, pixels_run, tmp_path, drawn):
    """Pooled pixels have free images alone, and nothing has autocorrelations."""
    pooled = trained_pixels(tmp_path / "pooled", PIXELS.replace(pixels=dict(pooled=True)))
    status, out, _ = evaluate("compare", pixels_run, pooled)
    assert status == 0
    assert "clamped" not in out
    labels = [axes.get_xlabel() for axes in drawn[-1].axes]
    assert labels == ["epoch", "training spent (seconds)", "training spent (training images)"]


def test_runs_on_other_grey_levels_or_own_images_are_compared_with_a_word(evaluate, tmp_path):
    rng = np.random.default_rng(0)
    data = OwnImages("mine", rng.random((60, 3, 4)), np.arange(60) % 3)
    runs = []
    for n_levels in (1, 255):
        cfg = PIXELS.replace(data=data.cfg, pixels=dict(grayscale_levels=n_levels))
        model = IndependentPixels(cfg, tmp_path / str(n_levels), data)
        model.train(1)
        runs.append(model.logging_and_saving_dir)
    status, out, _ = evaluate("compare", *runs)
    assert status == 0
    assert re.search(r"perhaps not measured in the same way.*levels 255", out, re.DOTALL)
    status, _, errors = evaluate(runs[0])
    assert status == 1
    assert "the images 'mine' are a user's own" in errors


def test_a_run_that_nothing_could_measure_is_named(evaluate, tmp_path):
    rng = np.random.default_rng(0)
    data = OwnImages("mine", rng.random((60, 3, 4)), np.arange(60) % 3)
    cfg = PIXELS.replace(data=data.cfg, pixels=dict(pooled=True))
    model = IndependentPixels(cfg, tmp_path / "runs", data)
    model.train(1)
    status, _, errors = evaluate("compare", model.logging_and_saving_dir)
    assert status == 1
    assert re.search(f"{model.logging_and_saving_dir.name} .*evaluation.extractors", errors)
