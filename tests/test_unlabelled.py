"""Models without labels (num_label_spots=0): measured, compared and drawn like all others."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import pytest
from tiny import SLOW, tiny_cfg, trained

import thrmlDenoising.evaluate.__main__ as command
from thrmlDenoising import DTM
from thrmlDenoising.experiments.table import RunTable
from thrmlDenoising.plots import draw_weights

PLAIN = tiny_cfg(
    exp=dict(compute_autocorr=False),
    graph=dict(num_label_spots=0),
    diffusion_schedule=dict(num_diffusion_steps=1),
    optim=dict(step_learning_rates=(0.05,)),
    cp=dict(adaptive_cp=False),
    wd=dict(weight_decay=(0.001,)),
)
CLOTHES = PLAIN.replace(
    exp=dict(generate_gif=True),
    data=dict(dataset_name="fashion_mnist_10k", target_classes=(1, 8)),
    graph=dict(graph_preset_architecture=44_12),
    sampling=dict(batch_size=1000),
    generation=dict(fid_images_per_digit=12),
    evaluation=dict(bootstrap_replicates=20),
)


@pytest.fixture(scope="module", params=SLOW)
def dtm(tmp_path_factory) -> DTM:
    return trained(tmp_path_factory.mktemp("runs"), 1, CLOTHES)


@pytest.mark.slow
def test_free_images_are_measured(dtm):
    assert dtm.eval_epochs == [0, 1]
    assert min(dtm.fids_dict["free"]) > 0
    assert dtm.fids_dict["clamped"] == []
    names = set(dtm.history.metric_names)
    assert {"free_classifier_fd", "free_classifier_kd", "free_copied_percent"} <= names
    assert not [name for name in names if "accuracy" in name or "agreement" in name]


def test_what_is_not_measured_is_said(dtm):
    note = "label accuracy: the model has no labels (graph.num_label_spots=0)"
    run = dtm.logging_and_saving_dir
    written = json.loads((run / "evaluations" / "epoch1.json").read_text(encoding="utf-8"))
    assert set(written) == {"epoch", "free"}
    assert note in written["free"]["notes"]
    assert note in str(dtm.quality("free", 10, [lambda images: images[:, 14]]))


def test_free_images_are_drawn(dtm):
    run = dtm.logging_and_saving_dir
    pictures = sorted(
        path.name for folder in ("images", "gifs") for path in (run / folder).iterdir()
    )
    assert pictures == ["epoch0_free.png", "epoch1_free.gif", "epoch1_free.png"]
    assert (run / "fid_vs_epoch.png").is_file()
    assert dtm.generate_gif(1, "free").is_file()
    draw_weights(dtm.steps[0], dtm.cfg.class_names)


@pytest.mark.parametrize(
    "ask",
    [
        lambda dtm: dtm.sample(2, labels=1),
        lambda dtm: dtm.sample(2, conditions=[1]),
        lambda dtm: dtm.quality("clamped", 4),
        lambda dtm: dtm.gen_images(jax.random.key(0), 2, False, 1),
        lambda dtm: dtm.class_images(jax.random.key(0), "clamped", 2),
        lambda dtm: dtm.generate_gif(1, "clamped"),
    ],
)
def test_nothing_can_be_clamped(dtm, ask: Callable[[DTM], object]):
    with pytest.raises(ValueError, match=r"no labels \(graph\.num_label_spots=0\).*free images"):
        ask(dtm)


@pytest.mark.slow
def test_the_commands_and_the_tables_know_free_images_alone(dtm, tmp_path, monkeypatch, capsys):
    run, picture = str(dtm.logging_and_saving_dir), tmp_path / "c.png"
    monkeypatch.setattr(sys, "argv", ["evaluate", run])
    command.main()
    full = json.loads(next(Path(run, "evaluations").glob("*full.json")).read_text(encoding="utf-8"))
    assert "free" in full
    assert "clamped" not in full
    labelled = trained(tmp_path, 1, CLOTHES.replace(graph=dict(num_label_spots=1)))
    other = str(labelled.logging_and_saving_dir)
    monkeypatch.setattr(sys, "argv", ["evaluate", "compare", run, other, "--output", str(picture)])
    command.main()
    assert "free classifier FD: best" in capsys.readouterr().out
    assert picture.is_file()
    best = RunTable.of(dtm.history, {}).best("classifier_fd")
    assert best == {"free": pytest.approx(min(dtm.fids_dict["free"]))}


@pytest.mark.parametrize("manager", ["binomial", "binary_representation", "convolved"])
@pytest.mark.slow
def test_every_encoding_does_without_labels(manager, tmp_path):
    jumps = ((0, 1),) if manager == "convolved" else ()
    name = "convolved_poisson_binomial" if manager == "convolved" else manager
    graph = dict(num_label_spots=0, base_graph_manager=name, image_jumps=jumps)
    dtm = trained(tmp_path, 1, PLAIN.replace(graph=graph | dict(graph_preset_architecture=6_4)))
    assert dtm.sample(3).shape == (3, 1, 3)
