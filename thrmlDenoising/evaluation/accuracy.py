"""Do generated images belong to their class? A nearest-centroid classifier says so.

It is blunt, offline and parameter-free: an image belongs to the class whose mean image is
nearest. Real images of one class may well lie nearer to another's mean, so its figures are to be
compared with those of real images, not with 100.
"""

from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int, UInt8


class CentroidAccuracy(eqx.Module):
    """Per cent of images whose nearest class mean is that of their class.

    Attributes:
        centroids: the mean image of every class.
    """

    name: ClassVar[str] = "centroid_accuracy"
    label: ClassVar[str] = "nearest-centroid accuracy (%)"
    is_distance: ClassVar[bool] = False

    centroids: Float[np.ndarray, "class pixel"]

    @classmethod
    def fit(
        cls, pixels: UInt8[np.ndarray, "image pixel"], classes: Int[np.ndarray, " image"]
    ) -> "CentroidAccuracy":
        """Averages the images of each class 0, 1, 2, ...

        Raises:
            ValueError: a class has no image.
        """
        counts = np.bincount(classes)
        if not counts.all():
            raise ValueError(f"class {counts.argmin()} has no image to take the centroid of")
        sums = [pixels[classes == label].sum(axis=0, dtype=float) for label in range(len(counts))]
        return cls(np.stack(sums) / counts[:, None])

    def classify(self, pixels: UInt8[np.ndarray, "image pixel"]) -> Int[np.ndarray, " image"]:
        """The class of the nearest centroid (Euclidean distance)."""
        # |x - c|^2 without |x|^2, which is the same for all classes
        distances = (self.centroids**2).sum(axis=1) - 2 * pixels.astype(float) @ self.centroids.T
        return distances.argmin(axis=1)

    def __call__(
        self, pixels: UInt8[np.ndarray, "image pixel"], classes: Int[np.ndarray, " image"]
    ) -> float:
        """Per cent of these images that lie nearest to the centroid of their class."""
        return 100.0 * float((self.classify(pixels) == classes).mean())


def label_votes(label_bits: np.ndarray, n_classes: int) -> Float[np.ndarray, "*batch label_class"]:
    """The share of label spots that vote for each class.

    Args:
        label_bits: boolean, "*batch label_node": one-hot codes, one spot after the other.
    """
    n_spots = label_bits.shape[-1] // n_classes
    spots = label_bits.reshape(*label_bits.shape[:-1], n_spots, n_classes)
    return spots.mean(axis=-2) if n_spots else np.zeros((*label_bits.shape[:-1], 0))
