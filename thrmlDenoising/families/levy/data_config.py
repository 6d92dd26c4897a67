"""What heavy-tailed diffusion learns, as a section of its config."""

from dataclasses import dataclass
from typing import Annotated

from thrmlDenoising.config import Must, Section
from thrmlDenoising.config.fields import NO_REPEATS, NOT_EMPTY, Count, CountOrZero, Seed
from thrmlDenoising.data import DatasetFacts, dataset_facts
from thrmlDenoising.data.long_tail import long_tail_counts
from thrmlDenoising.data.points import POINT_SETS, STABLE_SETS

Exponent = Annotated[float, Must("above 1, to 2", lambda x: 1 < x <= 2)]
"""Of tails: at 1 and below there is no mean."""


@dataclass(frozen=True)
class LevyDataConfig(Section, name="data"):
    """What is learnt: points, or grey images in [-1, 1]."""

    name: str = "gmm_grid"
    """Points: gmm_2, gmm_grid, swiss_roll, sas, skewed_levy, sas_grid, or
    "image", drawn from the density of one. Images: mnist, fashion_mnist,
    fashion_mnist_10k (shipped with the package), mnist_5k. Own points have
    a name of their own."""

    n_train: Count = 32_000
    """Points that are learnt: at least 1. Of images all are."""

    n_test: Count = 10_000
    """Points that are held out, with which generated ones are compared: at
    least 1."""

    points_seed: Seed = 0
    """Seed of which points are drawn: 0 to 2**32 - 1."""

    alpha: Exponent = 1.7
    """Exponent of the tails of sas, skewed_levy and sas_grid: above 1, to 2."""

    image: Annotated[str, Must("that is not empty", len)] | None = None
    """File of the picture whose brightness is the density of "image"."""

    target_classes: Annotated[tuple[CountOrZero, ...], NOT_EMPTY, NO_REPEATS] = tuple(range(10))
    """Classes of images to learn, each at most once."""

    imbalance: Annotated[float, Must("of at least 1", lambda x: x >= 1)] = 1.0
    """How many times as many training images the first class has as the last;
    those between fall evenly in their logarithm. 1: as the data set is."""

    data_dir: Annotated[str, Must("that is not empty", len)] | None = None
    """Folder with the full data sets of images. None: the environment variable
    THRML_DENOISING_DATA, then datasets/, then the places of the system."""

    n_axes: Count | None = None
    """Own points, filled in by OwnPoints.cfg: numbers of each."""

    points_sha256: str | None = None
    """Own points, filled in by OwnPoints.cfg: what they are recognised by."""

    @property
    def is_own(self) -> bool:
        """Whether these are a user's own points, which have to be given to `LevyDiffusion`."""
        return self.points_sha256 is not None

    @property
    def has_images(self) -> bool:
        """Whether images are learnt, and not points."""
        return not self.is_own and self.name not in POINT_SETS

    @property
    def facts(self) -> DatasetFacts:
        """Shape, numbers and classes of the images."""
        return dataset_facts(self.name)

    def check_together(self) -> None:
        """There are such data."""
        if (self.n_axes is None) != (self.points_sha256 is None):
            raise ValueError(
                "data describes own points in part: make_cfg(data=points.cfg), with OwnPoints of "
                "thrmlDenoising.data.points, fills in all of it; else leave n_axes and "
                "points_sha256 out"
            )
        if (self.image is None) != (self.name != "image"):
            raise ValueError(
                f"data.image={self.image!r} with data.name={self.name!r}: a picture goes with the "
                "name 'image', and with no other"
            )
        if self.has_images:
            self._check_images()
        else:
            self._check_points()

    def _check_points(self) -> None:
        self.check_left_out(["imbalance", "target_classes"], "points have no classes")
        self.check_left_out(["data_dir"], "points are drawn, and not read")
        if self.is_own:
            self.check_left_out(["alpha", "points_seed"], "own points are as they are")
        elif self.name not in STABLE_SETS:
            self.check_left_out(["alpha"], f"the tails of {self.name!r} have no exponent")

    def _check_images(self) -> None:
        try:
            facts = self.facts
        except ValueError as error:
            raise ValueError(f"{error} Points: {', '.join(POINT_SETS)}") from None
        if facts.is_toy:
            raise ValueError(
                f"data.name={self.name!r}: toy sets are of one image a class. Use another"
            )
        of_points = ["n_train", "n_test", "points_seed", "alpha"]
        self.check_left_out(of_points, f"{self.name} is a set of images, all of which are learnt")
        unknown = [c for c in self.target_classes if c >= facts.n_classes]
        if unknown:
            raise ValueError(
                f"data.target_classes: {self.name} has the classes 0 to {facts.n_classes - 1}, not "
                f"{', '.join(map(str, unknown))}"
            )

    @property
    def n_learnt(self) -> int:
        """Training examples."""
        return sum(self.class_counts) if self.has_images else self.n_train

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training images of each class."""
        counts = [self.facts.train_counts[target] for target in self.target_classes]
        return long_tail_counts(counts, self.imbalance)
