"""The config: what it holds, what it refuses and says, YAML and the command line."""

import re
import sys
import time
import warnings
from dataclasses import FrozenInstanceError, asdict, fields

import numpy as np
import pytest
import tyro
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from thrmlDenoising.base_graphs import Lattice, PoissonBinomialIsingGraphManager
from thrmlDenoising.config import DataConfig
from thrmlDenoising.families.dtm.config import DTMConfig, GraphConfig, SamplingConfig
from thrmlDenoising.utils import make_cfg


class OwnManager(PoissonBinomialIsingGraphManager):
    """A user's own base graph, importable from this file."""


# The published setting: what a run that names nothing has always meant.
PUBLISHED = {
    "exp": {
        "seed": 42,
        "graph_seeds": (),
        "descriptor": "",
        "compute_autocorr": True,
        "autocorr_every_epoch": False,
        "autocorr_protocol": "replication",
        "generate_gif": True,
        "drawn_images_per_digit": 4,
        "animated_images_per_digit": 2,
        "steps_per_sample_in_gif": 10,
        "checkpoint_every": 1,
        "checkpoint_growth": 1.0,
        "n_cores": None,
    },
    "data": {
        "dataset_name": "fashion_mnist_10k",
        "target_classes": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        "pixel_threshold_for_single_trials": 0.1,
        "data_dir": None,
        "image_shape": None,
        "train_counts": (),
        "test_counts": (),
        "class_names": (),
        "n_condition_bits": 0,
        "toy_levels": None,
        "images_sha256": None,
    },
    "graph": {
        "graph_preset_architecture": 6012,
        "connection_rules": (),
        "side": None,
        "num_label_spots": 5,
        "grayscale_levels": 1,
        "torus": True,
        "base_graph_manager": "poisson_binomial_ising_graph_manager",
        "placement": "scattered",
        "image_jumps": (),
    },
    "sampling": {
        "batch_size": 400,
        "batches_per_epoch": None,
        "n_samples": 50,
        "steps_per_sample": 8,
        "steps_warmup": 400,
        "training_beta": 1.0,
        "phase_order": "independent",
        "negative_start": "fresh",
        "backend": "auto",
    },
    "generation": {
        "generation_beta_start": 0.8,
        "generation_beta_end": 1.2,
        "fid_images_per_digit": 512,
        "steps_warmup": 600,
    },
    "evaluation": {
        "extractors": ("classifier",),
        "inception_weights": None,
        "bootstrap_replicates": 100,
    },
    "diffusion_schedule": {"num_diffusion_steps": 1, "kind": "log", "diffusion_offset": 0.1},
    "diffusion_rates": {"image_rate": 0.8, "label_rate": 0.2},
    "optim": {
        "momentum": 0.9,
        "b2_adam": 0.999,
        "step_learning_rates": (0.05,),
        "alpha_cosine_decay": 0.2,
        "n_epochs_for_lrd": 50,
    },
    "cp": {
        "correlation_penalty": (0.0,),
        "adaptive_cp": False,
        "cp_min": 0.001,
        "adaptive_threshold": 0.016,
        "controller": "replication",
        "penalty_estimator": "batch_mean",
    },
    "wd": {
        "weight_decay": (0.0,),
        "adaptive_wd": False,
        "wd_min": 0.001,
        "controller": "replication",
    },
}


def test_defaults_are_the_published_setting():
    assert asdict(DTMConfig()) == PUBLISHED


def test_make_cfg_changes_only_what_is_named():
    cfg = make_cfg(graph={"graph_preset_architecture": 44_12}, sampling={"batch_size": 100})
    assert cfg.sampling == SamplingConfig(batch_size=100)
    assert cfg.graph.lattice == Lattice(44, ((0, 1), (4, 1), (10, 9)), torus=True)
    assert cfg.data == DTMConfig().data
    assert make_cfg(sampling=SamplingConfig(batch_size=100)).sampling.batch_size == 100


def test_replace_keeps_earlier_changes():
    cfg = make_cfg(sampling={"batch_size": 7}).replace(sampling={"n_samples": 3})
    assert (cfg.sampling.batch_size, cfg.sampling.n_samples) == (7, 3)


def test_config_is_frozen_and_hashable():
    cfg = make_cfg(exp={"graph_seeds": [3]})
    with pytest.raises(FrozenInstanceError):
        cfg.sampling.batch_size = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert hash(cfg) == hash(make_cfg(exp={"graph_seeds": (3,)}))


def test_values_become_the_plain_python_value_of_the_field():
    cfg = make_cfg(
        sampling={"batch_size": np.int64(9), "training_beta": 1},
        optim={"step_learning_rates": np.array([0.5, 0.25])},
        diffusion_schedule={"num_diffusion_steps": 2},
        data={"target_classes": range(3)},
    )
    assert type(cfg.sampling.batch_size) is int
    assert type(cfg.sampling.training_beta) is float
    assert cfg.optim.step_learning_rates == (0.5, 0.25)
    assert cfg.data.target_classes == (0, 1, 2)


def test_own_side_and_rules_replace_the_preset():
    graph = make_cfg(graph={"side": 45, "connection_rules": [[0, 1]], "torus": False}).graph
    assert graph.lattice == Lattice(45, ((0, 1),), torus=False)


def test_per_step_extends_by_the_last_value():
    cfg = make_cfg(diffusion_schedule={"num_diffusion_steps": 4})
    assert cfg.per_step((0.3, 0.2)) == (0.3, 0.2, 0.2, 0.2)
    assert cfg.per_step(()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("section", "name", "values", "beyond"),
    [
        ("optim", "step_learning_rates", (0.1, 0.2, 0.3), "(0.3,)"),
        ("cp", "correlation_penalty", (0.0, 0.1, 0.2, 0.3), "(0.2, 0.3)"),
        ("wd", "weight_decay", (0.1, 0.2, 0.0), "(0.0,)"),
        ("exp", "graph_seeds", (1, 2, 3), "(3,)"),
    ],
)
def test_values_beyond_the_steps_are_warned_about_once_and_left_out(section, name, values, beyond):
    sections = {section: {name: values}, "diffusion_schedule": {"num_diffusion_steps": 2}}
    with pytest.warns(UserWarning, match=re.escape(f"{beyond} serve no step and are left out")):
        cfg = make_cfg(**sections)
    assert getattr(getattr(cfg, section), name) == values[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg


@pytest.mark.parametrize(
    "sections",
    [
        {"cp": {"adaptive_threshold": 0}},
        {"cp": {"adaptive_threshold": 0.0, "adaptive_cp": False, "correlation_penalty": ()}},
        {"wd": {"weight_decay": (), "wd_min": 0}, "exp": {"graph_seeds": ()}},
        {"cp": {"correlation_penalty": (), "adaptive_cp": True}},
        {"optim": {"step_learning_rates": (0,)}},
        {"diffusion_rates": {"label_rate": 0}, "graph": {"num_label_spots": 0}},
        {"exp": {"n_cores": 1}, "graph": {"base_graph_manager": "binary_representation_ising"}},
    ],
    ids=str,
)
def test_what_is_switched_off_may_say_so(sections):
    cfg = make_cfg(**sections)
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg


# As dtm-replication saves it: every section in the order of the alphabet, lists for tuples.
SAVED_THERE = """
cp: {adaptive_cp: true, adaptive_threshold: 0.06, correlation_penalty: [0.0], cp_min: 0.001}
data:
  dataset_name: fashion_mnist
  pixel_threshold_for_single_trials: 0.1
  target_classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
diffusion_rates: {image_rate: 0.9, label_rate: 0.2}
diffusion_schedule: {diffusion_offset: 0.15, kind: log, num_diffusion_steps: 8}
exp:
  animated_images_per_digit: 2
  compute_autocorr: true
  descriptor: DTM_ACP_gs
  drawn_images_per_digit: 4
  generate_gif: true
  graph_seeds: [1, 2, 3, 4, 5, 6, 7, 8]
  n_cores: 2
  seed: 1
  steps_per_sample_in_gif: 10
generation:
  fid_images_per_digit: 512
  generation_beta_end: 1.2
  generation_beta_start: 0.8
  steps_warmup: 800
graph:
  base_graph_manager: binary_representation_ising_graph_manager
  graph_preset_architecture: 8048
  grayscale_levels: 7
  num_label_spots: 20
  torus: true
optim:
  alpha_cosine_decay: 0.2
  b2_adam: 0.999
  momentum: 0.9
  n_epochs_for_lrd: 20
  step_learning_rates: [0.012]
sampling:
  batch_size: 400
  n_samples: 50
  steps_per_sample: 8
  steps_warmup: 400
  training_beta: 1.0
wd: {adaptive_wd: false, wd_min: 0.001, weight_decay: [0.0]}
"""


def test_a_config_that_dtm_replication_has_saved_is_read():
    cfg = DTMConfig.from_yaml(SAVED_THERE)
    theirs, ours = yaml.safe_load(SAVED_THERE), yaml.safe_load(cfg.to_yaml())
    for section, values in theirs.items():
        assert values.items() <= ours[section].items()


def test_toy_sets_ignore_batch_and_classes():
    cfg = make_cfg(
        data={"dataset_name": "smoke_testing_3_2_5"},
        graph={"graph_preset_architecture": 8_8, "grayscale_levels": 2, "num_label_spots": 1},
    )
    assert cfg.sampling.batch_size == 400


TOY = {"dataset_name": "smoke_testing_3_2_5"}
MISTAKES = [
    ({"smpling": {}}, ["'smpling'", "did you mean 'sampling'", "diffusion_rates"]),
    ({"sampling": {"batchsize": 3}}, ["'batchsize'", "did you mean 'batch_size'", "n_samples"]),
    ({"sampling": 3}, ["'sampling'", "mapping", "3 (int)"]),
    ({"sampling": {"batch_size": 0}}, ["sampling.batch_size", "at least 1", "0 (int)"]),
    ({"sampling": {"batch_size": True}}, ["sampling.batch_size", "integer", "True (bool)"]),
    ({"sampling": {"batch_size": 3.0}}, ["sampling.batch_size", "integer", "3.0 (float)"]),
    ({"sampling": {"batch_size": "9"}}, ["sampling.batch_size", "integer", "'9' (str)"]),
    ({"sampling": {"training_beta": True}}, ["sampling.training_beta", "number", "bool"]),
    ({"sampling": {"training_beta": 0}}, ["sampling.training_beta", "above 0"]),
    ({"sampling": {"steps_warmup": -1}}, ["sampling.steps_warmup", "at least 0"]),
    ({"sampling": {"phase_order": "pared"}}, ["'independent', 'paired'", "did you mean 'paired'"]),
    ({"generation": {"steps_warmup": 0}}, ["generation.steps_warmup", "at least 1"]),
    ({"generation": {"generation_beta_end": float("inf")}}, ["finite", "inf"]),
    ({"diffusion_rates": {"label_rate": float("nan")}}, ["diffusion_rates.label_rate", "nan"]),
    ({"diffusion_rates": {"image_rate": 10**400}}, ["diffusion_rates.image_rate", "finite"]),
    ({"diffusion_schedule": {"diffusion_offset": 1.1}}, ["from 0 to 1", "1.1"]),
    ({"optim": {"momentum": 1.0}}, ["optim.momentum", "below 1"]),
    ({"optim": {"step_learning_rates": 0.1}}, ["tuple", "a single value is written (0.1,)"]),
    ({"optim": {"step_learning_rates": ()}}, ["optim.step_learning_rates", "(0,) trains no step"]),
    ({"optim": {"step_learning_rates": (-0.1,)}}, ["optim.step_learning_rates", "at least 0"]),
    ({"cp": {"correlation_penalty": (-0.1,)}}, ["cp.correlation_penalty", "at least 0"]),
    ({"wd": {"weight_decay": (-0.1,)}}, ["wd.weight_decay", "at least 0"]),
    ({"diffusion_rates": {"label_rate": 0}}, ["label_rate=0", "num_label_spots=0", "0.2"]),
    ({"diffusion_rates": {"image_rate": 0}}, ["diffusion_rates.image_rate", "above 0"]),
    ({"exp": {"seed": 2**32}}, ["exp.seed", "2**32 - 1"]),
    ({"exp": {"descriptor": "a/b"}}, ["exp.descriptor", "'a/b'"]),
    ({"exp": {"descriptor": "ü" * 101}}, ["exp.descriptor", "200 bytes"]),
    ({"exp": {"generate_gif": 1}}, ["exp.generate_gif", "True or False"]),
    ({"data": {"dataset_name": "mnst"}}, ["'mnst'", "'mnist'"]),
    ({"data": {"target_classes": (1, 1)}}, ["data.target_classes", "no repeats"]),
    ({"data": {"target_classes": (9, 10)}}, ["data.target_classes", "0 to 9", "not 10"]),
    ({"data": {"pixel_threshold_for_single_trials": 1}}, ["below 1"]),
    ({"graph": {"graph_preset_architecture": 61_12}}, ["6112", "60_12"]),
    ({"graph": {"base_graph_manager": "binary_reprsentation"}}, ["'binary_representation'"]),
    ({"graph": {"base_graph_manager": 1}}, ["base_graph_manager=1", "'poisson_binomial'"]),
    ({"graph": {"base_graph_manager": int}}, ["int", "AbstractBaseGraphManager"]),
    (
        {"graph": {"base_graph_manager": "no_such_module:X"}},
        ["not imported", "--trust no_such_module"],
    ),
    ({"graph": {"base_graph_manager": "json:loads"}}, ["json:loads", "part of Python itself"]),
    ({"graph": {"side": 60}}, ["graph.side=60", "graph.connection_rules=()", "both"]),
    ({"graph": {"connection_rules": ((0, 1),)}}, ["graph.side=None", "both"]),
    ({"graph": {"side": 61, "connection_rules": ((0, 1),)}}, ["side=61", "torus", "even side"]),
    ({"graph": {"side": 60, "connection_rules": ((1, 1),)}}, ["(1, 1)", "odd"]),
    ({"graph": {"side": 60, "connection_rules": ((0, 1, 2),)}}, ["graph.connection_rules"]),
    ({"graph": {"grayscale_levels": 256}}, ["graph.grayscale_levels", "255"]),
    # 784 + 10 x 5 visible nodes, where the even colour of 20 x 20 has 200.
    ({"graph": {"graph_preset_architecture": 20_8}}, ["834", "20 x 20", "200", "num_label_spots"]),
    ({"sampling": {"batch_size": 10_001}}, ["10001", "10000", "more classes"]),
    ({"data": {"target_classes": (0,)}, "sampling": {"batch_size": 943}}, ["943", "942"]),
    ({"data": TOY}, ["smoke_testing_3_2_5", "graph.grayscale_levels=2"]),
    (
        {"cp": {"adaptive_cp": True}, "exp": {"compute_autocorr": False}},
        ["cp.adaptive_cp", "exp.compute_autocorr"],
    ),
    (
        {"wd": {"adaptive_wd": True}, "exp": {"compute_autocorr": False}},
        ["wd.adaptive_wd", "exp.compute_autocorr"],
    ),
    (
        {"exp": {"autocorr_every_epoch": True, "compute_autocorr": False}},
        ["exp.autocorr_every_epoch=True", "exp.compute_autocorr=True"],
    ),
    ({"cp": {"adaptive_cp": True, "cp_min": 0}}, ["cp.cp_min", "above 0"]),
    (
        {"cp": {"adaptive_cp": True, "cp_min": 0, "correlation_penalty": ()}},
        ["cp.cp_min", "above 0"],
    ),
    (
        {"cp": {"adaptive_cp": True, "adaptive_threshold": 0}},
        ["adaptive_threshold=0", "cp.adaptive_cp=False"],
    ),
    (
        {"wd": {"adaptive_wd": True}, "cp": {"adaptive_threshold": 0}},
        ["adaptive_threshold=0", "wd.adaptive_wd=False"],
    ),
    ({"wd": {"adaptive_wd": True, "wd_min": 0}}, ["wd.wd_min", "above 0"]),
]


@pytest.mark.parametrize(("sections", "fragments"), MISTAKES, ids=[str(m[0]) for m in MISTAKES])
def test_mistakes_are_refused_and_explained(sections, fragments):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the fragments are the match
        make_cfg(**sections)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_section_alone_is_checked_too():
    with pytest.raises(ValueError, match="'nope'"):
        GraphConfig(base_graph_manager="nope")
    with pytest.raises(ValueError, match="'mnst'"):
        DataConfig(dataset_name="mnst")


def test_section_in_the_wrong_place_is_refused():
    with pytest.raises(ValueError, match="generation must be"):
        DTMConfig(generation=SamplingConfig())  # pyright: ignore[reportArgumentType]


@pytest.mark.filterwarnings("ignore:binary_representation")
def test_visible_nodes_fit_to_the_last_place():
    # 42 x 42 has 882 even places: 784 for pixels leave 98 for labels.
    one_class = {"target_classes": (3,)}
    graph = {"graph_preset_architecture": 42_8, "num_label_spots": 98}
    make_cfg(data=one_class, graph=graph)
    with pytest.raises(ValueError, match="883 visible nodes"):
        make_cfg(data=one_class, graph=graph | {"num_label_spots": 99})
    # Eight levels are eight separate nodes, or four bits.
    graph = {"graph_preset_architecture": 90_12, "grayscale_levels": 8}
    make_cfg(graph=graph | {"base_graph_manager": "binary_representation"})
    with pytest.raises(ValueError, match="6322 visible nodes"):
        make_cfg(graph=graph)


# --- YAML ---------------------------------------------------------------------------------------


def floats(low: float, high: float, **kwargs) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False, **kwargs)


positive = floats(0, 1e300, exclude_min=True)
penalties = st.lists(floats(0, 1e300), min_size=1, max_size=3)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
configs = st.fixed_dictionaries(
    {
        "exp": st.fixed_dictionaries(
            {
                "seed": st.integers(0, 2**32 - 1),
                "graph_seeds": st.lists(st.integers(0, 9), max_size=3),
                "descriptor": st.from_regex(r"(\w[\w.+=,-]{0,10})?", fullmatch=True),
                "n_cores": st.none() | st.integers(1, 99),
                "generate_gif": st.booleans(),
            }
        ),
        "data": st.fixed_dictionaries(
            {
                "target_classes": st.lists(st.integers(0, 9), min_size=1, unique=True),
                "data_dir": st.none() | text,
            }
        ),
        "graph": st.fixed_dictionaries(
            {
                "graph_preset_architecture": st.sampled_from([44_12, "60_12", "7012", 50_16]),
                "base_graph_manager": st.sampled_from(
                    ["binary_representation", OwnManager, PoissonBinomialIsingGraphManager]
                ),
            }
        )
        | st.fixed_dictionaries(
            {
                "side": st.sampled_from([60, 62]),
                "connection_rules": st.lists(
                    st.sampled_from([(0, 1), (4, 1), (-3, 2)]), min_size=1
                ),
            }
        ),
        "sampling": st.fixed_dictionaries(
            {"training_beta": positive, "batch_size": st.integers(1, 900)}
        ),
        "diffusion_schedule": st.fixed_dictionaries(
            {"num_diffusion_steps": st.integers(3, 9), "kind": st.sampled_from(["log", "linear"])}
        ),
        "optim": st.fixed_dictionaries(
            {"momentum": floats(0, 1, exclude_max=True), "step_learning_rates": st.just([1e-300])}
        ),
        "cp": st.fixed_dictionaries({"correlation_penalty": penalties}),
        "wd": st.fixed_dictionaries({"weight_decay": penalties}),
    }
).map(lambda sections: make_cfg(**sections))


@pytest.mark.parametrize("folder", ["\x85", "a\x85b", "a\u2028b\u2029", "a\n b\t'\"", "\ufeffa"])
def test_yaml_gives_back_line_breaks_of_all_kinds(folder):
    cfg = make_cfg(data=dict(data_dir=folder))
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg


@settings(max_examples=60, deadline=None)
@given(configs)
def test_yaml_gives_back_the_same_config(cfg):
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg
    # Other programs read the same values, with no loader of ours.
    assert yaml.safe_load(cfg.to_yaml())["sampling"]["training_beta"] == cfg.sampling.training_beta


def test_yaml_is_readable_and_in_order():
    lines = DTMConfig().to_yaml().splitlines()
    assert lines[0] == "family: dtm"
    sections = [line[:-1] for line in lines[1:] if not line.startswith(" ")]
    assert sections == list(DTMConfig().sections)
    assert set(sections) == set(PUBLISHED)
    assert "  target_classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" in lines
    assert "  step_learning_rates: [0.05]" in lines


def test_yaml_as_people_write_it():
    cfg = DTMConfig.from_yaml(
        """
        sampling:            # everything else keeps its default
          training_beta: 1e-3
        optim: {step_learning_rates: [1e-2, 2E-2, 1]}
        diffusion_schedule: {num_diffusion_steps: 3}
        graph: {graph_preset_architecture: 44_12}
        exp: {descriptor: "1e-3"}
        wd:
          # weight_decay: [0.1]
        """
    )
    assert cfg.sampling.training_beta == 0.001
    assert cfg.optim.step_learning_rates == (0.01, 0.02, 1.0)
    assert cfg.graph.graph_preset_architecture == 4412
    assert cfg.exp.descriptor == "1e-3"
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg
    assert DTMConfig.from_yaml("") == DTMConfig()


def repeated(first: str, more: str) -> str:
    """Values that stand for nine of the one before, eight times over."""
    return first + "".join(more.format(n, ",".join([f"*a{n - 1}"] * 9)) for n in range(1, 9))


BUSY = {
    "aliases": repeated("a0: &a0 [1]\n", "a{0}: &a{0} [{1}]\n"),
    "merged": repeated("a0: &a0 {{b: 1}}\n", "a{0}: &a{0} {{{{<<: [{1}]}}}}\n"),
    "endless": "exp: &a {seed: *a}",
    "deep list": "[" * 50_000,
    "deep mapping": "{a: " * 50_000,
    "deep block": "- " * 50_000,
    "sections": "".join(f"name{n}: 1\n" for n in range(15_000)),
    "fields": f"exp: {{{', '.join(f'name{n}: 1' for n in range(15_000))}}}",
    "values": f"cp: {{correlation_penalty: [{', '.join(['1'] * 150_000)}]}}",
    "digits": f"exp: {{seed: 1{'0' * 5000}}}",
    "hexadecimal digits": f"exp: {{seed: 0x{'f' * 50_000}}}",
    "sixties": f"exp: {{seed: 1{':10' * 5000}}}",
    "no integer": 'exp: {seed: !!int ""}',
    "no truth": 'exp: {seed: !!bool "x"}',
    "no time": 'exp: {seed: !!timestamp "x"}',
    "text": f"data: {{dataset_name: {'a' * 200_000}}}",
    "steps": "diffusion_schedule: {num_diffusion_steps: 10000000}",
    "labels": "graph: {num_label_spots: 1000000000}",
    "side": "graph: {side: 1000000, connection_rules: [[0, 1]]}",
    "sweeps": "sampling: {n_samples: 1000000, steps_per_sample: 1000000}",
    "generation": "generation: {steps_warmup: 1000000000}",
    "large file": "#" * 1_200_000,
}


@pytest.mark.parametrize("name", BUSY)
def test_a_file_that_would_keep_a_reader_busy_is_refused_in_few_words(tmp_path, name):
    path = tmp_path / "busy.yaml"
    path.write_text(BUSY[name])
    started = time.process_time()
    with pytest.raises(ValueError, match=r"busy\.yaml") as caught:
        DTMConfig.load(path)
    assert time.process_time() - started < 3
    assert len(str(caught.value)) < 3000


def test_yaml_may_repeat_values_by_aliases():
    cfg = DTMConfig.from_yaml(
        "cp: &same {controller: paper}\nwd: *same\noptim: {step_learning_rates: &r [0.1]}"
    )
    assert cfg.wd.controller == "paper"


@pytest.mark.parametrize(
    ("n", "name"), [(4000, "字" * 150), pytest.param(40_000, "a", marks=pytest.mark.slow)]
)
def test_a_config_that_could_not_be_read_again_is_not_written(tmp_path, n, name):
    cfg = DTMConfig().replace(
        data=dict(
            dataset_name="characters", target_classes=[0], image_shape=(4, 4),
            train_counts=(3000,) * n, test_counts=(1,) * n, images_sha256="0" * 64,
            class_names=[name] * n,
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"the config (takes|has) [\d,]+ .* read again"):
        cfg.save(tmp_path / "cfg.yaml")
    assert not list(tmp_path.iterdir())


def test_a_config_of_a_thousand_long_names_is_read_again():
    n = 1000
    cfg = DTMConfig().replace(
        data=dict(
            dataset_name="characters", target_classes=range(n), image_shape=(4, 4),
            train_counts=(4,) * n, test_counts=(1,) * n, images_sha256="0" * 64,
            class_names=["字" * 154] * n,
        ),
        graph=dict(graph_preset_architecture=120_36, num_label_spots=1),
    )  # fmt: skip
    assert DTMConfig.from_yaml(cfg.to_yaml()) == cfg


def test_a_config_of_thousands_of_classes_is_read_again(tmp_path):
    n = 4000
    cfg = DTMConfig().replace(
        data=dict(
            dataset_name="characters", target_classes=range(n), image_shape=(4, 4),
            train_counts=(4,) * n, test_counts=(1,) * n, images_sha256="0" * 64,
            class_names=[f"character number {k}" for k in range(n)],
        ),
        graph=dict(graph_preset_architecture=120_36, num_label_spots=1),
    )  # fmt: skip
    cfg.save(tmp_path / "cfg.yaml")
    assert DTMConfig.load(tmp_path / "cfg.yaml") == cfg


@pytest.mark.parametrize(
    ("yaml_text", "message"),
    [
        ("sampling: [", "no valid YAML"),
        ("- sampling", "mapping of section names"),
        ("sampling: 3", "'sampling' must be a mapping"),
        ("sampling: {batch_size: 3}\nsampling: {n_samples: 3}", "'sampling' is given more than"),
        ("sampling: {batch_size: 3, batch_size: 4}", "'batch_size' is given more than once"),
        ("sampling: {1: 2}", "1 in the YAML text is no name"),
        ("smpling: {}", "did you mean 'sampling'"),
        ("sampling: {batch_size: '3'}", r"sampling.batch_size must be .* not '3' \(str\)"),
        ("sampling: {training_beta: .inf}", "finite"),
        ("exp: {seed: !!python/object/apply:os.getpid []}", "no valid YAML"),
    ],
)
def test_bad_yaml_is_explained(yaml_text, message):
    with pytest.raises(ValueError, match=message):
        DTMConfig.from_yaml(yaml_text)


def test_files(tmp_path):
    cfg = make_cfg(exp={"descriptor": "fälle"})
    cfg.save(tmp_path / "cfg.yaml")
    assert DTMConfig.load(tmp_path / "cfg.yaml") == cfg
    with pytest.raises(FileNotFoundError, match="no_such"):
        DTMConfig.load(tmp_path / "no_such.yaml")
    (tmp_path / "bad.yaml").write_text("sampling: {batch_size: 0}")
    with pytest.raises(ValueError, match=r"bad.yaml: sampling.batch_size"):
        DTMConfig.load(tmp_path / "bad.yaml")


def test_own_manager_class_is_kept_and_found_again():
    cfg = make_cfg(graph={"base_graph_manager": OwnManager})
    assert cfg.graph.base_graph_manager is OwnManager
    assert f"base_graph_manager: {__name__}:OwnManager" in cfg.to_yaml()
    assert DTMConfig.from_yaml(cfg.to_yaml()).graph.manager_class is OwnManager


def class_of_a_script() -> type[OwnManager]:
    return type("InScript", (OwnManager,), {"__module__": "__main__"})


def test_a_class_of_a_notebook_or_script_is_found_by_its_name(monkeypatch):
    in_script = class_of_a_script()
    monkeypatch.setattr(sys.modules["__main__"], "InScript", in_script, raising=False)
    text = make_cfg(graph={"base_graph_manager": in_script}).to_yaml()
    assert "base_graph_manager: __main__:InScript" in text
    assert DTMConfig.from_yaml(text).graph.manager_class is in_script
    monkeypatch.delattr(sys.modules["__main__"], "InScript")
    with pytest.raises(ValueError, match="'InScript' is needed, which was defined in a notebook"):
        DTMConfig.from_yaml(text)


def test_class_that_its_name_does_not_lead_to_is_refused_by_yaml_only(monkeypatch):
    class Local(OwnManager):
        pass

    run_again = class_of_a_script()
    monkeypatch.setattr(sys.modules["__main__"], "InScript", class_of_a_script(), raising=False)
    for manager in (Local, run_again):
        cfg = make_cfg(graph={"base_graph_manager": manager})
        with pytest.raises(ValueError, match="does not lead to it: define it outside of any"):
            cfg.to_yaml()


# --- the command line ---------------------------------------------------------------------------


def from_arguments(arguments: str, default: DTMConfig | None = None) -> DTMConfig:
    return tyro.cli(DTMConfig, default=default or DTMConfig(), args=arguments.split())


@pytest.mark.parametrize(
    ("arguments", "sections"),
    [
        ("--sampling.batch_size 100", {"sampling": {"batch_size": 100}}),
        ("--sampling.batch-size 100", {"sampling": {"batch_size": 100}}),
        (
            "--diffusion_schedule.num_diffusion_steps 3 --optim.step_learning_rates 0.03 2e-2",
            {
                "diffusion_schedule": {"num_diffusion_steps": 3},
                "optim": {"step_learning_rates": (0.03, 0.02)},
            },
        ),
        (
            "--graph.graph_preset_architecture 44_12",
            {"graph": {"graph_preset_architecture": 44_12}},
        ),
        (
            "--data.dataset_name smoke_testing_2_2_2 --graph.graph_preset_architecture 6_4"
            " --graph.grayscale_levels 2",
            {
                "data": {"dataset_name": "smoke_testing_2_2_2"},
                "graph": {"graph_preset_architecture": 6_4, "grayscale_levels": 2},
            },
        ),
        (
            "--graph.base_graph_manager binary_representation",
            {"graph": {"base_graph_manager": "binary_representation"}},
        ),
        (
            f"--graph.base_graph_manager {__name__}:OwnManager",
            {"graph": {"base_graph_manager": OwnManager}},
        ),
        (
            "--graph.side 60 --graph.connection_rules 0 1 4 1 --graph.torus False",
            {"graph": {"side": 60, "connection_rules": ((0, 1), (4, 1)), "torus": False}},
        ),
        ("--exp.graph_seeds", {"exp": {"graph_seeds": ()}}),
        ("--exp.graph_seeds 1", {"exp": {"graph_seeds": (1,)}}),
        ("--exp.n_cores 4 --data.data_dir /x", {"exp": {"n_cores": 4}, "data": {"data_dir": "/x"}}),
        ("--exp.n_cores None", {}),
    ],
)
def test_command_line_overrides(arguments, sections):
    cfg = tyro.cli(
        DTMConfig,
        default=DTMConfig(),
        args=arguments.split(),
        config=(tyro.conf.FlagConversionOff,),
    )
    assert cfg == make_cfg(**sections)


def test_command_line_starts_from_the_given_config():
    default = make_cfg(
        graph={"base_graph_manager": OwnManager}, sampling={"n_samples": 3}, exp={"seed": 5}
    )
    cfg = from_arguments("--exp.seed 6 --exp.no-generate-gif", default)
    assert cfg == default.replace(exp={"seed": 6, "generate_gif": False})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--sampling.batch_size 0", "sampling.batch_size must be an integer of at least 1"),
        ("--sampling.batch_size 20000", "more than the 10000 training"),
        ("--graph.graph_preset_architecture 6_4", "the 6 x 6 grid has places for 18"),
        ("--graph.base_graph_manager nope", "unknown base_graph_manager 'nope'"),
    ],
)
def test_command_line_mistakes_are_readable(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        from_arguments(arguments)
    assert stopped.value.code not in (0, None)
    shown = capsys.readouterr()
    assert message in " ".join((shown.out + shown.err).replace("│", " ").split())


def test_help_explains_every_field(capsys):
    with pytest.raises(SystemExit):
        from_arguments("--help")
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    # Of a switch, "--exp.on, --exp.no-on Words (default: True)", the second name gets the words.
    shown = re.sub(r"--([\w.-]+), --[\w.-]+", r"--\1", shown)
    words = {
        option: re.findall(r"\b[a-z]+\b", text.partition("(default")[0])
        for option, _, text in (chunk.partition(" ") for chunk in shown.split(" --"))
    }
    cfg = DTMConfig()
    for section in fields(cfg):
        for field in fields(getattr(cfg, section.name)):
            option = f"{section.name}.{field.name}".replace("_", "-")
            assert len(words[option]) >= 4, f"--{option} has no help text"


@pytest.mark.parametrize("name", ["animated_images_per_digit", "steps_per_sample_in_gif"])
def test_what_no_animation_needs_may_be_0(name):
    assert getattr(make_cfg(exp={name: 0, "generate_gif": False}).exp, name) == 0
    with pytest.raises(ValueError, match=rf"exp\.{name}=0 with exp\.generate_gif=True"):
        make_cfg(exp={name: 0})


def test_no_grids_and_no_decay():
    assert make_cfg(exp=dict(drawn_images_per_digit=0)).exp.drawn_images_per_digit == 0
    with pytest.raises(ValueError, match=r"n_epochs_for_lrd .*alpha_cosine_decay=1 keeps"):
        make_cfg(optim=dict(n_epochs_for_lrd=0))
