"""A DTM as every family is: what its config says, with the graphs that were drawn for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from thrmlDenoising.base_graphs import BaseGraph
from thrmlDenoising.config import Config
from thrmlDenoising.data import Mode, OwnData, Split
from thrmlDenoising.families.dtm.autocorrelation import (
    AutocorrelationCurve,
)
from thrmlDenoising.families.dtm.building import (
    build_steps,
    draw_graphs,
    initial_state,
    make_manager,
    put_on,
)
from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.diagnosing import diagnostics_of, mixing_finding
from thrmlDenoising.families.dtm.examples import (
    Examples,
    ImagesInMemory,
    StepInTraining,
    StreamedBatches,
)
from thrmlDenoising.families.dtm.foreign_run import refuse_run_of_dtm_replication
from thrmlDenoising.families.dtm.format_1 import read_first_step
from thrmlDenoising.families.dtm.hardware_energy import (
    QUOTED_TOTALS,
    HardwareEnergy,
    hardware_energy,
)
from thrmlDenoising.families.dtm.images import samples_of
from thrmlDenoising.families.dtm.labels import AbstractLabels, labels_of
from thrmlDenoising.families.dtm.measuring import autocorrelations, mixing, protocol_of
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.reverse import Annealing, Generated, generate
from thrmlDenoising.families.dtm.saved_graphs import graph_file, read_graphs, step_name
from thrmlDenoising.families.dtm.spending import updates_per_epoch
from thrmlDenoising.families.dtm.state import DTMState, StepState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.families.dtm.stream import Batches, Stream
from thrmlDenoising.families.dtm.trainer import Trainer, adapt_strengths
from thrmlDenoising.plots import draw_autocorrelation_vs_epoch
from thrmlDenoising.processes import LabelledImages
from thrmlDenoising.runs import History, RunFolder, damaged, write_arrays
from thrmlDenoising.sampling import IsingMachine, sampler_type
from thrmlDenoising.support.hints import counted
from thrmlDenoising.training.devices import Stoppable
from thrmlDenoising.training.images import ImageModel, Samples
from thrmlDenoising.training.model import no_look
from thrmlDenoising.training.results import (
    AUTOCORRELATION,
    Cost,
    Diagnostics,
    Finding,
    NotFiniteError,
    PerPart,
)
from thrmlDenoising.training.saved_run import SavedRun

PENALTY, DECAY = "penalty_step", "decay_step"
"""What the history calls the strengths of a step."""


class DTMModel(ImageModel[DTMState]):
    """A Denoising Thermodynamic Model: a chain of steps, each an Ising machine.

    Args:
        cfg: the hyperparameters.
        own_data: the images, where the config describes a user's own.
        graphs: of the steps; drawn from the config's seeds if left out.

    Attributes:
        manager: how pixels and labels become Ising nodes, and how these are joined.
        graphs: of the steps, the cleanest first.
        labels: what the label nodes say of an image.
        annealing: how a step is sampled in generation.
        trainer: how a step is trained.
    """

    config_type: ClassVar[type[Config]] = DTMConfig
    numbers_in_words: ClassVar[Mapping[str, str]] = {
        AUTOCORRELATION: "autocorrelation",
        PENALTY: "correlation penalty",
        DECAY: "weight decay",
    }

    def __init__(
        self,
        cfg: DTMConfig,
        own_data: OwnData | None = None,
        graphs: Sequence[BaseGraph] | None = None,
    ) -> None:
        super().__init__(cfg, own_data)
        self.manager = make_manager(cfg)
        # Drawn here, so that a graph that cannot be is known before anything is trained.
        self.graphs = draw_graphs(cfg, self.manager) if graphs is None else list(graphs)
        self.labels: AbstractLabels = labels_of(cfg)
        self.trainer = Trainer.from_config(cfg)
        generation = cfg.generation
        self.annealing = Annealing(
            generation.generation_beta_start,
            generation.generation_beta_end,
            generation.steps_warmup,
        )
        self._stream: Stream | None = None

    @cached_property
    def steps(self) -> list[DiffusionStep]:
        """What is fixed about each step, spread over the devices JAX shows."""
        return build_steps(self.cfg, self.manager, self.graphs)

    def machines(self, state: DTMState) -> list[IsingMachine]:
        """The Ising machine of every step, as trained so far.

        Raises:
            NotFiniteError: nothing can be generated with them.
        """
        self.check_finite(state)
        pairs = zip(self.steps, state.steps, strict=True)
        return [step.machine(trained.parameters) for step, trained in pairs]

    # ------------------------------------------------------------------ training

    @property
    def n_batches(self) -> int:
        """Batches an epoch, over all steps."""
        return self.cfg.n_steps * self.cfg.n_batches

    def init(self, key: Key[Array, ""]) -> DTMState:
        """Weights near 0, and no biases."""
        return initial_state(key, self.cfg, self.graphs, self.steps, self.trainer)

    def train_epoch(self, state: DTMState, on_batch: Callable[[], None]) -> DTMState:
        """One epoch of every step, each by itself."""
        epoch = state.epoch + 1
        rates = self.cfg.per_step(self.cfg.optim.step_learning_rates)
        steps = list(map(StepInTraining, self.steps, state.steps, rates))
        trained = self.examples.train_epoch(epoch, self.trainer, steps, Stoppable(on_batch))
        return DTMState(epoch, tuple(trained))

    @property
    def examples(self) -> Examples:
        """Where training's batches come from."""
        return StreamedBatches(self._stream) if self._stream else self._images_in_memory

    @cached_property
    def _images_in_memory(self) -> ImagesInMemory:
        return ImagesInMemory(self.clean(self.data.train))

    def fed_by(self, batches: Batches) -> Self:
        """See `Model.fed_by`."""
        fed = copy(self)
        fed._stream = Stream(batches, self.cfg)
        return fed

    @property
    def streamed(self) -> bool:
        """See `Model.streamed`."""
        return self._stream is not None

    @property
    def examples_in_words(self) -> str:
        """See `Model.examples_in_words`."""
        return str(self.examples)

    def check_trainable(self) -> None:
        """Checks that the images make all batches of an epoch.

        Raises:
            ValueError: the epoch has more.
        """
        cfg = self.cfg
        if self._stream is None and cfg.n_batches * cfg.batch_size > cfg.n_train:
            raise ValueError(
                f"sampling.batches_per_epoch={cfg.n_batches} batches of {cfg.batch_size} images "
                f"are more than the {cfg.n_train} training images: leave it out, or give a stream, "
                "train(batches=...)"
            )

    def clean(self, split: Split) -> LabelledImages:
        """Images and labels before any noise."""
        labels = self.labels.of_split(split)
        return LabelledImages(jnp.asarray(split.pixels), jnp.asarray(labels))

    def cost(self) -> Cost:
        """Spin updates, the unit that all samplers share."""
        return Cost("spin updates", updates_per_epoch(self.cfg, self.graphs))

    def facts(self) -> dict[str, str]:
        """What a sample costs on the paper's hardware."""
        return {
            f"joules per sample, E_cell {name}": f"{self.hardware_energy(name).joules:.4g}"
            for name in QUOTED_TOTALS
        }

    @property
    def in_words(self) -> str:
        """How many steps there are, and on what lattices."""
        side = self.cfg.graph.lattice.side
        return f"{counted(self.cfg.n_steps, 'step')} on {side} x {side} lattices"

    @property
    def backend(self) -> str:
        """The sampler's class."""
        return sampler_type(self.cfg.sampling.backend).__name__

    # ------------------------------------------------------------------ generation

    @property
    def n_classes(self) -> int:
        """Groups in which images are generated and drawn."""
        return self.labels.n_classes

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Labels can be clamped only where there are some."""
        return get_args(Mode) if self.cfg.n_label_nodes else ("free",)

    @property
    def no_accuracy(self) -> str:
        """See `Model.no_accuracy`."""
        return self.labels.no_accuracy

    def check_classes(self) -> None:
        """See `Model.check_classes`."""
        if not self.cfg.n_label_nodes:
            raise ValueError(self.labels.refusal)

    def sample(
        self,
        state: DTMState,
        key: Key[Array, ""],
        n: int,
        classes: Int[np.ndarray, " example"] | None = None,
        every: int | None = None,
    ) -> Samples:
        """Runs the chain from noise; see `Model.sample`. `every` counts sweeps."""
        bits = None if classes is None else self.clamped_bits(classes)
        generated = self.run(state, key, n, bits, every)
        schedule = None if every is None else self.annealing.schedule(every)
        return samples_of(generated, self.labels.n_voted, schedule)

    def clamped_bits(
        self, classes: Int[np.ndarray, " example"]
    ) -> Bool[np.ndarray, "example label_node"]:
        """The label nodes of images of these classes, or of held-out images in turn."""
        return self.labels.clamped(classes, lambda: self.data.test)

    def run(
        self,
        state: DTMState,
        key: Key[Array, ""],
        n: int,
        label_bits: Bool[np.ndarray, "image label_node"] | None = None,
        every: int | None = None,
    ) -> Generated:
        """Runs the chain from noise, with all observed states.

        Args:
            label_bits: keeps the label nodes at these values; None lets them run free.
            every: sweeps between two looks at a step; None for its last state alone.

        Raises:
            ValueError: less than 1 image.
            NotFiniteError: nothing can be generated with this state.
        """
        schedule = self.annealing.schedule(every)
        labels = None if label_bits is None else jnp.asarray(label_bits)
        return generate(key, self.steps, self.machines(state), n, schedule, labels)

    # ------------------------------------------------------------------ measuring

    @property
    def always_diagnosed(self) -> bool:
        """Adaptive controllers need autocorrelation after every epoch."""
        return self.cfg.is_adaptive or self.cfg.exp.autocorr_every_epoch

    def diagnose(self, state: DTMState, look: Callable[[], None] = no_look) -> Diagnostics | None:
        """Autocorrelation, unless the config leaves it out."""
        if not self.cfg.exp.compute_autocorr:
            return None
        return diagnostics_of(state.epoch, self.autocorrelations(state, look=look))

    def autocorrelations(
        self,
        state: DTMState,
        n_samples: int | None = None,
        look: Callable[[], None] = no_look,
    ) -> list[AutocorrelationCurve]:
        """How slowly each step's chains forget, by the config's protocol; see `measuring`."""
        protocol = protocol_of(self, self.cfg.exp.autocorr_protocol)
        return autocorrelations(self, state, protocol, n_samples, look)

    def mixing(self, state: DTMState) -> list[Mixing]:
        """How fast each step's chains mix at the training beta: times, sample sizes, decay."""
        return mixing(self, state)

    def adapt(self, state: DTMState, now: Diagnostics, before: PerPart) -> DTMState:
        """Lets the controllers react to the autocorrelation; the first one only sets a baseline."""
        if AUTOCORRELATION not in before:
            return state
        adapted = []
        for index, step in enumerate(state.steps):
            autocorrelation = now.per_part[AUTOCORRELATION][index]
            previous = before[AUTOCORRELATION][index]
            assert autocorrelation is not None, "what is measured is measured of every step"
            reacted = adapt_strengths(
                self.cfg, step, autocorrelation, float("inf") if previous is None else previous
            )
            # What is frozen cannot become any slower, which controllers would take for a relief.
            adapted.append(reacted.not_relaxed_from(step) if index in now.frozen else reacted)
        return DTMState(state.epoch, tuple(adapted))

    def per_part(self, state: DTMState, diagnostics: Diagnostics | None) -> PerPart:
        """Autocorrelation, where it was measured, and the strengths of every step."""
        nothing = {AUTOCORRELATION: (None,) * len(state.steps)}
        return {
            **(nothing if diagnostics is None else diagnostics.per_part),
            PENALTY: tuple(step.correlation_penalty for step in state.steps),
            DECAY: tuple(step.weight_decay for step in state.steps),
        }

    def pictures_over_epochs(self, history: History) -> dict[str, Callable[[Path], None]]:
        """Autocorrelation over the epochs."""
        measured = [record.per_part[AUTOCORRELATION] for record in history.records]
        values = np.array(measured, float)
        if np.isnan(values).all():
            return {}
        threshold = self.cfg.cp.adaptive_threshold if self.cfg.is_adaptive else None
        epochs = [record.epoch for record in history.records]
        draw = partial(draw_autocorrelation_vs_epoch, epochs, values, threshold)
        return {"autocorr_vs_epoch.png": draw}

    def findings(self, state: DTMState) -> Iterator[Finding]:
        """What a sample would cost on the paper's hardware, and how fast chains mix."""
        energy = self.hardware_energy()
        title = "Energy on the paper's hardware"
        yield Finding("hardware_energy", title, str(energy), energy.to_dict())
        # The textbook autocorrelation is in the mixing times.
        curves = autocorrelations(self, state, protocol_of(self, "replication"))
        yield mixing_finding(self.cfg.sampling.training_beta, self.mixing(state), curves)

    def hardware_energy(self, e_cell: str = "figure_1") -> HardwareEnergy:
        """What a sample would cost on the paper's hardware; see `HardwareEnergy`."""
        n_sweeps = self.cfg.generation.steps_warmup
        return hardware_energy(self.graphs, self.cfg.graph.lattice, n_sweeps, e_cell)

    def check_finite(self, state: DTMState) -> None:
        """See `Model.check_finite`; names the step too."""
        for index, step in enumerate(state.steps):
            for name, n_bad, n in step.not_finite():
                raise NotFiniteError(
                    f"step {index}: {n_bad} of {n} {name} are NaN or infinite: training has "
                    "diverged. Train again with a smaller optim.step_learning_rates, or load an "
                    "earlier epoch"
                )

    # ------------------------------------------------------------------ what a checkpoint holds

    @classmethod
    def check_run(cls, run: RunFolder) -> None:
        """Runs of dtm-replication cannot be loaded."""
        refuse_run_of_dtm_replication(run)

    @classmethod
    def part_names(cls, cfg: Any) -> tuple[str, ...]:
        """A file for every step, from which it can be loaded into another model."""
        return tuple(map(step_name, range(cfg.n_steps)))

    @classmethod
    def static_files(cls, cfg: Any) -> tuple[str, ...]:
        """The graphs."""
        return tuple(map(graph_file, range(cfg.n_steps)))

    def write_static(self, folder: Path) -> None:
        """Writes the graph of every step."""
        for index, graph in enumerate(self.graphs):
            write_arrays(folder / graph_file(index), graph.to_arrays())

    @classmethod
    def read_static(cls, saved: SavedRun, own_data: OwnData | None = None) -> Self:
        """The model of a checkpoint, on the graphs that it was trained on."""
        return cls.of_steps(saved.cfg, [saved] * saved.cfg.n_steps, own_data)

    @classmethod
    def of_steps(
        cls, cfg: DTMConfig, saved: Sequence[SavedRun], own_data: OwnData | None = None
    ) -> Self:
        """A model of this config, with the graph of step i from checkpoint i.

        Raises:
            CheckpointError: a file does not fit.
            ValueError: a graph is none of the manager as it is now.
        """
        return cls(cfg, own_data, read_graphs(cfg, make_manager(cfg), saved))

    def split(self, state: DTMState) -> tuple[StepState, ...]:
        """The steps."""
        return state.steps

    def join(self, parts: Sequence[StepState], epoch: int) -> DTMState:
        """The state of these steps, each on its device."""
        pairs = zip(parts, self.steps, strict=True)
        return DTMState(epoch, tuple(put_on(step.device, part) for part, step in pairs))

    def read_state(self, saved: SavedRun) -> DTMState:
        """The steps of a checkpoint, whose history has to be of as many."""
        for name, n_parts in (saved.history.last.shape if saved.history.last else {}).items():
            if n_parts != self.cfg.n_steps:
                what = f"its {name} is of {n_parts} steps, its config of {self.cfg.n_steps}"
                raise damaged(saved.folder, "history.json", what)
        return super().read_state(saved)

    def read_part(self, saved: SavedRun, index: int, like: StepState) -> StepState:
        """A step, in the library's first format too.

        Raises:
            CheckpointError: it does not fit, or no training can have left it there.
        """
        first = saved.checkpoint.format_version == 1
        step = (read_first_step if first else SavedRun.part)(saved, index, like)
        if problem := step.problem() or self.part_problem(step):
            raise saved.damaged_part(index, problem)
        return step
