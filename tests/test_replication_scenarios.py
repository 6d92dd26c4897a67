"""What dtm-replication documents as its tests and its notebook, written as a user of it would."""

import os
from pathlib import Path
from typing import Any

import jax.random as jr
import numpy as np
import pytest

from thrmlDenoising.DTM import DTM
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.smoke_testing import compute_conditional_accuracy, compute_free_accuracy
from thrmlDenoising.utils import make_cfg

TWO_PIXELS = dict(
    data=dict(dataset_name="smoke_testing_2_2_2", target_classes=(0, 1)),
    graph=dict(
        graph_preset_architecture=6_4,
        num_label_spots=3,
        grayscale_levels=2,
        torus=False,
        base_graph_manager="poisson_binomial_ising_graph_manager",
    ),
    sampling=dict(batch_size=2, n_samples=10, steps_per_sample=5, steps_warmup=10),
    generation=dict(steps_warmup=20, fid_images_per_digit=10),
)
THREE_PIXELS = dict(
    data=dict(dataset_name="smoke_testing_3_1_3", target_classes=(0, 1, 2)),
    graph=dict(graph_preset_architecture=8_8, num_label_spots=2, grayscale_levels=1, torus=False),
    sampling=dict(batch_size=2, n_samples=10, steps_per_sample=5, steps_warmup=20),
    generation=dict(steps_warmup=40, fid_images_per_digit=10),
)


def toy_cfg(n_steps: int, sections: dict[str, Any], seed: int = 1) -> DTMConfig:
    """The settings of its tests."""
    return make_cfg(
        exp=dict(seed=seed, compute_autocorr=False, generate_gif=False),
        diffusion_schedule=dict(num_diffusion_steps=n_steps, kind="log", diffusion_offset=0.1),
        diffusion_rates=dict(image_rate=0.8, label_rate=0.5),
        optim=dict(step_learning_rates=(0.1,), n_epochs_for_lrd=70, alpha_cosine_decay=0.2),
        cp=dict(adaptive_cp=False),
        **sections,
    )


# Three seeds gave 97.2 to 100 per cent, of 400 and 600 images.
@pytest.mark.parametrize(
    ("n_steps", "sections"),
    [(1, TWO_PIXELS), (2, THREE_PIXELS)],
    ids=["one step", "two steps"],
)
@pytest.mark.slow
def test_toy_images_are_learnt(n_steps, sections, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dtm = DTM(toy_cfg(n_steps, sections))
    dtm.train(100, 100)
    assert compute_conditional_accuracy(dtm, jr.PRNGKey(0), 200, n_print=None) >= 95
    assert compute_free_accuracy(dtm, jr.PRNGKey(0), 200, n_print=None) >= 60
    assert dtm.fids_dict["clamped"][-1] >= 75  # of 20 or 30 images


@pytest.mark.slow
def test_two_runs_are_stitched_by_their_files_and_trained_on(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = []
    accuracies = []
    for seed in (1, 10):
        dtm = DTM(toy_cfg(2, TWO_PIXELS, seed))
        dtm.train(80, evaluate_every=80)
        paths.append(dtm.model_saving_path)
        accuracies.append(compute_conditional_accuracy(dtm, jr.PRNGKey(123), 50, None))
    assert min(accuracies) >= 90
    step_sources = [
        os.path.join(paths[0], "epoch_080", "step_00.eqx"),
        paths[1] + "/epoch_080/step_01.eqx",
    ]
    assert all(os.path.isfile(path) for path in step_sources)
    stitched = DTM.load(base_path=paths[0], step_sources=step_sources)
    accuracy = compute_conditional_accuracy(stitched, jr.PRNGKey(123), 50, None)
    assert accuracy == pytest.approx(accuracies[0], abs=8)
    stitched.train(5, 5)
    assert stitched.epoch == 85
    assert compute_conditional_accuracy(stitched, jr.PRNGKey(123), 50, None) >= 90


@pytest.mark.slow
def test_a_heat_map_of_stitched_models_over_epochs(tmp_path: Path):
    """Noise of an untrained clean step is farther from clothes than any of a trained one."""
    cfg = make_cfg(
        exp=dict(seed=1, descriptor="frankenstein", generate_gif=False, compute_autocorr=False),
        data=dict(dataset_name="fashion_mnist_10k", target_classes=(1, 8)),
        graph=dict(graph_preset_architecture=44_12, num_label_spots=10),
        sampling=dict(batch_size=100, n_samples=10, steps_per_sample=4, steps_warmup=40),
        generation=dict(steps_warmup=60, fid_images_per_digit=25),
        diffusion_schedule=dict(num_diffusion_steps=2),
        optim=dict(step_learning_rates=(0.01,), n_epochs_for_lrd=4),
    )
    dtm = DTM(cfg, base_dir=tmp_path)
    dtm.train(2, evaluate_every=1)
    run, epochs = dtm.model_saving_path, range(3)
    fids = np.zeros((3, 3))
    for clean in epochs:
        for noisy in epochs:
            step_sources = [
                f"{run}/epoch_{clean:03d}/step_00.eqx",
                f"{run}/epoch_{noisy:03d}/step_01.eqx",
            ]
            stitched = DTM.load(run, step_sources=step_sources)
            fids[clean, noisy] = stitched.quality("clamped").values["classifier_fd"]
    assert np.isfinite(fids).all()
    assert fids[0].min() > fids[2].max()
    assert fids[2, 2] < fids[1, 1]
