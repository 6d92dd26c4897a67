"""The sections that say what is learnt: experiment, data, graph and diffusion.

Every field is documented once, below it; the command line shows the same text.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from thrmlDenoising.base_graphs import (
    AbstractBaseGraphManager,
    Lattice,
    Preset,
    check_image_jumps,
    parse_preset,
    resolve_manager,
)
from thrmlDenoising.config.classes import NAME_OR_CLASS_ARGUMENT, find_class
from thrmlDenoising.config.fields import (
    Count,
    CountOrZero,
    Fraction,
    GreyLevels,
    Must,
    NonNegative,
    Positive,
    Section,
    Seed,
)
from thrmlDenoising.config.sections import ImageExpConfig


@dataclass(frozen=True)
class DTMExpConfig(ImageExpConfig, name="exp"):
    """The experiment: seeds, its name, and what is measured and drawn on the way."""

    graph_seeds: tuple[Seed, ...] = ()
    """Seed of each step's graph (0 to 2**32 - 1), in place of `seed`; the last
    one serves the remaining steps. Empty: derived from `seed`, a graph of
    its own for every step."""

    compute_autocorr: bool = True
    """Measure every step's autocorrelation at each evaluation, and after each
    epoch where an adaptive controller needs it."""

    autocorr_every_epoch: bool = False
    """Measure autocorrelation after each epoch, whether it is evaluated or
    not, as dtm-replication does."""

    autocorr_protocol: Literal["replication", "stationary"] = "replication"
    """How autocorrelation is measured: "replication" under the generation
    program, on which the thresholds were tuned; "stationary" at the fixed
    training beta, with the textbook estimator."""

    n_cores: Count | None = None
    """Accepted for configs of dtm-replication and no longer needed: the
    samplers find the cores themselves. At least 1, or None."""

    def check_together(self) -> None:
        """What is measured every epoch has to be measured at all."""
        super().check_together()
        if self.autocorr_every_epoch and not self.compute_autocorr:
            raise ValueError(
                "exp.autocorr_every_epoch=True with exp.compute_autocorr=False: set "
                "exp.compute_autocorr=True to measure autocorrelation, or leave both off"
            )


@dataclass(frozen=True)
class GraphConfig(Section, name="graph"):
    """The Ising machine of one step: its lattice, and how images and labels lie on it."""

    graph_preset_architecture: int | str = 60_12
    """Lattice preset side_degree, as an integer (60_12, the same as 6012) or
    text ("60_12"): a side x side grid in which every node has about
    `degree` neighbours. "60_16_paper" has the paper's own rules, 60_12_1
    image jumps for convolved graphs."""

    connection_rules: tuple[tuple[int, int], ...] = ()
    """Own connection rules (a, b), a + b odd, in place of the preset's; give
    `side` with them. Each rule joins (x, y) to (x+a, y+b), (x-b, y+a),
    (x-a, y-b) and (x+b, y-a)."""

    side: (
        Annotated[int, Must("of at least 1 and at most 1000", lambda n: 1 <= n <= 1000)] | None
    ) = None
    """Own side of the grid in nodes, in place of the preset's; give
    `connection_rules` with it. 1 to 1000; a torus needs an even one."""

    num_label_spots: CountOrZero = 5
    """How many times the one-hot label, or the condition's bits, are repeated
    on the graph: at least 0; 0 makes the model unlabelled."""

    grayscale_levels: GreyLevels = 1
    """Grey levels above black: 1 (binary images) to 255."""

    torus: bool = True
    """Connect opposite edges of the grid, which needs an even side."""

    base_graph_manager: Annotated[str | type, NAME_OR_CLASS_ARGUMENT] = (
        "poisson_binomial_ising_graph_manager"
    )
    """How pixels become Ising nodes: poisson_binomial (a node for each grey
    level), binomial (the same with tied parameters: the paper's),
    binary_representation (the bits of the level),
    convolved_poisson_binomial (pixels joined within the image too), or an
    own subclass of AbstractBaseGraphManager, as a class or as
    "module:ClassName" of an imported module. The long names of
    dtm-replication work as well."""

    placement: Literal["scattered", "raster", "local"] = "scattered"
    """Where visible nodes stand on the grid: "scattered" (random places, in
    raster order), "raster" (the first places without gaps) or "local" (the
    image stretched over the grid)."""

    image_jumps: tuple[tuple[int, int], ...] = ()
    """Rules (a, b), a + b odd, that join pixels of the image; for
    convolved_poisson_binomial only, and in place of a preset's such as
    70_36_1."""

    def __post_init__(self) -> None:
        manager = self.base_graph_manager
        if isinstance(manager, int):
            raise ValueError(
                f"graph.base_graph_manager={manager}: managers have names, not numbers. The 1 of "
                "dtm-replication's README means its default: write 'poisson_binomial', or leave "
                "it out"
            )
        if isinstance(manager, str) and ":" in manager:
            object.__setattr__(self, "base_graph_manager", find_class(manager))
        super().__post_init__()

    @property
    def lattice(self) -> Lattice:
        """The lattice that the preset, or `side` and `connection_rules`, describe."""
        if self.side is not None:
            return Lattice(self.side, self.connection_rules, self.torus)
        return Lattice(self._preset.side, self._preset.rules, self.torus)

    @property
    def jumps(self) -> tuple[tuple[int, int], ...]:
        """`image_jumps`, or those of the preset."""
        if self.image_jumps or self.side is not None:
            return self.image_jumps
        return self._preset.image_jumps

    @property
    def _preset(self) -> Preset:
        return parse_preset(self.graph_preset_architecture)

    @property
    def manager_class(self) -> type[AbstractBaseGraphManager]:
        """The class that `base_graph_manager` names or is."""
        return resolve_manager(self.base_graph_manager)

    def check_together(self) -> None:
        """The lattice has to be two-colourable, and described in one way."""
        if (self.side is None) != (self.connection_rules == ()):
            raise ValueError(
                f"graph.side={self.side} with graph.connection_rules={self.connection_rules}: give "
                "both for a lattice of your own, or neither to use graph.graph_preset_architecture"
            )
        self.lattice.check()
        if self.side is None and self.image_jumps and self._preset.image_jumps:
            raise ValueError(
                f"graph.image_jumps={self.image_jumps} with graph.graph_preset_architecture="
                f"{self.graph_preset_architecture!r}, which has image jumps of its own: give one "
                "of the two"
            )
        check_image_jumps(self.image_jumps)
        _ = self.manager_class  # raises for an unknown one


@dataclass(frozen=True)
class DiffusionScheduleConfig(Section, name="diffusion_schedule"):
    """When along the forward process the steps lie."""

    num_diffusion_steps: Annotated[
        int, Must("of at least 1 and at most 1000", lambda n: 1 <= n <= 1000)
    ] = 1
    """Diffusion steps, each a model of its own: 1 to 1000. One step with
    kind "log" is the monolithic model (MEBM)."""

    kind: Literal["log", "linear"] = "log"
    """Times of the steps: "linear" (i / T) or "log" (-ln(1 - i / T), ending
    in pure noise)."""

    diffusion_offset: Fraction = 0.1
    """By which fraction training widens a step's interval at both ends: 0 to
    1."""


@dataclass(frozen=True)
class DiffusionRatesConfig(Section, name="diffusion_rates"):
    """How fast the forward process forgets, in resamplings of a bit per unit of diffusion time."""

    image_rate: Positive = 0.8
    """Rate of image bits: above 0."""

    label_rate: NonNegative = 0.2
    """Rate of label bits: above 0, or 0 in a model without labels."""
