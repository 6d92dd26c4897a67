"""What users of dtm-replication call things, beside what `DTM` itself has."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from thrmlDenoising.base_graphs import AbstractBaseGraphManager
from thrmlDenoising.data import KeyedSplit, Mode, Split
from thrmlDenoising.families.dtm.images import ClassImages
from thrmlDenoising.families.dtm.model import DTMModel
from thrmlDenoising.families.dtm.replication import DTM_NAMES, GIF_ARGUMENTS
from thrmlDenoising.families.dtm.state import DTMState
from thrmlDenoising.support.other_names import refuse_arguments, tells
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training import ImageTrainable
from thrmlDenoising.training.keys import UserKey


class ReplicationNames(ImageTrainable[DTMModel, DTMState]):
    """Attributes and methods of dtm-replication's class."""

    if TYPE_CHECKING:

        def class_images(self, key: UserKey, mode: Mode, n_per_class: int) -> ClassImages:
            """See `DTM`."""
            ...

    else:
        __getattr__ = tells(DTM_NAMES)

    @property
    def train_dataset(self) -> KeyedSplit:
        """Training images (grey levels) and their classes; or by "image" and "label" nodes."""
        return self._keyed(self.model.data.train)

    @property
    def test_dataset(self) -> KeyedSplit:
        """Held-out images and their classes; or by "image" and "label" nodes."""
        return self._keyed(self.model.data.test)

    def _keyed(self, split: Split) -> KeyedSplit:
        return KeyedSplit(split, lambda: np.asarray(self.model.clean(split).labels))

    @property
    def one_hot_target_labels(self) -> Bool[np.ndarray, "class label_node"]:
        """The label nodes of each target class; an error where conditions take their place."""
        return self.model.labels.one_hot

    @property
    def n_image_pixels(self) -> int:
        """Pixels of an image."""
        return self.cfg.n_pixels

    @property
    def n_label_nodes(self) -> int:
        """Label spots times classes, or times the bits of a condition."""
        return self.cfg.n_label_nodes

    @property
    def n_grayscale_levels(self) -> int:
        """Grey levels above 0."""
        return self.cfg.n_levels

    @property
    def base_graph_manager(self) -> AbstractBaseGraphManager:
        """The same as `manager`."""
        return self.model.manager

    @property
    def is_smoke_test(self) -> bool:
        """Whether the model learns a toy set, on which images are exactly right or wrong."""
        return self.cfg.data.facts.is_toy

    @library_settings()
    def gen_images(
        self,
        key: UserKey,
        batch_size: int,
        free: bool,
        drawn_images_per_digit: int,
    ) -> tuple[
        Float[np.ndarray, "class_and_step drawn pixel"],
        Bool[np.ndarray, "class_and_step drawn label_node"],
        Float[np.ndarray, "class batch pixel"],
    ]:
        """Generates `batch_size` images per class, as dtm-replication's method of this name does.

        `sample` gives images in their shape, and `class_images` grey levels, votes and states.

        Args:
            free: let the labels run free, so that the class an image stands under is only a
                place; otherwise they are clamped to it.

        Returns:
            The first `drawn_images_per_digit` images of every class after every step, brightness
            0 to 1: first all steps of the first class in the order they run, and so on; their
            label nodes; and all final images.
        """
        images = self.class_images(key, "free" if free else "clamped", batch_size)
        grid = images.grid(drawn_images_per_digit)
        drawn, labels = np.concatenate(grid.pixels), np.concatenate(grid.labels)
        final = images.final_pixels.reshape(len(images.classes), batch_size, -1)
        white = np.float32(self.n_grayscale_levels)
        return drawn / white, labels, final / white

    def generate_gif(
        self,
        epoch: int | None = None,
        mode: Mode = "clamped",
        runs_per_label: int | None = None,
        steps_per_sample: int | None = None,
        **of_dtm_replication: Any,
    ) -> Path:
        """Animates all steps denoising in turn; see `ImageTrainable.generate_gif`.

        Args:
            of_dtm_replication: its `frame_stride` and `fps`, which the message says more about.

        Raises:
            TypeError: an argument that there is not.
        """
        refuse_arguments("generate_gif", of_dtm_replication, GIF_ARGUMENTS)
        return super().generate_gif(epoch, mode, runs_per_label, steps_per_sample)
