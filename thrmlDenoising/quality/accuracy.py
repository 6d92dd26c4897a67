"""Do generated images belong to their class? A judge says to which class an image belongs.

The judge is the trained classifier of the package where it knows the data set, equality with the
one image of a class in toy sets, and the nearest class mean elsewhere.
"""

import hashlib
from typing import NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from thrmlDenoising.data import ImageDataset
from thrmlDenoising.quality.features import ClassifierFeatures, UnavailableError

OF_A_CLASS = {"clamped": "conditional_accuracy", "free": "label_agreement"}
"""The same per cent: whether a model made what was asked for, or named rightly what it made."""

EXACT = {"clamped": "exact_accuracy", "free": "exact_accuracy"}

Images = Float[np.ndarray, "image row column"]


@runtime_checkable
class ClassJudge(Protocol):
    """Tells the class of an image."""

    @property
    def name(self) -> str:
        """What results are labelled with."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever its judgements may."""
        ...

    @property
    def metric_names(self) -> dict[str, str]:
        """What the per cent of images it finds of their class is called, clamped and free."""
        ...

    def __call__(self, images: Images) -> Int[np.ndarray, " image"]:
        """The class, 0, 1, 2, ... in the order of the target classes, of images 0..1.

        -1 where it is none of them.
        """
        ...


class ExactMatch(NamedTuple):
    """The class whose image it is, pixel by pixel.

    Attributes:
        pictures: the one image of every class.
    """

    pictures: Float[np.ndarray, "class pixel"]

    @property
    def name(self) -> str:
        """What results are labelled with."""
        return "exact match"

    @property
    def fingerprint(self) -> str:
        """The hash of the pictures."""
        return hashlib.sha256(self.pictures.tobytes()).hexdigest()

    @property
    def metric_names(self) -> dict[str, str]:
        """Exact ones."""
        return EXACT

    def __call__(self, images: Images) -> Int[np.ndarray, " image"]:
        """The class of an equal picture, or -1."""
        flat = images.reshape(len(images), 1, -1)
        equal = (flat == self.pictures).all(axis=-1)
        return np.where(equal.any(axis=1), equal.argmax(axis=1), -1)


class NearestCentroid(NamedTuple):
    """The class whose mean image is nearest (Euclidean distance).

    Attributes:
        centroids: the mean image of every class.
    """

    centroids: Float[np.ndarray, "class pixel"]

    @property
    def name(self) -> str:
        """What results are labelled with."""
        return "nearest centroid"

    @property
    def fingerprint(self) -> str:
        """The hash of the centroids."""
        return hashlib.sha256(self.centroids.tobytes()).hexdigest()

    @property
    def metric_names(self) -> dict[str, str]:
        """Of a class."""
        return OF_A_CLASS

    @classmethod
    def fit(cls, images: Images, classes: Int[np.ndarray, " image"]) -> Self:
        """Averages the images of each class 0, 1, 2, ...

        Raises:
            ValueError: a class has no image.
        """
        counts = np.bincount(classes)
        if not counts.all():
            raise ValueError(f"class {counts.argmin()} has no image to take the centroid of")
        flat = images.reshape(len(images), -1)
        return cls(np.stack([flat[classes == label].mean(axis=0) for label in range(len(counts))]))

    def __call__(self, images: Images) -> Int[np.ndarray, " image"]:
        """The class of the nearest centroid, the first of equals."""
        # |x - c|^2 without |x|^2, which is the same for all classes
        flat = images.reshape(len(images), -1).astype(float)
        distances = (self.centroids**2).sum(axis=1) - 2 * flat @ self.centroids.T
        return distances.argmin(axis=1)


class TrainedJudge(NamedTuple):
    """The most likely of some classes by the trained classifier.

    Attributes:
        candidates: the data set's numbers of the classes in question.
    """

    classifier: ClassifierFeatures
    candidates: tuple[int, ...]

    @property
    def name(self) -> str:
        """What results are labelled with."""
        return self.classifier.name

    @property
    def fingerprint(self) -> str:
        """The hash of the classifier's weights."""
        return self.classifier.fingerprint

    @property
    def metric_names(self) -> dict[str, str]:
        """Of a class."""
        return OF_A_CLASS

    def __call__(self, images: Images) -> Int[np.ndarray, " image"]:
        """Positions among the candidates."""
        return self.classifier.classify(images, self.candidates)


def class_judge(dataset: ImageDataset) -> ClassJudge:
    """The judge of a data set's classes."""
    if dataset.is_toy:
        order = np.argsort(dataset.train.classes)
        pictures = dataset.brightness(dataset.train.pixels[order])
        return ExactMatch(pictures.reshape(len(order), -1))
    try:
        classifier = ClassifierFeatures.of_dataset(dataset.name)
        return TrainedJudge(classifier, dataset.target_classes)
    except UnavailableError:
        held_out = dataset.test
        return NearestCentroid.fit(dataset.brightness(held_out.pixels), held_out.classes)


def label_votes(label_bits: np.ndarray, n_classes: int) -> Float[np.ndarray, "*batch label_class"]:
    """The share of label spots that vote for each class.

    Args:
        label_bits: boolean, "*batch label_node": one-hot codes, one spot after the other.
        n_classes: 0 where label nodes vote for none; then there are no shares either.
    """
    n_spots = label_bits.shape[-1] // n_classes if n_classes else 0
    if n_spots == 0:
        return np.zeros((*label_bits.shape[:-1], 0))
    return label_bits.reshape(*label_bits.shape[:-1], n_spots, n_classes).mean(axis=-2)
