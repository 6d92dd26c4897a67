"""A small convolutional network for clothes and digits: offline features and classes.

Its weights come with the package: `train_classifier` made them, and the JSON file beside them
says from which data and seed, and how accurate they are. It was trained on grey images and on
images binarised at many thresholds, so it reads both.
"""

import hashlib
import io
from collections.abc import Callable
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.quality.features.protocol import UnavailableError

IMAGE_SHAPE = (28, 28)
N_FEATURES = 128
_N_CLASSES = 10
_CHANNELS_AND_STRIDES = ((32, 1), (32, 2), (64, 1), (64, 2), (64, 2))
_BATCH_SIZE = 100

_WEIGHTS_OF_DATASET = {
    "fashion_mnist": "fashion_mnist",
    "fashion_mnist_10k": "fashion_mnist",
    "mnist": "mnist",
    "mnist_5k": "mnist",
}


class ImageClassifier(eqx.Module):
    """Five 3 x 3 convolutions, one layer of 128 features, ten classes; 0.23 million weights.

    An image is brightness 0..1 of shape (28, 28). The features are the last layer before the
    classes, after its rectifier.
    """

    convolutions: list[eqx.nn.Conv2d]
    hidden: eqx.nn.Linear
    readout: eqx.nn.Linear

    def __init__(self, key: Key[Array, ""]) -> None:
        *layer_keys, hidden_key, readout_key = jax.random.split(key, len(_CHANNELS_AND_STRIDES) + 2)
        n_channels, side = 1, IMAGE_SHAPE[0]
        self.convolutions = []
        for layer_key, (n_out, stride) in zip(layer_keys, _CHANNELS_AND_STRIDES, strict=True):
            self.convolutions.append(
                eqx.nn.Conv2d(n_channels, n_out, 3, stride, padding=1, key=layer_key)
            )
            n_channels, side = n_out, -(-side // stride)
        self.hidden = eqx.nn.Linear(n_channels * side**2, N_FEATURES, key=hidden_key)
        self.readout = eqx.nn.Linear(N_FEATURES, _N_CLASSES, key=readout_key)

    def features(self, image: Float[Array, "28 28"]) -> Float[Array, "128"]:
        """What the last layer before the classes sees."""
        channels = 2 * image[None] - 1
        for convolution in self.convolutions:
            channels = jax.nn.relu(convolution(channels))
        return jax.nn.relu(self.hidden(channels.ravel()))

    def logits(self, image: Float[Array, "28 28"]) -> Float[Array, "10"]:
        """Unnormalised log-probabilities of the ten classes."""
        return self.readout(self.features(image))


class ClassifierFeatures:
    """The classifier as a feature extractor, and as a judge of classes.

    Distances in its features are called "classifier FD": they are no FID.
    """

    name = "classifier"

    def __init__(self, model: ImageClassifier, fingerprint: str) -> None:
        self.model = model
        self.fingerprint = fingerprint

    @classmethod
    def of_dataset(cls, dataset_name: str) -> "ClassifierFeatures":
        """The classifier that knows the classes of this data set; made once of the same weights.

        Raises:
            UnavailableError: there is none.
        """
        if dataset_name not in _WEIGHTS_OF_DATASET:
            raise UnavailableError(
                f"no classifier of this package knows the data set {dataset_name!r}; there are "
                f"some for {', '.join(_WEIGHTS_OF_DATASET)}"
            )
        folder = resources.files("thrmlDenoising.quality.features") / "weights"
        file = folder / f"{_WEIGHTS_OF_DATASET[dataset_name]}.npz"
        return _of_weights(file.read_bytes())

    def __call__(
        self, images: Float[np.ndarray, "image 28 28"]
    ) -> Float[np.ndarray, "image feature"]:
        """The 128 features of images of brightness 0..1."""
        return apply_in_batches(self.model.features, images)

    def classify(
        self, images: Float[np.ndarray, "image 28 28"], candidates: tuple[int, ...]
    ) -> Int[np.ndarray, " image"]:
        """The most likely of the candidate classes, as positions among them."""
        return apply_in_batches(self.model.logits, images)[:, candidates].argmax(axis=1)


@cache
def _of_weights(content: bytes) -> ClassifierFeatures:
    """The key is the file's content: a file of the same name may be written anew."""
    return ClassifierFeatures(
        _read_weights(io.BytesIO(content)), hashlib.sha256(content).hexdigest()
    )


def apply_in_batches(
    function: Callable[[Float[Array, "28 28"]], Float[Array, " value"]],
    images: Float[np.ndarray, "image 28 28"],
) -> Float[np.ndarray, "image value"]:
    """The function of every image, compiled for batches of one size: the last one is filled up.

    Raises:
        ValueError: the images are not 28 x 28.
    """
    if images.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"the classifiers look at images of {IMAGE_SHAPE}, not {images.shape[1:]}")
    n_images = len(images)
    padded = np.pad(images, ((0, -n_images % _BATCH_SIZE), (0, 0), (0, 0))).astype(np.float32)
    batches = padded.reshape(-1, _BATCH_SIZE, *IMAGE_SHAPE)
    return np.concatenate([_apply(function, jnp.asarray(batch)) for batch in batches])[:n_images]


@eqx.filter_jit
def _apply(
    function: Callable[[Float[Array, "28 28"]], Float[Array, " value"]],
    images: Float[Array, "image 28 28"],
) -> Float[Array, "image value"]:
    return jax.vmap(function)(images)


def save_weights(model: ImageClassifier, path: Path) -> None:
    """Writes the weights in half precision, in the order of the model's leaves."""
    leaves = jax.tree.leaves(eqx.filter(model, eqx.is_array))
    np.savez_compressed(path, *[np.asarray(leaf, np.float16) for leaf in leaves])


def load_weights(file: Traversable) -> ImageClassifier:
    """The model whose weights `save_weights` wrote."""
    with file.open("rb") as stream:
        return _read_weights(stream)


def _read_weights(stream: IO[bytes]) -> ImageClassifier:
    template = eqx.filter_eval_shape(ImageClassifier, jax.random.key(0))
    with np.load(stream, allow_pickle=False) as arrays:
        leaves = [jnp.asarray(arrays[name], jnp.float32) for name in arrays.files]
    shapes, rest = eqx.partition(template, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(shapes), leaves), rest)
