"""What every family of models is to the rooms above it: one protocol, one immutable state.

Whoever implements `Model` gets run folders, resuming, evaluation, comparison, experiments, figures
and the command line. CONTRIBUTING.md says how, with the smallest family as its example.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Key

from thrmlDenoising.config import Config
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.runs import History, RunFolder
from thrmlDenoising.training.keys import seed_key
from thrmlDenoising.training.results import (
    Cost,
    Diagnostics,
    Draw,
    Evaluation,
    Finding,
    NotFiniteError,
    PerPart,
)

if TYPE_CHECKING:
    from thrmlDenoising.training.saved_run import SavedRun


class State(eqx.Module):
    """Everything about a model that training changes; immutable. Families add their fields.

    Attributes:
        epoch: how many epochs have been trained.
    """

    epoch: int


S = TypeVar("S", bound=State)


def no_look() -> None:
    """Nobody has asked to stop."""


class Model(ABC, Generic[S]):
    """A model of some family: what its config says, and nothing that training changes.

    Args:
        cfg: the hyperparameters.
        own_data: what it learns, where that is a user's own.

    Attributes:
        config_type: the class of the family's configs.
        makes: what it makes, such as "images".
        numbers_in_words: what the log calls the numbers of parts, where not as the history does.
    """

    config_type: ClassVar[type[Config]]
    makes: str
    numbers_in_words: ClassVar[Mapping[str, str]] = {}

    def __init__(self, cfg: Config, own_data: Any = None) -> None:
        self.cfg: Any = cfg
        self.own_data = own_data

    @cached_property
    def data(self) -> Any:
        """What it learns, read when first needed."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it learns")

    # ------------------------------------------------------------------ what a family is

    @abstractmethod
    def init(self, key: Key[Array, ""]) -> S:
        """The state before the first epoch."""

    @abstractmethod
    def train_epoch(self, state: S, on_batch: Callable[[], None]) -> S:
        """The state after one more epoch.

        Args:
            on_batch: called after every batch; may raise, to stop.
        """

    @abstractmethod
    def sample(self, state: S, key: Key[Array, ""], n: int) -> Any:
        """Generates n examples.

        Raises:
            NotFiniteError: nothing can be generated with this state.
        """

    @abstractmethod
    def evaluate(self, state: S, look: Callable[[], None] = no_look) -> Evaluation:
        """Judges what it makes, as its config says, and lays it out for drawing.

        A measurement that fails costs itself: see the `failures` of the reports.

        Args:
            look: called between the parts; may raise.
        """

    @abstractmethod
    def reports(self, state: S, n: int | None = None) -> Iterator[tuple[str, QualityReport]]:
        """What it makes, judged, one by one: what stands before the names of metrics, "free" or
        "clamped", and the report.

        Args:
            n: how many are made; what the config says if left out.
        """

    # ------------------------------------------------------------------ what a family may be

    @classmethod
    def judging(cls, cfg: Any, n: int) -> Any:
        """The config by which n are generated to be judged and drawn; of images, n of each class.

        Raises:
            ValueError: n is no such number.
        """
        return cfg.replace(generation={"n_judged": n})

    def prepare(self) -> None:
        """Reads what training and judging need, so that what is missing is known before a folder
        is made.
        """

    def animations(self, state: S) -> Mapping[str, Draw]:
        """What is animated after an evaluation, by paths in the run folder."""
        return {}

    @property
    def n_batches(self) -> int:
        """Batches an epoch, over all parts of the model: how often `on_batch` is called."""
        return 0

    @property
    def in_words(self) -> str:
        """What it consists of, in a few words."""
        return f"family {self.cfg.family}"

    @property
    def backend(self) -> str:
        """What computes, for the log."""
        return "JAX"

    @property
    def streamed(self) -> bool:
        """Whether it is trained on a stream of batches, which a run does not keep."""
        return False

    @property
    @abstractmethod
    def examples_in_words(self) -> str:
        """What it is trained on, for the log."""

    def fed_by(self, batches: Any) -> Self:
        """The model, trained on a stream of batches instead of the data set.

        Raises:
            ValueError: its family knows no streams, or it is no source of batches.
        """
        raise ValueError(
            f"models of the family {self.cfg.family!r} are trained on their data set: leave out "
            "batches"
        )

    def check_trainable(self) -> None:
        """Checks, before a folder is made, that nothing stands in the way of training.

        Raises:
            ValueError: something does.
        """

    @abstractmethod
    def cost(self) -> Cost:
        """What an epoch costs, in the unit in which models of the family compare."""

    def facts(self) -> dict[str, str]:
        """What a reader of its numbers has to know besides its config, by name."""
        return {}

    def tabled(self, history: History) -> Sequence[str]:
        """What tables of experiments keep, metrics and numbers of parts; by default all metrics."""
        return history.metric_names

    @property
    def always_diagnosed(self) -> bool:
        """Whether `diagnose` is wanted after every epoch, and not at evaluations alone."""
        return False

    def diagnose(self, state: S, look: Callable[[], None] = no_look) -> Diagnostics | None:
        """The model's own measurements, if it makes any.

        Args:
            look: called between its pieces of work; may raise.
        """
        return None

    def adapt(self, state: S, now: Diagnostics, before: PerPart) -> S:
        """What the model changes about itself after an epoch, given its measurements.

        Args:
            before: the numbers of the last record; no names where nothing was recorded.
        """
        return state

    def per_part(self, state: S, diagnostics: Diagnostics | None) -> PerPart:
        """What the history records of every part of the model."""
        return {} if diagnostics is None else diagnostics.per_part

    def pictures_over_epochs(self, history: History) -> Mapping[str, Draw]:
        """What is drawn of the history besides the headline metric, by paths in the run folder."""
        return {}

    def findings(self, state: S) -> Iterator[Finding]:
        """What the evaluation command tells besides the quality of images, one by one."""
        return iter(())

    def check_finite(self, state: S) -> None:
        """Checks that all numbers are finite.

        Raises:
            NotFiniteError: some are not; says which.
        """
        leaves = [leaf for leaf in jax.tree.leaves(state) if eqx.is_inexact_array(leaf)]
        n_bad = sum(int(np.sum(~np.isfinite(leaf))) for leaf in leaves)
        if n_bad:
            raise NotFiniteError(
                f"{n_bad} of {sum(leaf.size for leaf in leaves)} numbers are NaN or infinite: "
                "training has diverged. Train again with a smaller learning rate, or load an "
                "earlier epoch"
            )

    # ------------------------------------------------------------------ what a checkpoint holds

    @classmethod
    def check_run(cls, run: RunFolder) -> None:
        """Checks that a run is one of ours, and not only alike.

        Raises:
            CheckpointError: it is not; says what to do.
        """

    @classmethod
    def part_names(cls, cfg: Config) -> tuple[str, ...]:
        """The parts of a state; each is saved in a file of its name."""
        return ("state",)

    @classmethod
    def static_files(cls, cfg: Config) -> tuple[str, ...]:
        """The files that `write_static` writes: none, or one for each part."""
        return ()

    def write_static(self, folder: Path) -> None:
        """Saves what was drawn once and never changes, and could not be drawn again."""

    @classmethod
    def read_static(cls, saved: "SavedRun", own_data: Any = None) -> Self:
        """The model of a checkpoint, with what `write_static` has saved."""
        return cls(saved.cfg, own_data)

    def split(self, state: S) -> tuple[Any, ...]:
        """The parts of a state, in the order of `part_names`."""
        return (state,)

    def join(self, parts: Sequence[Any], epoch: int) -> S:
        """The state of these parts."""
        return parts[0]

    def read_part(self, saved: "SavedRun", index: int, like: Any) -> Any:
        """A part of a saved state; `like` is one of the same shapes.

        Raises:
            CheckpointError: it does not fit, or no training can have left it there.
        """
        part = saved.part(index, like)
        if problem := self.part_problem(part):
            raise saved.damaged_part(index, problem)
        return part

    def read_state(self, saved: "SavedRun") -> S:
        """The state of a checkpoint.

        Raises:
            CheckpointError: it does not fit, or is that of another model.
        """
        likes = self.split(self.like)
        parts = [self.read_part(saved, index, like) for index, like in enumerate(likes)]
        return self.join(parts, saved.checkpoint.epoch)

    @property
    def like(self) -> S:
        """A state of the right shapes."""
        return self.init(seed_key(self.cfg.exp.seed))

    def part_problem(self, part: Any) -> str | None:
        """Why no training goes on from a part that was read, or no image can be made with it."""
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(part)]
        if any(not np.isfinite(leaf).all() for leaf in leaves if leaf.dtype.kind == "f"):
            return "a number that training goes on from is NaN or infinite"
        if any((leaf < 0).any() for leaf in leaves if leaf.dtype.kind == "i"):
            return "it has counted below 0"
        return None
