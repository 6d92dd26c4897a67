"""The configuration of a DTM: its sections put together.

`DTMConfig()` is the published setting; `make_cfg` of `thrmlDenoising.utils` changes some of it.
The hyperparameters themselves are documented, each once, in `structure` and `learning`, and in
`thrmlDenoising.config.sections` those that every family has.
"""

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from thrmlDenoising.base_graphs import AbstractBaseGraphManager, GraphSpec
from thrmlDenoising.config import ImageConfig
from thrmlDenoising.families.dtm.config.learning import (
    CorrelationPenaltyConfig,
    DTMGenerationConfig,
    OptimConfig,
    SamplingConfig,
    WeightDecayConfig,
)
from thrmlDenoising.families.dtm.config.structure import (
    DiffusionRatesConfig,
    DiffusionScheduleConfig,
    DTMExpConfig,
    GraphConfig,
)
from thrmlDenoising.support.hints import shown

_MOST_VISIBLE_BITS = 10**6
_MOST_LABEL_CELLS = 10**8
"""Classes times label bits: the table of every class's label."""


@dataclass(frozen=True)
class DTMConfig(ImageConfig):
    """Everything that defines a Denoising Thermodynamic Model and its training.

    Raises:
        ValueError: a value is out of its range, or values do not go together.
    """

    family: ClassVar[str] = "dtm"
    free_to_change: ClassVar[frozenset[str]] = ImageConfig.free_to_change | {
        "exp.autocorr_every_epoch",
        "exp.n_cores",
    }

    exp: DTMExpConfig = field(default_factory=DTMExpConfig)
    generation: DTMGenerationConfig = field(default_factory=DTMGenerationConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    diffusion_schedule: DiffusionScheduleConfig = field(default_factory=DiffusionScheduleConfig)
    diffusion_rates: DiffusionRatesConfig = field(default_factory=DiffusionRatesConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    cp: CorrelationPenaltyConfig = field(default_factory=CorrelationPenaltyConfig)
    wd: WeightDecayConfig = field(default_factory=WeightDecayConfig)

    def check_together(self) -> None:
        """See `Config.check_together`."""
        _check_sizes(self)
        _leave_out_values_beyond_the_steps(self)
        _check_controllers_have_their_input(self)
        _check_labels_are_noised(self)
        _check_data_go_with_the_rest(self)
        _ = self.manager  # raises where the visible nodes do not fit

    def per_step(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """One number for each diffusion step: the last given one serves the remaining steps.

        None given is 0 for each, as an empty penalty means no penalty.
        """
        given = values or (0.0,)
        return given[: self.n_steps] + given[-1:] * (self.n_steps - len(given))

    def flat(self) -> dict[str, Any]:
        """All fields as "section.field", by their meaning."""
        meanings = {
            "graph.graph_preset_architecture": self.graph.lattice,
            "graph.image_jumps": self.graph.jumps,
            "graph.base_graph_manager": self.graph.manager_class,
            "optim.step_learning_rates": self.per_step(self.optim.step_learning_rates),
            "cp.correlation_penalty": self.per_step(self.cp.correlation_penalty),
            "wd.weight_decay": self.per_step(self.wd.weight_decay),
        }
        return super().flat() | meanings

    @property
    def n_steps(self) -> int:
        """Diffusion steps of the chain."""
        return self.diffusion_schedule.num_diffusion_steps

    @property
    def n_levels(self) -> int:
        """Grey levels above 0."""
        return self.graph.grayscale_levels

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
