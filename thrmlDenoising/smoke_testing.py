"""Toy data sets that a working model learns in seconds, and how well it has learnt them.

The sets are `smoke_testing_{pixels}_{levels}_{classes}`, or a `ToySet` of your own, with one image
for each class, so an image is either exactly right or wrong.

    from thrmlDenoising import DTM
    from thrmlDenoising.smoke_testing import compute_conditional_accuracy, smoke_testing_cfg

    dtm = DTM(smoke_testing_cfg("4_1_4"))
    dtm.train(n_epochs=200, evaluate_every=100)
    compute_conditional_accuracy(dtm, jax.random.key(0), batch_size=100)

    toy = ToySet("rows", [[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
    dtm = DTM(smoke_testing_cfg(toy), data=toy)
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int, UInt8

from thrmlDenoising.data import DatasetFacts, ToySet, dataset_facts
from thrmlDenoising.DTM import DTM
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.replication import SMOKE_TESTING_NAMES
from thrmlDenoising.quality import headline
from thrmlDenoising.support.other_names import module_tells
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.training.keys import UserKey
from thrmlDenoising.training.recorder import draw_headline
from thrmlDenoising.utils import make_cfg

if not TYPE_CHECKING:
    __getattr__ = module_tells(__name__, SMOKE_TESTING_NAMES)

_LABEL_SPOTS = 4
_PLACES_OF_PRESETS = {8_8: 32, 20_8: 200, 44_12: 968, 60_12: 1800}


def smoke_testing_cfg(toy: str | ToySet, n_steps: int = 2, seed: int = 42) -> DTMConfig:
    """A config that learns a toy set in 200 epochs.

    Args:
        toy: the sizes of one of the package, such as "4_1_4" for `smoke_testing_4_1_4`, or one of
            your own.

    Raises:
        ValueError: there is no such toy set, or an own one is too large for the largest grid.
    """
    own = isinstance(toy, ToySet)
    data = toy.cfg if own else dict(dataset_name=f"smoke_testing_{toy}")
    facts = toy.facts if own else dataset_facts(data["dataset_name"])
    return make_cfg(
        exp=dict(
            seed=seed,
            descriptor="toy" if own else data["dataset_name"],
            generate_gif=False,
            compute_autocorr=False,
        ),
        data=data,
        graph=dict(
            graph_preset_architecture=_preset(facts),
            num_label_spots=_LABEL_SPOTS,
            grayscale_levels=facts.n_levels,
        ),
        sampling=dict(n_samples=40, steps_per_sample=4, steps_warmup=80),
        generation=dict(steps_warmup=100, fid_images_per_digit=100),
        diffusion_schedule=dict(num_diffusion_steps=n_steps),
        optim=dict(step_learning_rates=(0.05,), n_epochs_for_lrd=200),
    )


def compute_conditional_accuracy(
    dtm: DTM, key: UserKey, batch_size: int, n_print: int | None = 10
) -> float:
    """Per cent of clamped images that are exactly the image of the class asked for.

    Args:
        batch_size: images per class.
        n_print: how many images of each class to print beside their target.
    """
    targets = _class_images(dtm)
    images = dtm.class_images(key, "clamped", batch_size)
    asked = np.repeat(np.arange(len(images.classes)), batch_size)
    shown = np.tile(np.arange(batch_size) < (n_print or 0), len(images.classes))
    return _accuracy(images.final_pixels, targets, asked, shown)


def compute_free_accuracy(
    dtm: DTM, key: UserKey, batch_size: int, n_print: int | None = 10
) -> float:
    """Per cent of free images that are exactly the image of the class they chose themselves.

    Of a model without labels, those that are any image of the set.

    Args:
        batch_size: images per class.
        n_print: how many images to print beside their target.
    """
    targets = _class_images(dtm)
    images = dtm.class_images(key, "free", batch_size)
    shown = np.arange(len(images.final_pixels)) < (n_print or 0)
    chosen = images.final_classes if images.n_voted else _nearest(images.final_pixels, targets)
    return _accuracy(images.final_pixels, targets, chosen, shown)


def save_accuracy_plot(dtm: DTM, filename: str = "accuracy_vs_epoch.png") -> Path:
    """Draws the accuracy over the epochs of training into the run folder; returns the file.

    Raises:
        ValueError: nothing has been measured yet.
    """
    chosen = headline(dtm.history.metric_names)
    if not chosen:
        raise ValueError("no accuracy has been measured yet: train the model first")
    path = dtm.open_run().folder.root / user_path(filename)
    draw_headline(chosen, dtm.history, path)
    return path


def _preset(facts: DatasetFacts) -> int:
    """The smallest lattice on whose even colour the visible nodes have room."""
    rows, columns = facts.image_shape
    n_visible = rows * columns * (facts.n_levels or 1) + _LABEL_SPOTS * facts.n_classes
    enough = [preset for preset, places in _PLACES_OF_PRESETS.items() if places >= n_visible]
    return enough[0] if enough else max(_PLACES_OF_PRESETS)


def _nearest(
    pixels: UInt8[np.ndarray, "image pixel"], targets: UInt8[np.ndarray, "class pixel"]
) -> Int[np.ndarray, " image"]:
    """The class whose image is nearest to each, which is an equal one if there is one."""
    return np.abs(pixels[:, None].astype(int) - targets).sum(axis=-1).argmin(axis=1)


def _accuracy(
    pixels: UInt8[np.ndarray, "image pixel"],
    targets: UInt8[np.ndarray, "class pixel"],
    classes: Int[np.ndarray, " image"],
    shown: Bool[np.ndarray, " image"],
) -> float:
    """Per cent of the images that equal the training image of their class, pixel by pixel."""
    wanted = targets[classes]
    right: Bool[np.ndarray, " image"] = (pixels == wanted).all(axis=1)
    for image in np.flatnonzero(shown):
        print(f"class {classes[image]}: wanted {wanted[image]}, generated {pixels[image]}")
    return 100.0 * float(right.mean())


def _class_images(dtm: DTM) -> UInt8[np.ndarray, "class pixel"]:
    if not dtm.is_smoke_test:
        raise ValueError(
            f"exact accuracy needs one image per class, as toy sets have; "
            f"{dtm.cfg.data.dataset_name} has many. quality(mode) measures such models, and a toy "
            "set of your own is ToySet(name, images) of thrmlDenoising.data"
        )
    train = dtm.train_dataset
    return train.pixels[np.argsort(train.classes)]
