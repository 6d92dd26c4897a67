"""Pictures and animations of points: what they show, and what they say they do not."""

import numpy as np
import pytest
from PIL import Image, ImageSequence
from tiny import rest_slow

import thrmlDenoising.plots.point_gifs as gifs
import thrmlDenoising.plots.points as plots
from thrmlDenoising.plots import draw_points, draw_survival, write_points_gif
from thrmlDenoising.plots.pictures import INK
from thrmlDenoising.plots.window import Window

SEEDS = (0, 1, 2)


def heavy(n: int, n_axes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_cauchy((n, n_axes))


@pytest.fixture
def drawn(monkeypatch) -> dict:
    """The figures, by the names of their files, and what was noted on them."""
    figures, save = {}, plots.save_png

    def keep(figure, path):
        figures[path.name] = figure
        save(figure, path)

    monkeypatch.setattr(plots, "save_png", keep)
    return figures


def note_of(figure) -> str:
    return figure._supxlabel.get_text() if figure._supxlabel else ""


# --- limits


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_limits_hold_99_per_cent_of_the_data_whatever_their_tails(seed, n_axes):
    real = heavy(1000, n_axes, seed)
    window = Window.around(real, margin=1)
    assert window.n_axes == min(n_axes, 2)
    assert window.n_beyond(real) in (9, 10)
    sides = [high - low for low, high in window.limits]
    np.testing.assert_allclose(sides, 2 * window.half)
    wider = Window.around(real * [[1e3]], margin=1)
    np.testing.assert_allclose(wider.half, 1e3 * window.half)


def test_what_is_not_finite_moves_no_limits_and_lies_beyond():
    real = heavy(100, 2)
    window = Window.around(real)
    with_some = np.concatenate([real, [[np.nan, 0], [0, np.inf]]])
    assert Window.around(with_some).limits == window.limits
    assert window.n_beyond(with_some) == window.n_beyond(real) + 2
    with pytest.raises(ValueError, match="none is finite"):
        Window.around(np.full((3, 2), np.nan))


def test_one_place_alone_has_limits():
    assert Window.around(np.zeros((5, 2))).limits == [(-1, 1), (-1, 1)]


# --- points beside the data


def test_points_are_drawn_on_the_limits_of_the_data(tmp_path, drawn):
    real = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    generated = np.concatenate([real[:500] / 2, np.full((7, 2), 50.0), [[np.nan, 0]]])
    draw_points(generated, real, "price: $5 _a_ $", tmp_path / "a.png")
    left, right = drawn["a.png"].axes
    assert left.get_xlim() == right.get_xlim()
    assert -1.3 < left.get_xlim()[0] < -0.9
    assert [len(axes.collections[0].get_offsets()) for axes in (left, right)] == [1000, 500]
    assert note_of(drawn["a.png"]) == "beyond the limits: 0 of 1,000 data, 8 of 508 generated"
    assert drawn["a.png"]._suptitle.get_text() == "price: $5 _a_ $"
    page = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    blue = page[..., 2] > page[..., 0] + 20
    assert blue[:, : page.shape[1] // 2].sum() == 0 < blue.sum()


def test_more_points_and_axes_than_are_drawn_are_told(tmp_path, drawn):
    draw_points(heavy(9000, 3), heavy(100, 3), "", tmp_path / "a.png")
    note = note_of(drawn["a.png"])
    assert "drawn: 4,000 of 9,000 generated" in note
    assert "the first 2 of 3 axes" in note


def test_points_of_a_line_are_histograms_on_the_same_bins(tmp_path, drawn):
    real = np.random.default_rng(0).normal(size=(1000, 1))
    generated = np.concatenate([real, [[1e9], [np.inf], [-np.inf]]])
    draw_points(generated, real, "", tmp_path / "a.png")
    shown = [axes.patches[0].get_data() for axes in drawn["a.png"].axes]
    np.testing.assert_array_equal(shown[0].edges, shown[1].edges)
    beyond = Window.around(real).n_beyond(real)
    heights = [of.values.sum() for of in shown]
    np.testing.assert_allclose(heights, [1 - beyond / 1000, (1000 - beyond) / 1003])
    assert f"{beyond + 3} of 1,003 generated" in note_of(drawn["a.png"])


@pytest.mark.parametrize("generated", [np.zeros(3), np.zeros((3, 1)), np.zeros((0, 2))])
def test_points_that_cannot_stand_beside_the_data_are_refused(tmp_path, generated):
    with pytest.raises(ValueError, match=r"shape|axes"):
        draw_points(generated, heavy(9, 2), "", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


# --- tails


@pytest.mark.parametrize("n", rest_slow([3000, 150, 1]))
def test_a_curve_is_the_share_of_all_points_beyond_r(tmp_path, drawn, n):
    sizes = abs(heavy(n, 1)[:, 0])
    draw_survival({"data": sizes, "b": sizes}, "distance", "", tmp_path / "a.png")
    line = drawn["a.png"].axes[0].lines[0]
    r, p = line.get_data()
    assert len(r) <= 800
    np.testing.assert_allclose(p, [(sizes >= at).mean() for at in r])
    assert (r[0], r[-1], p[0]) == (sizes.min(), sizes.max(), 1)
    assert line.get_linestyle() == "--"
    assert note_of(drawn["a.png"]) == ""


def test_a_power_tail_is_a_straight_line_of_its_slope(tmp_path, drawn):
    exact = np.linspace(1e-4, 1, 10_000) ** (-1 / 1.7)  # P(size > r) = r^-1.7
    draw_survival({"data": exact}, "size", "", tmp_path / "a.png")
    r, p = drawn["a.png"].axes[0].lines[0].get_data()
    np.testing.assert_allclose(np.diff(np.log(p)) / np.diff(np.log(r)), -1.7, rtol=1e-6)


def test_sizes_that_have_no_place_on_the_axes_count_and_are_told(tmp_path, drawn):
    sizes = np.array([0, 0, 0, 1, 2, np.inf, np.nan, np.inf])
    draw_survival({"data": np.ones(4), "ours": sizes}, "size", "", tmp_path / "a.png")
    r, p = drawn["a.png"].axes[0].lines[1].get_data()
    assert r.tolist() == [1, 2]
    assert p.tolist() == [5 / 8, 4 / 8]
    assert note_of(drawn["a.png"]) == "of 8 ours, 3 are 0 and 3 are not finite"


def test_a_series_without_a_place_is_told_and_none_is_refused(tmp_path, drawn):
    draw_survival({"data": np.ones(2), "none": np.zeros(2)}, "", "", tmp_path / "a.png")
    assert note_of(drawn["a.png"]) == "of 2 none, 2 are 0"
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_survival({"data": np.zeros(2), "none": np.zeros(0)}, "", "", tmp_path / "b.png")
    for wrong in (np.array([-1.0, 1]), np.ones((2, 2))):
        with pytest.raises(ValueError, match="ours: give sizes of at least 0"):
            draw_survival({"ours": wrong}, "", "", tmp_path / "b.png")


# --- animations


def frames_of(path) -> list[np.ndarray]:
    pages = ImageSequence.Iterator(Image.open(path))
    return [np.asarray(page.convert("RGB")).astype(int) for page in pages]


def orange(frame: np.ndarray) -> np.ndarray:
    return np.all(abs(frame - (213, 94, 0)) <= 2, axis=-1)


def test_points_move_within_fixed_limits(tmp_path):
    real = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    frames = np.stack([np.full((1, 2), place) for place in (0.0, 0.8, 50.0)])
    write_points_gif(frames, ["a", "b", "c"], real, tmp_path / "a.gif")
    middle, corner, beyond = map(orange, frames_of(tmp_path / "a.gif"))
    assert (middle.sum(), corner.sum(), beyond.sum()) == (5, 5, 0)
    (down, right), (up, further) = (np.argwhere(dot).mean(axis=0) for dot in (middle, corner))
    assert up < down
    assert further > right
    assert down - up == further - right
    image = Image.open(tmp_path / "a.gif")
    durations = []
    for place in range(3):
        image.seek(place)
        durations.append(image.info["duration"])
    assert durations[0] == durations[1] < 100 < 2000 == durations[2]
    assert image.info["loop"] == 0


def heard(monkeypatch, name: str) -> list[str]:
    """What is written by this function from now on."""
    said, write = [], getattr(gifs, name)

    def listening(words, *how, **more):
        said.append(words)
        return write(words, *how, **more)

    monkeypatch.setattr(gifs, name, listening)
    return said


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_every_frame_says_how_many_points_it_does_not_show(tmp_path, monkeypatch, n_axes):
    said = heard(monkeypatch, "text")
    real = np.random.default_rng(0).normal(size=(500, n_axes))
    frames = real[None].repeat(3, axis=0)
    frames[0, :400], frames[1, :2, 0], frames[2] = 1e6, (np.nan, np.inf), 0
    write_points_gif(frames, ["a", "b", "c"], real, tmp_path / "a.gif")
    counts = [line for line in said if "beyond" in line]
    window = Window.around(real, 1.5)
    rest = [window.n_beyond(real[400:]), window.n_beyond(real[2:])]
    wanted = [400 + rest[0], 2 + rest[1], 0]
    assert counts == [f"{n} of 500 points are beyond the limits" for n in wanted]
    first, *_, last = frames_of(tmp_path / "a.gif")
    assert orange(first).any()
    assert (last <= INK + 40).all(axis=-1).any(), "words"


def test_many_points_and_frames_are_told(tmp_path, monkeypatch):
    said = heard(monkeypatch, "paragraph")
    monkeypatch.setattr(gifs, "_MOST_FRAMES", 3)
    monkeypatch.setattr(gifs, "_MOST_POINTS", 10)
    write_points_gif(
        heavy(4 * 50, 3).reshape(4, 50, 3), list("abcd"), heavy(20, 3), tmp_path / "a.gif"
    )
    assert len(frames_of(tmp_path / "a.gif")) == 3
    assert "the first 2 of 3 axes; 10 of 50 points and 3 of 4 frames are shown." in said[0]


def test_frames_that_do_not_fit_are_refused(tmp_path):
    frames, real = np.zeros((3, 5, 2)), heavy(9, 2)
    for wrong, captions in ((frames[0], "abc"), (frames[:, :, :1], "abc"), (frames, "ab")):
        with pytest.raises(ValueError, match=r"axes|captions"):
            write_points_gif(wrong, captions, real, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
