import numpy as np
import pytest
from tiny import REPOSITORY, finished, python, record, tiny_cfg

from figures.energy_vs_quality import plot
from thrmlDenoising import DTM
from thrmlDenoising.families.dtm.hardware_energy import hardware_energy
from thrmlDenoising.runs import History

N_PUBLISHED = 5 + 5 + 3 + 3 + 7


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def make_run(base):
    """Saves an untrained model with this history of metrics; returns it and its run folder."""

    def make(*metrics):
        dtm = DTM(tiny_cfg(), base_dir=base)
        dtm.history = History(
            record(epoch, 0.0, (None, None), **measured) for epoch, measured in enumerate(metrics)
        )
        dtm.save_epoch()
        return dtm, dtm.logging_and_saving_dir

    return make


@pytest.fixture(scope="module")
def with_fid(make_run):
    return make_run(
        {"free_fid": 90.0, "clamped_fid": 31.0},
        {"free_fid": 33.0, "clamped_fid": 45.0, "free_classifier_fd": 4.0},
        {"free_fid": float("nan"), "clamped_fid": float("inf")},
    )


@pytest.fixture(scope="module")
def with_classifier_fd(make_run):
    return make_run({"free_classifier_fd": 7.0, "clamped_classifier_fd": 6.0})


@pytest.fixture(scope="module")
def unmeasured(make_run):
    return make_run({"free_centroid_accuracy": 80.0})


def figure_of(*runs, e_cell="figure_1"):
    return plot.draw(plot.read_published(), [plot.Run.read(path, e_cell) for _, path in runs])


def points(axes):
    """All points: the paper's come first, a line for each family."""
    drawn = [np.column_stack(line.get_data()) for line in axes.lines if line.get_marker() != "None"]
    return np.concatenate(drawn)


def joules(dtm, e_cell="figure_1"):
    graphs = [step.graph for step in dtm.steps]
    cfg = dtm.cfg
    return hardware_energy(graphs, cfg.graph.lattice, cfg.generation.steps_warmup, e_cell).joules


def words(figure):
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    legends = [legend for legend in legends if legend]
    return "\n".join(
        text.get_text() for legend in legends for text in (legend.get_title(), *legend.get_texts())
    )


def test_published_points_are_drawn_and_labelled_as_such():
    figure = figure_of()
    (axes,) = figure.axes
    drawn = points(axes)
    assert len(drawn) == N_PUBLISHED
    assert [1.568e-8, 24.9] in drawn.tolist()
    assert [5.952, 12.2] in drawn.tolist()
    assert axes.get_xscale() == "log"
    assert "(J)" in axes.get_xlabel()
    assert "FID" in axes.get_ylabel()
    assert "Published" in words(figure)
    assert all(name in words(figure) for name in ("DTM", "MEBM", "GAN (GPU, theoretical)", "DDPM"))


def test_a_run_stands_at_its_energy_and_its_best_fid(with_fid):
    dtm, path = with_fid
    figure = figure_of(with_fid)
    own = points(figure.axes[0])[N_PUBLISHED:]
    np.testing.assert_allclose(sorted(own[:, 1]), [33, 45])
    np.testing.assert_allclose(own[:, 0], joules(dtm), rtol=1e-12)
    assert path.name in words(figure)
    assert "smoke_testing_3_1_3" in words(figure)


def test_the_figure_says_which_cell_energy_it_rests_on(with_fid):
    figures = {e_cell: figure_of(with_fid, e_cell=e_cell) for e_cell in ("text", "figure_1")}
    for e_cell, figure in figures.items():
        own = points(figure.axes[0])[N_PUBLISHED:]
        np.testing.assert_allclose(own[:, 0], joules(with_fid[0], e_cell), rtol=1e-12)
        assert f'E_cell "{e_cell}"' in words(figure)
        assert "assumption" in words(figure)


def test_classifier_fd_never_stands_on_the_axis_of_fid(with_fid, with_classifier_fd):
    figure = figure_of(with_classifier_fd)
    above, below = figure.axes
    assert len(points(above)) == N_PUBLISHED
    np.testing.assert_allclose(sorted(points(below)[:, 1]), [6, 7])
    assert below.get_ylabel() == "classifier FD"
    assert above.get_shared_x_axes().joined(above, below)
    above, below = figure_of(with_fid, with_classifier_fd).axes
    np.testing.assert_allclose(sorted(points(above)[N_PUBLISHED:, 1]), [33, 45])
    np.testing.assert_allclose(sorted(points(below)[:, 1]), [4, 6, 7])


def test_a_run_without_a_distance_is_a_line_at_its_energy(unmeasured):
    figure = figure_of(unmeasured)
    (axes,) = figure.axes
    assert len(points(axes)) == N_PUBLISHED
    place = np.asarray(axes.lines[-1].get_xdata(), float)
    np.testing.assert_allclose(place, joules(unmeasured[0]), rtol=1e-12)
    assert "no distance measured" in words(figure)


def test_the_command_writes_a_pdf_and_a_png_and_prints_the_energy(with_fid, tmp_path, capsys):
    dtm, path = with_fid
    plot.main([str(path), "--output", str(tmp_path / "new" / "a.pdf"), "--e-cell", "program"])
    assert (tmp_path / "new" / "a.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "new").iterdir())) == 2
    printed = capsys.readouterr().out
    assert f"{joules(dtm, 'program'):.3e} J per sample" in printed
    assert 'E_cell "program"' in printed


@pytest.mark.slow
def test_the_file_runs_as_a_program(tmp_path):
    script = REPOSITORY / "figures" / "energy_vs_quality" / "plot.py"
    assert "a.png" in finished(python(script, "--output", tmp_path / "a.png"))
    assert (tmp_path / "a.png").exists()


def test_mistakes_are_named(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*a\.jpg.*\.png, or as \.pdf"):
        plot.main(["--output", str(tmp_path / "a.jpg")])
    with pytest.raises(SystemExit, match="error: No run at"):
        plot.main([str(tmp_path / "nothing"), "--output", str(tmp_path / "a.png")])
    assert not list(tmp_path.iterdir())
