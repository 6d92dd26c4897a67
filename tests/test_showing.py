"""What a user sees of an object: a few words at a prompt, a small table in a notebook."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import FAST_SAMPLERS, TINY, tiny_cfg

from thrmlDenoising import DTM, DTMConfig, make_cfg
from thrmlDenoising.base_graphs import BaseGraph, Lattice
from thrmlDenoising.base_graphs.poisson_binomial import PoissonBinomialIsingGraphManager
from thrmlDenoising.config import EvaluationConfig, Section
from thrmlDenoising.config.showing import config_lines, config_table
from thrmlDenoising.data import ImageDataset, OwnImages, Split, ToySet
from thrmlDenoising.data.keyed_split import KeyedSplit
from thrmlDenoising.families.dtm.autocorrelation import AutocorrelationCurve
from thrmlDenoising.families.dtm.hardware_energy import hardware_energy
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.showing import step_line, step_table
from thrmlDenoising.families.independent import IndependentPixels
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.quality import Estimate, Measurement, QualityReport
from thrmlDenoising.runs import EpochRecord, History
from thrmlDenoising.runs.showing import history_line, history_table
from thrmlDenoising.sampling import sampler_type
from thrmlDenoising.support import html
from thrmlDenoising.training.showing import facts_of, model_line, model_table

LINE, TABLE = 250, 25_000
"""Most characters of what is shown at a prompt, and in a notebook."""

SCRIPT = "<script>alert('&')</script>"


class Page(HTMLParser):
    """Reads HTML whose every tag has to be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def seen(page: Any) -> list[str]:
    """The texts of valid HTML, or of an object as a notebook shows it, cell by cell."""
    page = page if isinstance(page, str) else page._repr_html_()
    reader = Page()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert set(reader.tags) <= {"p", "table", "tr", "th", "td", "details", "summary"}
    assert len(page) <= TABLE
    return reader.words


# HTML


def test_a_table_has_a_head_a_title_and_only_escaped_text():
    page = html.table([("a", "b"), (SCRIPT, 2)], title="<x>")
    assert seen(page) == ["<x>", "a", "b", SCRIPT, "2"]
    assert "<th" in page
    assert "<script" not in page


def test_a_fold_hides_what_is_below_its_summary():
    assert seen(html.fold("1 < 2", html.table([("a",)]))) == ["1 < 2", "a"]


def test_what_would_break_or_reorder_a_page_is_written_out():
    assert html.escaped("a\u202eb\nc\udc80") == "a\\u202eb\\nc\\udc80"


# Configs


def test_a_config_is_shown_by_what_differs_from_the_defaults():
    assert repr(DTMConfig()) == "DTMConfig()"
    cfg = make_cfg(sampling=dict(batch_size=100), exp=dict(seed=7))
    assert repr(cfg) == "DTMConfig().replace(exp=dict(seed=7), sampling=dict(batch_size=100))"
    words = seen(cfg)
    assert words[0] == "DTMConfig: 2 of 69 fields differ from their defaults"
    assert words[1:10] == [
        *("field", "value", "default"),
        *("exp.seed", "7", "42"),
        *("sampling.batch_size", "100", str(DTMConfig().sampling.batch_size)),
    ]
    assert words[10] == "all 69 fields"
    assert words.count("wd.weight_decay") == 1
    assert seen(DTMConfig())[:2] == ["DTMConfig: all fields have their defaults", "all 69 fields"]


@pytest.mark.parametrize("cfg", [TINY, DTMConfig(), make_cfg(exp=dict(descriptor="x"))])
def test_what_is_shown_of_a_config_makes_it_again(cfg):
    assert eval(repr(cfg)) == cfg
    assert max(map(len, repr(cfg).splitlines())) <= LINE


class Nearest(PoissonBinomialIsingGraphManager):
    """A manager of one's own."""


def features(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=2)


def test_own_classes_and_functions_are_shown_by_their_names():
    cfg = make_cfg(
        graph=dict(base_graph_manager=Nearest), evaluation=dict(extractors=("classifier", features))
    )
    assert "base_graph_manager=Nearest" in repr(cfg)
    assert "extractors=('classifier', features,)" in repr(cfg)
    assert eval(repr(cfg)) == cfg


def test_a_section_is_shown_by_what_differs_too():
    assert repr(EvaluationConfig()) == "EvaluationConfig()"
    section = EvaluationConfig(bootstrap_replicates=50)
    assert repr(section) == "EvaluationConfig(bootstrap_replicates=50)"
    assert seen(section)[:7] == [
        "EvaluationConfig: 1 of 3 fields differ from their defaults",
        *("field", "value", "default"),
        *("bootstrap_replicates", "50", "100"),
    ]


@dataclass(frozen=True)
class Walk(Section, name="walk"):
    """A section of some other family, one field of which has to be given."""

    place: str
    length: int = 3


@dataclass(frozen=True)
class Talking(Section, name="talking"):
    """A section that speaks for itself."""

    def __repr__(self) -> str:
        return "hello"


@dataclass(frozen=True)
class OtherConfig:
    """A config of some other family, whose class has a default of its own for a section."""

    walk: Walk = field(default_factory=lambda: Walk("here", length=5))
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


def test_the_config_of_any_family_is_shown_so():
    assert config_lines(OtherConfig()) == "OtherConfig()"
    other = OtherConfig(Walk("there", length=3))
    assert config_lines(other) == "OtherConfig().replace(walk=dict(place='there', length=3))"
    rows = ["walk.place", "'there'", "'here'", "walk.length", "3", "5"]
    assert seen(config_table(other))[4:10] == rows
    assert repr(Walk("here")) == "Walk(place='here')"
    assert seen(Walk("here"))[4:7] == ["place", "'here'", "all 2 fields"]
    assert repr(Talking()) == "hello"


def test_a_config_of_many_classes_stays_short_and_escaped():
    names = [f"{SCRIPT} {number}" for number in range(500)]
    images = np.random.default_rng(0).integers(0, 255, (1000, 4, 4), np.uint8)
    own = OwnImages("<b>", images, np.arange(1000) // 2, class_names=names)
    graph = dict(side=70, connection_rules=((0, 1), (4, 1)), num_label_spots=1)
    cfg = make_cfg(data=own.cfg, graph=graph, sampling=dict(batch_size=10))
    assert len(repr(cfg)) < 1000
    assert max(map(len, repr(cfg).splitlines())) <= 600
    assert "'<b>'" in seen(cfg)
    assert "<script" not in cfg._repr_html_()


# Graphs, steps, samplers, images


@pytest.fixture(scope="module")
def paper() -> BaseGraph:
    """The paper's graph of 70 x 70 nodes."""
    cfg = make_cfg(graph=dict(graph_preset_architecture=70_12, num_label_spots=18))
    return cfg.manager.build_graph(0)


def test_a_graph_is_shown_by_its_sizes(paper):
    assert repr(paper) == (
        "<BaseGraph: 4,900 nodes (784 of the image, 180 of labels, 3,936 hidden), 29,400 edges>"
    )
    words = seen(paper)
    assert words[words.index("hidden nodes") + 1] == "3,936"
    assert words[words.index("colours") + 1] == "2"


def deleted(tree: Any) -> Any:
    """The same arrays, whose numbers nobody can read any more."""
    for leaf in jax.tree.leaves(tree):
        leaf.delete()
    return tree


def test_steps_and_images_are_shown_without_reading_their_arrays():
    step = DTM(TINY).steps[0].diffusion
    images = LabelledImages(jnp.zeros((9000, 784), jnp.uint8), jnp.zeros((9000, 180), bool))
    gone = deleted(jnp.ones(3))
    with pytest.raises(RuntimeError, match="deleted"):
        repr(gone)
    assert repr(deleted(images)) == "LabelledImages(pixels=u8[9000,784], labels=bool[9000,180])"
    shown = f"<DiffusionStep: 16 nodes (6 visible), 32 edges, {type(step.sampler).__name__}>"
    assert repr(deleted(step)) == shown


def test_parts_of_steps_and_images_are_shown_too():
    """As functions of JAX and Equinox make them."""
    step = DTM(TINY).steps[0].diffusion
    _, rest = eqx.partition(step, eqx.is_array)
    assert repr(rest).startswith("DiffusionStep(")
    shapes = jax.tree.map(lambda leaf: leaf.shape, LabelledImages(jnp.ones((2, 3)), jnp.ones(1)))
    assert repr(shapes) == "LabelledImages(pixels=(2, 3), labels=(1,))"


@pytest.mark.parametrize("name", [*FAST_SAMPLERS, "thrml"])
def test_a_sampler_is_shown_by_its_name(name, paper):
    sampler = sampler_type(name)
    small = TINY.manager.build_graph(0)
    assert repr(sampler.from_graph(small)) == f"<{sampler.__name__}>"


# Data


def split(n_images: int, n_classes: int) -> Split:
    classes = np.arange(n_images, dtype=np.int32) % n_classes
    return Split(np.zeros((n_images, 784), np.uint8), classes)


def test_splits_and_data_sets_are_shown_by_sizes_and_classes():
    keyed = KeyedSplit(split(9000, 10), lambda: np.empty((0, 0), bool))
    assert repr(keyed) == "<KeyedSplit: 9,000 images of 784 pixels>"
    assert seen(keyed)[1:5] == ["class", "images", "0", "900"]
    data = ImageDataset("<b>", split(9000, 2), split(11, 2), 1, (28, 28), (3, 7))
    assert repr(data) == (
        "<ImageDataset '<b>': 9,000 training and 11 test images of 28 x 28 pixels, 1 grey level, "
        "2 classes>"
    )
    assert seen(data)[-6:] == ["3", "4500", "6", "7", "4500", "5"]


def test_of_many_classes_the_first_are_shown_and_the_others_counted():
    words = seen(split(5000, 1000))
    assert words[-1] == "and 980 more"
    assert "19" in words
    assert "21" not in words


def test_own_images_are_shown_with_their_class_names_escaped():
    images = np.random.default_rng(0).random((20, 4, 3))
    own = OwnImages("mine", images, np.arange(20) % 2, class_names=[SCRIPT, "other"])
    assert repr(own) == "<OwnImages 'mine': 20 images of 4 x 3 pixels, 2 classes, 10 % held out>"
    assert seen(own)[-6:] == [f"0 {SCRIPT}", "9", "1", "1 other", "9", "1"]
    bits = OwnImages("mine", images, conditions=np.ones((20, 5), bool))
    assert "conditions of 5 bits, 10 % held out" in repr(bits)
    assert seen(bits)[-2:] == ["18", "2"]


def test_a_toy_set_is_shown_by_its_size():
    toy = ToySet("corners", [[[2, 0], [0, 0]], [[0, 0], [0, 1]]])
    assert repr(toy) == "<ToySet 'corners': 2 images of 2 x 2 pixels, 2 grey levels>"
    assert seen(toy) == [repr(toy)]


# What was measured


def report(n_measurements: int) -> QualityReport:
    found = QualityReport({"data set": SCRIPT}, {}, notes=["fid: <no weights>"])
    for number in range(n_measurements):
        estimate = Estimate(29.4321 + number, 27.0, 31.5)
        found.add(Measurement(f"metric_{number}", estimate, "classifier", 1000, 9000, "abc"))
    return found


def test_a_report_shows_the_first_measurements_and_how_many_others():
    assert repr(report(0)) == "<QualityReport: 1 not measured>"
    assert repr(report(5)) == (
        "<QualityReport: metric_0 29.43, metric_1 30.43, metric_2 31.43, 2 others, 1 not measured>"
    )
    words = seen(report(5))
    assert words[0] == f"data set {SCRIPT}"
    assert words[8:11] == ["metric_0", "29.43", "27 to 31.5"]
    assert words[-1] == "not measured: fid: <no weights>"
    assert str(report(5)).count("\n") == 9  # the table in Markdown stands


def mixing(value: float, low: float, high: float) -> Mixing:
    curve = AutocorrelationCurve(np.linspace(1, 0, 401), still=0.25)
    found = Estimate(value, low, high)
    return Mixing(curve, np.zeros(401), Estimate(120.0, 100.0, 150.0), found, found, (1, 9))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        ((45.0, 40.0, 50.0), "45 (40 to 50)"),
        ((45.0, 40.0, np.inf), "45 (40 to inf)"),
        ((np.nan, 0.0, 3.2), "below 3.2"),
        ((np.inf, np.inf, np.inf), "infinitely many"),
    ],
)
def test_mixing_is_shown_in_numbers_with_intervals(estimate, words):
    shown = mixing(*estimate)
    assert repr(shown) == (
        f"<Mixing: integrated time 120 (100 to 150) sweeps, effective sample size {words}, "
        f"slowest decay {words} sweeps>"
    )
    assert f"{words} sweeps" in seen(shown)


def test_a_curve_is_shown_at_a_few_lags():
    curve = mixing(1.0, 1.0, 1.0).curve
    assert repr(curve) == (
        "<AutocorrelationCurve up to 1,600 sweeps: 0.03 at its end, 25 % of chains never moved>"
    )
    assert seen(curve)[3:9] == ["0", "1.0000", "4", "0.9975", "8", "0.9950"]
    assert seen(curve)[-2] == "1,024"
    assert seen(AutocorrelationCurve(np.ones(1)))[3:] == ["0", "1.0000"]


def test_energy_is_shown_with_its_parts_and_assumptions(paper):
    energy = hardware_energy([paper] * 8, Lattice(70, ((0, 1), (4, 1), (10, 9)), True), 250)
    assert repr(energy) == f"<HardwareEnergy: {str(energy).splitlines()[0]}>"
    words = seen(energy)
    assert [cell.strip() for cell in str(energy).splitlines()[2].split("  ") if cell] == words[3:6]
    assert words[-1] == str(energy).splitlines()[-1]


def history(n_epochs: int, every: int, n_metrics: int = 2) -> History:
    """Epochs of 1.5 s, evaluated before the first and every so often; 0: never."""
    names = [f"free_{SCRIPT}_{number}" for number in range(n_metrics)]
    return History(
        EpochRecord(
            epoch=epoch,
            seconds=1.5 * (epoch > 0),
            metrics=dict.fromkeys(names, epoch + 0.25) if every and epoch % every == 0 else {},
        )
        for epoch in range(n_epochs + 1)
    )


def test_a_history_says_what_there_is_and_shows_the_last_evaluations():
    assert history_line(History()) == "<History: nothing recorded yet>"
    assert seen(history_table(History()))[0] == "<History: nothing recorded yet>"
    assert history_line(history(2, every=0)).endswith("3.0 s of training, never evaluated>")
    long = history(1000, every=5)
    assert history_line(long) == (
        "<History: epochs 0 to 1000, 1,500.0 s of training, evaluated 201 times, the last time at "
        "epoch 1000>"
    )
    words = seen(history_table(long))
    assert words[1:8] == ["epoch", "0", "980", "985", "990", "995", "1000"]
    assert words[-7:] == [f"free_{SCRIPT}_1", "0.25", "980.2", "985.2", "990.2", "995.2", "1000"]
    assert "the first and the last 5 of them: series(metric) has all" in words[0]


def test_a_short_history_is_shown_whole_and_a_wide_one_is_cut():
    words = seen(history_table(history(4, every=2)))
    assert words[1:5] == ["epoch", "0", "2", "4"]
    assert "series(metric)" not in words[0]
    assert seen(history_table(history(1, 1, n_metrics=100)))[-1] == "and 60 other metrics"


# The model and its steps


def test_a_model_is_shown_in_a_line_and_in_a_table():
    cfg = tiny_cfg(exp=dict(descriptor="short"))
    folder = "runs/short_20261121\u202e<b>"
    words = DTM(cfg).model.in_words
    facts = facts_of(cfg, 0, words, None)
    assert model_line("DTM", facts, folder) == (
        "<DTM: untrained, smoke_testing_3_1_3, 2 steps on 4 x 4 lattices, run folder "
        "runs/short_20261121\\u202e<b>>"
    )
    facts = facts_of(cfg, 50, words, "classifier FD 29.4 free, 39.3 clamped")
    shown = model_line("DTM", facts, folder)
    assert "trained for 50 epochs" in shown
    assert "classifier FD 29.4 free, 39.3 clamped" in shown
    assert len(shown) <= LINE
    words = seen(model_table("DTM", facts, folder, cfg))
    assert words[words.index("last evaluation") + 1] == facts["last evaluation"]
    assert words[words.index("run folder") + 1] == "runs/short_20261121\\u202e<b>"
    assert "exp.descriptor" in words


def test_a_step_is_shown_in_a_line_and_in_a_table(paper):
    assert step_line(paper) == (
        "<ModelStep: 4,900 nodes, 29,400 edges, 4,900 biases and 29,400 weights>"
    )
    assert step_line(paper, 0.01234).endswith("autocorrelation 0.0123>")
    words = seen(step_table(paper, 0.01234))
    assert words[:2] == ["ModelStep", "graph"]
    assert words[-1] == "autocorrelation 0.0123"


def test_models_of_all_families_show_themselves(tmp_path):
    dtm = DTM(tiny_cfg(), base_dir=tmp_path)
    assert repr(dtm).startswith("<DTM: untrained, smoke_testing_3_1_3, 2 steps on 4 x 4 lattices")
    assert "2 steps on 4 x 4 lattices" in seen(dtm)
    assert repr(dtm.steps[0]).startswith("<ModelStep: 16 nodes")
    control = IndependentPixels(base_dir=tmp_path)
    assert repr(control).startswith("<IndependentPixels: untrained, fashion_mnist_10k, family")
    assert repr(control.cfg) == "IndependentConfig()"
    assert not list(tmp_path.iterdir())
