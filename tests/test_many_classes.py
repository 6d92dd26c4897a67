"""Pictures of more than a page can show: some of it is shown, and the page says so."""

import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tiny import tiny_cfg

from thrmlDenoising import DTM
from thrmlDenoising.data import OwnImages
from thrmlDenoising.plots import (
    ComparedRun,
    Curve,
    MetricStyle,
    draw_autocorrelation_vs_epoch,
    draw_comparison,
    draw_grid,
    draw_weights,
    gifs,
    grids,
    write_gif,
)
from thrmlDenoising.plots.excerpts import ShownClasses, evenly_spread
from thrmlDenoising.training.images.generating import animate

ORANGE = (213, 94, 0)


@pytest.fixture
def said(monkeypatch):
    """What the page says below the images."""
    words = []
    for module in (grids, gifs):
        for name in ("paragraph", "legend"):
            write = getattr(module, name)
            monkeypatch.setattr(
                module, name, lambda *given, write=write: words.append(given[0]) or write(*given)
            )
    return words


def read_back(path):
    """The picture, read as strictly as Pillow can."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            image.load()
            return image.copy()


def draw(path, shape, image_shape, n_levels=1, labelled=True):
    """A grid [class, step, drawn]."""
    grid = np.zeros((*shape, int(np.prod(image_shape))), np.uint8)
    votes = np.full((*shape, shape[0] if labelled else 0), 1 / shape[0])
    names = [f"{number} a character with a name" for number in range(shape[0])]
    draw_grid(grid, votes, image_shape, n_levels, names, path)
    return read_back(path)


@pytest.mark.parametrize(
    ("shape", "image_shape", "words"),
    [
        ((964, 1, 1), (3, 4), "40 of 964 classes are shown."),
        ((480, 8, 4), (28, 28), "of 480 classes"),
        ((3, 1, 2000), (28, 28), "of 2000 images of each class"),
        ((2, 1000, 1), (1, 4), "of 1000 steps"),
        ((10, 8, 4), (1000, 1000), "of 10 classes"),
        ((1, 1, 1), (1, 40_000), None),
        ((1, 1, 1), (3000, 2), None),
        ((10, 8, 4), (28, 28), None),
    ],
)
def test_a_grid_of_anything_is_a_page(tmp_path, said, shape, image_shape, words):
    image = draw(tmp_path / "grid.png", shape, image_shape)
    assert image.width * image.height < 10e6
    assert max(image.size) < 6000
    if words is None:
        assert not [line for line in said if "shown" in line]
    else:
        assert words in said[-1]


def test_grids_of_255_levels_and_of_no_labels(tmp_path):
    assert draw(tmp_path / "a.png", (300, 2, 1), (1, 4), n_levels=255).size > (100, 100)
    assert draw(tmp_path / "b.png", (300, 2, 1), (1, 4), labelled=False).size > (100, 100)
    assert draw(tmp_path / "c.png", (1, 1, 1), (1, 1), n_levels=255).size > (100, 100)


def test_what_is_shown_is_spread_and_ends_with_the_last(tmp_path, monkeypatch):
    drawn = []
    block = grids._class_block
    monkeypatch.setattr(grids, "_class_block", lambda *a: drawn.append(a[0]) or block(*a))
    grid = (np.arange(500) % 251).astype(np.uint8).repeat(4).reshape(500, 1, 1, 4)
    votes = np.zeros((500, 1, 1, 500))
    draw_grid(grid, votes, (2, 2), 255, [str(n) for n in range(500)], tmp_path / "grid.png")
    shown = [int(images[0, 0, 0]) for images in drawn]
    assert shown == [n % 251 for n in evenly_spread(500, 40)]
    assert evenly_spread(500, 40)[::39] == [0, 499]


def test_bars_of_the_classes_shown_and_of_the_others_are_all_votes():
    votes = np.random.default_rng(0).dirichlet(np.ones(100), 7)
    classes = ShownClasses([str(n) for n in range(100)], evenly_spread(100, 40))
    bars = classes.votes(votes)
    np.testing.assert_allclose(bars.sum(axis=-1), 1)
    np.testing.assert_array_equal(bars[:, 39], votes[:, 99])
    assert classes.bars[-2:] == ["99", "all others"]
    assert classes.n_bars == bars.shape[-1] == 41


def test_the_bar_of_its_own_class_is_coloured_among_hundreds(tmp_path):
    n_classes = 480
    votes = np.eye(n_classes)[:, None, None, :]
    names = ["a"] * n_classes
    draw_grid(np.zeros((n_classes, 1, 1, 4), np.uint8), votes, (2, 2), 1, names, tmp_path / "g.png")
    picture = np.asarray(read_back(tmp_path / "g.png").convert("RGB"))
    # Forty bars of 10 pixels in height and 3 in width.
    assert (picture == ORANGE).all(axis=2).sum() == pytest.approx(40 * 10 * 3, rel=0.2)


@pytest.mark.parametrize(
    ("n_classes", "n_each", "n_frames", "image_shape"),
    [
        (480, 2, 2, (3, 4)),
        (2, 500, 2, (28, 28)),
        (10, 2, 2, (1000, 1000)),
        (1, 1, 1100, (1, 4)),
    ],
)
def test_an_animation_of_anything_is_bounded(
    tmp_path, said, n_classes, n_each, n_frames, image_shape
):
    frames = np.zeros((n_frames, n_classes * n_each, int(np.prod(image_shape))), np.uint8)
    frames[::2, :, :1] = 1
    votes = np.zeros((*frames.shape[:2], n_classes))
    names, captions = ["name"] * n_classes, ["x"] * n_frames
    write_gif(frames, votes, captions, image_shape, 1, names, tmp_path / "a.gif")
    image = Image.open(tmp_path / "a.gif")
    assert image.width * image.height < 4e6
    assert getattr(image, "n_frames", 1) <= 1000
    drawn_small = n_classes == 10
    assert drawn_small or said[-1].endswith("are shown.")


def test_an_animation_of_some_classes_says_of_how_many(tmp_path, said):
    frames, votes = np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 100))
    names = [f"class {n}" for n in range(100)]
    given = (frames, votes, ["", ""], (2, 2), 1, names, tmp_path / "a.gif")
    write_gif(*given, classes=[7, 99])
    assert said == [["class 7", "class 99", "all others"], "2 of 100 classes are shown."]
    with pytest.raises(ValueError, match="are not all among 100 names"):
        write_gif(*given, classes=[7, 100])
    with pytest.raises(ValueError, match="4 images cannot be shared equally by 3"):
        write_gif(*given, classes=[1, 2, 3])


N_CLASSES = 60


@pytest.mark.slow
def test_a_model_of_many_classes_makes_no_more_images_than_are_shown(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (2 * N_CLASSES, 3, 4)) * 1.0
    data = OwnImages("characters", images, np.repeat(np.arange(N_CLASSES), 2))
    cfg = tiny_cfg(
        data=data.cfg,
        graph=dict(side=14, connection_rules=((0, 1),), num_label_spots=1),
        sampling=dict(batch_size=60),
    )
    dtm = DTM(cfg, base_dir=tmp_path, data=data)
    samples, classes = animate(dtm.model, dtm.state, "clamped")
    assert samples.images.shape[0] == 40 * cfg.exp.animated_images_per_digit
    assert samples.drawn_votes.shape[-1] == N_CLASSES
    last = samples.drawn_votes[-1, -1]
    assert last.argmax() == classes[-1] == N_CLASSES - 1, "clamped to its own class"
    assert read_back(dtm.generate_gif(0)).size < (4000, 4000)
    assert draw_weights(dtm.steps[0], cfg.class_names).get_supxlabel() == (
        "40 of 60 classes are shown."
    )


@pytest.mark.slow
def test_curves_without_number_keep_their_picture(tmp_path, drawn):
    values = np.linspace(0.1, 1, 500)[None]
    draw_autocorrelation_vs_epoch([0], values, 0.016, tmp_path / "a.png")
    curve = Curve(np.arange(2), np.ones(2))
    runs = [ComparedRun(f"{'long ' * 30}{n}", {"seconds": 1.0}, {"free": curve}) for n in range(60)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as axes that have collapsed to nothing
        draw_comparison(runs, MetricStyle("FID", True), tmp_path / "b.png")
    steps, compared = drawn
    named = [text.get_text() for text in steps.axes[0].get_legend().get_texts()]
    assert (named[0], named[-1]) == ("step 0", "threshold 0.016")
    assert steps.get_supxlabel() == "20 of 501 curves are named"
    assert compared.get_supxlabel() == "20 of 60 curves are named"
    assert isinstance(compared, Figure)
    assert read_back(tmp_path / "b.png").height < 2000
