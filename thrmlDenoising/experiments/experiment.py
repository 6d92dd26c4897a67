"""An experiment as data: one config, the variants to compare, and the seeds to repeat them with.

Example:
    >>> from thrmlDenoising import DTMConfig
    >>> depth = {f"T{n}": dict(diffusion_schedule=dict(num_diffusion_steps=n)) for n in (1, 2)}
    >>> scale = Experiment(DTMConfig(), depth, n_epochs=10, evaluate_every=5, seeds=(0, 1))
    >>> [run.name for run in scale.runs()]
    ['T1_seed0', 'T2_seed0', 'T1_seed1', 'T2_seed1']
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from thrmlDenoising.config import Config
from thrmlDenoising.training.loop import check_epochs

C = TypeVar("C", bound=Config)

Changes = Mapping[str, Mapping[str, Any]]
"""By section of the config, the fields that differ."""


@dataclass(frozen=True)
class Run(Generic[C]):
    """One training of one variant.

    Attributes:
        name: of its table and its run folder.
        cfg: what is trained; its descriptor is the name.
        n_epochs: for how long.
        evaluate_every: epochs between two evaluations; the last epoch is evaluated as well.
    """

    name: str
    cfg: C
    n_epochs: int
    evaluate_every: int


@dataclass(frozen=True)
class Experiment(Generic[C]):
    """An experiment at one scale: the published one, or one that a laptop can do.

    Attributes:
        cfg: what all variants share.
        variants: by name, how each differs from it.
        n_epochs: epochs of every run.
        evaluate_every: epochs between two evaluations.
        seeds: every variant is trained with each.
    """

    cfg: C
    variants: Mapping[str, Changes]
    n_epochs: int
    evaluate_every: int
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        """Checks that runs will be finished one day.

        Raises:
            ValueError: with these numbers of epochs none would ever be.
        """
        check_epochs(self.n_epochs, self.evaluate_every)
        if self.evaluate_every == 0:
            raise ValueError(
                "evaluate_every=0: a run of an experiment is finished when its last epoch is "
                "evaluated, so give at least 1; n_epochs evaluates the last epoch alone"
            )

    def runs(self) -> list[Run[C]]:
        """All trainings; one seed of every variant comes before the next seed.

        Raises:
            ValueError: a variant is no valid config.
        """
        return [self._run(variant, seed) for seed in self.seeds for variant in self.variants]

    def _run(self, variant: str, seed: int) -> Run[C]:
        name = f"{variant}_seed{seed}"
        cfg = self.cfg.replace(**self.variants[variant])
        cfg = cfg.replace(exp=dict(seed=seed, descriptor=name))
        return Run(name, cfg, self.n_epochs, self.evaluate_every)


@dataclass(frozen=True)
class Experiments:
    """Experiments of several families, which one figure shows together.

    Attributes:
        members: no two of them have a variant of the same name.
    """

    members: tuple[Experiment, ...]

    def runs(self) -> list[Run]:
        """All trainings of all members; one seed of everything comes before the next seed.

        Raises:
            ValueError: a variant is no valid config, or two have one name.
        """
        runs = [run for member in self.members for run in member.runs()]
        names = [run.name for run in runs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(
                f"two runs are called {', '.join(sorted(twice))}: give variants other names"
            )
        return sorted(runs, key=lambda run: run.cfg.exp.seed)
