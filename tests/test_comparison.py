import numpy as np
import pytest
from tiny import tiny_cfg

from thrmlDenoising import DTM, make_cfg
from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.families.dtm.model import draw_graphs, make_manager
from thrmlDenoising.families.dtm.spending import updates_per_epoch
from thrmlDenoising.plots import MetricStyle
from thrmlDenoising.plots.comparison import ComparedRun, Curve, draw_comparison
from thrmlDenoising.sampling import free_nodes, sampler_type

FID, ACCURACY = MetricStyle("FID", inverted=True), MetricStyle("accuracy (%)", inverted=False)


def curve(*values, interval=None):
    return Curve(np.arange(len(values)) * 5, np.array(values), interval)


def run(name, updates=1e9, autocorrelation=(0.1, 0.2, 0.05)):
    metric = {"clamped": curve(100.0, 40.0, 20.0), "free": curve(200.0, 50.0, 25.0)}
    spent = {"seconds": 10.0, "spin updates": updates}
    return ComparedRun(name, spent, metric, curve(*autocorrelation))


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def curves_in(axes):
    """Lines of more than one finite point, which the marks at the foot are not."""
    return [line for line in axes.lines if line.get_linestyle() != "None"]


def test_a_run_has_one_colour_and_its_images_a_line_style_each(tmp_path, drawn):
    path = tmp_path / "new" / "a.png"
    draw_comparison([run("mebm"), run("dtm")], FID, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(path.parent.iterdir()) == [path]
    by_epoch, by_seconds, by_updates, *_ = drawn[0].axes
    for axes in (by_epoch, by_seconds, by_updates):
        lines = curves_in(axes)
        assert [line.get_linestyle() for line in lines] == ["-", "--"] * 2
        assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
        np.testing.assert_allclose(lines[0].get_ydata(), [1 / 100, 1 / 40, 1 / 20])
    assert texts(drawn[0].legends[0]) == ["mebm", "dtm"]
    assert texts(by_epoch.get_legend()) == ["clamped images", "free images"]


def test_columns_show_epochs_and_all_that_was_spent(tmp_path, drawn):
    draw_comparison([run("a", 1e9), run("b", 2e9)], ACCURACY, tmp_path / "a.png")
    by_epoch, by_seconds, by_updates = drawn[0].axes[:3]
    assert [list(line.get_xdata()) for line in curves_in(by_epoch)] == [[0, 5, 10]] * 4
    np.testing.assert_allclose(curves_in(by_seconds)[2].get_xdata(), [0, 50, 100])
    np.testing.assert_allclose(curves_in(by_updates)[2].get_xdata(), [0, 1e10, 2e10])
    assert by_updates.get_xscale() == "linear"
    assert [axes.get_xlabel() for axes in drawn[0].axes[3:]] == [
        "epoch",
        "training spent (seconds)",
        "training spent (spin updates)",
    ]


def test_a_unit_that_not_all_runs_count_in_has_no_column(tmp_path, drawn):
    other = run("b")._replace(spent_per_epoch={"images": 5.0, "seconds": 2.0})
    draw_comparison([run("a"), other], ACCURACY, tmp_path / "a.png")
    labels = [axes.get_xlabel() for axes in drawn[0].axes[2:]]
    assert labels == ["epoch", "training spent (seconds)"]


def test_very_different_spendings_are_drawn_on_a_logarithmic_axis_without_epoch_0(tmp_path, drawn):
    draw_comparison([run("a", 1e9), run("b", 1e11)], ACCURACY, tmp_path / "a.png")
    right = drawn[0].axes[2]
    assert right.get_xscale() == "log"
    np.testing.assert_allclose(curves_in(right)[2].get_xdata(), [np.nan, 5e11, 1e12])
    np.testing.assert_allclose(curves_in(drawn[0].axes[0])[0].get_ydata(), [100, 40, 20])


def test_intervals_are_shaded_on_the_right_side_of_an_inverted_axis(tmp_path, drawn):
    interval = np.array([80.0, 30.0]), np.array([125.0, 50.0])
    banded = {"clamped": curve(100.0, 40.0, interval=interval)}
    draw_comparison([ComparedRun("a", {}, banded)], FID, tmp_path / "a.png")
    for axes in drawn[0].axes:
        (band,) = axes.collections
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((1 / 125, 1 / 30))


def test_autocorrelations_are_logarithmic_and_those_of_zero_marked(tmp_path, drawn):
    draw_comparison([run("a", autocorrelation=(0.5, 0.0, 0.01))], FID, tmp_path / "a.png")
    below = drawn[0].axes[3]
    assert below.get_yscale() == "log"
    first, foot, last = curves_in(below)[0].get_ydata()
    assert (first, last) == (0.5, 0.01)
    assert below.get_ylim()[0] < foot < 0.01
    assert "measured 0 or below" in drawn[0].get_supxlabel()


def test_without_autocorrelations_there_is_one_row(tmp_path, drawn):
    runs = [run("a")._replace(autocorrelation=None), run("b")._replace(autocorrelation=None)]
    draw_comparison(runs, FID, tmp_path / "a.png")
    assert len(drawn[0].axes) == 3


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no run was given"),
        ([run("a"), run("a")], "share a name"),
        ([run("a"), ComparedRun("b", {}, {})], "b: there is nothing to draw"),
        ([run("a")._replace(metric={"labelled": curve(1.0)})], "a: .*'labelled'.*neither"),
        ([run("a")._replace(autocorrelation=Curve(np.arange(2), np.ones(3)))], "a: 2 epochs"),
    ],
)
def test_a_comparison_names_what_does_not_fit(tmp_path, runs, message):
    with pytest.raises(ValueError, match=message):
        draw_comparison(runs, FID, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


# --- updates spent -------------------------------------------------------------------------


def counted_updates(monkeypatch, dtm: DTM, graphs: list[BaseGraph]) -> int:
    """Trains an epoch and adds up what the sampler is asked for."""
    spent = []
    sampler = sampler_type(dtm.cfg.sampling.backend)
    moments = sampler.moments

    def counting(self, key, model, chains, schedule, clamp):
        n_free = len(free_nodes(graphs[0], clamp))
        spent.append(len(chains.spins) * len(schedule.betas) * n_free)
        return moments(self, key, model, chains, schedule, clamp)

    monkeypatch.setattr(sampler, "moments", counting)
    dtm.train(1, evaluate_every=1)
    return sum(spent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("negative_start", "steps_warmup"), [("fresh", 4), ("persistent", 4), ("data", 4), ("data", 0)]
)
def test_updates_are_those_the_sampler_makes(tmp_path, monkeypatch, negative_start, steps_warmup):
    cfg = tiny_cfg(sampling=dict(negative_start=negative_start, steps_warmup=steps_warmup))
    dtm = DTM(cfg, base_dir=tmp_path)
    graphs = [step.graph for step in dtm.steps]
    wanted = counted_updates(monkeypatch, dtm, graphs)
    assert updates_per_epoch(cfg, graphs) == wanted > 0


@pytest.mark.parametrize(("negative_start", "extra"), [("fresh", 0), ("data", 400)])
def test_updates_of_a_published_setting_by_hand(negative_start, extra):
    cfg = make_cfg(
        graph=dict(graph_preset_architecture=70_12, num_label_spots=10),
        sampling=dict(batch_size=300, negative_start=negative_start),
        diffusion_schedule=dict(num_diffusion_steps=3),
    )
    n_sweeps, n_nodes, n_hidden = 400 + 49 * 8, 70 * 70, 70 * 70 - 784 - 100
    per_example = (n_sweeps + extra) * n_hidden + n_sweeps * n_nodes
    # of the 10,000 images, 100 are left over after 33 batches
    expected = 3 * 33 * 300 * per_example
    assert updates_per_epoch(cfg, draw_graphs(cfg, make_manager(cfg))) == expected
