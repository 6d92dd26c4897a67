"""The configuration of a DTM: frozen, validated on construction, exact in YAML.

`DTMConfig()` is the published setting; `make_cfg` of `thrmlDenoising.utils` changes some of it.
The hyperparameters themselves are documented, each once, in `experiment` and
`training`.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, GraphSpec
from thrmlDenoising.config import DataConfig, EvaluationConfig
from thrmlDenoising.config.classes import Named, with_given
from thrmlDenoising.config.fields import Section, check_known
from thrmlDenoising.config.showing import config_lines, config_table
from thrmlDenoising.config.yaml_text import dump, parse
from thrmlDenoising.families.dtm.config.experiment import (
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    ExpConfig,
    GraphConfig,
)
from thrmlDenoising.families.dtm.config.training import (
    CorrelationPenaltyConfig,
    GenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)
from thrmlDenoising.support.hints import shortened, shown
from thrmlDenoising.support.paths import user_path
from thrmlDenoising.support.reading import read_text

LARGEST_FILE = 2**20
"""Bytes of a config in YAML: four hundred times those of one with all fields."""

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
        _leave_out_values_beyond_the_steps(self)
        _check_controllers_have_their_input(self)
        _check_labels_are_noised(self)
        _check_enough_images_to_draw(self)
        _check_data_go_with_the_rest(self)
        _ = self.manager  # raises where the visible nodes do not fit

    def __repr__(self) -> str:
        """The call that makes it; `to_yaml` writes every field."""
        return config_lines(self)

    def _repr_html_(self) -> str:
        return config_table(self)

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

    def per_step(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """One number for each diffusion step: the last given one serves the remaining steps.

        None given is 0 for each, as an empty penalty means no penalty.
        """
        n_steps = self.diffusion_schedule.num_diffusion_steps
        given = values or (0.0,)
        return given[:n_steps] + given[-1:] * (n_steps - len(given))

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
        """Label spots times classes, or times the bits of a condition."""
        return self.graph.num_label_spots * (self.data.n_condition_bits or len(self.target_classes))

    @property
    def n_train(self) -> int:
        """Training images of the target classes."""
        counts = self.data.facts.train_counts
        return sum(counts[target] for target in self.target_classes)

    @property
    def n_batches(self) -> int:
        """Batches an epoch, one update each."""
        return self.sampling.batches_per_epoch or self.n_train // self.batch_size

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
            ValueError: the name of an own class or function in it does not lead to it, or it is
                too long to be read again.
        """
        text = dump(asdict(self))
        n_bytes = len(text.encode())
        if n_bytes > LARGEST_FILE:
            raise ValueError(
                f"the config takes {n_bytes:,} bytes, and one of more than {LARGEST_FILE:,} is not "
                "read again: use shorter class names, or fewer classes"
            )
        return text

    @classmethod
    def from_yaml(cls, text: str, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from YAML; what the text does not mention keeps its default.

        Args:
            classes: own classes and functions that the text may name. It imports none: another
                one has to be imported already.

        Raises:
            ValueError: no valid YAML, or not a valid config.
        """
        return cls().replace(**with_given(parse(text), classes))

    def save(self, path: str | Path) -> None:
        """Writes the config to a YAML file."""
        user_path(path).write_text(self.to_yaml(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from a YAML file.

        Args:
            classes: own classes and functions that the file may name, see `from_yaml`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no valid config; names the file.
        """
        try:
            text = read_text(user_path(path), LARGEST_FILE)
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no config file {str(path)!r}") from None
        return cls.from_file(path, text, classes)

    @classmethod
    def from_file(cls, path: str | Path, text: str, classes: Sequence[Named] = ()) -> Self:
        """Reads a config from the YAML text of a file, which errors name.

        Raises:
            ValueError: the file holds no valid config.
        """
        try:
            return cls.from_yaml(text, classes)
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


_PER_STEP = {
    "exp": "graph_seeds",
    "optim": "step_learning_rates",
    "cp": "correlation_penalty",
    "wd": "weight_decay",
}
"""The field of a section that has a value for each step."""


def _leave_out_values_beyond_the_steps(cfg: DTMConfig) -> None:
    """Of settings that serve models of several sizes, as dtm-replication allows them."""
    n_steps = cfg.diffusion_schedule.num_diffusion_steps
    for section, name in _PER_STEP.items():
        values = getattr(getattr(cfg, section), name)
        if len(values) > n_steps:
            warnings.warn(
                f"{section}.{name}={shown(values)} has {len(values)} values, where "
                f"diffusion_schedule.num_diffusion_steps={n_steps}: {shown(values[n_steps:])} "
                "serve no step and are left out",
                stacklevel=4,
            )
            shorter = getattr(cfg, section).replace(**{name: values[:n_steps]})
            object.__setattr__(cfg, section, shorter)


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
        if adaptive and cfg.cp.adaptive_threshold == 0:
            raise ValueError(
                f"{name}=True with cp.adaptive_threshold=0: no autocorrelation is below 0, so "
                f"nothing could ever relax: use a threshold above 0, such as 0.016, or {name}=False"
            )


def _check_labels_are_noised(cfg: DTMConfig) -> None:
    if cfg.diffusion_rates.label_rate == 0 and cfg.n_label_nodes:
        raise ValueError(
            "diffusion_rates.label_rate=0 with labels: no step would ever noise them, so each "
            "would be tied to its input by an infinite coupling, and generation, which starts from "
            "random labels, could never choose one. Use a rate above 0, such as 0.2 (labels can be "
            "clamped at any rate), or graph.num_label_spots=0 for a model without labels"
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
    if cfg.sampling.batches_per_epoch is None and cfg.batch_size > cfg.n_train:
        raise ValueError(
            f"sampling.batch_size={cfg.sampling.batch_size} is more than the {cfg.n_train} "
            f"training images of {cfg.data.dataset_name} in "
            f"data.target_classes={cfg.data.target_classes}: "
            "use a smaller batch or more classes"
        )
