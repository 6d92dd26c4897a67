"""The configuration of a DTM: frozen, validated on construction, exact in YAML.

`DTMConfig()` is the published setting; `make_cfg` of `thrmlDenoising.utils` changes some of it.
The hyperparameters themselves are documented, each once, in `experiment` and
`training`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, GraphSpec
from thrmlDenoising.config.experiment import (
    DataConfig,
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    ExpConfig,
    GraphConfig,
)
from thrmlDenoising.config.fields import Section, check_known
from thrmlDenoising.config.training import (
    CorrelationPenaltyConfig,
    EvaluationConfig,
    GenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)
from thrmlDenoising.config.yaml_text import dump, parse
from thrmlDenoising.hints import shortened, shown
from thrmlDenoising.reading import read_text

T = TypeVar("T")

LARGEST_FILE = 2**18
"""Bytes of a config in YAML: a hundred times those of one with all fields."""

_MOST_VISIBLE_BITS = 10**6
_MOST_LABEL_CELLS = 10**8
"""Classes times label bits: the table of every class's label."""


@dataclass(frozen=True)
class DTMConfig:
    """Everything that defines a Denoising Thermodynamic Model and its training.

    Raises:
        ValueError: a value is out of its range, or values do not go together.
    """

    exp: ExpConfig = field(default_factory=ExpConfig)
    data: DataConfig = field(default_factory=DataConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    diffusion_schedule: DiffusionScheduleConfig = field(default_factory=DiffusionScheduleConfig)
    diffusion_rates: DiffusionRatesConfig = field(default_factory=DiffusionRatesConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    cp: CorrelationPenaltyConfig = field(default_factory=CorrelationPenaltyConfig)
    wd: WeightDecayConfig = field(default_factory=WeightDecayConfig)

    def __post_init__(self) -> None:
        _check_sections(self)
        _check_sizes(self)
        _check_per_step_values(self)
        _check_controllers_have_their_input(self)
        _check_enough_images_to_draw(self)
        _check_data_go_with_the_rest(self)
        _ = self.manager  # raises where the visible nodes do not fit

    def replace(self, **sections: Mapping[str, Any] | Section) -> Self:
        """A copy with some fields changed, e.g. `cfg.replace(sampling=dict(batch_size=100))`.

        Args:
            sections: the changed fields of each section, or a whole section.

        Raises:
            ValueError: an unknown section or field, a wrong value, or values that do not go
                together.
        """
        names = [section.name for section in fields(self)]
        check_known("section", sections, names)
        updated: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name, change in sections.items():
            updated[name] = _updated(updated[name], change)
        return type(self)(**updated)

    def per_step(self, values: tuple[T, ...]) -> tuple[T, ...]:
        """One value for each diffusion step: the last given one serves the remaining steps.

        Raises:
            ValueError: there are more values than steps, or none at all.
        """
        n_steps = self.diffusion_schedule.num_diffusion_steps
        if not 1 <= len(values) <= n_steps:
            raise ValueError(
                f"{len(values)} values, {shown(values)}, where "
                f"diffusion_schedule.num_diffusion_steps={n_steps}: give at least one "
                "value and at most one for each step"
            )
        return values + values[-1:] * (n_steps - len(values))

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
        names = self.data.facts.class_names
        return [names[target] for target in self.target_classes]

    @property
    def graph_spec(self) -> GraphSpec:
        """What the graph of a step has to hold."""
        graph = self.graph
        return GraphSpec(
            image_shape=self.image_shape,
            n_levels=graph.grayscale_levels,
            n_label_nodes=self.n_label_nodes,
            lattice=graph.lattice,
            placement=graph.placement,
            image_jumps=graph.jumps,
        )

    @cached_property
    def manager(self) -> AbstractBaseGraphManager:
        """The base-graph manager that all steps of a model share."""
        return self.graph.manager_class(self.graph_spec)

    @property
    def n_label_nodes(self) -> int:
        """Label spots times classes."""
        return self.graph.num_label_spots * len(self.target_classes)

    @property
    def n_train(self) -> int:
        """Training images of the target classes."""
        counts = self.data.facts.train_counts
        return sum(counts[target] for target in self.target_classes)

    @property
    def is_adaptive(self) -> bool:
        """Whether a controller reacts to the autocorrelation of every epoch."""
        return self.cp.adaptive_cp or self.wd.adaptive_wd

    @property
    def batch_size(self) -> int:
        """`sampling.batch_size`, or the whole of a toy set."""
        return self.n_train if self.data.facts.is_toy else self.sampling.batch_size

    def to_yaml(self) -> str:
        """The config as YAML, every field written out; `from_yaml` gives back an equal config.

        Raises:
            ValueError: `graph.base_graph_manager` is a class that cannot be imported again.
        """
        return dump(asdict(self))

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Reads a config from YAML; what the text does not mention keeps its default.

        Raises:
            ValueError: no valid YAML, or not a valid config.
        """
        return cls().replace(**parse(text))

    def save(self, path: str | Path) -> None:
        """Writes the config to a YAML file."""
        Path(path).write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a config from a YAML file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no valid config; names the file.
        """
        try:
            text = read_text(path, LARGEST_FILE)
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no config file {str(path)!r}") from None
        try:
            return cls.from_yaml(text)
        except ValueError as error:
            raise ValueError(f"{path}: {shortened(error, 2000)}") from error


def _updated(section: Section, change: Mapping[str, Any] | Section) -> Section:
    if isinstance(change, Section):
        return change
    if not isinstance(change, Mapping):
        raise ValueError(
            f"section {section.section_name!r} must be a mapping of field names to values, "
            f"not {shown(change)} ({type(change).__name__})"
        )
    return section.replace(**change)


def _check_sections(cfg: DTMConfig) -> None:
    for section in fields(cfg):
        value = getattr(cfg, section.name)
        if not isinstance(value, Section) or value.section_name != section.name:
            raise ValueError(
                f"{section.name} must be its section's dataclass, not {shown(value)}: "
                f"make_cfg({section.name}=dict(...)) builds it"
            )


def _check_sizes(cfg: DTMConfig) -> None:
    """Before anything of these sizes is made."""
    n_bits = cfg.n_pixels * cfg.graph.grayscale_levels + cfg.n_label_nodes
    if n_bits > _MOST_VISIBLE_BITS:
        raise ValueError(
            f"{cfg.n_pixels} pixels, graph.grayscale_levels={cfg.graph.grayscale_levels} and "
            f"graph.num_label_spots={cfg.graph.num_label_spots} of {len(cfg.target_classes)} "
            f"classes make {n_bits:,} visible bits: use at most {_MOST_VISIBLE_BITS:,}"
        )
    if (
        len(cfg.target_classes) * max(cfg.n_label_nodes, len(cfg.target_classes))
        > _MOST_LABEL_CELLS
    ):
        raise ValueError(
            f"{len(cfg.target_classes)} classes with graph.num_label_spots="
            f"{cfg.graph.num_label_spots} are more than a graph can hold: use fewer"
        )


def _check_per_step_values(cfg: DTMConfig) -> None:
    per_step_values: dict[str, tuple[float, ...]] = {
        "optim.step_learning_rates": cfg.optim.step_learning_rates,
        "cp.correlation_penalty": cfg.cp.correlation_penalty,
        "wd.weight_decay": cfg.wd.weight_decay,
    }
    if cfg.exp.graph_seeds:
        per_step_values["exp.graph_seeds"] = cfg.exp.graph_seeds
    for name, values in per_step_values.items():
        try:
            cfg.per_step(values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def _check_controllers_have_their_input(cfg: DTMConfig) -> None:
    for name, adaptive in {
        "cp.adaptive_cp": cfg.cp.adaptive_cp,
        "wd.adaptive_wd": cfg.wd.adaptive_wd,
    }.items():
        if adaptive and not cfg.exp.compute_autocorr:
            raise ValueError(
                f"{name}=True is driven by the autocorrelation, which exp.compute_autocorr=False "
                f"leaves out: set exp.compute_autocorr=True or {name}=False"
            )


def _check_enough_images_to_draw(cfg: DTMConfig) -> None:
    drawn, generated = cfg.exp.drawn_images_per_digit, cfg.generation.fid_images_per_digit
    if drawn > generated:
        raise ValueError(
            f"exp.drawn_images_per_digit={drawn} are drawn of "
            f"generation.fid_images_per_digit={generated} images generated per class: draw fewer "
            "or generate more"
        )


def _check_data_go_with_the_rest(cfg: DTMConfig) -> None:
    facts = cfg.data.facts
    if facts.is_toy:
        if cfg.graph.grayscale_levels != facts.n_levels:
            raise ValueError(
                f"graph.grayscale_levels={cfg.graph.grayscale_levels}: the toy data set "
                f"{cfg.data.dataset_name} needs graph.grayscale_levels={facts.n_levels}"
            )
        return
    if cfg.batch_size > cfg.n_train:
        raise ValueError(
            f"sampling.batch_size={cfg.sampling.batch_size} is more than the {cfg.n_train} "
            f"training images of {cfg.data.dataset_name} in "
            f"data.target_classes={cfg.data.target_classes}: "
            "use a smaller batch or more classes"
        )
