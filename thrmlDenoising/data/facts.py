"""What is known of each data set without reading its images."""

from collections.abc import Collection
from dataclasses import dataclass

from thrmlDenoising.data.toy import TOY_SIZES
from thrmlDenoising.support.hints import did_you_mean
from thrmlDenoising.support.user_text import check_name


@dataclass(frozen=True)
class DatasetFacts:
    """Sizes of a data set, all classes included."""

    image_shape: tuple[int, int]
    """Rows, columns."""
    train_counts: tuple[int, ...]
    """Training images of each class."""
    test_counts: tuple[int, ...]
    """Test images of each class."""
    n_levels: int | None = None
    """Grey levels above 0 where the set itself fixes them (toy sets), else None."""

    nouns: tuple[str, ...] = ()
    """What the classes show, where their numbers do not say it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Number and noun of each class."""
        nouns = self.nouns or ("",) * self.n_classes
        return tuple(f"{number} {noun}".rstrip() for number, noun in enumerate(nouns))

    @property
    def n_classes(self) -> int:
        """Classes of the whole set."""
        return len(self.train_counts)

    @property
    def is_toy(self) -> bool:
        """Whether the set fixes its own levels and classes and is always one whole batch."""
        return self.n_levels is not None


def _toy_facts(n_pixels: int, n_levels: int, n_classes: int) -> DatasetFacts:
    counts = (1,) * n_classes
    return DatasetFacts((1, n_pixels), counts, counts, n_levels)


_CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

_IMAGE_SETS = {
    "fashion_mnist_10k": DatasetFacts(
        (28, 28),
        train_counts=(942, 1027, 1016, 1019, 974, 989, 1021, 1022, 990, 1000),
        test_counts=(107, 105, 111, 93, 115, 87, 97, 95, 95, 95),
        nouns=_CLOTHES,
    ),
    "fashion_mnist": DatasetFacts((28, 28), (6000,) * 10, (1000,) * 10, nouns=_CLOTHES),
    "mnist": DatasetFacts(
        (28, 28),
        train_counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        test_counts=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ),
    "mnist_5k": DatasetFacts((28, 28), (450,) * 10, (50,) * 10),
}

_FACTS = _IMAGE_SETS | {name: _toy_facts(*size) for name, size in TOY_SIZES.items()}


def dataset_facts(name: str) -> DatasetFacts:
    """The sizes of a data set of this package; reads no file.

    Raises:
        ValueError: no data set has this name.
    """
    if name in _FACTS:
        return _FACTS[name]
    hint = did_you_mean(name, _FACTS)
    raise ValueError(
        f"unknown data set {name!r}{hint} Data sets: {', '.join(_FACTS)}. Images of your own are "
        "given as OwnImages (thrmlDenoising.data): make_cfg(data=images.cfg)."
    )


def check_own_name(
    name: object, what: str = "images", taken: Collection[str] = tuple(_FACTS)
) -> None:
    """Checks that own images can have this name.

    Args:
        what: what is a user's own, if not images.
        taken: the names of those of this package.

    Raises:
        ValueError: they cannot.
    """
    if isinstance(name, str):
        check_name(f"the name of own {what}", name)
    if not isinstance(name, str) or not name.strip() or name in taken:
        raise ValueError(
            f"own {what} cannot be called {name!r}: give a name, as text, that no data set of this "
            f"package has ({', '.join(taken)})"
        )
