"""What the configs of all families of image models are."""

from dataclasses import dataclass, field
from typing import ClassVar

from thrmlDenoising.config.config import Config
from thrmlDenoising.config.sections import (
    DataConfig,
    EvaluationConfig,
    GenerationConfig,
    ImageExpConfig,
)


@dataclass(frozen=True)
class ImageConfig(Config):
    """Everything that defines a model of images and its training: these sections and more.

    A family's config is a frozen dataclass that derives from this one.

    Raises:
        ValueError: a value is out of its range, or values do not go together.
    """

    free_to_change: ClassVar[frozenset[str]] = Config.free_to_change | {
        "exp.generate_gif",
        "exp.drawn_images_per_digit",
        "exp.animated_images_per_digit",
        "exp.steps_per_sample_in_gif",
        "data.data_dir",
        "evaluation.extractors",
        "evaluation.inception_weights",
        "evaluation.bootstrap_replicates",
    }
    exp: ImageExpConfig = field(default_factory=ImageExpConfig)
    data: DataConfig = field(default_factory=DataConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_enough_images_to_draw()

    @property
    def n_levels(self) -> int:
        """Grey levels above 0 of the images that are learnt: 1, unless a family has more."""
        return 1

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of the data set's images."""
        return self.data.facts.image_shape

    @property
    def n_pixels(self) -> int:
        """Pixels of an image."""
        rows, columns = self.image_shape
        return rows * columns

    @property
    def target_classes(self) -> tuple[int, ...]:
        """The classes learnt: `data.target_classes`, or all of a toy set."""
        facts = self.data.facts
        return tuple(range(facts.n_classes)) if facts.is_toy else self.data.target_classes

    @property
    def class_names(self) -> list[str]:
        """The target classes in words, for pictures."""
        if self.data.n_condition_bits:
            return list(self.data.class_names) or ["all images"]
        names = self.data.facts.class_names
        return [names[target] for target in self.target_classes]

    @property
    def n_train(self) -> int:
        """Training images of the target classes."""
        counts = self.data.facts.train_counts
        return sum(counts[target] for target in self.target_classes)

    @property
    def data_name(self) -> str:
        """The data set."""
        return self.data.dataset_name

    @property
    def data_facts(self) -> dict[str, str]:
        """See `Config.data_facts`."""
        n_judged = self.generation.fid_images_per_digit * len(self.target_classes)
        return super().data_facts | {
            "pixel threshold": str(self.data.pixel_threshold_for_single_trials),
            "images judged, per mode": str(n_judged),
        }

    def _check_enough_images_to_draw(self) -> None:
        drawn, generated = self.exp.drawn_images_per_digit, self.generation.fid_images_per_digit
        if drawn > generated:
            raise ValueError(
                f"exp.drawn_images_per_digit={drawn} are drawn of "
                f"generation.fid_images_per_digit={generated} images generated per class: draw "
                "fewer or generate more"
            )
