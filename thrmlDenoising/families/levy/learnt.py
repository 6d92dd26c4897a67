"""What a model learns, points or images: its examples, its network, how what it makes is judged."""

import abc
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
from jaxtyping import Array, Float, Key

from thrmlDenoising.data.points import Mixture, OwnPoints, PointSet, point_set
from thrmlDenoising.diffusion import BLOCK
from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.networks import Network, PointNetwork, build_point_network
from thrmlDenoising.plots import (
    MetricStyle,
    draw_metric_vs_epoch,
    draw_points,
    draw_survival,
    write_points_gif,
)
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.quality.points import judge_points
from thrmlDenoising.runs import History, image_name
from thrmlDenoising.training.results import Draw

Examples = Float[np.ndarray, " example *axis"]


_AT_MODES = "free_within_3_sigma"


class Learnt(abc.ABC):
    """What a config says is learnt.

    Attributes:
        n_animated: examples of an animation.
        block: examples that are made together.
    """

    n_animated: ClassVar[int]
    block: ClassVar[int] = BLOCK

    def __init__(self, cfg: LevyConfig) -> None:
        self.cfg = cfg

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Of an example."""

    @property
    @abc.abstractmethod
    def train(self) -> Examples:
        """What is trained on."""

    @abc.abstractmethod
    def network(self, key: Key[Array, ""]) -> PointNetwork | Network:
        """An untrained one."""

    @abc.abstractmethod
    def judged(self, made: Examples) -> QualityReport:
        """What generated examples are worth."""

    @abc.abstractmethod
    def pictures(self, made: Examples, epoch: int) -> Mapping[str, Draw]:
        """Generated examples, by paths in the run folder."""

    @abc.abstractmethod
    def animation(
        self, frames: Float[np.ndarray, " frame example *axis"], captions: Sequence[str]
    ) -> Draw:
        """Examples on their way from noise to data."""

    def prepare(self) -> None:
        """Reads or draws what is learnt, so that what is missing is known at once."""
        _ = self.train

    def pictures_over_epochs(self, history: History) -> Mapping[str, Draw]:
        """What is drawn of the history besides the headline metric."""
        return {}


class Points(Learnt):
    """Points of a set, or a user's own."""

    n_animated = 1000
    block = 5000

    def __init__(self, cfg: LevyConfig, own: OwnPoints | None) -> None:
        super().__init__(cfg)
        self._own = own

    @cached_property
    def _set(self) -> PointSet:
        return point_set(self.cfg.data.name, alpha=self.cfg.data.alpha, image=self.cfg.data.image)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes."""
        return (self.cfg.data.n_axes or self._set.n_axes,)

    @property
    def train(self) -> Examples:
        """Points that are learnt."""
        return self._halves[0]

    @property
    def test(self) -> Examples:
        """Points that are held out."""
        return self._halves[1]

    @cached_property
    def _halves(self) -> tuple[Float[np.ndarray, "_ axis"], Float[np.ndarray, "_ axis"]]:
        data = self.cfg.data
        if not data.is_own:
            rngs = np.random.default_rng(data.points_seed).spawn(2)
            sizes = data.n_train, data.n_test
            train, test = (self._set.draw(*of) for of in zip(rngs, sizes, strict=True))
            return train, test
        if self._own is None:
            raise ValueError(
                f"the points {data.name!r} are a user's own and not kept with a run, but training "
                "and measuring need them: give them, as in LevyDiffusion(cfg, data=OwnPoints(...))"
            )
        return self._own.train, self._own.test

    def network(self, key: Key[Array, ""]) -> PointNetwork:
        """See `Learnt`."""
        return build_point_network(self.cfg.mlp, key, *self.shape)

    def judged(self, made: Examples) -> QualityReport:
        """Against held-out points; cut at a size before if the config says so."""
        clamp, evaluation = self.cfg.evaluation.clamp, self.cfg.evaluation
        looked_at = made if clamp is None else np.clip(made, -clamp, clamp)
        points = None if self.cfg.data.is_own else self._set
        mixture = points if isinstance(points, Mixture) else None
        n_replicates = evaluation.bootstrap_replicates
        report = judge_points(looked_at, self.test, mixture, self.cfg.exp.seed, n_replicates)
        if clamp is not None:
            n_cut = int((abs(made) > clamp).any(axis=1).sum())
            report.reference["clamped at"] = f"{clamp:g} ({n_cut} of {len(made)} points)"
        return report

    def pictures(self, made: Examples, epoch: int) -> Mapping[str, Draw]:
        """Beside held-out points, and the tails of both."""
        middle = np.median(self.test, axis=0)
        sizes = {"data": self.test, "generated": made}
        distances = {name: np.linalg.norm(of - middle, axis=1) for name, of in sizes.items()}
        title = f"epoch {epoch}"
        survival = partial(draw_survival, distances, "distance from the median of data", title)
        return {
            image_name(epoch, "free"): partial(draw_points, made, self.test, title),
            image_name(epoch, "tails"): survival,
        }

    def animation(
        self, frames: Float[np.ndarray, "frame example axis"], captions: Sequence[str]
    ) -> Draw:
        """See `Learnt`."""
        return partial(write_points_gif, frames, captions, self.test)

    def pictures_over_epochs(self, history: History) -> Mapping[str, Draw]:
        """How many points are at a mode of a mixture, if there are some."""
        if _AT_MODES not in history.metric_names:
            return {}
        series = {_AT_MODES: history.series(_AT_MODES)}
        style = MetricStyle("points within 3 sigma of a mode (%)", inverted=False)
        return {"modes_vs_epoch.png": partial(draw_metric_vs_epoch, series, style)}
