"""What all metrics of generated images share: a number with its 95 % interval.

Shares of images have Wilson's interval, other numbers one from resampling the images. All resample
with the same counts, so that their replicates belong to the same resampled sets of images. The
reference (training images and what was computed from them) stays fixed.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Num


class Estimate(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low


def draw_counts(
    rng: np.random.Generator, n_images: int, n_replicates: int
) -> Int[np.ndarray, "replicate image"]:
    """How often each image is drawn in each replicate: `n_images` draws with replacement.

    Raises:
        ValueError: no image, or less than 2 replicates.
    """
    if n_images < 1 or n_replicates < 2:
        raise ValueError(
            f"{n_replicates} replicates of {n_images} images asked for: an interval needs at "
            "least 2 replicates (better 100) of at least 1 image"
        )
    return rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=n_replicates)


def centred_estimate(value: float, replicates: Float[np.ndarray, " replicate"]) -> Estimate:
    """The value, and an interval as wide as the middle 95 % of its replicates.

    A resample holds only 63 % distinct images, which shifts distances upwards and coverage
    downwards. Hence only the spread of the replicates is used: the interval is the value plus
    their 2.5th and 97.5th percentiles less their mean.

    It tells how the number scatters between sets of as many images, not how far it is on average
    from what infinitely many images would give. Where a distance is nearly 0, and its scatter of
    second order, the interval is too wide rather than too narrow.
    """
    # Of so many replicates and one more value of the same kind, 95 % lie between these.
    low, high = np.percentile(replicates, [2.5, 97.5], method="weibull") - np.mean(replicates)
    return Estimate(float(value), float(value + low), float(value + high))


def mean_estimate(
    values: Float[np.ndarray, " image"], counts: Int[np.ndarray, "replicate image"]
) -> Estimate:
    """The mean over images.

    Raises:
        ValueError: counts of another number of images.
    """
    check_counts(counts, len(values))
    return centred_estimate(values.mean(), counts @ values / len(values))


def share_estimate(held: Bool[np.ndarray, " image"]) -> Estimate:
    """The share of images of which something holds, with Wilson's interval.

    A resample of images that all agree agrees as well; Wilson's interval knows that the next
    image may not, and never leaves 0..1.
    """
    from scipy.stats import binomtest  # takes long, and only what is measured needs it

    count, n_images = int(held.sum()), len(held)
    interval = binomtest(count, n_images).proportion_ci(0.95, method="wilson")
    return Estimate(count / n_images, float(interval.low), float(interval.high))


def total_variation(
    of_examples: Float[np.ndarray, "example thing"] | Int[np.ndarray, "example thing"],
    usual: Float[np.ndarray, " thing"],
    counts: Int[np.ndarray, "replicate example"],
) -> Estimate:
    """The total variation between how often things were met and how often they usually are.

    Of N meetings of n things it is some sqrt(n / (2 pi N)) by chance alone, never 0.

    Args:
        of_examples: how often each was met in every example; in some at least one.
        usual: shares.

    Raises:
        ValueError: counts of another number of examples.
    """
    check_counts(counts, len(of_examples))

    def distance(total: Num[np.ndarray, "*replicate thing"]) -> Float[np.ndarray, " *replicate"]:
        shares = total / total.sum(axis=-1, keepdims=True)
        return np.asarray(0.5 * abs(shares - usual).sum(axis=-1))

    with np.errstate(invalid="ignore"):  # a resample may miss the few examples that met any
        replicates = distance(counts @ of_examples)
    value = float(distance(of_examples.sum(axis=0)))
    return centred_estimate(value, replicates[np.isfinite(replicates)])


def per_cent(share: Estimate) -> Estimate:
    """The same in per cent."""
    return Estimate(*(100 * end for end in share))


def check_counts(counts: Int[np.ndarray, "replicate image"], n_images: int) -> None:
    """Checks that counts are resamples of this many images.

    Raises:
        ValueError: they are of another number.
    """
    if counts.ndim != 2 or counts.shape[1] != n_images or (counts.sum(axis=1) != n_images).any():
        raise ValueError(
            f"counts of shape {counts.shape} are not resamples of {n_images} images: use "
            f"draw_counts(rng, {n_images}, n_replicates)"
        )


def check_same_features(n_features: int, n_others: int) -> None:
    """Checks that two sets of images have the same features.

    Raises:
        ValueError: they have different numbers of them.
    """
    if n_features != n_others:
        raise ValueError(
            f"{n_features} features cannot be compared with {n_others}: use the same extractor "
            "for both"
        )


def check_features(features: Float[np.ndarray, "image feature"], at_least: int) -> None:
    """Checks that there are enough images, and that all their features are finite.

    Raises:
        ValueError: fewer than `at_least` images, or a feature that is not finite.
    """
    if features.ndim != 2 or len(features) < at_least:
        raise ValueError(
            f"features of shape {features.shape}: need one row for each of at least {at_least} "
            "images; generate more images"
        )
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"{(~finite).sum()} of {len(features)} images have features that are not finite, the "
            f"first is image {finite.argmin()}: check the extractor and the images it was given"
        )
