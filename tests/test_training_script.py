"""training_script.py as its user meets it."""

import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from tiny import REPOSITORY, TINY, finished, python, rest_slow, tiny_cfg

from thrmlDenoising import DTM, DTMConfig, make_cfg

SCRIPT = REPOSITORY / "training_script.py"


@pytest.fixture
def script(monkeypatch, capfd, tmp_path) -> Callable[..., tuple[int | str | None, str, str]]:
    """Runs the script in an empty folder; returns its exit status, output and error output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as stopped:
            status = stopped.code
        out, errors = capfd.readouterr()
        # sys.exit(message) prints the message and exits with 1.
        return (1, out, errors + status) if isinstance(status, str) else (status, out, errors)

    return run


@pytest.fixture
def tiny_yaml(tmp_path) -> Path:
    path = tmp_path / "tiny.yaml"
    TINY.save(path)
    return path


def only_run_in(folder: Path) -> Path:
    (run,) = folder.iterdir()
    return run


def words_of(text: str) -> str:
    """The text without the frames and line breaks of a terminal."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


# Running


def test_a_yaml_file_with_overrides_is_trained_into_the_output_folder(script, tiny_yaml, tmp_path):
    overrides = ["--exp.seed", "7", "--optim.step_learning_rates", "0.01", "0.02"]
    status, out, errors = script(
        tiny_yaml, *overrides, "--epochs", "2", "--evaluate_every", "1", "--output_dir", "here"
    )
    assert (status, errors) == (0, "")
    run = only_run_in(tmp_path / "here")
    assert f"run folder: {run}" in out
    wanted = tiny_cfg(exp=dict(seed=7), optim=dict(step_learning_rates=(0.01, 0.02)))
    assert DTMConfig.load(run / "model_saving/config.yaml") == wanted
    dtm = DTM.load(run)
    assert (dtm.epoch, dtm.eval_epochs) == (2, [0, 1, 2])
    assert not (tmp_path / "model_logging_and_saving").exists()


@pytest.mark.parametrize("spelling", rest_slow(["--resume {}", "--resume={}"]))
def test_a_run_is_resumed_with_its_own_config(script, tiny_yaml, tmp_path, spelling):
    script(tiny_yaml, "--epochs", "1", "--output_dir", "runs")
    run = only_run_in(tmp_path / "runs")
    status, out, errors = script("--epochs", "1", *spelling.format(run).split())
    assert (status, errors) == (0, "")
    assert str(run) in out
    assert DTM.load(run).epoch == 2
    assert only_run_in(tmp_path / "runs") == run


def test_a_yaml_file_that_does_not_fit_the_resumed_run_is_refused(script, tiny_yaml, tmp_path):
    script(tiny_yaml, "--epochs", "1", "--output_dir", "runs")
    run = only_run_in(tmp_path / "runs")
    TINY.replace(exp=dict(seed=7)).save(tmp_path / "other.yaml")
    status, _, errors = script(tmp_path / "other.yaml", "--resume", run)
    assert status == 1
    assert "exp.seed" in errors
    assert DTM.load(run).epoch == 1


@pytest.mark.slow
def test_it_runs_as_a_program_of_its_own(tiny_yaml, tmp_path):
    process = python(SCRIPT, tiny_yaml, "--epochs", "1", "--output-dir", tmp_path / "runs")
    assert str(only_run_in_lines(finished(process))) == str(only_run_in(tmp_path / "runs"))


def only_run_in_lines(out: str) -> Path:
    (line,) = [line for line in out.splitlines() if line.startswith("run folder: ")]
    return Path(line.removeprefix("run folder: "))


# Help


def test_help_lists_every_option_with_its_meaning(script):
    status, out, _ = script("--help")
    assert status == 0
    text = words_of(out)
    options = {
        name.replace("_", "-"): meaning
        for name, meaning in re.findall(r"--([\w.-]+) (.*?)(?= --[a-z]|$)", text)
    }
    for option in ("epochs", "evaluate-every", "resume", "output-dir"):
        assert len(options[option].split()) > 5, option
    cfg = DTMConfig()
    for section in fields(cfg):
        for field in fields(getattr(cfg, section.name)):
            name = f"{section.name}.{field.name}".replace("_", "-")
            assert len(options[name].split()) > 5, name


def test_help_shows_what_a_plain_run_does(script):
    _, out, _ = script("--help")
    assert "(default: fashion_mnist_10k)" in words_of(out)
    _, short, _ = script("--help")
    assert re.search(r"--epochs INT .*?\(default: \d+\)", words_of(short))


def test_help_with_a_yaml_file_shows_its_values(script, tmp_path):
    make_cfg(sampling=dict(n_samples=1234)).save(tmp_path / "own.yaml")
    _, out, _ = script("own.yaml", "--help")
    assert "(default: 1234)" in words_of(out)


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sampling.batch_size", "0"], "sampling.batch_size must be an integer of at least 1"),
        (["--sampling.batch_size", "many"], "many"),
        (["--sampling.batchsize", "3"], "--sampling.batch"),
        (["--nonsense"], "--nonsense"),
        (["--graph.graph_preset_architecture", "61_12"], "61"),
        (["--data.dataset_name", "fashion_mnits"], "you mean 'fashion_mnist"),
        (["--cp.adaptive_cp", "True", "--exp.compute_autocorr", "False"], "adaptive_cp"),
        (["--epochs", "0"], "n_epochs=0"),
        (["--resume", "nowhere"], "no such folder"),
        (["--resume=nowhere"], "no such folder"),
        (["--resume", "."], "no run folder"),
        (["--resume"], "--resume"),
        (["missing.yaml"], "there is no config file 'missing.yaml'"),
        (["."], "error"),
        (["bad.yaml"], "did you mean 'batch_size'"),
        (["broken.yaml"], "broken.yaml"),
        (["binary.yaml"], "binary.yaml"),
        (["tiny.yaml", "other.yaml"], "other.yaml"),
        (["tiny.yaml", "--output_dir", "tiny.yaml"], "tiny.yaml"),
        (
            ["--data.dataset_name", "mnist", "--data.data_dir", "nowhere"],
            "nowhere",
        ),
    ],
)
def test_mistakes_are_explained_without_a_traceback(
    script, tiny_yaml, tmp_path, arguments, message
):
    (tmp_path / "bad.yaml").write_text("sampling: {batch_sise: 3}")
    (tmp_path / "broken.yaml").write_text("sampling: {")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x81")
    before = sorted(tmp_path.iterdir())
    status, out, errors = script(*arguments)
    assert status not in (0, None)
    shown = words_of(out + errors)
    assert message in shown
    assert "Traceback" not in shown
    assert sorted(tmp_path.iterdir()) == before, "a run that cannot start leaves nothing behind"


def test_a_run_of_another_config_is_not_resumed(script, tiny_yaml, tmp_path):
    script(tiny_yaml, "--epochs", "1", "--output_dir", "runs")
    run = only_run_in(tmp_path / "runs")
    status, _, errors = script("--resume", run, "--exp.seed", "3")
    assert status == 1
    assert "exp.seed (42 there, 3 here)" in errors
    assert DTM.load(run).epoch == 1
