"""Images as heavy-tailed diffusion learns and judges them.

Statistical comparisons raise a false alarm with chance 1e-7 each (`exactness.ALARM`).
"""

import numpy as np
import pytest
from exactness import ALARM
from heavy import image_cfg
from scipy import stats
from tiny import rest_slow

from thrmlDenoising.data import load_dataset
from thrmlDenoising.families.levy import LevyDiffusion
from thrmlDenoising.families.levy.learnt_images import Images, levels_of
from thrmlDenoising.quality import RealImages
from thrmlDenoising.quality.bootstrap import draw_counts
from thrmlDenoising.quality.by_class import measure_class_recall, measure_class_shares
from thrmlDenoising.quality.features import named_extractor
from thrmlDenoising.quality.report import QualityReport


@pytest.mark.slow
def test_images_are_learnt_and_judged_class_by_class(tmp_path):
    at_work = LevyDiffusion(image_cfg(), tmp_path)
    at_work.train(1, evaluate_every=1)
    assert at_work.sample(3).shape == (3, 28, 28)
    metrics = at_work.history.records[-1].metrics
    names = {"class_shares_tv", "share_of_0", "share_of_1", "beyond_range"}
    names |= {"classifier_recall_of_0", "classifier_recall_of_1", "classifier_fd"}
    assert {f"free_{name}" for name in names} <= set(metrics)
    assert metrics["free_share_of_0"] + metrics["free_share_of_1"] == pytest.approx(100)
    assert (at_work.logging_and_saving_dir / "images/epoch1_free.png").stat().st_size > 500
    whole = LevyDiffusion.load(at_work.logging_and_saving_dir)
    np.testing.assert_array_equal(whole.sample(3), at_work.sample(3))


def test_numbers_of_images_are_grey_levels_and_beyond_them_only_counted():
    made = np.array([[[-1.0, 1.0], [0.0, 3.0]], [[-1.001, -7.0], [0.5, 1.001]]], np.float32)
    assert levels_of(made).tolist() == [[0, 255, 128, 255], [0, 0, 191, 255]]


@pytest.mark.parametrize("imbalance", [1.0, 10.0])
def test_training_images_are_as_imbalanced_as_is_said(imbalance):
    """floor(n imbalance^(-c / 2)) of the classes c = 0, 1, 2 in the order they are named."""
    data = dict(target_classes=(5, 0, 3), imbalance=imbalance)
    cfg = image_cfg(data=data)
    learnt = Images(cfg)
    counts = np.bincount(learnt.dataset.train.classes, minlength=3).tolist()
    n = min(cfg.data.facts.train_counts[target] for target in (5, 0, 3))
    if imbalance > 1:
        assert counts == [n, int(n * imbalance**-0.5), n // 10]
    assert len(learnt.train) == sum(counts) == cfg.data.n_learnt
    assert learnt.train.shape[1:] == (28, 28)
    assert learnt.train.min() == -1
    assert learnt.train.max() == 1
    held_out = np.bincount(learnt.dataset.test.classes)
    assert held_out.min() > 0.5 * held_out.max(), "held-out images are of all classes"


@pytest.mark.parametrize("seed", rest_slow((0, 1, 2), 0))
def test_a_class_that_is_missing_is_seen(seed):
    """Training images of two classes, and those of one of them alone."""
    dataset = load_dataset(
        "fashion_mnist_10k",
        target_classes=(1, 9),
        n_levels=255,
        pixel_threshold=0.0,
    )
    rng, real = np.random.default_rng(seed), RealImages(dataset, 0.0)
    chosen = rng.permutation(len(dataset.train.pixels))[:600]
    pixels, classes = dataset.train.pixels[chosen], dataset.train.classes[chosen]
    extractor = named_extractor("classifier", "fashion_mnist_10k")

    def values(pixels: np.ndarray) -> dict[str, float]:
        report, brightness = QualityReport({}, {"classifier": None}), dataset.brightness(pixels)
        counts = draw_counts(np.random.default_rng(seed), len(pixels), 50)
        measure_class_recall(report, real, extractor, brightness, counts)
        measure_class_shares(report, real, brightness, counts)
        return report.values

    both, one = values(pixels), values(pixels[classes == 0])
    for target in (1, 9):
        assert both[f"classifier_recall_of_{target}"] > 0.7
        share = (classes == (target == 9)).mean()
        assert stats.binomtest(round(6 * both[f"share_of_{target}"]), 600, share).pvalue > ALARM
    assert both["class_shares_tv"] < 0.08
    assert one["classifier_recall_of_1"] > 0.7
    assert one["classifier_recall_of_9"] < 0.05
    assert one["share_of_9"] < 5
    assert one["class_shares_tv"] == pytest.approx(0.5, abs=0.05)


def test_images_that_are_not_finite_are_of_no_grey_level():
    made = np.zeros((3, 2, 2), np.float32)
    assert levels_of(made).tolist() == [[128] * 4] * 3
    made[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 3 images have numbers that are not finite"):
        levels_of(made)


@pytest.mark.slow
def test_sizes_for_every_pixel_are_kept_for_fewer_images_at_a_time(monkeypatch):
    """4 x 784 sizes an image: 2 of 5 images are made together, and the first 2 stay the same."""
    at_work = LevyDiffusion(image_cfg(noise=dict(n_timesteps=4, isotropic=False)))
    whole = at_work.sample(2)
    monkeypatch.setattr("thrmlDenoising.families.levy.model._MOST_SIZES", 2 * 4 * 784)
    divided = at_work.sample(5)
    assert divided.shape == (5, 28, 28)
    np.testing.assert_allclose(divided[:2], whole, rtol=1e-5, atol=1e-5)
