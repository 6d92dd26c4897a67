"""Toy data sets that a working model learns in seconds, and how well it has learnt them.

The sets are `smoke_testing_{pixels}_{levels}_{classes}` with one image for each class, so an
image is either exactly right or wrong.

    from thrmlDenoising import DTM
    from thrmlDenoising.smoke_testing import compute_conditional_accuracy, smoke_testing_cfg

    dtm = DTM(smoke_testing_cfg("4_1_4"))
    dtm.train(n_epochs=200, evaluate_every=100)
    compute_conditional_accuracy(dtm, jax.random.key(0), batch_size=100)
"""

from pathlib import Path

import numpy as np
from jaxtyping import Array, Bool, Int, Key, UInt8

from thrmlDenoising.config import DTMConfig
from thrmlDenoising.data import dataset_facts
from thrmlDenoising.DTM import DTM
from thrmlDenoising.evaluation.quality import headline
from thrmlDenoising.training import draw_headline
from thrmlDenoising.utils import make_cfg


def smoke_testing_cfg(sizes: str, n_steps: int = 2, seed: int = 42) -> DTMConfig:
    """A config that learns `smoke_testing_{sizes}`, such as "4_1_4", in 200 epochs.

    Raises:
        ValueError: there is no such toy set.
    """
    name = f"smoke_testing_{sizes}"
    return make_cfg(
        exp=dict(seed=seed, descriptor=name, generate_gif=False, compute_autocorr=False),
        data=dict(dataset_name=name),
        graph=dict(
            graph_preset_architecture=8_8,
            num_label_spots=4,
            grayscale_levels=dataset_facts(name).n_levels,
        ),
        sampling=dict(n_samples=40, steps_per_sample=4, steps_warmup=80),
        generation=dict(steps_warmup=100, fid_images_per_digit=100),
        diffusion_schedule=dict(num_diffusion_steps=n_steps),
        optim=dict(step_learning_rates=(0.05,), n_epochs_for_lrd=200),
    )


def compute_conditional_accuracy(
    dtm: DTM, key: Key[Array, ""], batch_size: int, n_print: int = 10
) -> float:
    """Per cent of clamped images that are exactly the image of the class asked for.

    Args:
        batch_size: images per class.
        n_print: how many images to print beside their target.
    """
    images = dtm.class_images(key, "clamped", batch_size)
    asked = np.repeat(np.arange(images.n_classes), batch_size)
    return _accuracy(dtm, images.final_pixels, asked, n_print)


def compute_free_accuracy(
    dtm: DTM, key: Key[Array, ""], batch_size: int, n_print: int = 10
) -> float:
    """Per cent of free images that are exactly the image of the class they chose themselves.

    Args:
        batch_size: images per class.
        n_print: how many images to print beside their target.
    """
    images = dtm.class_images(key, "free", batch_size)
    return _accuracy(dtm, images.final_pixels, images.final_classes, n_print)


def save_accuracy_plot(dtm: DTM) -> Path:
    """Draws how many images were of their label's class during training; returns the file.

    Raises:
        ValueError: nothing has been measured yet.
    """
    chosen = headline(dtm.history.metric_names)
    if not chosen:
        raise ValueError("no accuracy has been measured yet: train the model first")
    path = dtm.open_run().folder.root / "accuracy_vs_epoch.png"
    draw_headline(chosen, dtm.history, path)
    return path


def _accuracy(
    dtm: DTM,
    pixels: UInt8[np.ndarray, "image pixel"],
    classes: Int[np.ndarray, " image"],
    n_print: int,
) -> float:
    """Per cent of the images that equal the training image of their class, pixel by pixel."""
    targets = _class_images(dtm)[classes]
    right: Bool[np.ndarray, " image"] = (pixels == targets).all(axis=1)
    for image, target, label in list(zip(pixels, targets, classes, strict=True))[:n_print]:
        print(f"class {label}: wanted {target}, generated {image}")
    return 100.0 * float(right.mean())


def _class_images(dtm: DTM) -> UInt8[np.ndarray, "class pixel"]:
    if not dtm.cfg.data.facts.is_toy:
        raise ValueError(
            f"exact accuracy needs one image per class, as the smoke_testing sets have; "
            f"{dtm.cfg.data.dataset_name} has many"
        )
    train = dtm.train_dataset
    return train.pixels[np.argsort(train.classes)]
