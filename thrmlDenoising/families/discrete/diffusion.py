"""A discrete diffusion model at work, for notebooks and scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Integer, Key, UInt8

from thrmlDenoising.config import Section
from thrmlDenoising.config.fields import Count, NonNegative, checked
from thrmlDenoising.data import Split
from thrmlDenoising.diffusion import BitsPerDim, Known, times_from
from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.model import N_SPANS, DiscreteModel
from thrmlDenoising.families.discrete.state import DiscreteState
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training import ImageTrainable
from thrmlDenoising.training.keys import UserKey

Labels = int | Sequence[int] | Int[np.ndarray, " n"]


def make_cfg(**sections: Mapping[str, Any] | Section) -> DiscreteConfig:
    """A config from the fields that differ from the defaults.

    Raises:
        ValueError: an unknown section or field, a wrong value, or values that do not go together.

    Example:
        >>> make_cfg(process=dict(kind="uniform")).process.n_timesteps
        100
    """
    return DiscreteConfig().replace(**sections)


class DiscreteDiffusion(ImageTrainable[DiscreteModel, DiscreteState]):
    """A discrete diffusion model at work; see `Trainable` for what all models do.

    Example:
        >>> model = DiscreteDiffusion(make_cfg(process=dict(kind="uniform")))
        >>> model.train(n_epochs=10, evaluate_every=2)
        >>> boots = model.sample(16, labels=9, n_steps=25)
    """

    model_type = DiscreteModel

    @library_settings()
    def sample(
        self,
        n: int,
        labels: Labels | None = None,
        key: UserKey | None = None,
        n_steps: int | None = None,
        guidance: float | None = None,
    ) -> UInt8[np.ndarray, "n row column"]:
        """Generates n images of grey levels 0 to `cfg.n_levels`.

        Args:
            labels: the class wanted, or one for each image; None for classes as frequent as in
                training.
            key: the same key gives the same images; left out, it is made from `exp.seed`.
            n_steps: steps back from noise; `generation.n_steps` if left out.
            guidance: how far logits of a class are driven away from those of none;
                `generation.guidance` if left out.

        Raises:
            ValueError: less than 1 image, more steps than in training, a class the model does not
                know, or a wrong number of labels.
        """
        times = self._times(n_steps)
        n = checked("n", n, Count)
        asked = self._asked_classes(n, labels)
        classes, walk_key = self.model.labels(self.state, self._sample_key(key), n, asked)
        return self._generated(classes, walk_key, times, guidance)

    @library_settings()
    def inpaint(
        self,
        images: UInt8[np.ndarray, "image row column"],
        known: Bool[np.ndarray, "image row column"] | Bool[np.ndarray, "row column"],
        labels: Labels | None = None,
        key: UserKey | None = None,
        n_steps: int | None = None,
    ) -> UInt8[np.ndarray, "image row column"]:
        """Makes the pixels that are not known, of images the others of which are.

        At every step the known pixels are what the forward process makes of them, which the
        others are drawn to go with.

        Args:
            images: grey levels 0 to `cfg.n_levels`; those of unknown pixels count for nothing.
            known: the pixels that stay as they are, of each image or of all.
            labels: the class of all, or of each; None leaves it to the known pixels.

        Raises:
            ValueError: images or pixels of another shape, or see `sample`.
        """
        images = self._checked_images(images)
        if known.dtype != bool or known.shape not in (images.shape, images.shape[1:]):
            raise ValueError(
                f"known has the shape {known.shape} and the type {known.dtype}: give booleans of "
                f"the shape {images.shape}, or {images.shape[1:]} for all images"
            )
        where = jnp.asarray(np.broadcast_to(known, images.shape))
        times = self._times(n_steps)
        there = Known(jnp.asarray(images, jnp.int32), where)
        asked = self._labels(len(images), labels)
        return self._generated(asked, self._sample_key(key), times, None, known=there)

    @library_settings()
    def denoise(
        self,
        noisy: Integer[np.ndarray, "image row column"],
        t: int,
        labels: Labels | None = None,
        key: UserKey | None = None,
        n_steps: int | None = None,
    ) -> UInt8[np.ndarray, "image row column"]:
        """Draws images that may have become these after t steps of the forward process.

        Args:
            noisy: states at time t: grey levels, and `cfg.n_levels` + 1 for a mask.
            t: from 1 to `process.n_timesteps`.
            labels: the class of all, or of each; None leaves it to the noisy images.
            n_steps: steps from t back to 0; as many of `generation.n_steps` as there are if left
                out, and at most t.

        Raises:
            ValueError: images of another shape, a time that is none, or see `sample`.
        """
        noisy = self._checked_images(noisy, self.model.process.n_states)
        times = self._times(n_steps, t)
        start = noisy.astype(np.int32)
        asked = self._labels(len(noisy), labels)
        return self._generated(asked, self._sample_key(key), times, None, start=start)

    @library_settings()
    def bits_per_dim(
        self,
        images: UInt8[np.ndarray, "image row column"] | None = None,
        labels: Labels | None = None,
        key: UserKey | None = None,
        n_spans: int = N_SPANS,
    ) -> BitsPerDim:
        """The variational bound of images, in bits a dimension, with its parts by time.

        Args:
            images: grey levels; the held-out images with their classes if left out.
            labels: the class of all, or of each; None for no class.
            n_spans: times at which each image is looked at, one in each of so many spans of time;
                `process.n_timesteps` of them leave only the noise to chance.

        Raises:
            ValueError: images of another shape, or a class the model does not know.
        """
        n_spans, model = checked("n_spans", n_spans, Count), self.model
        key = self._sample_key(key)
        if images is None:
            return model.bits_per_dim(self.state, key, model.data.test, n_spans)
        pixels = self._checked_images(images)
        split = Split(
            pixels.reshape(len(pixels), -1).astype(np.uint8), self._labels(len(pixels), labels)
        )
        return model.bits_per_dim(self.state, key, split, n_spans)

    def _labels(self, n: int, labels: Labels | None) -> Int[np.ndarray, " {n}"]:
        """The class of each image, or "no class" if none is asked for.

        Raises:
            ValueError: see `_asked_classes`; or the network has never seen an image without one.
        """
        classes = self._asked_classes(n, labels)
        if classes is not None:
            return classes.astype(np.int32)
        self._check_open_class("give labels")
        return self.model.no_label(n)

    def _check_open_class(self, advice: str) -> None:
        if not self.cfg.optim.classless_share:
            raise ValueError(
                "this network was told the class of every training image (optim.classless_share="
                f"0), so it can say nothing without one: {advice}"
            )

    def _generated(
        self,
        labels: Int[np.ndarray, " image"],
        key: Key[Array, ""],
        times: Int[np.ndarray, " _"],
        guidance: float | None,
        **given: Any,
    ) -> UInt8[np.ndarray, "n row column"]:
        if guidance is not None:
            guidance = checked("guidance", guidance, NonNegative)
        if guidance:
            self._check_open_class("leave out guidance")
        way = self.model.backwards(self.state, guidance)
        looks = [len(times) - 1]
        return self.model.generate(way, key, labels, times, looks, **given)[-1].astype(np.uint8)

    def _times(self, n_steps: int | None, t: int | None = None) -> Int[np.ndarray, " _"]:
        """From a time, or else from pure noise, to 0."""
        last = self.model.process.n_steps
        return times_from(last if t is None else t, last, self.cfg.n_steps, n_steps)

    def _checked_images(
        self, images: Integer[np.ndarray, "image row column"], n_states: int | None = None
    ) -> Integer[np.ndarray, "image row column"]:
        """Images of the model's shape, at least one, with levels that there are."""
        images, shape = np.asarray(images), self.cfg.image_shape
        n_states = n_states or self.model.process.n_values
        if images.ndim != 3 or images.shape[1:] != shape or not len(images):
            raise ValueError(
                f"images of shape {images.shape}: give (image, {shape[0]}, {shape[1]}), at least 1"
            )
        if images.dtype.kind not in "ui" or images.min() < 0 or images.max() >= n_states:
            raise ValueError(
                f"images of {images.dtype} from {images.min()} to {images.max()}: give whole "
                f"numbers from 0 to {n_states - 1}"
            )
        return images
