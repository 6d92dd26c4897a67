"""Heavy-tailed diffusion as every family is: what its config says."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.config import Config
from thrmlDenoising.config.fields import Count, checked
from thrmlDenoising.data.points import OwnPoints
from thrmlDenoising.diffusion import blocks, walk, walk_through
from thrmlDenoising.families.levy.config import LevyConfig
from thrmlDenoising.families.levy.denoisers import Clipped, Denoiser, SaysNoise
from thrmlDenoising.families.levy.going_back import (
    Backwards,
    Equation,
    Flow,
    Posterior,
    StudentPosterior,
)
from thrmlDenoising.families.levy.learnt import Learnt, Points
from thrmlDenoising.families.levy.learnt_images import Images
from thrmlDenoising.families.levy.state import LevyState
from thrmlDenoising.families.levy.trainer import Trainer, update
from thrmlDenoising.processes import Way
from thrmlDenoising.quality import QualityReport
from thrmlDenoising.runs import History, gif_name
from thrmlDenoising.training import Cost, Diagnostics, Evaluation, Model
from thrmlDenoising.training.keys import key_for, purpose_key
from thrmlDenoising.training.model import no_look
from thrmlDenoising.training.results import Draw, PerPart

LOSS = "training_loss"
"""What the history calls the mean loss of an epoch."""

N_FRAMES = 30
"""Of an animation, at most."""

_MOST_SIZES = 2**25
"""Of a path, of which two arrays are kept: a quarter of a gigabyte."""


class LevyModel(Model[LevyState]):
    """Data that fade into heavy-tailed noise, and a network that says which noise they hold.

    Attributes:
        trainer: how the network is trained.
        way: the times that it is trained at.

    Raises:
        ValueError: the config describes other points than `own_data`.
    """

    config_type: ClassVar[type[Config]] = LevyConfig
    numbers_in_words: ClassVar[Mapping[str, str]] = {LOSS: "training loss"}

    def __init__(self, cfg: LevyConfig, own_data: Any = None) -> None:
        super().__init__(cfg, own_data)
        if own_data is not None:
            _check_own(own_data, cfg)
        self.trainer = Trainer.from_config(cfg)
        self.way: Way = cfg.noise.fading.way(cfg.noise.n_timesteps, cfg.noise.spacing)
        self.makes = "images" if cfg.data.has_images else "points"

    @cached_property
    def data(self) -> Learnt:
        """Points or images; see `Learnt`."""
        has_images = self.cfg.data.has_images
        return Images(self.cfg) if has_images else Points(self.cfg, self.own_data)

    @classmethod
    def judging(cls, cfg: LevyConfig, n: int) -> LevyConfig:
        """See `Model.judging`; no more images are drawn than judged."""
        drawn = {"n_drawn": min(cfg.exp.n_drawn, n)} if cfg.data.has_images else {}
        return cfg.replace(generation={"n_judged": n}, exp=drawn)

    # ------------------------------------------------------------------ training

    @property
    def n_batches(self) -> int:
        """Whole batches that the examples make; the rest waits for another epoch."""
        return self.cfg.data.n_learnt // self.cfg.optim.batch_size

    def init(self, key: Key[Array, ""]) -> LevyState:
        """An untrained network."""
        network = self.data.network(key_for(key, "parameters"))
        return self.trainer.init(Denoiser(network, self.cfg.denoiser.says, self.way.alpha))

    def train_epoch(self, state: LevyState, on_batch: Callable[[], None]) -> LevyState:
        """One walk through the examples, in random order."""
        examples = self.data.train

        def of_batch(
            state: LevyState, chosen: Int[np.ndarray, " chosen"], key: Key[Array, ""]
        ) -> tuple[LevyState, Array]:
            return update(self.trainer, self.way, state, jnp.asarray(examples[chosen]), key)

        key = purpose_key(self.cfg.exp.seed, "training", state.epoch + 1)
        size = self.cfg.optim.batch_size
        state, loss = walk_through(of_batch, state, len(examples), size, key, on_batch)
        return replace(state, loss=loss)

    @property
    def in_words(self) -> str:
        """The network, and the noise that it removes."""
        noise = self.cfg.noise
        law = f"nu = {noise.nu:g}" if noise.method == "t_edm" else f"alpha = {noise.alpha:g}"
        data, network = self.cfg.data, self.cfg.network
        kind = f"{network.kind!r}" if data.has_images else f"'mlp' of width {self.cfg.mlp.width}"
        return f"{noise.method} at {law}, {noise.n_timesteps} times, a network of kind {kind}"

    @property
    def examples_in_words(self) -> str:
        """What it is trained on, for the log."""
        return f"{len(self.data.train)} {self.makes} in memory"

    def cost(self) -> Cost:
        """What an epoch costs, in training examples seen."""
        return Cost(f"training {self.makes}", self.cfg.data.n_learnt)

    def prepare(self) -> None:
        """Reads what training and judging need."""
        self.data.prepare()

    # ------------------------------------------------------------------ generation

    def backwards(self, denoiser: SaysNoise, n_steps: int, deterministic: bool) -> Backwards:
        """The way from noise to data, as this denoiser sees it."""
        noise, generation = self.cfg.noise, self.cfg.generation
        if generation.clip is not None:
            denoiser = Clipped(denoiser, generation.clip)
        parts = denoiser, noise.fading.way(n_steps, noise.spacing), noise.mixture
        if noise.method == "lim":
            return Equation(*parts, is_stochastic=not deterministic)
        if deterministic:
            return Flow(*parts, eta=generation.eta)
        return Posterior(*parts) if noise.method == "dlpm" else StudentPosterior(*parts)

    def sample(
        self,
        state: LevyState,
        key: Key[Array, ""],
        n: int,
        n_steps: int | None = None,
        deterministic: bool | None = None,
    ) -> Float[np.ndarray, " example *axis"]:
        """Generates n examples, with averaged parameters.

        Args:
            n_steps: `generation.n_steps` if left out; so with `deterministic`.
        """
        self.check_finite(state)
        steps: int = self.cfg.n_steps if n_steps is None else n_steps
        usual: bool = self.cfg.generation.deterministic
        chosen = usual if deterministic is None else deterministic
        return self.sample_with(state.average, key, n, steps, chosen)

    def sample_with(
        self, denoiser: SaysNoise, key: Key[Array, ""], n: int, n_steps: int, deterministic: bool
    ) -> Float[np.ndarray, " example *axis"]:
        """Generates n examples with any denoiser, such as an `ExactDenoiser`."""
        way = self.backwards(denoiser, n_steps, deterministic)
        return self._walked(way, key, n, [n_steps])[-1]

    def _walked(
        self, backwards: Backwards, key: Key[Array, ""], n: int, looks: Sequence[int]
    ) -> Float[np.ndarray, " look example *axis"]:
        """Examples on their way, after so many steps each."""
        places = np.arange(backwards.way.n_steps, -1, -1, dtype=np.int32)
        made = []
        for block, block_key in blocks(key, n, self._block(backwards.way.n_steps)):
            start_key, walk_key = jax.random.split(block_key)
            shape = block.stop - block.start, *self.data.shape
            x, step = backwards.begin(start_key, shape)
            made.append(walk(step, walk_key, x, places, looks))
        return np.concatenate(made, axis=1)

    def _block(self, n_steps: int) -> int:
        """Examples that are made together: fewer where a path has a size for every pixel."""
        if self.cfg.noise.isotropic:
            return self.data.block
        n_sizes = n_steps * math.prod(self.data.shape)
        return max(1, min(self.data.block, _MOST_SIZES // n_sizes))

    # ------------------------------------------------------------------ measuring

    def evaluate(self, state: LevyState, look: Callable[[], None] = no_look) -> Evaluation:
        """Examples, held against those that are held out, and drawn."""
        look()
        made = self._judged_examples(state, self.cfg.generation.n_judged)
        look()
        return Evaluation({"free": self.data.judged(made)}, self.data.pictures(made, state.epoch))

    def reports(
        self, state: LevyState, n: int | None = None
    ) -> Iterator[tuple[str, QualityReport]]:
        """Examples, held against those that are held out."""
        n_judged: int = checked("n", self.cfg.generation.n_judged if n is None else n, Count)
        yield "free", self.data.judged(self._judged_examples(state, n_judged))

    def _judged_examples(self, state: LevyState, n: int) -> Float[np.ndarray, " example *axis"]:
        return self.sample(state, purpose_key(self.cfg.exp.seed, "evaluation", state.epoch), n)

    def animations(self, state: LevyState) -> dict[str, Draw]:
        """Examples on their way, if the config wants them; generated when they are drawn."""
        if not self.cfg.exp.generate_gif:
            return {}

        def draw(path: Path) -> None:
            n_steps = self.cfg.n_steps
            looks = np.unique(np.linspace(0, n_steps, min(n_steps + 1, N_FRAMES)).round())
            self.check_finite(state)
            way = self.backwards(state.average, n_steps, self.cfg.generation.deterministic)
            key = purpose_key(self.cfg.exp.seed, "animation", state.epoch)
            places = looks.astype(int).tolist()
            frames = self._walked(way, key, self.data.n_animated, places)
            left = n_steps - looks.astype(int)
            captions = [f"u = {u:.2f}" for u in np.asarray(way.way.u)[left]]
            self.data.animation(frames, captions)(path)

        return {gif_name(state.epoch, "free"): draw}

    def per_part(self, state: LevyState, diagnostics: Diagnostics | None) -> PerPart:
        """The training loss."""
        return {LOSS: (float(state.loss) if state.epoch else None,)}

    def pictures_over_epochs(self, history: History) -> Mapping[str, Draw]:
        """What is drawn of points at the modes of a mixture; nothing else is."""
        return self.data.pictures_over_epochs(history)


def _check_own(own_data: object, cfg: LevyConfig) -> None:
    """Checks that these are a user's own points, and those of the config."""
    if not isinstance(own_data, OwnPoints):
        raise ValueError(
            f"data is {type(own_data).__name__}: models of the family 'levy' learn a user's own "
            "points, OwnPoints of thrmlDenoising.data.points, or images of this package's sets"
        )
    own_data.check_described_by(asdict(cfg.data))
