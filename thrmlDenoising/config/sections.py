"""The sections that families share: the experiment, its images, how generated ones are judged.

Every field is documented once, below it; the command line shows the same text.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from thrmlDenoising.config.classes import NAME_OR_FUNCTION_ARGUMENT
from thrmlDenoising.config.fields import (
    NO_REPEATS,
    NOT_EMPTY,
    Count,
    CountOrZero,
    FractionBelowOne,
    Must,
    Section,
    Seed,
)
from thrmlDenoising.data import DatasetFacts, check_own_name, dataset_facts
from thrmlDenoising.support.imports import check_reference
from thrmlDenoising.support.user_text import check_name

_PART_OF_FILE_NAMES = Must(
    "of letters, digits and _-.,+= (at most 200 bytes: it names files), starting with a letter, a "
    "digit or _",
    lambda text: re.fullmatch(r"(\w[\w.+=,-]*)?", text) and len(text.encode()) <= 200,
)

_SHA256 = Must(
    "of 64 hexadecimal digits", lambda text: re.fullmatch("[0-9a-f]{64}", text) is not None
)


Extractor = Annotated[str | Callable[..., Any], NAME_OR_FUNCTION_ARGUMENT]
_EXTRACTORS = Must(
    'of "classifier", "inception", "module:function" and own functions',
    lambda names: all(
        hasattr(name, "__qualname__") or name in ("classifier", "inception") or ":" in name
        for name in names
    ),
)


@dataclass(frozen=True)
class ExpConfig(Section, name="exp"):
    """The experiment: its seed, its name, and what is kept of it."""

    seed: Seed = 42
    """Seed of everything random: 0 to 2**32 - 1."""

    descriptor: Annotated[str, _PART_OF_FILE_NAMES] = ""
    """Name of the run in its folder and log: letters, digits and _-.,+= (at
    most 200 bytes)."""

    checkpoint_every: Count = 1
    """Epochs between two checkpoints that are kept: at least 1. Every epoch is
    saved, and kept until the next one is."""

    checkpoint_growth: Annotated[float, Must("of at least 1", lambda x: x >= 1)] = 1.0
    """How many times later each kept checkpoint is than the one before: at
    least 1; 2 keeps the first, second, fourth, eighth, ... of those that
    checkpoint_every keeps."""

    def keeps(self, epoch: int) -> bool:
        """Whether the checkpoint of an epoch stays when the next one is there."""
        number, rest = divmod(epoch, self.checkpoint_every)
        if rest or number == 0 or self.checkpoint_growth == 1:
            return rest == 0
        power = round(math.log(number) / math.log(self.checkpoint_growth))
        near = (self.checkpoint_growth**k for k in (power - 1, power, power + 1))
        return number in map(round, near)


@dataclass(frozen=True)
class ImageExpConfig(ExpConfig, name="exp"):
    """The experiment: its seed, its name, and what is drawn on the way."""

    generate_gif: bool = True
    """Draw an animation of images being generated at every evaluation."""

    drawn_images_per_digit: CountOrZero = 4
    """Images per class in the drawn grids: at least 0; 0 draws none."""

    animated_images_per_digit: CountOrZero = 2
    """Images per class in the animation: at least 1, or 0 where
    `generate_gif` is off."""

    steps_per_sample_in_gif: CountOrZero = 10
    """Sweeps between two frames of the animation: at least 1, or 0 where
    `generate_gif` is off."""

    def check_together(self) -> None:
        """What is animated, has frames."""
        for name in ("animated_images_per_digit", "steps_per_sample_in_gif"):
            if self.generate_gif and getattr(self, name) == 0:
                raise ValueError(
                    f"exp.{name}=0 with exp.generate_gif=True: use at least 1, or "
                    "exp.generate_gif=False to draw no animations"
                )


@dataclass(frozen=True)
class DataConfig(Section, name="data"):
    """The images to learn."""

    dataset_name: str = "fashion_mnist_10k"
    """Data set: fashion_mnist_10k (shipped with the package), fashion_mnist,
    mnist, mnist_5k, or a toy set
    smoke_testing_{pixels}_{levels}_{classes}, whose batch is the whole
    set. Own images have a name of their own, and the fields from
    image_shape on."""

    target_classes: Annotated[tuple[CountOrZero, ...], NOT_EMPTY, NO_REPEATS] = tuple(range(10))
    """Classes to learn, each at most once, in the order of their labels. Toy
    sets always use all of theirs."""

    pixel_threshold_for_single_trials: FractionBelowOne = 0.1
    """With one grey level, brightness above which a pixel is 1: 0 to below
    1, as a fraction of full brightness. More levels are rounded and do
    not use it."""

    data_dir: Annotated[str, Must("that is not empty", len)] | None = None
    """Folder with the full data sets, laid out as torchvision does or under
    other names, as the files are known by their content. None:
    the environment variable THRML_DENOISING_DATA, then datasets/, then
    the places of the system."""

    image_shape: tuple[Count, Count] | None = None
    """Own images, filled in by OwnImages.cfg: their rows and columns."""

    train_counts: tuple[Count, ...] = ()
    """Own images, filled in by OwnImages.cfg: training images of each class."""

    test_counts: tuple[Count, ...] = ()
    """Own images, filled in by OwnImages.cfg: test images of each class."""

    class_names: tuple[str, ...] = ()
    """Own images, filled in by OwnImages.cfg: what the classes show, or
    empty."""

    toy_levels: Count | None = None
    """Own toy set, filled in by ToySet.cfg: its grey levels above 0."""

    n_condition_bits: CountOrZero = 0
    """Own images, filled in by OwnImages.cfg: bits of every image's condition;
    0 for images that have classes instead."""

    images_sha256: Annotated[str, _SHA256] | None = None
    """Own images, filled in by OwnImages.cfg: what they are recognised by."""

    @property
    def is_own(self) -> bool:
        """Whether these are a user's own images, which have to be given to `DTM`."""
        return self.image_shape is not None

    @property
    def facts(self) -> DatasetFacts:
        """Shape, numbers and classes of the images.

        Raises:
            ValueError: no data set has this name.
        """
        if self.image_shape is None:
            return dataset_facts(self.dataset_name)
        return DatasetFacts(
            self.image_shape,
            self.train_counts,
            self.test_counts,
            self.toy_levels,
            nouns=self.class_names,
        )

    def check_together(self) -> None:
        """Own images are described whole, and the classes have to be classes of the data set."""
        self._check_own_images()
        facts = self.facts
        unknown = [c for c in self.target_classes if c >= facts.n_classes]
        if unknown and not facts.is_toy:
            raise ValueError(
                f"data.target_classes: {self.dataset_name} has the classes 0 to "
                f"{facts.n_classes - 1}, not {', '.join(map(str, unknown))}"
            )

    def _check_own_images(self) -> None:
        description = {
            "image_shape": self.image_shape,
            "train_counts": self.train_counts,
            "test_counts": self.test_counts,
            "images_sha256": self.images_sha256,
        }
        missing = [name for name, value in description.items() if not value]
        optional = {
            "class_names": self.class_names,
            "toy_levels": self.toy_levels,
            "n_condition_bits": self.n_condition_bits,
        }
        if len(missing) == len(description) and not any(optional.values()):
            return
        n_classes = len(self.train_counts)
        whole = not missing and len(self.test_counts) == n_classes
        if not whole or len(self.class_names) not in (0, n_classes):
            given = description | optional
            raise ValueError(
                f"data describes own images in part, or with unequal numbers of classes: {given}. "
                "make_cfg(data=images.cfg), with OwnImages of thrmlDenoising.data, fills in all of "
                "it; for a data set of this package leave all of it out"
            )
        if self.n_condition_bits and n_classes > 1:
            raise ValueError(
                f"data.n_condition_bits={self.n_condition_bits} with {n_classes} classes: images "
                "are conditioned on bits or on classes, not on both"
            )
        try:
            check_own_name(self.dataset_name)
        except ValueError as error:
            raise ValueError(f"data.dataset_name: {error}") from None
        for place, name in enumerate(self.class_names):
            check_name(f"data.class_names[{place}]", name)


@dataclass(frozen=True)
class GenerationConfig(Section, name="generation"):
    """The generation of images."""

    fid_images_per_digit: Count = 512
    """Images generated per class to compute a metric: at least 1."""


@dataclass(frozen=True)
class EvaluationConfig(Section, name="evaluation"):
    """How generated images are judged. None of it touches training."""

    extractors: Annotated[tuple[Extractor, ...], _EXTRACTORS, NO_REPEATS] = ("classifier",)
    """In whose features images are compared with the training images:
    "classifier" (in the package), "inception" (FID; needs its weights),
    or an own function, also as "module:function" of an imported module,
    that turns images (n, rows, columns) of brightness 0 to 1 into features
    (n, features)."""

    inception_weights: Annotated[str, Must("that is not empty", len)] | None = None
    """File with the weights of the FID Inception. None: looked for in
    torch's cache."""

    bootstrap_replicates: Annotated[int, Must("of at least 20", lambda n: n >= 20)] = 100
    """Resamples of the generated images behind each interval: at least 20.
    Inception's 2048 features take a second or two for each."""

    def check_together(self) -> None:
        """Names that can never be own functions are known before anything is measured."""
        for extractor in self.extractors:
            if isinstance(extractor, str) and ":" in extractor:
                check_reference(extractor)
