import imageio.v3 as iio
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from thrmlDenoising.plots import (
    MetricStyle,
    draw_autocorrelation_vs_epoch,
    draw_autocorrelation_vs_lags,
    draw_bits_by_time,
    draw_grid,
    draw_metric_vs_epoch,
    draw_rule_usage,
    draw_tiles,
    draw_trees,
    grids,
    tile_images,
    write_gif,
)

ORANGE = (213, 94, 0)


def greys(path):
    return np.asarray(Image.open(path).convert("L")).astype(int)


def find(page, image, n_levels, scale):
    """Top left corner of the one place where the page shows the image, enlarged by `scale`."""
    wanted = np.round(np.kron(image, np.ones((scale, scale))) * 255 / n_levels)
    windows = np.lib.stride_tricks.sliding_window_view(page, wanted.shape)[:, :, ::scale, ::scale]
    matches = (abs(windows - wanted[::scale, ::scale]) <= 1).all(axis=(2, 3))
    places = [
        (top, left)
        for top, left in zip(*np.nonzero(matches), strict=True)
        if (abs(page[top:, left:][: wanted.shape[0], : wanted.shape[1]] - wanted) <= 1).all()
    ]
    assert len(places) == 1
    return places[0]


def random_grid(n_classes=3, n_steps=2, n_drawn=2, n_levels=3, seed=0):
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, n_levels + 1, (n_classes, n_steps, n_drawn, 42), dtype=np.uint8)
    votes = np.full((n_classes, n_steps, n_drawn, n_classes), 1 / n_classes)
    return grid, votes


def test_grid_shows_every_image_crisp_and_in_its_place(tmp_path):
    grid, votes = random_grid()
    draw_grid(grid, votes, (7, 6), 3, ["a", "b", "c"], tmp_path / "new" / "grid.png")
    page = greys(tmp_path / "new" / "grid.png")
    places = np.array(
        [[[find(page, i.reshape(7, 6), 3, scale=12) for i in row] for row in c] for c in grid]
    )
    tops, lefts = places[..., 0], places[..., 1]
    assert (np.diff(tops, axis=1) > 7 * 12).all(), "steps run from top to bottom"
    assert (np.diff(lefts, axis=2) > 6 * 12).all(), "drawn images lie side by side"
    assert (tops == tops[:, :, :1]).all()
    assert (lefts == lefts[:, :1, :]).all()


@pytest.mark.parametrize(("share", "height"), [(0.0, 0), (0.5, 5), (1.0, 10)])
def test_grid_draws_the_share_of_the_own_class_in_orange(tmp_path, share, height):
    grid = np.zeros((2, 1, 1, 42), np.uint8)
    votes = np.zeros((2, 1, 1, 2))
    votes[1, 0, 0] = 1 - share, share
    draw_grid(grid, votes, (7, 6), 1, ["a", "b"], tmp_path / "grid.png")
    picture = np.asarray(Image.open(tmp_path / "grid.png").convert("RGB"))
    assert (picture == ORANGE).all(axis=2).any(axis=1).sum() == height


def test_grid_of_an_unlabelled_model_has_no_bars_and_no_legend(tmp_path):
    grid, votes = random_grid()
    draw_grid(grid, votes, (7, 6), 3, ["a", "b", "c"], tmp_path / "labelled.png")
    draw_grid(grid, votes[..., :0], (7, 6), 3, ["a", "b", "c"], tmp_path / "unlabelled.png")
    picture = np.asarray(Image.open(tmp_path / "unlabelled.png").convert("RGB"))
    assert not (picture == ORANGE).all(axis=2).any()
    assert picture.shape[0] < greys(tmp_path / "labelled.png").shape[0]


def test_captions_name_class_and_step(tmp_path):
    grid, votes = random_grid(n_classes=1)
    pictures = {}
    for name in ("Coat", "Shirt"):
        draw_grid(grid, votes, (7, 6), 3, [name], tmp_path / f"{name}.png")
        pictures[name] = greys(tmp_path / f"{name}.png")
    assert (
        pictures["Coat"].shape != pictures["Shirt"].shape
        or (pictures["Coat"] != pictures["Shirt"]).any()
    )


def test_a_large_grid_stays_a_page_one_can_look_at(tmp_path):
    grid = np.zeros((10, 8, 4, 784), np.uint8)
    votes = np.zeros((10, 8, 4, 10))
    draw_grid(grid, votes, (28, 28), 1, [f"class {i}" for i in range(10)], tmp_path / "grid.png")
    width, height = Image.open(tmp_path / "grid.png").size
    assert max(width, height) < 3000


def test_tiles_are_the_images_row_by_row():
    images = np.random.default_rng(1).integers(0, 5, (5, 6), dtype=np.uint8)
    tiles = tile_images(images, 2, (2, 3), 4)
    assert tiles.shape == (3 * 3 - 1, 2 * 4 - 1)
    assert tiles.dtype == np.uint8
    for index, image in enumerate(images):
        top, left = index // 2 * 3, index % 2 * 4
        shown = tiles[top : top + 2, left : left + 3]
        np.testing.assert_array_equal(shown, np.round(image.reshape(2, 3) * (255 / 4)))
    # As `DTM.sample` gives them, too, but in no other shape.
    np.testing.assert_array_equal(tile_images(images.reshape(5, 2, 3), 2, (2, 3), 4), tiles)
    with pytest.raises(ValueError, match="cannot have the shape"):
        tile_images(images.reshape(5, 3, 2), 2, (2, 3), 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": (6, 6)}, "42 pixels"),
        ({"n_levels": 2}, "0..n_levels=2"),
        ({"n_levels": 0}, "n_levels=0"),
        ({"class_names": ["a", "b"]}, "2 class names"),
        ({"label_grid": np.full((3, 2, 2, 3), 1.2)}, "0..1"),
        ({"label_grid": np.full((3, 2, 2, 3), np.nan)}, "0..1"),
        ({"label_grid": np.zeros((3, 2, 2, 4))}, "do not fit"),
        ({"grid": np.zeros((3, 2, 42), np.uint8)}, "axes class, step, drawn, pixel"),
        ({"grid": np.zeros((3, 2, 0, 42), np.uint8)}, "no images"),
    ],
)
def test_grid_names_what_does_not_fit(tmp_path, change, message):
    grid, votes = random_grid()
    grid.flat[0] = 3
    given = {
        "grid": grid,
        "label_grid": votes,
        "image_shape": (7, 6),
        "n_levels": 3,
        "class_names": ["a", "b", "c"],
    }
    with pytest.raises(ValueError, match=message):
        draw_grid(**(given | change), path=tmp_path / "grid.png")
    assert not list(tmp_path.iterdir())


def random_frames(n_frames=6, n_images=4):
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 2, (n_frames, n_images, 42), dtype=np.uint8)
    return frames, np.full((n_frames, n_images, 2), 0.5)


def gif(path, frames, votes, captions, **options):
    write_gif(frames, votes, captions, (7, 6), 1, ["a", "b"], path, **options)
    return iio.imread(path)


def test_gif_has_the_frames_the_timing_and_loops(tmp_path):
    frames, votes = random_frames()
    captions = [f"sweep {i}" for i in range(6)]
    pages = gif(tmp_path / "a.gif", frames, votes, captions, frames_per_second=10)
    assert len(pages) == 6
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info["loop"] == 0
        durations = []
        for index in range(6):
            image.seek(index)
            durations.append(image.info["duration"])
    assert durations == [100] * 5 + [2000]


def test_gif_shows_every_image_of_a_frame_grouped_by_class(tmp_path):
    frames, votes = random_frames()
    pages = gif(tmp_path / "a.gif", frames, votes, [""] * 6)
    for page, images in zip(pages, frames, strict=True):
        places = [
            find(page[..., 0].astype(int), image.reshape(7, 6), 1, scale=12) for image in images
        ]
        assert places[0][0] == places[1][0], "one class lies side by side"
        assert places[2][0] == places[3][0]
        assert places[0][1] < places[1][1]
        assert places[2] > places[0]


def test_caption_and_votes_change_the_frames(tmp_path):
    frames, votes = random_frames(n_frames=3)
    frames[:] = frames[0]
    votes[2, 0] = 1, 0
    pages = gif(tmp_path / "a.gif", frames, votes, ["sweep 0", "sweep 1", "sweep 1"]).astype(int)
    caption_rows = np.nonzero((pages[0] != pages[1]).any(axis=(1, 2)))[0]
    vote_rows = np.nonzero((pages[1] != pages[2]).any(axis=(1, 2)))[0]
    assert 0 < len(caption_rows) < 20
    assert 0 < len(vote_rows) <= 18
    assert caption_rows.max() < vote_rows.min()


def test_gif_names_what_does_not_fit(tmp_path):
    frames, votes = random_frames()
    with pytest.raises(ValueError, match="5 captions do not fit 6 frames"):
        gif(tmp_path / "a.gif", frames, votes, [""] * 5)
    with pytest.raises(ValueError, match="3 images cannot be shared equally by 2"):
        gif(tmp_path / "a.gif", frames[:, :3], votes[:, :3], [""] * 6)
    with pytest.raises(ValueError, match="frames_per_second=0"):
        gif(tmp_path / "a.gif", frames, votes, [""] * 6, frames_per_second=0)
    with pytest.raises(ValueError, match="frames_per_second=100"):
        gif(tmp_path / "a.gif", frames, votes, [""] * 6, frames_per_second=100)


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG") and list(path.parent.iterdir()) == [path]


def test_distances_are_drawn_inverted_and_accuracies_as_they_are(tmp_path, drawn):
    series = {"free": ([0, 5], [100.0, 25.0]), "clamped": ([5], [20.0])}
    draw_metric_vs_epoch(series, MetricStyle("FID", inverted=True), tmp_path / "new" / "a.png")
    draw_metric_vs_epoch(series, MetricStyle("acc (%)", inverted=False), tmp_path / "new" / "a.png")
    inverted, plain = (figure.axes[0] for figure in drawn)
    np.testing.assert_allclose(inverted.lines[0].get_ydata(), [0.01, 0.04])
    np.testing.assert_allclose(plain.lines[0].get_ydata(), [100, 25])
    assert "1 / FID" in inverted.get_ylabel()
    assert "1 /" not in plain.get_ylabel()
    assert "best 25 at epoch 5" in inverted.get_legend().get_texts()[0].get_text()
    assert "best 100 at epoch 0" in plain.get_legend().get_texts()[0].get_text()
    assert is_png(tmp_path / "new" / "a.png")


def test_a_metric_that_is_not_finite_is_noted(tmp_path, drawn):
    series = {"free": ([0, 1, 2], [float("nan"), 0.0, 4.0]), "clamped": ([0], [float("nan")])}
    draw_metric_vs_epoch(series, MetricStyle("FID", inverted=True), tmp_path / "a.png")
    assert drawn[0].get_supxlabel().startswith("3 measured")
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_metric_vs_epoch({}, MetricStyle("FID", inverted=True), tmp_path / "a.png")
    with pytest.raises(ValueError, match="free: 2 epochs do not fit 1 values"):
        draw_metric_vs_epoch({"free": ([0, 1], [1.0])}, MetricStyle("", True), tmp_path / "b.png")


def test_autocorrelations_of_zero_are_marked_and_explained(tmp_path, drawn):
    values = np.array([[0.5, 0.0], [np.nan, np.nan], [0.01, 0.1]])
    draw_autocorrelation_vs_epoch([0, 1, 2], values, 0.016, tmp_path / "a.png")
    axes = drawn[0].axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["step 0"].get_ydata(), [0.5, 0.01])
    foot, measured = lines["step 1"].get_ydata()
    assert 0 < foot < 0.01
    assert measured == 0.1
    assert list(lines["step 1"].get_xdata()) == [0, 2]
    assert axes.get_ylim()[0] < foot
    assert lines["threshold 0.016"].get_linestyle() == "--"
    assert "measured 0 or below" in drawn[0].get_supxlabel()
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [list(line.get_xdata()) for line in hollow] == [[], [0]]


def test_autocorrelations_above_zero_need_no_note(tmp_path, drawn):
    draw_autocorrelation_vs_epoch([0], np.array([[0.5]]), None, tmp_path / "a.png")
    assert drawn[0].get_supxlabel() == ""
    assert is_png(tmp_path / "a.png")
    with pytest.raises(ValueError, match="no autocorrelation has been measured"):
        draw_autocorrelation_vs_epoch([0], np.array([[np.nan]]), None, tmp_path / "a.png")
    with pytest.raises(ValueError, match="2 epochs do not fit"):
        draw_autocorrelation_vs_epoch([0, 1], np.array([[0.5]]), None, tmp_path / "a.png")


def test_autocorrelation_against_lags(tmp_path, drawn):
    curves = np.array([[1.0, 0.5, 0.1], [1.0, 0.2, -0.1]])
    draw_autocorrelation_vs_lags(np.array([0, 4, 8]), curves, "epoch 3", tmp_path / "a.png")
    axes = drawn[0].axes[0]
    assert axes.get_title() == "epoch 3"
    assert "sweeps" in axes.get_xlabel()
    for step, curve in enumerate(curves):
        (line,) = (line for line in axes.lines if line.get_label() == f"step {step}")
        np.testing.assert_array_equal(line.get_ydata(), curve)
    with pytest.raises(ValueError, match="2 lags do not fit"):
        draw_autocorrelation_vs_lags(np.array([0, 4]), curves, "", tmp_path / "b.png")


def test_bits_by_time(tmp_path, drawn):
    spans, bits = np.array([[1, 2], [3, 10]]), np.array([0.5, -0.1])
    draw_bits_by_time(spans, bits, "bits", "0.4 bits", tmp_path / "a.png")
    axes = drawn[0].axes[0]
    columns = [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in axes.patches]
    assert columns == [(0, 2, 0.5), (2, 8, -0.1)]
    assert axes.get_title() == "0.4 bits"
    with pytest.raises(ValueError, match="1 values do not fit"):
        draw_bits_by_time(spans, bits[:1], "", "", tmp_path / "b.png")


def test_strings_with_their_trees(tmp_path):
    levels = [np.array([[3], [-1]]), np.array([[1, 2], [1, -1]]), np.array([[0, 1, 2, 3]] * 2)]
    figure = draw_trees(levels, tmp_path / "a.png")
    assert [axes.get_title() for axes in figure.axes] == ["valid", "broken"]
    numbers = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert numbers == [list("3120123"), list("10123")]
    assert (tmp_path / "a.png").stat().st_size > 1000
    unknown = draw_trees([np.array([[-2]]), np.array([[0, 1]])])
    assert [text.get_text() for text in unknown.axes[0].texts] == ["0", "1"]
    with pytest.raises(ValueError, match=r"2 strings of levels \[2, 4\]: give some, from the root"):
        draw_trees(levels[1:])


def test_rules_that_were_used(tmp_path):
    counts, usual = [np.array([3, 1]), np.array([0, 0, 0])], [np.full(2, 1 / 2), np.full(3, 1 / 3)]
    figure = draw_rule_usage(counts, usual, tmp_path / "a.png")
    heights = [
        [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]
        for axes in figure.axes
    ]
    assert heights == [[0.75, 0.25], [0, 0, 0]]
    assert (tmp_path / "a.png").stat().st_size > 1000
    for wrong in (usual[:1], usual[::-1]):
        with pytest.raises(ValueError, match=r"counts of \[2, 3\] rules and frequencies of"):
            draw_rule_usage(counts, wrong)


def test_a_failed_drawing_leaves_the_older_picture(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    grid, votes = random_grid()
    draw_grid(grid, votes, (7, 6), 3, ["a", "b", "c"], path)
    before = path.read_bytes()

    def half(file, image, **_):
        file.write_bytes(b"half")
        raise OSError("full")

    monkeypatch.setattr(grids.imageio, "imwrite", half)
    with pytest.raises(OSError, match="full"):
        draw_grid(grid, votes, (7, 6), 3, ["a", "b", "c"], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_images_of_no_class_have_titles_of_their_own_and_no_coloured_bar(tmp_path):
    grid, votes = random_grid()
    names = ["a", "b", "c"]
    draw_grid(grid, votes, (7, 6), 3, names, tmp_path / "classes.png")
    draw_grid(grid, votes, (7, 6), 3, names, tmp_path / "free.png", ["free"] * 3)
    coloured = [
        (np.ptp(iio.imread(tmp_path / name)[..., :3].astype(int), axis=-1) > 0).any()
        for name in ("classes.png", "free.png")
    ]
    assert coloured == [True, False]


def test_tiles_of_no_class_stand_row_by_row(tmp_path):
    images = np.arange(5, dtype=np.uint8)[:, None].repeat(4, axis=1) * 50
    draw_tiles(images, 3, (2, 2), 255, tmp_path / "tiles.png")
    drawn = iio.imread(tmp_path / "tiles.png")
    scale = drawn.shape[0] // 5  # two rows of two pixels, and one between them
    assert drawn.shape[:2] == (5 * scale, 8 * scale)
    middles = [(y * scale + scale, x * scale + scale) for y in (0, 3) for x in (0, 3, 6)]
    assert [drawn[place] for place in middles[:5]] == [0, 50, 100, 150, 200]
    with pytest.raises(ValueError, match="column"):
        draw_tiles(images, 0, (2, 2), 255, tmp_path / "tiles.png")
