"""The figures' folders: what they train at either scale, and what their committed tables show."""

import csv
import runpy
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from tiny import REPOSITORY, tiny_cfg

from figures import all as all_figures
from figures.chain_depth_ablation import config as depth
from figures.chain_depth_ablation import plot as depth_plot
from figures.degree_ablation import config as degree
from figures.degree_ablation import plot as degree_plot
from figures.energy_vs_quality import config as energy
from figures.energy_vs_quality import plot as energy_plot
from figures.energy_vs_quality.plot import read_ours
from figures.families import config as families
from figures.families import plot as families_plot
from figures.grayscale import config as grey
from figures.grayscale.train import N_GENERATED, write_images
from figures.heavy_tails import config as heavy_tails
from figures.hierarchy import config as hierarchy
from figures.hierarchy import plot as hierarchy_plot
from figures.MEBM_DTM_ACP_ablation import config as ablation
from thrmlDenoising import DTM
from thrmlDenoising.data import Mode
from thrmlDenoising.data.hierarchy import p_class
from thrmlDenoising.experiments import FigureData, Places, Run, RunTable, train_run
from thrmlDenoising.families.dtm.hardware_energy import QUOTED_TOTALS
from thrmlDenoising.plots.paper import is_drawn_from

FIGURES = REPOSITORY / "figures"
CONFIGS = {
    "MEBM_DTM_ACP_ablation": ablation,
    "degree_ablation": degree,
    "chain_depth_ablation": depth,
    "energy_vs_quality": energy,
    "grayscale": grey,
    "families": families,
    "hierarchy": hierarchy,
    "heavy_tails": heavy_tails,
}
MODES = ("free", "clamped")


def published(config, variant):
    """The run of a variant at the paper's scale."""
    (run,) = [run for run in config.SCALES["paper"].runs() if run.name == f"{variant}_seed0"]
    return run


def laptop(name):
    return FigureData(FIGURES / name, "laptop")


class TestPaperScale:
    def test_figure_5b(self):
        run = published(ablation, "DTM_ACP")
        cfg = run.cfg
        assert (run.n_epochs, cfg.data.dataset_name) == (150, "fashion_mnist")
        assert cfg.data.pixel_threshold_for_single_trials == 0.1
        assert (cfg.graph.lattice.side, len(cfg.graph.lattice.rules)) == (70, 3)
        assert (cfg.graph.num_label_spots, cfg.graph.placement) == (10, "scattered")
        sampling = cfg.sampling
        assert (sampling.batch_size, sampling.steps_warmup) == (400, 400)
        assert (sampling.n_samples, sampling.steps_per_sample) == (50, 8)
        assert (cfg.generation.steps_warmup, cfg.generation.fid_images_per_digit) == (800, 512)
        schedule, rates = cfg.diffusion_schedule, cfg.diffusion_rates
        assert (schedule.num_diffusion_steps, schedule.diffusion_offset) == (8, 0.15)
        assert (schedule.kind, rates.image_rate, rates.label_rate) == ("log", 0.9, 0.2)
        assert cfg.optim.step_learning_rates == (0.016,)
        assert (cfg.optim.alpha_cosine_decay, cfg.optim.n_epochs_for_lrd) == (0.18, 20)
        assert (cfg.cp.adaptive_cp, cfg.cp.adaptive_threshold) == (True, 0.008)
        assert cfg.evaluation.extractors == ("classifier", "inception")

    def test_figure_5b_compares_three_models(self):
        configs = {name: published(ablation, name).cfg for name in ("MEBM", "DTM", "DTM_ACP")}
        steps = {name: c.diffusion_schedule.num_diffusion_steps for name, c in configs.items()}
        assert steps == {"MEBM": 1, "DTM": 8, "DTM_ACP": 8}
        assert [c.cp.adaptive_cp for c in configs.values()] == [False, False, True]

    @pytest.mark.parametrize("side", [44, 50, 60, 70, 80, 90])
    def test_figure_5c(self, side):
        for degree_of_node in (8, 12, 16, 20):
            run = published(degree, f"{side}_{degree_of_node}")
            lattice, optim = run.cfg.graph.lattice, run.cfg.optim
            assert (lattice.side, 4 * len(lattice.rules)) == (side, degree_of_node)
            assert (run.n_epochs, run.cfg.diffusion_schedule.num_diffusion_steps) == (20, 4)
            assert (optim.step_learning_rates, optim.alpha_cosine_decay) == ((0.022,), 0.2)
            assert run.cfg.cp.adaptive_threshold == 0.016
        for warmup, per_sample, generation in ((400, 8, 800), (800, 16, 1600), (1200, 24, 2400)):
            cfg = published(depth, f"{side}_{warmup}").cfg
            assert (cfg.graph.lattice.side, len(cfg.graph.lattice.rules)) == (side, 3)
            assert cfg.sampling.steps_warmup == warmup
            assert cfg.sampling.steps_per_sample == per_sample
            assert cfg.generation.steps_warmup == generation

    def test_figure_5a(self):
        cfg = published(grey, "DTM").cfg
        assert (cfg.graph.lattice.side, 4 * len(cfg.graph.lattice.rules)) == (80, 48)
        assert (cfg.graph.grayscale_levels, cfg.graph.num_label_spots) == (7, 20)
        assert cfg.diffusion_schedule.num_diffusion_steps == 8
        assert (cfg.optim.step_learning_rates, cfg.cp.adaptive_threshold) == ((0.012,), 0.06)
        assert (published(grey, "DTM").n_epochs, cfg.optim.alpha_cosine_decay) == (100, 0.2)

    def test_the_dtms_of_figure_1_spend_what_the_paper_says(self):
        published_joules = {1: 1.961e-9, 2: 3.921e-9, 4: 7.843e-9, 6: 1.176e-8, 8: 1.568e-8}
        for n_steps, joules in published_joules.items():
            cfg = published(energy, f"DTM_T={n_steps}").cfg
            assert cfg.diffusion_schedule.num_diffusion_steps == n_steps
            n_updates = n_steps * cfg.generation.steps_warmup * cfg.graph.lattice.n_nodes
            assert n_updates * QUOTED_TOTALS["figure_1"] == pytest.approx(joules, rel=1e-3)

    def test_families_are_those_of_the_laptop_on_all_images(self):
        laptop, paper = (
            {run.name for run in families.SCALES[s].runs()} for s in ("laptop", "paper")
        )
        assert {name for name in laptop if name.endswith("_seed0")} == paper
        ours, theirs = published(families, "clothes_DTM"), published(ablation, "DTM_ACP")
        assert ours.cfg.replace(exp=theirs.cfg.exp) == theirs.cfg
        for noise in ("uniform", "absorbing", "masked", "multinomial"):
            cfg = published(families, f"digits_{noise}").cfg
            assert (cfg.data.dataset_name, cfg.network.kind, cfg.n_steps) == ("mnist", "unet", 1000)


@pytest.mark.parametrize("name", CONFIGS)
class TestLaptopScale:
    def test_every_run_is_there_made_with_the_config_of_today(self, name):
        places = Places(FIGURES / name / "laptop", FIGURES)
        runs = CONFIGS[name].SCALES["laptop"].runs()
        assert [run.name for run in runs if not places.is_finished(run)] == []
        tables = {path.stem for path in places.tables.glob("*_seed*.csv")}
        assert tables == {run.name for run in runs}

    def test_tables_say_what_they_rest_on(self, name):
        data = laptop(name)
        assert data.variants
        for table in (table for variant in data.variants for table in data.seeds(variant)):
            assert {"config hash", "machine", "date", "seconds"} < set(table.facts)

    def test_the_figure_carries_the_mark_of_the_tables(self, name):
        (figure,) = [f.figure for f in all_figures.FOLDERS if f.figure.folder.name == name]
        assert is_drawn_from(figure.stem("laptop"), laptop(name).sources)

    @pytest.mark.slow
    def test_is_drawn_from_any_directory_by_a_program_that_needs_no_other(
        self, name, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.chdir(tmp_path)
        elsewhere = [path for path in sys.path if Path(path).resolve() != REPOSITORY]
        monkeypatch.setattr(sys, "path", elsewhere)
        for module in [name for name in sys.modules if name.split(".")[0] == "figures"]:
            monkeypatch.delitem(sys.modules, module)
        output = tmp_path / ("a.pdf" if name == "energy_vs_quality" else "out")
        script = FIGURES / name / "plot.py"
        monkeypatch.setattr(sys, "argv", [str(script), "--output", str(output)])
        runpy.run_path(str(script), run_name="__main__")
        files = [Path(line) for line in capsys.readouterr().out.split()]
        assert sorted(path.suffix for path in files) == [".pdf", ".png"]
        assert all(path.is_file() and tmp_path in path.parents for path in files)


@pytest.mark.parametrize("name", [n for n in CONFIGS if n not in ("hierarchy", "heavy_tails")])
def test_tables_of_images_have_distances_alone(name):
    data = laptop(name)
    for table in (table for variant in data.variants for table in data.seeds(variant)):
        assert "pixel threshold" in table.facts
        columns = [name for name in table.columns if name != "seconds"]
        names = ["epoch", *(f"autocorr_step_{step}" for step in range(len(columns) - 3))]
        assert columns == [*names, "free_classifier_fd", "clamped_classifier_fd"]


class TestWhatTheTablesShow:
    def test_without_penalty_mixing_collapses_and_quality_with_it(self):
        data = laptop("MEBM_DTM_ACP_ablation")

        def last_autocorrelation(model):
            _, values = data.over_seeds(model, lambda table: table.largest_autocorrelation)
            return values.mean(axis=0)[-1]

        def last_over_best(model, mode):
            column = f"{mode}_classifier_fd"
            _, values = data.over_seeds(model, lambda table: table.series(column))
            return values.mean(axis=0)[-1] / values.mean(axis=0).min()

        assert last_autocorrelation("DTM") >= 5 * last_autocorrelation("DTM_ACP")
        assert last_autocorrelation("MEBM") >= 5 * last_autocorrelation("DTM_ACP")
        assert last_over_best("MEBM", "clamped") >= 1.2
        for mode in MODES:
            assert last_over_best("DTM", mode) >= 1.2
            assert last_over_best("DTM_ACP", mode) <= 1.1

    @pytest.mark.parametrize("side", degree.SIDES)
    @pytest.mark.parametrize("mode", MODES)
    def test_sixteen_neighbours_are_better_than_eight(self, mode, side):
        data = laptop("degree_ablation")
        best = {
            n: np.mean(
                [t.series(f"{mode}_classifier_fd")[1].min() for t in data.seeds(f"{side}_{n}")]
            )
            for n in (8, 16)
        }
        assert best[16] < best[8]

    def test_our_points_of_figure_1_spend_what_their_chains_do(self):
        points = {(p.family, p.variant): p for p in read_ours(laptop("energy_vs_quality"))}
        one, two = points["DTM", "T=1"], points["DTM", "T=2"]
        assert two.joules == pytest.approx(2 * one.joules, rel=1e-3)

    @pytest.mark.parametrize("data_set", ["clothes", "digits"])
    def test_every_family_has_learnt_more_than_single_pixels(self, data_set):
        data = laptop("families")

        def last(method):
            tables = data.seeds(f"{data_set}_{method}")
            return [table.columns["clamped_classifier_fd"][-1] for table in tables]

        for method in ("DTM", *families.NOISE):
            assert max(last(method)) < min(last("independent"))

    def test_networks_spend_more_joules_than_the_hardware_of_a_dtm(self):
        data = laptop("families")
        joules = {
            method: families_plot.joules_per_sample(data.seeds(f"clothes_{method}")[0])
            for method in ("DTM", *families.NOISE, "independent")
        }
        assert np.isnan(joules.pop("independent"))
        of_dtm = joules.pop("DTM")
        assert len(set(joules.values())) == 2, "a mask is one more channel for the network to see"
        assert min(joules.values()) > 1e4 * of_dtm


class TestHierarchies:
    def test_theory_loses_the_class_where_it_is_published_to(self):
        """F has a fixed point at p* = (m - 1) / (v - m) for s = 2 (arXiv 2402.16991)."""
        for v, m, noise in ((32, 8, 0.731), (16, 4, 0.800), (8, 3, 0.686), (8, 2, 0.952)):
            assert p_class(noise - 0.03, v, m, 60) > 0.5
            assert p_class(min(noise + 0.03, 1), v, m, 60) == pytest.approx(1 / v, abs=0.02)

    def test_what_is_shown_in_full_is_what_the_config_says(self):
        shown = hierarchy_plot.Shown.of(laptop("hierarchy"))
        assert (shown.m, shown.n_train) == hierarchy.LAPTOP.main
        assert shown.variant == hierarchy.LAPTOP.main_name
        cfg = hierarchy.LAPTOP.cfg
        sizes = cfg.hierarchy.n_symbols, cfg.optim.batch_size, hierarchy.LAPTOP.n_updates
        assert (shown.v, shown.batch_size, shown.n_updates) == sizes

    def test_theory_and_simulation_agree(self):
        rows = hierarchy_plot.read_rows(laptop("hierarchy"), "transitions")
        deep = [row for row in rows if row["n_layers"] == 7]
        assert len({(row["v"], row["m"]) for row in deep}) == 3
        for row in deep:
            assert row["found"] == pytest.approx(row["theory"], abs=0.05)

    def test_low_levels_are_learnt_first_and_from_fewer_strings(self):
        data = laptop("hierarchy")
        learnt = {m: hierarchy_plot.read_learnt(data, m) for m in hierarchy_plot.read_m(data)}
        needed = hierarchy_plot.sizes_needed(learnt, 8)
        for below, above in pairwise(needed):
            both = np.isfinite(below) & np.isfinite(above)
            assert (below[both] < above[both]).all()
        for table in data.seeds(hierarchy.LAPTOP.main_name):
            first, second, third = (
                int(np.argmax(table.columns[name] > 45)) for name in hierarchy_plot.levels(table)
            )
            assert 0 < first <= second <= third

    def test_what_is_exact_keeps_all_to_the_grammar_and_loses_the_class_first(self):
        (table,) = laptop("hierarchy").seeds("exact")
        assert [table.columns[f"free_validity_{level}"][-1] for level in (1, 2, 3)] == [100] * 3
        rows = {
            variant: hierarchy_plot.read_rows(laptop("hierarchy"), f"changes_{variant}")
            for variant in ("exact", hierarchy.LAPTOP.main_name)
        }
        for exact, trained in zip(*rows.values(), strict=True):
            assert exact["level_0"] > exact["level_3"]
            assert trained["level_0"] > exact["level_0"], "what breaks the grammar has no class"

    def test_a_network_knows_less_of_the_class_than_is_true(self):
        rows = hierarchy_plot.read_rows(laptop("hierarchy"), "transitions")
        shallow = [row for row in rows if row["n_layers"] == 3]
        for row in shallow:
            assert row["found"] == pytest.approx(row["theory"], abs=0.03)
            assert 0.05 < row["trained"] < row["found"]

    def test_most_of_the_rules_are_known_between_two_sizes(self):
        sizes, m = [64, 256, 1024], [2, 3, 4]
        # of pairs two in eight are valid by chance, then a quarter and all of the rest
        valid = np.array([[25.0, 43.75, 100.0], [25.0 * 0.25**2, 25.0 * 0.4375**2, 100.0]])
        known = hierarchy_plot.known_rules(hierarchy_plot.Learnt(sizes, valid), 2, 8)
        np.testing.assert_allclose(known, [[0, 0.25, 1], [0, 0, 1]], atol=1e-12)
        part = (0.8 - 0.25) / 0.75
        assert hierarchy_plot.size_needed(sizes, known[0]) == pytest.approx(256 * 4**part)
        by_heart = np.array([0.9, 0.0, 1.0])
        assert hierarchy_plot.size_needed(sizes, by_heart) == pytest.approx(256 * 4**0.8)
        assert np.isnan(hierarchy_plot.size_needed(sizes, np.full(3, 0.9)))
        assert np.isnan(hierarchy_plot.size_needed(sizes, np.full(3, 0.1)))
        assert hierarchy_plot.exponent(m, np.array([2.0**4, 3.0**4, np.nan])) == pytest.approx(4)


def lines_of(axes):
    """Every labelled line's points, by label."""
    return {line.get_label(): line.get_xydata().T.tolist() for line in axes.lines}


class TestWhatIsDrawn:
    def test_distances_of_every_degree_at_the_best_epoch(self):
        data = laptop("degree_ablation")
        free, clamped, paper = degree_plot.FIGURE.draw(data).axes
        by_mode: dict[Mode, Axes] = {"free": free, "clamped": clamped}
        for mode, axes in by_mode.items():
            for degree_of_node in degree.DEGREES:
                sides, distances = lines_of(axes)[f"degree {degree_of_node}"]
                assert sides == list(degree.SIDES)
                for side, distance in zip(sides, distances, strict=True):
                    best = [
                        table.best("classifier_fd")[mode]
                        for table in data.seeds(f"{side:.0f}_{degree_of_node}")
                    ]
                    assert distance == pytest.approx(np.mean(best))
        assert lines_of(paper)["degree 20"][1] == [39.0, 26.9, 20.1, 20.6, 22.0, 22.2]
        assert "published" in paper.get_title()
        assert "FID" in paper.get_ylabel() != free.get_ylabel()

    def test_a_gap_where_nothing_is_published(self):
        _, _, paper = depth_plot.FIGURE.draw(laptop("chain_depth_ablation")).axes
        fids = lines_of(paper)["1200 sweeps of warm-up"][1]
        assert [np.isnan(fid) for fid in fids] == [False] * 4 + [True, False]

    def test_families_stand_at_what_they_cost(self):
        data = laptop("families")
        axes = families_plot.FIGURE.draw(data).axes
        assert "clothes" in axes[0].get_ylabel()
        (masked,) = (line for line in axes[0].lines if line.get_label() == "masked")
        tables = data.seeds("clothes_masked")
        seconds = np.mean([table.columns["seconds"] for table in tables], axis=0)
        distances = np.mean([table.columns["clamped_classifier_fd"] for table in tables], axis=0)
        points = np.stack([seconds, distances], axis=1)[1:]
        np.testing.assert_allclose(np.asarray(masked.get_xydata()), points)
        published_joules = np.concatenate([np.asarray(line.get_xdata()) for line in axes[-1].lines])
        assert 1.961e-9 in published_joules

    def test_our_points_stand_at_their_energy(self):
        data = laptop("energy_vs_quality")
        _, ours = energy_plot.FIGURE.draw(data).axes
        drawn = np.concatenate([np.asarray(line.get_xydata()) for line in ours.lines])
        for point in read_ours(data):
            mean = np.mean([best["free"] for best in point.best["classifier_fd"]])
            assert np.isclose(drawn, [point.joules, mean], atol=0).all(axis=1).any()


@pytest.mark.slow
def test_grey_images_in_the_table_are_those_of_the_model(tmp_path):
    run = Run("DTM_seed0", tiny_cfg(exp=dict(descriptor="DTM_seed0")), 2, 2)
    places = Places(tmp_path / "laptop", tmp_path / "runs")
    train_run(run, places)
    write_images([run], places)
    path = places.tables / "images.csv"
    written = path.read_bytes()
    lines = written.decode().splitlines()
    mark = RunTable.read(places.table(run)).facts["config hash"]
    assert lines[0] == f"# config hash: {mark}, epoch 2"
    rows = list(csv.DictReader(lines[1:]))
    assert [row["source"] for row in rows] == ["real"] * 3 + ["generated"] * 3 * N_GENERATED
    folder = places.folder(run)
    assert folder is not None
    dtm = DTM.load(folder)
    labels = [int(row["class"]) for row in rows if row["source"] == "generated"]
    expected = dtm.sample(len(labels), labels).reshape(len(labels), -1)
    digits = [[int(d) for d in row["pixels"]] for row in rows if row["source"] == "generated"]
    np.testing.assert_array_equal(digits, expected)
    write_images([run], places)
    assert path.read_bytes() == written
