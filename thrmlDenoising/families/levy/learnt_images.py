"""Grey images as heavy-tailed diffusion learns them: numbers from -1, black, to 1, white."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from thrmlDenoising.data import ImageDataset, load_dataset
from thrmlDenoising.data.long_tail import long_tailed
from thrmlDenoising.families.levy.learnt import Examples, Learnt
from thrmlDenoising.networks import Network, build_network
from thrmlDenoising.plots import draw_tiles, write_gif
from thrmlDenoising.quality import Measurement, QualityReport, QualitySuite, RealImages
from thrmlDenoising.quality.bootstrap import draw_counts, mean_estimate, per_cent
from thrmlDenoising.quality.by_class import measure_class_recall, measure_class_shares
from thrmlDenoising.runs import image_name
from thrmlDenoising.training.extractors import Extractors
from thrmlDenoising.training.results import Draw

N_LEVELS = 255
_N_ANIMATED = 24
_COLUMNS = 10


class Images(Learnt):
    """Images of a data set, in classes that the network is not told."""

    n_animated = _N_ANIMATED

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.cfg.data.facts.image_shape

    @cached_property
    def dataset(self) -> ImageDataset:
        """In grey levels, the training images as imbalanced as the config says."""
        data = self.cfg.data
        dataset = load_dataset(
            data.name,
            target_classes=data.target_classes,
            n_levels=N_LEVELS,
            pixel_threshold=0.0,
            data_dir=data.data_dir,
        )
        return replace(dataset, train=long_tailed(dataset.train, data.imbalance))

    @cached_property
    def real(self) -> RealImages:
        """What generated images are compared with."""
        return RealImages(self.dataset, 0.0)

    @property
    def train(self) -> Examples:
        """Grey levels, from -1 to 1."""
        return self._train

    @cached_property
    def _train(self) -> Examples:
        pixels = self.dataset.train.pixels
        return (pixels / np.float32(N_LEVELS / 2) - 1).reshape(len(pixels), *self.shape)

    def prepare(self) -> None:
        """Reads the images, and whatever looks at them, for one may be missing."""
        for error in self._extractors.failures.values():
            raise error
        _ = self.dataset

    @property
    def _extractors(self) -> Extractors:
        evaluation = self.cfg.evaluation
        return Extractors.named(
            evaluation.extractors, self.cfg.data.name, evaluation.inception_weights
        )

    def network(self, key: Key[Array, ""]) -> Network:
        """See `Learnt`."""
        return build_network(self.cfg.network, key, 1, 1, self.shape)

    # ------------------------------------------------------------------ measuring

    def judged(self, made: Examples) -> QualityReport:
        """Against training images, and for what they hold of every class.

        Judges look at grey levels, of which there are none beyond black and white: how many numbers
        are beyond is measured too.
        """
        extractors, evaluation = self._extractors, self.cfg.evaluation
        suite = QualitySuite(
            self.real,
            extractors.usable,
            evaluation.bootstrap_replicates,
            extractors.notes,
            extractors.failures,
        )
        levels, rng = levels_of(made), np.random.default_rng(self.cfg.exp.seed)
        report = suite.measure(levels, None, "free", rng)
        brightness = self.dataset.brightness(levels)
        counts = draw_counts(rng, len(made), evaluation.bootstrap_replicates)
        with report.part("numbers beyond black and white"):
            _measure_range(report, made, counts)
        with report.part("class shares"):
            measure_class_shares(report, self.real, brightness, counts)
        for extractor in extractors.usable:
            with report.part(f"{extractor.name} recall of classes"):
                measure_class_recall(report, self.real, extractor, brightness, counts)
        return report

    # ------------------------------------------------------------------ pictures

    def pictures(self, made: Examples, epoch: int) -> Mapping[str, Draw]:
        """The first of them, row by row."""
        levels = levels_of(made[: self.cfg.exp.n_drawn])
        draw = partial(draw_tiles, levels, _COLUMNS, self.shape, N_LEVELS)
        return {image_name(epoch, "free"): draw}

    def animation(
        self, frames: Float[np.ndarray, "frame example row column"], captions: Sequence[str]
    ) -> Draw:
        """See `Learnt`."""
        levels = np.stack([levels_of(frame) for frame in frames])
        votes = np.zeros((*levels.shape[:2], 0))
        names = ["generated"]
        return partial(write_gif, levels, votes, captions, self.shape, N_LEVELS, names)


def _measure_range(
    report: QualityReport, made: Examples, counts: Int[np.ndarray, "replicate image"]
) -> None:
    """Adds the per cent of numbers that are more than half a level beyond black or white."""
    beyond = (abs(made) > 1 + 1 / N_LEVELS).reshape(len(made), -1).mean(axis=1)
    share = per_cent(mean_estimate(beyond, counts))
    report.add(Measurement("beyond_range", share, "pixels", len(made), 0, "[-1, 1]"))


def levels_of(made: Examples) -> UInt8[np.ndarray, "example pixel"]:
    """The nearest grey levels, which for numbers beyond black and white are these.

    Raises:
        ValueError: a number is not finite, and so of no level.
    """
    n_bad = int((~np.isfinite(made)).reshape(len(made), -1).any(axis=1).sum())
    if n_bad:
        raise ValueError(
            f"{n_bad} of {len(made)} images have numbers that are not finite: generate in more "
            "steps, with generation.clip=1, or train with a smaller optim.learning_rate"
        )
    levels = np.clip(np.rint((made + 1) * (N_LEVELS / 2)), 0, N_LEVELS)
    return levels.reshape(len(made), -1).astype(np.uint8)
