"""What users call things: drawn as it is, or refused with the name when it is given."""

import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.data import OwnImages
from thrmlDenoising.plots import (
    ComparedRun,
    Curve,
    MetricStyle,
    draw_autocorrelation_vs_lags,
    draw_comparison,
    draw_grid,
    draw_metric_vs_epoch,
    draw_weights,
    fonts,
    write_gif,
)
from thrmlDenoising.plots.lettering import text, title
from thrmlDenoising.support.command_line import let_terminals_show_all
from thrmlDenoising.support.hints import shortened
from thrmlDenoising.support.user_text import one_line

NAMES = {
    "dollars": "$x_1$ and $10^{-3",
    "marks of TeX": r"\frac{a}{b}_{c}^%#&~",
    "underscores": "_hidden_",
    "CJK": "漢字かな한글",
    "right to left": "שלום مرحبا",
    "emoji": "👩\u200d🚀 🐱",
    "combining": "Z\u0335\u0300\u0301a\u0308\u0323lgo",
    "direction marks": "\u200fabc\u200e",
    "unassigned": "\U000e0fff\uffff\ue000",
    "long": "m" * 200,
    "blank": "  ",
    "empty": "",
}

REFUSED = {
    "line break": "T-shirt\n/top",
    "tab": "a\tb",
    "carriage return": "a\r",
    "NUL": "a\x00",
    "escape sequence": "\x1b[31mred",
    "line separator": "a\u2028b",
    "next line": "a\x85b",
    "not UTF-8": os.fsdecode(b"caf\xe9"),
    "direction turned": "\u202eabc",
    "direction isolated": "a\u2066bc",
    "too long": "m" * 201,
}


@pytest.fixture
def strict():
    """No warning either."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def step():
    return DTM(TINY).steps[0]


def own(**names):
    images = np.random.default_rng(0).integers(0, 2, (8, 3, 4)) * 1.0
    return OwnImages(**{"name": "mine", "images": images, "classes": np.arange(8) % 2} | names)


def test_names_are_drawn(step, tmp_path, strict, drawn):
    names, n = list(NAMES.values()), len(NAMES)
    votes = np.full((n, 1, 1, n), 1 / n)
    draw_grid(np.zeros((n, 1, 1, 4), np.uint8), votes, (2, 2), 1, names, tmp_path / "1.png")
    frames = np.zeros((n, n, 4), np.uint8), votes[None, :, 0, 0].repeat(n, axis=0), names
    write_gif(*frames, (2, 2), 1, names, tmp_path / "2.gif", titles=names)
    style = MetricStyle(NAMES["dollars"], inverted=True)
    draw_metric_vs_epoch({name: ([0], [2.0]) for name in names}, style, tmp_path / "3.png")
    curve = Curve(np.arange(2), np.ones(2))
    runs = [ComparedRun(name, {"seconds": 1.0}, {"free": curve}) for name in names]
    draw_comparison(runs, style, tmp_path / "4.png")
    draw_weights(step, names[:1] + names[3:5], tmp_path / "5.png")
    assert len(list(tmp_path.iterdir())) == 5
    of_metric, of_runs, of_weights = drawn
    by_name = of_metric.axes[0].get_legend().get_texts()
    for place, name in zip(by_name, names, strict=True):
        assert place.get_text().startswith(shortened(name, 60))
    assert [place.get_text() for place in of_runs.legends[0].get_texts()] == [
        shortened(name, 100) for name in names
    ]
    assert of_weights.axes[3].get_title() == names[0]


def test_dollars_are_no_mathematics(tmp_path, drawn):
    draw_autocorrelation_vs_lags(np.arange(2), np.ones((1, 2)), "$x$", tmp_path / "a.png")
    assert not drawn[0].axes[0].title.get_parse_math()


def test_what_was_not_refused_in_time_is_drawn_in_one_line(tmp_path, strict):
    words = "".join(REFUSED.values())[:60]
    draw_autocorrelation_vs_lags(np.arange(2), np.ones((1, 2)), words, tmp_path / "a.png")
    for name in REFUSED.values():
        assert title(name).shape[0] < 20
    assert one_line("a\n\udce9") == "a\\n\\udce9"
    np.testing.assert_array_equal(text("a\nb"), text(r"a\nb"))


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_names_that_cannot_be_shown_are_refused_when_given(name):
    shown = ascii(name)[1:20].replace("\\", "\\\\").replace("[", r"\[")
    for given in (dict(class_names=("b", name)), dict(name=name)):
        with pytest.raises(ValueError, match=rf"name.*{shown}"):
            own(**given)
    described = own(class_names=("a", "b")).cfg
    with pytest.raises(ValueError, match=rf"data\.class_names\[1\].*{shown}"):
        make_cfg(data=described | dict(class_names=("b", name)))
    with pytest.raises(ValueError, match=rf"data\.dataset_name.*{shown}"):
        make_cfg(data=described | dict(dataset_name=name))
    with pytest.raises(ValueError, match=r"exp\.descriptor"):
        make_cfg(exp=dict(descriptor=name))


def test_names_survive_yaml():
    for name in NAMES.values():
        data = own(class_names=(name, "b"), name=name.strip() or "x").cfg
        cfg = make_cfg(data=data, sampling=dict(batch_size=2), graph=dict(num_label_spots=1))
        assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg


def test_wide_and_long_titles_leave_room_for_the_images():
    for name in ("m" * 1000, "\ufdfd" * 100, "漢" * 100):
        assert title(name).shape[1] <= 220
    assert shortened("abcdefghij", 5) == "ab…ij"


def test_letters_that_the_usual_font_lacks_come_from_another():
    """The fonts of mathematics that come with matplotlib have some."""
    folder = Path(fonts.usual_font().file).parent
    stix, usual = (
        fonts._characters(str(folder / f"{name}.ttf")) for name in ("STIXGeneral", "DejaVuSans")
    )
    letter = chr(max(stix - usual))
    other = fonts.font_for(letter)
    assert other != fonts.usual_font()
    assert ord(letter) in fonts._characters(other.file)
    assert fonts.font_for("a") == fonts.usual_font()
    assert fonts.font_for("\U000e0fff") == fonts.usual_font(), "a box, where no font has it"


def test_runs_in_folders_of_any_name(tmp_path):
    """Paths are bytes to the system, and need not be text."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/$a_\xff\n{"))
    dtm = DTM(TINY, base_dir=folder)
    dtm.save_epoch()
    assert DTM.load(dtm.logging_and_saving_dir).epoch == 0


def test_terminals_show_what_they_can(monkeypatch):
    """A program that has done its work does not fail at saying where."""
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    let_terminals_show_all()
    print("drawn in", REFUSED["not UTF-8"], "…", flush=True)
    assert shown.getvalue() == rb"drawn in caf\udce9 \u2026" + os.linesep.encode()
