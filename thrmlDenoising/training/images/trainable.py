"""A model of images at work: what a user can ask of it beside what all models do."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
from jaxtyping import Int, UInt8

from thrmlDenoising.config.fields import Count, CountOrZero, checked
from thrmlDenoising.data import Mode, Split, class_positions
from thrmlDenoising.quality import QualityReport, headline
from thrmlDenoising.quality.features import FeatureExtractor
from thrmlDenoising.runs import run_used_alone
from thrmlDenoising.support.hints import shown
from thrmlDenoising.support.process_settings import library_settings
from thrmlDenoising.training.images.generating import animate
from thrmlDenoising.training.images.judging import Judge
from thrmlDenoising.training.images.model import ImageModel
from thrmlDenoising.training.images.pictures import write_animation
from thrmlDenoising.training.keys import UserKey
from thrmlDenoising.training.model import State
from thrmlDenoising.training.trainable import Trainable

M = TypeVar("M", bound=ImageModel)
S = TypeVar("S", bound=State)


class ImageTrainable(Trainable[M, S]):
    """A model of images at work; see `Trainable` for what all models do.

    Args:
        data: images of your own, `OwnImages` or a `ToySet`, which `cfg` describes:
            `make_cfg(data=data.cfg)`.
    """

    # ------------------------------------------------------------------ what a user reads

    @property
    def train_dataset(self) -> Split:
        """Training images (grey levels) and their classes."""
        return self.model.data.train

    @property
    def test_dataset(self) -> Split:
        """Held-out images and their classes."""
        return self.model.data.test

    @property
    def eval_epochs(self) -> list[int]:
        """The epochs of the values in `fids_dict`."""
        names = list(self._headline_names.values())
        return self.history.series(names[0])[0] if names else []

    @property
    def fids_dict(self) -> dict[str, list[float]]:
        """The headline metric at `eval_epochs`, of "free" and "clamped" images.

        The name is dtm-replication's. It is the FID where that was measured, else the classifier
        FD or another Fréchet distance; for toy sets the per cent of images that are exactly the
        image of their class.
        """
        names = self._headline_names
        return {
            mode: self.history.series(names[mode])[1] if mode in names else []
            for mode in get_args(Mode)
        }

    @property
    def _headline_names(self) -> dict[Mode, str]:
        chosen = headline(self.history.metric_names)
        return chosen.names if chosen else {}

    @library_settings()
    def sample(  # pyright: ignore[reportIncompatibleMethodOverride]  # dtm-replication's order
        self,
        n: int,
        labels: int | Sequence[int] | Int[np.ndarray, " n"] | None = None,
        key: UserKey | None = None,
    ) -> UInt8[np.ndarray, "n row column"]:
        """Generates n images of grey levels 0 to `cfg.n_levels`.

        Args:
            labels: the class wanted, or one for each image, numbered as in the data set;
                None lets the model choose.
            key: the same key gives the same images, whatever kind of key; left out, it is made
                from `exp.seed`.

        Raises:
            ValueError: less than 1 image, a class the model does not know, or a wrong number of
                labels.
        """
        n = checked("n", n, Count)
        classes = self._asked_classes(n, labels)
        samples = self.model.sample(self.state, self._sample_key(key), n, classes)
        return samples.images.reshape(n, *self.cfg.image_shape)

    def _asked_classes(
        self, n: int, labels: int | Sequence[int] | Int[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"] | None:
        """The place of each label among the classes of the model.

        Raises:
            ValueError: a class the model does not know, or a wrong number of labels.
        """
        if labels is None:
            return None
        self.model.check_classes()
        positions = class_positions(labels, self.cfg.target_classes)
        if positions.shape not in ((), (n,)):
            raise ValueError(f"{positions.size} labels for {n} images: give one, or one for each")
        return np.broadcast_to(positions, n)

    @library_settings()
    def generate_gif(
        self,
        epoch: int | None = None,
        mode: Mode = "clamped",
        runs_per_label: int | None = None,
        steps_per_sample: int | None = None,
    ) -> Path:
        """Animates images being generated, the noise first, into the run folder.

        Args:
            epoch: the number in the file's name; the model's own if left out.
            runs_per_label: images of every class; `exp.animated_images_per_digit` if left out.
            steps_per_sample: sweeps between two frames; `exp.steps_per_sample_in_gif` if left out.

        Returns:
            The file.

        Raises:
            ValueError: an unknown mode, no number of an epoch, or less than 1 image or sweep.
        """
        if isinstance(epoch, str):
            raise ValueError(f"epoch={shown(epoch)}: give the mode by name, mode='free'")
        if isinstance(mode, int):  # dtm-replication's second argument
            raise ValueError(
                f"mode={mode}: the second argument is 'free' or 'clamped'; images per class are "
                f"given by name, runs_per_label={mode}"
            )
        epoch = checked("epoch", epoch, CountOrZero | None)
        runs_per_label = checked("runs_per_label", runs_per_label, Count | None)
        steps_per_sample = checked("steps_per_sample", steps_per_sample, Count | None)
        epoch = self.epoch if epoch is None else epoch
        animation = animate(self.model, self.state, mode, runs_per_label, steps_per_sample)
        recorder = self.open_run()
        with run_used_alone(recorder.folder):
            path = recorder.folder.gif(epoch, mode)
            write_animation(self.cfg, animation, mode, path)
        return path

    # ------------------------------------------------------------------ measuring

    @library_settings()
    def quality(
        self,
        mode: Mode,
        n_per_class: int | None = None,
        extractors: Sequence[FeatureExtractor | Callable[[np.ndarray], Any]] | None = None,
    ) -> QualityReport:
        """Generates images and measures them; `print` shows a table of the report.

        Args:
            n_per_class: `generation.fid_images_per_digit` if left out.
            extractors: in whose features to compare, own functions (see `CallableFeatures`) or
                extractors; those of the config if left out.

        Raises:
            ValueError: an unknown mode, clamped labels of a model without labels, less than 1
                image, or extractors of one name.
            Exception: whatever an own extractor raises; in training and `eval_epoch` it would
                cost its own measurements and a warning.
        """
        report = Judge(self.model).report(self.state, mode, n_per_class, extractors)
        report.raise_failure()
        return report
