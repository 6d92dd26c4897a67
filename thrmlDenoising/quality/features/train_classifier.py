"""Train the classifiers inside the package, whose features and classes the evaluation uses.

    python -m thrmlDenoising.quality.features.train_classifier fashion_mnist --data-dir datasets
    python -m thrmlDenoising.quality.features.train_classifier mnist --data-dir datasets

take some twelve minutes each on two cores and write `weights/{name}.npz`, half-precision weights,
and `weights/{name}.json`: the seed, the hash of the training data, the settings and the accuracy on
the test images of what was written. Every training image is shifted by at most a pixel and shown
grey, at a few grey levels, or binarised at a random threshold, so that one network reads them all.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, UInt8

from thrmlDenoising.data.idx_sets import SHA256, TRAIN_IMAGES, TRAIN_LABELS, read_complete
from thrmlDenoising.quality.features.classifier import (
    IMAGE_SHAPE,
    ImageClassifier,
    apply_in_batches,
    load_weights,
    save_weights,
)
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.process_settings import library_settings

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
BATCH_SIZE = 128
N_EPOCHS = 30
LEARNING_RATE = 1.5e-3
WEIGHT_DECAY = 5e-4
DROPOUT = 0.4
THRESHOLDS = (0.05, 0.5)
MOST_LEVELS = 15
TESTED_THRESHOLDS = (0.1, 0.3, 0.5)
TESTED_LEVELS = (3, 7)


class _Training(NamedTuple):
    model: ImageClassifier
    optimiser: optax.OptState


def rendered(key: Key[Array, ""], pixels: UInt8[Array, "image 784"]) -> Float[Array, "image 28 28"]:
    """Images of 0..255 as brightness 0..1: a quarter grey, a quarter at 2 to 15 levels above 0,
    half binarised at a threshold of 0.05 to 0.5; shifted by up to one pixel each way.
    """
    shift_key, kind_key, threshold_key, levels_key = jax.random.split(key, 4)
    n = len(pixels)
    grey = _shifted(shift_key, pixels.reshape(n, *IMAGE_SHAPE) / 255)
    low, high = THRESHOLDS
    threshold = jax.random.uniform(threshold_key, (n, 1, 1), minval=low, maxval=high)
    levels = jax.random.randint(levels_key, (n, 1, 1), 2, MOST_LEVELS + 1)
    kind = jax.random.randint(kind_key, (n, 1, 1), 0, 4)
    binary = (grey > threshold).astype(jnp.float32)
    return jnp.select([kind == 0, kind == 1], [grey, jnp.round(grey * levels) / levels], binary)


def _shifted(
    key: Key[Array, ""], images: Float[Array, "image 28 28"]
) -> Float[Array, "image 28 28"]:
    framed = jnp.pad(images, ((0, 0), (1, 1), (1, 1)))
    corners = jax.random.randint(key, (len(images), 2), 0, 3)
    return jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, corner, IMAGE_SHAPE))(
        framed, corners
    )


def _loss(
    model: ImageClassifier,
    key: Key[Array, ""],
    pixels: UInt8[Array, "image 784"],
    classes: Int[Array, " image"],
) -> Float[Array, ""]:
    render_key, dropout_key = jax.random.split(key)
    features = jax.vmap(model.features)(rendered(render_key, pixels))
    kept = jax.random.bernoulli(dropout_key, 1 - DROPOUT, features.shape)
    logits = jax.vmap(model.readout)(jnp.where(kept, features / (1 - DROPOUT), 0))
    return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()


def train(
    pixels: UInt8[np.ndarray, "image 784"], classes: Int[np.ndarray, " image"], seed: int
) -> ImageClassifier:
    """Adam with decoupled weight decay, the learning rate falling to 0 along a cosine."""
    n_batches = len(pixels) // BATCH_SIZE
    schedule = optax.cosine_decay_schedule(LEARNING_RATE, N_EPOCHS * n_batches)
    optimiser = optax.adamw(schedule, weight_decay=WEIGHT_DECAY)

    @eqx.filter_jit
    def update(
        state: _Training,
        key: Key[Array, ""],
        some_pixels: UInt8[Array, "image 784"],
        some_classes: Int[Array, " image"],
    ) -> _Training:
        gradient = eqx.filter_grad(_loss)(state.model, key, some_pixels, some_classes)
        weights = eqx.filter(state.model, eqx.is_array)
        updates, optimiser_state = optimiser.update(gradient, state.optimiser, weights)
        return _Training(eqx.apply_updates(state.model, updates), optimiser_state)

    model_key, key = jax.random.split(jax.random.key(seed))
    model = ImageClassifier(model_key)
    state = _Training(model, optimiser.init(eqx.filter(model, eqx.is_array)))
    rng = np.random.default_rng(seed)
    for epoch in range(1, N_EPOCHS + 1):
        order = rng.permutation(len(pixels))[: n_batches * BATCH_SIZE]
        for batch in order.reshape(n_batches, BATCH_SIZE):
            key, batch_key = jax.random.split(key)
            state = update(
                state, batch_key, jnp.asarray(pixels[batch]), jnp.asarray(classes[batch])
            )
        print(f"epoch {epoch} of {N_EPOCHS}", flush=True)
    return state.model


def with_features_near_one(
    model: ImageClassifier, pixels: UInt8[np.ndarray, "image 784"]
) -> ImageClassifier:
    """The same classifier with its features divided by a power of two, to a mean square near 1.

    Distances in them then have a handy size, and the kernel (x.y / d + 1)^3 of the kernel
    distance weighs its 1 and its products alike. Dividing by a power of two rounds nothing.
    """
    images = (pixels / np.float32(255)).reshape(-1, *IMAGE_SHAPE)
    root_mean_square = np.sqrt(np.mean(apply_in_batches(model.features, images) ** 2))
    scale = 2.0 ** float(np.rint(np.log2(root_mean_square)))
    hidden, readout = model.hidden, model.readout
    return eqx.tree_at(
        lambda m: (m.hidden.weight, m.hidden.bias, m.readout.weight),
        model,
        (hidden.weight / scale, hidden.bias / scale, readout.weight * scale),
    )


def accuracies(
    model: ImageClassifier,
    pixels: UInt8[np.ndarray, "image 784"],
    classes: Int[np.ndarray, " image"],
) -> dict[str, float]:
    """Per cent of these images classified rightly, grey and in several renderings."""
    grey = pixels / 255
    renderings = {
        "grey": grey,
        **{f"threshold {t}": grey > t for t in TESTED_THRESHOLDS},
        **{f"levels {n}": np.rint(grey * n) / n for n in TESTED_LEVELS},
    }
    found = {}
    for name, brightness in renderings.items():
        images = brightness.astype(np.float32).reshape(-1, *IMAGE_SHAPE)
        guesses = apply_in_batches(model.logits, images).argmax(axis=1)
        found[name] = round(100 * float((guesses == classes).mean()), 2)
    return found


@library_settings()
def main() -> None:
    """Trains on one data set and writes its weights and their record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=("fashion_mnist", "mnist"))
    parser.add_argument("--data-dir", help="folder with the complete data sets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--target", type=user_path, default=WEIGHTS_FOLDER, help="folder to write to"
    )
    arguments = parser.parse_args()
    training, test = read_complete(arguments.name, arguments.data_dir)
    model = with_features_near_one(train(*training, arguments.seed), training.pixels)
    file = arguments.target / f"{arguments.name}.npz"
    save_weights(model, file)
    record = {
        "dataset": arguments.name,
        "training_data_sha256": {
            name: SHA256[arguments.name][name] for name in (TRAIN_IMAGES, TRAIN_LABELS)
        },
        "seed": arguments.seed,
        "settings": {
            "epochs": N_EPOCHS,
            "batch_size": BATCH_SIZE,
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
            "dropout": DROPOUT,
            "binarised_at": THRESHOLDS,
            "most_levels": MOST_LEVELS,
        },
        "test_accuracy": accuracies(load_weights(file), *test),
    }
    text = json.dumps(record, indent=1)
    file.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
