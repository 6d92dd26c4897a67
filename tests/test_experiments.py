"""Experiments: variants of a config trained side by side, into tables; figures drawn from them."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from tiny import REPOSITORY, python, record, tiny_cfg

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.experiments import (
    Experiment,
    Experiments,
    FigureData,
    PaperFigure,
    Places,
    Run,
    RunTable,
    config_hash,
    train_all,
    train_command,
    train_run,
)
from thrmlDenoising.families.hierarchy import HierarchyConfig
from thrmlDenoising.families.independent import IndependentConfig
from thrmlDenoising.quality import DISTANCE_METRICS
from thrmlDenoising.runs import EpochRecord, History, InUseError, complete_epochs
from thrmlDenoising.training.results import AUTOCORRELATION

VARIANTS = {"plain": dict(cp=dict(adaptive_cp=False)), "adaptive": {}}
SCALE = Experiment(tiny_cfg(), VARIANTS, n_epochs=3, evaluate_every=2, seeds=(0, 1))
NAMES = ["plain_seed0", "adaptive_seed0", "plain_seed1", "adaptive_seed1"]


MEASURED_AGAIN = {"seconds per sample": "", "date": ""}


def places_in(folder: Path) -> Places:
    return Places(folder / "tables", folder / "runs")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Places:
    """All four runs, two at once."""
    places = places_in(tmp_path_factory.mktemp("experiment"))
    train_all(SCALE.runs(), places, n_jobs=2)
    return places


def fail(*_: object) -> None:
    raise AssertionError("trains what is finished")


@dataclass(frozen=True)
class Deadly(Run):
    """Kills the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (1,)


class TestRuns:
    def test_every_variant_with_every_seed_the_first_seed_first(self):
        runs = SCALE.runs()
        assert [run.name for run in runs] == NAMES
        assert [run.cfg.exp.seed for run in runs] == [0, 0, 1, 1]
        assert [run.cfg.cp.adaptive_cp for run in runs] == [False, True, False, True]
        assert {run.n_epochs for run in runs} == {3}

    def test_a_wrong_variant_is_named(self):
        with pytest.raises(ValueError, match="evaluate_every=0: a run of an experiment"):
            Experiment(tiny_cfg(), {}, 1, 0)
        with pytest.raises(ValueError, match="n_epochs=0"):
            Experiment(tiny_cfg(), {}, 0, 1)
        scale = Experiment(tiny_cfg(), {"a": dict(cp=dict(adaptive=True))}, 1, 1)
        with pytest.raises(ValueError, match="adaptive_cp"):
            scale.runs()


@pytest.mark.slow
class TestTraining:
    @pytest.mark.slow
    def test_leaves_a_table_a_run_with_its_facts(self, trained):
        assert sorted(path.stem for path in trained.tables.iterdir()) == sorted(NAMES)
        for run in SCALE.runs():
            table = RunTable.read(trained.table(run))
            assert table.facts["config hash"] == config_hash(run.cfg)
            assert table.facts["data"] == "smoke_testing_3_1_3"
            assert table.facts["pixel threshold"] == "0.1"
            assert {"machine", "date", "seconds", "joules per sample, E_cell text"} < set(
                table.facts
            )
            assert list(table.columns) == ["epoch", "seconds", "autocorr_step_0", "autocorr_step_1"]
            assert table.columns["epoch"][-1] == 3

    def test_of_strings_a_table_has_all_that_was_measured(self, tmp_path):
        cfg = HierarchyConfig().replace(
            hierarchy=dict(n_symbols=3, n_classes=2, n_synonyms=2, n_layers=1, n_train=2, n_test=2),
            denoiser=dict(kind="exact"),
            process=dict(n_timesteps=2, schedule="cosine_squared"),
            optim=dict(batch_size=2),
            generation=dict(n_judged=20),
        )
        (run,) = Experiment(cfg, {"strings": {}}, n_epochs=1, evaluate_every=1).runs()
        places = Places(tmp_path / "tables", tmp_path / "runs")
        train_all([run], places, n_jobs=1)
        table = RunTable.read(places.table(run))
        assert table.facts["data"].startswith("hierarchy of 1 layers")
        assert table.columns["free_validity_1"].tolist() == [100, 100]
        assert table.columns["kl_to_exact_0"] == pytest.approx([0, 0], abs=1e-6)
        assert {"training strings", "strings judged", "seconds per sample"} < set(table.facts)

    def test_tables_hold_what_the_models_remember(self, trained):
        run = SCALE.runs()[1]
        records = DTM.load(trained.folder(run)).history.records
        table = RunTable.read(trained.table(run))
        by_step = np.array([record.per_part["autocorr_step"] for record in records]).T
        for step, values in enumerate(by_step):
            np.testing.assert_allclose(table.columns[f"autocorr_step_{step}"], values, rtol=1e-5)

    def test_is_not_done_twice(self, trained, monkeypatch, capsys):
        monkeypatch.setattr("thrmlDenoising.experiments.training.train_run", fail)
        train_all(SCALE.runs(), trained, n_jobs=1)
        printed = capsys.readouterr().out
        assert "4 of 4 runs are there" in printed
        assert "replaced" not in printed

    @pytest.mark.parametrize("change", [dict(exp=dict(seed=5)), dict(cp=dict(cp_min=0.5))])
    def test_another_config_is_another_run(self, trained, change):
        (first, *_) = SCALE.runs()
        other = type(first)(first.name, first.cfg.replace(**change), 3, 2)
        assert trained.is_finished(first)
        assert not trained.is_finished(other)
        assert trained.folder(other) is None

    @pytest.mark.slow
    def test_goes_on_from_where_it_stopped_and_adds_up_the_seconds(self, trained, tmp_path):
        (first, *_) = SCALE.runs()
        longer = type(first)(first.name, first.cfg, 5, 2)
        assert not trained.is_finished(longer)
        places = places_in(tmp_path)
        shutil.copytree(trained.runs, places.runs)
        (seconds,) = places.runs.glob("plain_seed0_*/seconds.txt")
        seconds.write_text("1000\n", encoding="utf-8")
        assert train_run(longer, places) > 1000
        at_once = places_in(tmp_path / "at_once")
        assert train_run(longer, at_once) < 1000
        resumed, whole = (RunTable.read(p.table(longer)) for p in (places, at_once))
        assert float(resumed.facts["seconds"]) > 1000 > float(whole.facts["seconds"])
        assert len(list(places.runs.glob("plain_seed0_*"))) == 1
        # Epoch 3 was the last of the shorter run, and so was measured there alone.
        for name, values in whole.columns.items():
            if name == "seconds":
                continue
            kept = resumed.columns[name][resumed.columns["epoch"] != 3]
            np.testing.assert_array_equal(kept, values[whole.columns["epoch"] != 3])

    def test_a_run_that_stopped_at_its_end_only_lacks_its_table(
        self, trained, tmp_path, monkeypatch
    ):
        run = SCALE.runs()[0]
        places = places_in(tmp_path)
        shutil.copytree(trained.runs, places.runs)
        monkeypatch.setattr(DTM, "train", fail)
        train_run(run, places)
        remade, first = (RunTable.read(p.table(run)) for p in (places, trained))
        for name in first.columns:
            np.testing.assert_array_equal(remade.columns[name], first.columns[name])
        assert {**remade.facts, **MEASURED_AGAIN} == {**first.facts, **MEASURED_AGAIN}

    def test_a_longer_training_is_not_passed_off_as_a_shorter_one(self, trained):
        (first, *_) = SCALE.runs()
        with pytest.raises(ValueError, match=r"plain_seed0_.* 3 epochs already, .* have 2"):
            train_run(type(first)(first.name, first.cfg, 2, 2), trained)

    def test_a_process_that_dies_is_told_so(self, tmp_path, monkeypatch):
        with pytest.raises(RuntimeError, match=r"process died.*fewer --jobs"):
            train_all([Deadly("deadly", tiny_cfg(), 1, 1)], places_in(tmp_path), n_jobs=1)

    @pytest.mark.slow
    def test_a_failure_is_named_and_does_not_stop_the_others(self, tmp_path):
        broken = dict(data=dict(dataset_name="mnist", data_dir=str(tmp_path / "nothing")))
        runs = Experiment(
            tiny_cfg(sampling=dict(batch_size=4), graph=dict(graph_preset_architecture=44_8)),
            {"broken": broken, "whole": VARIANTS["plain"]},
            1,
            1,
        ).runs()
        places = places_in(tmp_path)
        with pytest.raises(RuntimeError, match="these runs failed: broken_seed0"):
            train_all(runs, places, n_jobs=1)
        assert [places.is_finished(run) for run in runs] == [False, True]

    def test_needs_a_process(self, tmp_path):
        with pytest.raises(ValueError, match="jobs=0"):
            train_all(SCALE.runs(), places_in(tmp_path), n_jobs=0)


ENDLESS = """
import sys
from pathlib import Path
from test_experiments import ENDLESS_RUN, places_in, train_all

if __name__ == "__main__":
    train_all([ENDLESS_RUN], places_in(Path(sys.argv[1])), n_jobs=1)
"""

(ENDLESS_RUN,) = Experiment(
    tiny_cfg(exp=dict(compute_autocorr=False), cp=dict(adaptive_cp=False)),
    {"one": {}},
    n_epochs=10**6,
    evaluate_every=10**6,
).runs()


def wait_until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Zombies, which nobody has waited for, do not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        signal.SIGTERM,
        signal.SIGINT,
    ],
)
def test_a_worker_ends_with_its_parent_and_a_restart_goes_on(tmp_path, monkeypatch, number):
    places = places_in(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(ENDLESS)
    parent = python(script, tmp_path, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}")
    try:
        wait_until(lambda: list(tmp_path.glob("runs/*/model_saving/epoch_002")))
        holder = places.lock(ENDLESS_RUN).with_name(".one_seed0.lock.holder")
        worker = json.loads(holder.read_text())["pid"]
        assert worker != parent.pid
        monkeypatch.setattr("thrmlDenoising.experiments.training._SECONDS_FOR_THE_DYING", 0)
        with pytest.raises(InUseError, match=f"one_seed0 in .* by process {worker}"):
            train_run(ENDLESS_RUN, places)
        parent.send_signal(number)
        wait_until(lambda: not lives(worker))
        parent.communicate(timeout=60)
    finally:
        parent.kill()
    assert parent.returncode != 0

    (folder,) = tmp_path.glob("runs/one_seed0_*")
    epoch = complete_epochs(folder / "model_saving")[-1]
    train_run(replace(ENDLESS_RUN, n_epochs=epoch + 1), places)
    assert [folder] == list(tmp_path.glob("runs/one_seed0_*"))
    assert complete_epochs(folder / "model_saving") == list(range(epoch + 2))


class TestCommand:
    def test_trains_the_runs_it_is_asked_for(self, tmp_path, capsys):
        for run in SCALE.runs():
            table = RunTable({"config hash": config_hash(run.cfg)}, {"epoch": np.array([0.0, 3.0])})
            table.write(tmp_path / "figure" / "laptop" / f"{run.name}.csv")
        seen = []
        train_command(
            tmp_path / "figure",
            {"laptop": SCALE},
            ["--scale", "laptop", "--only", "plain_seed1", "--runs", str(tmp_path / "runs")],
            afterwards=lambda runs, places: seen.append(([run.name for run in runs], places)),
        )
        assert "1 of 1 runs are there" in capsys.readouterr().out
        places = Places(tmp_path / "figure" / "laptop", tmp_path / "runs" / "figure" / "laptop")
        assert seen == [(NAMES, places)]

    def test_a_wrong_name_lists_the_right_ones(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            train_command(
                tmp_path, {"laptop": SCALE}, ["--scale", "laptop", "--only", "plain_seed2"]
            )
        assert "plain_seed2: the runs are plain_seed0, adaptive_seed0" in capsys.readouterr().err
        with pytest.raises(SystemExit, match="error: jobs=0"):
            train_command(tmp_path, {"laptop": SCALE}, ["--scale", "laptop", "--jobs", "0"])


def test_experiments_of_several_families_are_trained_seed_by_seed(tmp_path):
    control = IndependentConfig().replace(
        data=dict(dataset_name="smoke_testing_3_1_3"), generation=dict(fid_images_per_digit=4)
    )
    other = Experiment(control, {"control": {}}, n_epochs=1, evaluate_every=1, seeds=(0, 1))
    runs = Experiments((SCALE, other)).runs()
    names = ["plain", "adaptive", "control"]
    assert [run.name for run in runs] == [f"{name}_seed{n}" for n in (0, 1) for name in names]
    places = places_in(tmp_path)
    train_run(runs[2], places)
    table = RunTable.read(places.table(runs[2]))
    assert table.columns["epoch"].tolist() == [0, 1]
    assert table.columns["seconds"][0] == 0 < table.columns["seconds"][1]
    assert 0 < float(table.facts["seconds per sample"]) < 1
    with pytest.raises(ValueError, match="two runs are called control_seed0, control_seed1"):
        Experiments((other, other)).runs()


class TestTable:
    HISTORY = History(
        [
            record(0, 0.0, (0.5, 0.125)),
            record(1, 1.0, (None, None)),
            record(
                2,
                1.0,
                (0.25, 0.75),
                clamped_classifier_fd=3.25,
                free_classifier_fd=4.5,
                free_fid=30.0,
                clamped_fid=29.0,
                free_classifier_recall=0.5,
            ),
        ]
    )

    def test_has_the_columns_of_the_figures_in_their_order(self, tmp_path):
        path = tmp_path / "new" / "a.csv"
        facts = {"config hash": "abc", "note": "with: colon"}
        RunTable.of(self.HISTORY, facts, (AUTOCORRELATION, *DISTANCE_METRICS)).write(path)
        assert path.read_text(encoding="utf-8").splitlines() == [
            "# config hash: abc",
            "# note: with: colon",
            "epoch,seconds,autocorr_step_0,autocorr_step_1,free_fid,clamped_fid,free_classifier_fd,"
            "clamped_classifier_fd",
            "0,0,0.5,0.125,,,,",
            "2,2,0.25,0.75,30,29,4.5,3.25",
        ]
        table = RunTable.read(path)
        assert table.facts == {"config hash": "abc", "note": "with: colon"}
        epochs, values = table.series("free_fid")
        assert (epochs.tolist(), values.tolist()) == ([2], [30.0])

    def test_the_slowest_step_counts(self):
        epochs, values = RunTable.of(self.HISTORY, {}).largest_autocorrelation
        assert (epochs.tolist(), values.tolist()) == ([0, 2], [0.5, 0.75])

    def test_the_best_epoch_is_that_of_the_lowest_sum(self):
        def record(epoch: int, free: float, clamped: float) -> EpochRecord:
            metrics = {"free_classifier_fd": free, "clamped_classifier_fd": clamped}
            return EpochRecord(epoch, 0.0, metrics)

        history = History([record(1, 9.0, 4.0), record(2, 12.0, 3.0), record(3, 7.0, 7.0)])
        best = RunTable.of(history, {}).best("classifier_fd")
        assert best == {"free": 9.0, "clamped": 4.0}
        history = history.followed_by(EpochRecord(4, 0.0, {"free_classifier_fd": 1.0}))
        assert RunTable.of(history, {}).best("classifier_fd") == best

    @pytest.mark.parametrize(
        "text",
        [
            *("", "# a: b\n", "epoch\n", "a,b\n1,2\n", "epoch,epoch\n1,2\n", "epoch,a\n1\n"),
            *("epoch\nx\n", "epoch\nnan\n", "epoch\n1.5\n", "# no colon\nepoch\n1\n", "\0"),
            'epoch\n"' + "1" * 200_000,
        ],
        ids=lambda text: repr(text)[:20],
    )
    def test_what_is_no_table_is_refused_by_name(self, tmp_path, text):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(ValueError, match=r"a\.csv is no table of a run") as caught:
            RunTable.read(tmp_path / "a.csv")
        assert len(str(caught.value)) < 1000

    def test_mistakes_are_named(self, tmp_path):
        with pytest.raises(ValueError, match=r"'fid'; there are epoch, seconds, autocorr_step_0"):
            RunTable.of(self.HISTORY, {}).series("fid")
        path = tmp_path / "a.csv"
        path.write_text("epoch,a\n1,2,3\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"a\.csv is no table"):
            RunTable.read(path)

    def test_the_hash_tells_configs_apart_by_what_they_train(self):
        cfg = tiny_cfg()
        same = [tiny_cfg(exp=dict(descriptor="b")), tiny_cfg(data=dict(data_dir="/elsewhere"))]
        other = [tiny_cfg(exp=dict(seed=1)), tiny_cfg(optim=dict(momentum=0.5))]
        assert {config_hash(c) for c in same} == {config_hash(cfg)}
        assert len({config_hash(c) for c in [cfg, *other]}) == 3
        assert config_hash(DTMConfig.from_yaml(cfg.to_yaml())) == config_hash(cfg)


def line(data: FigureData) -> Figure:
    figure = Figure()
    axes = figure.add_subplot()
    for variant in data.variants:
        for table in data.seeds(variant):
            axes.plot(*table.largest_autocorrelation)
    axes.plot([0, 1], [float(row["fid"]) for row in data.published])
    return figure


class TestFigure:
    @pytest.fixture
    def figure(self, tmp_path) -> PaperFigure:
        """A folder as figures/ has them, drawn."""
        folder = tmp_path / "mixing"
        for seed, values in enumerate([(0.1, 0.2), (0.2, 0.4)]):
            records = [
                EpochRecord(epoch, 0.0, per_part={"autocorr_step": (value,)})
                for epoch, value in enumerate(values)
            ]
            RunTable.of(History(records), {}).write(folder / "laptop" / f"a_b_seed{seed}.csv")
        (folder / "published.csv").write_text("fid\n1\n2\n", encoding="utf-8")
        figure = PaperFigure(folder, line)
        figure.redraw("laptop")
        return figure

    def test_is_drawn_as_png_and_pdf(self, figure):
        png, pdf = (figure.folder / f"mixing_laptop.{kind}" for kind in ("png", "pdf"))
        assert png.read_bytes().startswith(b"\x89PNG")
        assert pdf.read_bytes().startswith(b"%PDF")
        assert FigureData(figure.folder, "laptop").variants == ["a_b"]

    def test_the_same_tables_make_the_same_files(self, figure, tmp_path):
        for new in figure.redraw("laptop", into=tmp_path / "again"):
            assert new.read_bytes() == (figure.folder / new.name).read_bytes()

    def test_agrees_until_a_table_changes(self, figure):
        assert figure.disagreement("laptop") is None
        table = figure.folder / "laptop" / "a_b_seed0.csv"
        table.write_text(table.read_text(encoding="utf-8").replace("0.2", "0.3"), encoding="utf-8")
        assert "were not drawn from" in figure.disagreement("laptop")
        figure.redraw("laptop")
        assert figure.disagreement("laptop") is None

    @pytest.mark.parametrize("change", ["published", "new table", "no pdf"])
    def test_disagrees_if(self, figure, change):
        if change == "published":
            (figure.folder / "published.csv").write_text("fid\n1\n3\n", encoding="utf-8")
        elif change == "new table":
            tables = figure.folder / "laptop"
            shutil.copy(tables / "a_b_seed0.csv", tables / "a_b_seed2.csv")
        else:
            (figure.folder / "mixing_laptop.pdf").unlink()
        assert "were not drawn from" in figure.disagreement("laptop")

    def test_disagrees_with_another_way_of_drawing(self, figure):
        def otherwise(data: FigureData) -> Figure:
            drawn = line(data)
            drawn.axes[0].set_xlabel("epoch")
            return drawn

        changed = PaperFigure(figure.folder, otherwise)
        assert "looks otherwise" in str(changed.disagreement("laptop"))

    def test_a_missing_scale_says_how_to_make_it(self, figure):
        with pytest.raises(FileNotFoundError, match=r"c_seed\*.csv.*train\.py --scale paper"):
            FigureData(figure.folder, "paper").seeds("c")
        with pytest.raises(SystemExit, match=r"error: .*train\.py --scale papr"):
            figure.main(["--scale", "papr"])
        assert not list(figure.folder.glob("*papr*"))

    def test_seeds_measured_at_different_epochs_are_refused(self, figure):
        data = FigureData(figure.folder, "laptop")
        epochs, values = data.over_seeds("a_b", lambda table: table.series("autocorr_step_0"))
        assert (epochs.tolist(), values.tolist()) == ([0, 1], [[0.1, 0.2], [0.2, 0.4]])
        table = figure.folder / "laptop" / "a_b_seed0.csv"
        table.write_text(table.read_text(encoding="utf-8") + "2,9,0.1\n", encoding="utf-8")
        with pytest.raises(ValueError, match="measured at different epochs"):
            data.over_seeds("a_b", lambda table: table.series("autocorr_step_0"))

    def test_the_command_draws_elsewhere(self, figure, tmp_path, capsys):
        figure.main(["--output", str(tmp_path / "out")])
        assert (tmp_path / "out" / "mixing_laptop.png").is_file()
        assert "mixing_laptop.pdf" in capsys.readouterr().out
