"""`python -m thrmlDenoising.display` as its user meets it, and `--set`, which `evaluate` has too.

Whatever is drawn beside a run, or set for it, leaves the run as it was.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import SLOW, TINY, copy_of_run, trained

import thrmlDenoising.display.__main__ as display_program
import thrmlDenoising.evaluate.__main__ as evaluate_program
from thrmlDenoising import DTM
from thrmlDenoising.evaluate.opening import replaced, settings
from thrmlDenoising.families.hierarchy import HierarchyDiffusion, make_cfg
from thrmlDenoising.families.independent import IndependentConfig, IndependentPixels

Outcome = tuple[int, str, str]
Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path) -> Command:
    """Runs a program in an empty folder; returns exit status, output and error output."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*words: object, program=display_program) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, words)])
        status, said = 0, ""
        try:
            program.main()
        except SystemExit as stopped:
            status, said = (1, stopped.code) if isinstance(stopped.code, str) else (2, "")
        out, errors = capsys.readouterr()
        return status, out, errors + said

    return run


@pytest.fixture(scope="module", params=SLOW)
def model(tmp_path_factory) -> DTM:
    """Trained for 2 epochs; tests take copies of its run."""
    return trained(tmp_path_factory.mktemp("runs"), 2)


@pytest.fixture
def run(model, tmp_path) -> Path:
    return copy_of_run(model, tmp_path)


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def written_by(out: str) -> list[str]:
    return [line.removeprefix("written to ") for line in out.splitlines() if "written to" in line]


def n_judged(file: str) -> int:
    return json.loads(Path(file).read_text())["free"]["measurements"][0]["n_images"]


def pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file).convert("L"))


def test_the_pictures_of_training_are_drawn_again_beside_its_numbers(command, run, model):
    before = files_in(run)
    status, out, errors = command(run)
    assert (status, errors) == (0, "")
    place = run / "display_epoch2"
    pictures = ["images/epoch2_clamped.png", "images/epoch2_free.png"]
    assert files_in(place) == pictures
    assert sorted(written_by(out)) == [str(place / name) for name in pictures]
    assert sorted(before + [f"display_epoch2/{name}" for name in pictures]) == files_in(run)
    for name in pictures:
        np.testing.assert_array_equal(pixels(place / name), pixels(run / name))
    for name, value in model.history.records[-1].metrics.items():
        assert f"| {name} | {value:.4g} |" in out


def test_epoch_number_output_and_settings_do_something(command, run):
    before = files_in(run)
    words = ("--epoch", 0, "--n", 3, "--output", "new/here")
    drawn = ("exp.drawn_images_per_digit=3", "exp.generate_gif=true", "exp.descriptor=x")
    status, out, _ = command(run / "model_saving", *words, "--set", *drawn)
    assert status == 0
    assert files_in(Path("new/here")) == [
        "gifs/epoch0_clamped.gif",
        "gifs/epoch0_free.gif",
        "images/epoch0_clamped.png",
        "images/epoch0_free.png",
    ]
    assert files_in(run) == before
    assert "images of epoch 0" in out
    two, three = (
        pixels(folder / "images" / "epoch0_free.png") for folder in (run, Path("new/here"))
    )
    assert three.shape[1] > two.shape[1]


def test_fewer_images_than_are_drawn_are_all_drawn(command, run):
    assert command(run, "--n", 1)[0] == 0
    one, two = (
        pixels(run / name / "images" / "epoch2_free.png") for name in ("display_epoch2", "")
    )
    assert one.shape[1] < two.shape[1]
    status, _, errors = command(run, "--n", 1, "--set", "exp.drawn_images_per_digit=2")
    assert status == 1
    assert "draw fewer or generate more" in errors


def test_a_config_without_pictures_has_numbers_alone(command, run):
    status, out, _ = command(run, "--set", "exp.drawn_images_per_digit=0")
    assert status == 0
    assert "| free_exact_accuracy |" in out
    assert "nothing is drawn" in out
    assert not (run / "display_epoch2").exists()


@pytest.mark.slow
def test_strings_of_a_grammar_are_drawn_with_their_trees(command, tmp_path):
    cfg = make_cfg(
        hierarchy=dict(n_symbols=3, n_classes=2, n_synonyms=2, n_layers=2, n_train=8, n_test=8),
        denoiser=dict(kind="exact"),
        process=dict(n_timesteps=4, schedule="cosine_squared"),
        optim=dict(batch_size=8),
        generation=dict(n_judged=40),
    )
    model = HierarchyDiffusion(cfg, tmp_path)
    model.save_epoch()
    run = model.logging_and_saving_dir
    status, out, errors = command(run, "--n", 4, "--set", "generation.n_steps=2")
    assert (status, errors) == (0, "")
    assert "strings of epoch 0" in out
    assert files_in(run / "display_epoch0") == ["images/epoch0_free.png", "rule_usage.png"]
    command(run, "--output", "forty")
    few, many = (
        pixels(folder / "images" / "epoch0_free.png")
        for folder in (run / "display_epoch0", Path("forty"))
    )
    assert few.shape[0] < many.shape[0]
    words = ("--set", "generation.n_judged=7", "--output", "a.json")
    command(run, *words, program=evaluate_program)
    assert n_judged("a.json") == 7


def test_a_family_of_images_animates_where_its_config_says_so(command, tmp_path):
    cfg = IndependentConfig().replace(
        data=dict(dataset_name="smoke_testing_3_2_5"), generation=dict(fid_images_per_digit=4)
    )
    model = IndependentPixels(cfg, tmp_path)
    model.save_epoch()
    assert command(model.logging_and_saving_dir, "--output", "here")[0] == 0
    assert "gifs/epoch0_free.gif" in files_in(Path("here"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: run"),
        (["RUN", "--epoch", "77"], "Complete are the epochs 0, 1, 2"),
        (["RUN", "--n", "0"], "generation.fid_images_per_digit must be"),
        (["RUN", "--set", "exp.seed=1"], "exp.seed: the model was trained with it"),
        (["RUN", "--set", "exp.seed=1"], "--set takes data.data_dir, "),
        (["RUN", "--set", "exp.drawn_images_per_digt=1"], "mean 'exp.drawn_images_per_digit'?"),
        (["RUN", "--set", "nonsense"], "write section.field=value"),
        (["RUN", "--set", "exp.drawn_images_per_digit=two"], "must be an integer"),
        (["RUN", "--set", "exp.drawn_images_per_digit=[1"], "no valid YAML"),
        (["RUN", "--set", "exp.n_cores=1", "--set", "exp.n_cores=2"], "more than once"),
        (["RUN", "--output", "RUN/metrics.csv"], "cannot be written into"),
    ],
)
def test_mistakes_are_explained_and_leave_nothing(command, run, words, message):
    before = files_in(run)
    status, out, errors = command(*(word.replace("RUN", str(run)) for word in words))
    assert (status in (1, 2), out) == (True, "")
    assert "error: " in errors
    assert message in errors
    assert files_in(run) == before
    assert not list(Path.cwd().iterdir())


@pytest.mark.parametrize("link", ["display_epoch2", "display_epoch2/images"])
def test_nothing_is_written_through_a_link_in_a_run(command, run, tmp_path, link):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / link).parent.mkdir(exist_ok=True)
    (run / link).symlink_to(elsewhere)
    status, _, errors = command(run)
    assert status == 1
    assert "is a link" in errors
    assert not list(elsewhere.iterdir())


# --- evaluate


def test_evaluations_know_the_short_name_and_settings_too(command, run):
    for words in (("--n", 3), ("--images-per-class", 3), ("--set", "exp.seed=3")):
        before = files_in(Path.cwd())
        status, _, errors = command(run, *words, "--output", "a.json", program=evaluate_program)
        if words[0] == "--set":
            assert (status, files_in(Path.cwd())) == (1, before)
            assert "exp.seed: the model was trained with it" in errors
            continue
        assert n_judged("a.json") == 9
        Path("a.json").unlink()


def test_an_option_and_a_setting_of_one_field_are_refused(command, run):
    words = (run, "--data-dir", "a", "--set", "data.data_dir=b")
    status, _, errors = command(*words, program=evaluate_program)
    assert status == 1
    assert "--set data.data_dir and an option" in errors


# --- what is set


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("exp.steps_per_sample_in_gif=3", 3),
        ("exp.generate_gif=true", True),
        ("exp.descriptor=a=b", "a=b"),
        ("data.data_dir=null", None),
        ("data.data_dir=", None),
        ("evaluation.extractors=[classifier, inception]", ("classifier", "inception")),
    ],
)
def test_values_are_yaml(word, value):
    changed = replaced(TINY, settings(TINY, [word]))
    name = word.partition("=")[0]
    assert changed.flat()[name] == value
    assert {*changed.differing(TINY)} <= {name}


def test_fields_that_go_together_are_set_together():
    words = ["exp.generate_gif=true", "exp.animated_images_per_digit=3"]
    none = TINY.replace(exp=dict(animated_images_per_digit=0))
    assert replaced(none, settings(none, words)).exp.animated_images_per_digit == 3
