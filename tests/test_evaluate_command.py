"""`python -m thrmlDenoising.evaluate` as its user meets it."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image
from tiny import TINY, copy_of_run, finished, python, record, tiny_cfg, trained

import thrmlDenoising.evaluate.__main__ as command
import thrmlDenoising.evaluate.compare as comparing
from thrmlDenoising import DTM
from thrmlDenoising.families.dtm.hardware_energy import QUOTED_TOTALS
from thrmlDenoising.plots import ComparedRun
from thrmlDenoising.runs import History

N_CLASSES, N_STEPS = 3, TINY.diffusion_schedule.num_diffusion_steps
ACCURACIES = {
    "free_exact_accuracy": (10.0, 90.5, 40.0),
    "clamped_exact_accuracy": (50.0, 60.0, 70.0),
}
Outcome = tuple[int | str | None, str, str]


@pytest.fixture
def evaluate(monkeypatch, capsys, tmp_path) -> Callable[..., Outcome]:
    """Runs the command in an empty folder; returns exit status, output and error output."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, arguments)])
        status = 0
        try:
            command.main()
        except SystemExit as stopped:
            status = stopped.code
        out, errors = capsys.readouterr()
        # sys.exit(message) prints the message and exits with 1.
        return (1, out, errors + status) if isinstance(status, str) else (status, out, errors)

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> DTM:
    """Trained for 4 epochs and evaluated at 0, 2 and 4; tests damage copies of its run."""
    return trained(tmp_path_factory.mktemp("runs"), 4)


@pytest.fixture
def run(model, tmp_path) -> Path:
    return copy_of_run(model, tmp_path)


def forged(folder: Path, name: str, **metrics: tuple[float, ...]) -> Path:
    """An untrained run whose history says that in epochs 1, 2, ... these metrics were measured."""
    dtm = DTM(tiny_cfg(exp=dict(descriptor=name)), base_dir=folder)
    dtm.history = History(
        record(epoch, 1.0, (None,) * N_STEPS, **dict(zip(metrics, values, strict=True)))
        for epoch, values in enumerate(zip(*metrics.values(), strict=True), start=1)
    )
    dtm.save_epoch()
    return dtm.logging_and_saving_dir


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every Markdown table: a header, dashes, and rows, all of one length."""
    blocks = re.findall(r"(?:^\|.*\|\n?)+", text, re.MULTILINE)
    found = [[re.findall(r"[^|]+", line) for line in block.splitlines()] for block in blocks]
    found = [[[cell.strip() for cell in row] for row in table] for table in found]
    for table in found:
        assert (len({len(row) for row in table}), len(table) > 2) == (1, True)
        assert all(re.fullmatch("-{3,}", cell) for cell in table[1])
    return found


def test_the_last_checkpoint_is_measured_printed_and_written(evaluate, run, model):
    status, out, errors = evaluate(run)
    assert (status, errors) == (0, "")
    assert out.splitlines()[-1] == f"written to {run / 'evaluations' / 'epoch4_full.json'}"
    content = json.loads((run / "evaluations" / "epoch4_full.json").read_text())
    assert content["epoch"] == 4
    *by_mode, mixing = tables(out)
    for mode, table in zip(("free", "clamped"), by_mode, strict=True):
        assert f"{mode} images of epoch 4" in out
        check_report(content[mode], table)
        found = {f"{mode}_{row['name']}": row["value"] for row in content[mode]["measurements"]}
        assert found.items() <= model.history.records[-1].metrics.items(), "as in training"
    assert [row[0] for row in mixing[2:]] == [str(index) for index in range(N_STEPS)]
    assert content["mixing"]["beta"] == TINY.sampling.training_beta
    for step, trained_step in zip(content["mixing"]["steps"], model.steps, strict=True):
        assert step["curve"][0] == pytest.approx(1)
        assert step["replication_autocorrelation"] == trained_step.autocorrelations[4]
        for name in ("integrated_time", "effective_sample_size_of_a_chain"):
            assert 0 < step[name]["low"] <= step[name]["high"]
    energy = content["hardware_energy"]
    assert sum(energy["parts"].values()) == pytest.approx(energy["joules"], rel=1e-12)
    for line in (*energy["assumptions"].splitlines(), f"{energy['joules']:.3e} J per sample"):
        assert line in out
    assert 'E_cell "figure_1": 1.60 fJ' in energy["assumptions"]


def check_report(report: dict[str, Any], table: list[list[str]]) -> None:
    real = report["reference"]
    assert (real["dataset"], real["split"]) == (TINY.data.dataset_name, "train")
    assert (real["threshold"], real["classes"]) == (0.1, list(range(N_CLASSES)))
    assert report["measurements"]
    for found, shown in zip(report["measurements"], table[2:], strict=True):
        assert found["low"] <= found["value"] <= found["high"]
        assert found["n_images"] == N_CLASSES * TINY.generation.fid_images_per_digit
        assert shown[:2] == [found["name"], f"{found['value']:.4g}"]
        assert shown[2] == f"{found['low']:.4g} to {found['high']:.4g}"
        assert shown[3:5] == [found["extractor"], str(found["n_images"])]
        assert re.fullmatch("[0-9a-f]{16}", found["reference"])
        assert shown[-1] == found["reference"]


def test_json_is_json_to_other_languages_too(evaluate, run):
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    evaluate(run, "--output", "a.json")
    json.loads(Path("a.json").read_text(), parse_constant=refuse)


def test_any_checkpoint_with_other_images_to_another_place(evaluate, run):
    before = contents(run)
    options = ("--epoch", 2, "--images-per-class", 3, "--output", "new/here.json")
    status, out, _ = evaluate(run / "model_saving", *options)
    assert (status, out.splitlines()[-1]) == (0, "written to new/here.json")
    content = json.loads(Path("new/here.json").read_text())
    assert content["epoch"] == 2
    for mode in ("free", "clamped"):
        assert {row["n_images"] for row in content[mode]["measurements"]} == {N_CLASSES * 3}
    assert contents(run) == before
    assert [path.name for path in Path("new").iterdir()] == ["here.json"]


@pytest.mark.slow
def test_a_moved_run_of_nothing_but_checkpoints_gives_the_same_numbers(evaluate, run, tmp_path):
    evaluate(run, "--output", "here.json")
    alone = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(run / "model_saving", alone / "model_saving")
    before = contents(alone)
    out = finished(python("-m", "thrmlDenoising.evaluate", alone))
    written = alone / "evaluations" / "epoch4_full.json"
    assert str(written) in out
    assert written.read_text() == Path("here.json").read_text()
    written.unlink()
    assert contents(alone) == before
    assert list(alone.parent.iterdir()) == [alone], "no other run folder is begun"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: run"),
        (["nowhere"], "no such folder"),
        (["."], "no run folder"),
        (["RUN", "--epoch", "77"], "Complete are the epochs 0, 1, 2, 3, 4"),
        (["RUN", "--images-per-class", "0"], "0 images a class"),
        (["RUN", "--nonsense"], "--nonsense"),
        (["RUN", "--output", "RUN"], "is a folder"),
        (["compare"], "required: runs"),
        (["compare", "RUN", "nowhere"], "no such folder"),
        (["compare", "RUN", "RUN"], "give every run once"),
        (["controls", "fashion_mnits"], "you mean 'fashion_mnist"),
        (["controls", "--extractor", "clasifier"], "clasifier"),
        (["controls", "--threshold", "2"], "[0, 1)"),
        (["controls", "--images", "0"], "--images 0: use at least 100"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(evaluate, run, arguments, message):
    before = contents(run)
    status, _, errors = evaluate(*(run if word == "RUN" else word for word in arguments))
    assert status in (1, 2)
    assert "error: " in errors
    assert message in errors
    assert contents(run) == before
    assert not list(Path.cwd().iterdir())


def test_runs_of_different_lengths_are_drawn_with_what_they_cost(evaluate, run, tmp_path, model):
    other = forged(tmp_path, "other", **ACCURACIES)
    before = contents(tmp_path)
    status, out, errors = evaluate("compare", run, other)
    assert (status, errors) == (0, "")
    assert np.asarray(Image.open("comparison.png").convert("L")).std() > 1
    ours, theirs = out.split(f"{other.name}: ", maxsplit=1)
    assert re.findall(r"(free|clamped) .*: (best .*)", theirs) == [
        ("free", "best 90.5 at epoch 2, last 40"),
        ("clamped", "best 70 at epoch 3, last 70"),
    ]
    for mode, values in model.fids_dict.items():
        best, last = f"{max(values):.4g}", f"{values[-1]:.4g}"
        assert re.search(rf"{mode} .*: best {best} at epoch [024], last {last}\n", ours)
    # 3 examples x 2 steps x 10 sweeps x (10 hidden nodes + 16 nodes)
    assert out.count(" seconds, 1.56e+03 spin updates an epoch") == 2
    Path("comparison.png").unlink()
    assert contents(tmp_path) == before


def test_of_distances_the_least_is_the_best(evaluate, tmp_path):
    one = forged(tmp_path, "one", free_classifier_fd=(50.0, 30.25, 40.0), **ACCURACIES)
    _, out, _ = evaluate("compare", one, "--output", "new/a.png")
    assert "free classifier FD: best 30.25 at epoch 2, last 40" in out
    assert [path.name for path in Path("new").iterdir()] == ["a.png"]


def test_intervals_are_drawn_where_all_were_written_down(evaluate, run, monkeypatch):
    drawn: list[ComparedRun] = []
    monkeypatch.setattr(comparing, "draw_comparison", lambda runs, *_: drawn.extend(runs))
    evaluate("compare", run)
    (run / "evaluations" / "epoch2.json").unlink()
    assert evaluate("compare", run)[0] == 0
    for mode in ("free", "clamped"):
        with_intervals, without = (found.metric[mode] for found in drawn)
        assert with_intervals.interval is not None
        low, high = with_intervals.interval
        assert ((low <= with_intervals.values) & (with_intervals.values <= high)).all()
        assert without.interval is None


def test_runs_of_different_metrics_are_named(evaluate, run, tmp_path):
    other = forged(tmp_path, "other", free_fid=(3.0, 2.0))
    status, out, errors = evaluate("compare", run, other)
    assert (status, out) == (1, "")
    assert all(word in errors for word in (run.name, other.name, "in common"))
    assert not list(Path.cwd().iterdir())


def test_a_run_that_was_never_evaluated_is_named(evaluate, run, tmp_path):
    other = forged(tmp_path, "other")
    status, _, errors = evaluate("compare", run, other)
    assert status == 1
    assert f"no images of {other.name} have been evaluated yet" in errors


def test_runs_of_one_name_in_two_folders_are_told_apart(evaluate, run, tmp_path):
    other = Path(shutil.copytree(run, tmp_path / "elsewhere" / run.name))
    status, out, _ = evaluate("compare", run, other)
    assert status == 0
    assert f"{run}: " in out
    assert f"{other}: " in out


def test_a_damaged_evaluation_is_named_with_what_to_do(evaluate, run):
    file = run / "evaluations" / "epoch2.json"
    for content in (file.read_text()[:100], "{}"):
        file.write_text(content)
        status, _, errors = evaluate("compare", run)
        assert status == 1
        assert f"{file} is damaged" in errors
        assert "delete it" in errors


def test_values_that_are_no_numbers_are_not_the_best(evaluate, tmp_path):
    one = forged(tmp_path, "one", free_classifier_fd=(float("nan"), 30.25, 40.0))
    _, out, _ = evaluate("compare", one)
    assert "best 30.25 at epoch 2, last 40" in out


def test_runs_measured_in_different_ways_are_pointed_out(evaluate, run, tmp_path):
    other = Path(shutil.copytree(run, tmp_path / "other"))
    assert "same way" not in evaluate("compare", run, other)[1]
    file = other / "evaluations" / "epoch4.json"
    file.write_text(file.read_text().replace('"n_images": 12', '"n_images": 13'))
    out = evaluate("compare", run, other)[1]
    assert "perhaps not measured in the same way" in out
    assert "other: 13 generated, by exact match against dataset smoke_testing_3_1_3" in out
    shutil.rmtree(other / "evaluations")
    assert "other: no longer written down" in evaluate("compare", run, other)[1]


def test_intervals_of_another_measurement_are_not_drawn(evaluate, run, monkeypatch):
    """Images of an epoch may be judged again; the history keeps what training measured."""
    drawn: list[ComparedRun] = []
    monkeypatch.setattr(comparing, "draw_comparison", lambda runs, *_: drawn.extend(runs))
    file = run / "evaluations" / "epoch2.json"
    content = json.loads(file.read_text())
    for row in content["free"]["measurements"]:
        row["value"] += 1e-3
    file.write_text(json.dumps(content))
    evaluate("compare", run)
    assert drawn[0].metric["free"].interval is None
    assert drawn[0].metric["clamped"].interval is not None


@pytest.mark.slow
def test_controls_stand_in_one_table(evaluate):
    status, out, errors = evaluate("controls", "fashion_mnist_10k", "--images", 300)
    assert (status, errors) == (0, "")
    assert "threshold 0.1" in out
    ((header, _, *rows),) = tables(out)
    cells = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert header[1:] == [
        "training images (300)",
        "test images (300)",
        "test images, classes shuffled (300)",
        "training images, wrong threshold (300)",
        "independent pixels (300)",
    ]
    train, test, shuffled, wrong, independent = header[1:]

    def value(control: str, metric: str) -> float:
        return float(cells[metric][control].split()[0])

    for control in (train, test, wrong):
        assert value(control, "classifier_fd") < value(independent, "classifier_fd") / 2
    assert value(train, "nearest_train_distance") == 0
    assert min(value(control, "nearest_train_distance") for control in (test, wrong)) > 0
    # By chance 10 +- 1.7 per cent are right.
    assert value(shuffled, "conditional_accuracy") < 20 < value(test, "conditional_accuracy")
    assert cells["conditional_accuracy"][independent] == "-"


def test_mixing_has_an_entry_a_step(model):
    found = model.mixing()
    assert len(found) == N_STEPS
    for step in found:
        assert np.isfinite(step.curve.values).all()
        assert np.isfinite([step.integrated_time, step.effective_sample_size]).all()
        assert np.isnan(step.slowest_decay.value) or step.slowest_decay.value > 0


def test_hardware_energy_of_a_model(model):
    n_sweeps = TINY.generation.steps_warmup
    joules = {e_cell: model.hardware_energy(e_cell).joules for e_cell in QUOTED_TOTALS}
    assert model.hardware_energy().joules == joules["figure_1"]
    # Totals differ by bias and clock alone, which a cell spends on any grid.
    difference = QUOTED_TOTALS["text"] - QUOTED_TOTALS["program"]
    expected = N_STEPS * n_sweeps * 4 * 4 * difference
    assert joules["text"] - joules["program"] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"'figure1'.*text, program, figure_1"):
        model.hardware_energy("figure1")
