"""Whatever makes images: its data, the classes it knows, and how it makes some."""

from abc import abstractmethod
from functools import cached_property
from typing import get_args

import numpy as np
from jaxtyping import Array, Int, Key

from thrmlDenoising.config import ImageConfig
from thrmlDenoising.data import ImageDataset, Mode, OwnData
from thrmlDenoising.quality import RealImages
from thrmlDenoising.training.images.dataset import check_same_images, read_dataset
from thrmlDenoising.training.images.samples import Samples
from thrmlDenoising.training.model import Model, S


class ImageMaker(Model[S]):
    """A model that makes images; `ImageModel` adds how they are judged and drawn.

    Args:
        cfg: the hyperparameters.
        own_data: the images, where the config describes a user's own.

    Raises:
        ValueError: they are not the images of the config.
    """

    makes: str = "images"

    def __init__(self, cfg: ImageConfig, own_data: OwnData | None = None) -> None:
        check_same_images(cfg, own_data)
        super().__init__(cfg, own_data)

    @cached_property
    def data(self) -> ImageDataset:
        """The images, read when first needed; see `read_dataset` for what may be wrong."""
        return read_dataset(self.cfg, self.own_data)

    @cached_property
    def real(self) -> RealImages:
        """What generated images are compared with."""
        return RealImages(self.data, self.cfg.data.pixel_threshold_for_single_trials)

    # ------------------------------------------------------------------ what a family is

    @abstractmethod
    def sample(
        self,
        state: S,
        key: Key[Array, ""],
        n: int,
        classes: Int[np.ndarray, " example"] | None = None,
        every: int | None = None,
    ) -> Samples:
        """Generates n images.

        Args:
            classes: the class each should show, as positions in the target classes; None lets the
                model choose. A model that is conditioned on bits, which is of one class, takes
                the conditions of held-out images in turn.
            every: a frame every so many steps of the sampler; None for the frames that are worth
                looking at in a still picture, the last one being the images.

        Raises:
            ValueError: the model knows no classes.
            NotFiniteError: nothing can be generated with this state.
        """

    # ------------------------------------------------------------------ what a family may be

    @classmethod
    def judging(cls, cfg: ImageConfig, n: int) -> ImageConfig:
        """See `Model.judging`; no more images are drawn than there are."""
        n_drawn = min(cfg.exp.drawn_images_per_digit, n)
        return cfg.replace(
            generation={"fid_images_per_digit": n}, exp={"drawn_images_per_digit": n_drawn}
        )

    @property
    def n_classes(self) -> int:
        """Groups in which images are generated and drawn."""
        return len(self.cfg.target_classes)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What can become of labels: they can be clamped only where there are some."""
        return get_args(Mode)

    def check_classes(self) -> None:
        """Checks that labels can be clamped.

        Raises:
            ValueError: they cannot.
        """
        if "clamped" not in self.modes:
            raise ValueError(
                "this model has no labels, so none can be clamped: generate free images"
            )

    @property
    def no_accuracy(self) -> str:
        """Why it cannot be said whether images show the class of their label; "" if it can."""
        if self.cfg.data.n_condition_bits:
            return "label accuracy: images are conditioned on bits, which name no class"
        return "" if "clamped" in self.modes else "label accuracy: the model has no labels"
