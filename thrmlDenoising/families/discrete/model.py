"""Discrete diffusion as every family is: what its config says, and nothing training changes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32, Key, UInt8

from thrmlDenoising.config import Config
from thrmlDenoising.data import Split
from thrmlDenoising.diffusion import (
    BitsPerDim,
    Known,
    bits_per_dim,
    blocks,
    time_grid,
    walk,
    walk_through,
)
from thrmlDenoising.families.discrete.building import ClassDenoiser, process_of
from thrmlDenoising.families.discrete.config import DiscreteConfig
from thrmlDenoising.families.discrete.generation import Backwards, Told
from thrmlDenoising.families.discrete.state import DiscreteState
from thrmlDenoising.families.discrete.trainer import Trainer, update
from thrmlDenoising.networks import JOULES_PER_OPERATION, n_operations
from thrmlDenoising.plots import draw_bits_by_time
from thrmlDenoising.processes import CategoricalProcess
from thrmlDenoising.training import Diagnostics, Finding, ImageModel, Samples
from thrmlDenoising.training.keys import key_for, purpose_key
from thrmlDenoising.training.model import no_look
from thrmlDenoising.training.results import PerPart

BITS, LOSS = "bits_per_dim", "training_loss"
"""What the history calls the bound on held-out images, and the mean loss of an epoch."""

N_HELD_OUT = 500
"""At most so many held-out images are looked at, at `N_SPANS` times each, after an epoch."""
N_SPANS = 10

N_STILLS = 6
"""Frames of a still picture."""


class DiscreteModel(ImageModel[DiscreteState]):
    """A chain of noisier and noisier images, and a network that knows the way back.

    Attributes:
        process: how noise grows.
        trainer: how the network is trained.
    """

    config_type: ClassVar[type[Config]] = DiscreteConfig
    numbers_in_words: ClassVar[Mapping[str, str]] = {
        BITS: "held-out bits per dimension",
        LOSS: "training loss in bits",
    }

    def __init__(self, cfg: DiscreteConfig, own_data: Any = None) -> None:
        super().__init__(cfg, own_data)
        # Made here, so that a process that does not mix is known before anything is trained.
        self.process: CategoricalProcess = process_of(cfg)
        self.trainer = Trainer.from_config(cfg)

    # ------------------------------------------------------------------ training

    @property
    def n_batches(self) -> int:
        """Whole batches that the training images make; the rest waits for another epoch."""
        return self.cfg.n_train // self.cfg.optim.batch_size

    def init(self, key: Key[Array, ""]) -> DiscreteState:
        """An untrained network."""
        parameters_key = key_for(key, "parameters")
        return self.trainer.init(ClassDenoiser.of(self.cfg, self.process, parameters_key))

    def train_epoch(self, state: DiscreteState, on_batch: Callable[[], None]) -> DiscreteState:
        """One walk through the images, in random order."""
        fixed = self.trainer, self.process

        def of_batch(
            state: DiscreteState, chosen: Int[np.ndarray, " chosen"], key: Key[Array, ""]
        ) -> tuple[DiscreteState, Array]:
            return update(fixed, state, *self._shaped(self.data.train, chosen), key)

        key = purpose_key(self.cfg.exp.seed, "training", state.epoch + 1)
        size = self.cfg.optim.batch_size
        state, loss = walk_through(of_batch, state, self.cfg.n_train, size, key, on_batch)
        shares = jnp.bincount(jnp.asarray(self.data.train.classes), length=self.n_classes)
        return replace(state, loss=loss, class_shares=shares / shares.sum())

    def _shaped(
        self, split: Split, chosen: Int[np.ndarray, " image"]
    ) -> tuple[UInt8[np.ndarray, "image row column"], Int[np.ndarray, " image"]]:
        """Some images, with their classes."""
        pixels = split.pixels[chosen].reshape(len(chosen), *self.cfg.image_shape)
        return pixels, split.classes[chosen]

    @property
    def in_words(self) -> str:
        """The network, and the process it reverses."""
        process, network = self.cfg.process, self.cfg.network
        return (
            f"{process.n_timesteps} steps of {process.kind} noise, a network of kind "
            f"{network.kind!r} with {network.channels} channels"
        )

    def facts(self) -> dict[str, str]:
        """What an image costs on a graphics processor, by its network alone."""
        denoiser = ClassDenoiser.of(self.cfg, self.process, purpose_key(0, "parameters"))
        one = jnp.zeros((1, *self.cfg.image_shape), jnp.int32)
        first = jnp.ones(1, jnp.int32), jnp.zeros(1, jnp.int32)
        calls = self.cfg.n_steps * (1 if self.cfg.generation.guidance == 0 else 2)
        n = calls * n_operations(denoiser, one, *first)
        energy = f"joules per sample, {1e12 * JOULES_PER_OPERATION:.2f} pJ an operation"
        return {"operations per sample": f"{n:.4g}", energy: f"{n * JOULES_PER_OPERATION:.4g}"}

    # ------------------------------------------------------------------ generation

    def backwards(self, state: DiscreteState, guidance: float | None = None) -> Backwards:
        """The way from noise to images, with averaged parameters."""
        self.check_finite(state)
        usual: float = self.cfg.generation.guidance
        strength = usual if guidance is None else guidance
        return Backwards(self.process, state.average, self.cfg.loss.reverse, strength)

    def sample(
        self,
        state: DiscreteState,
        key: Key[Array, ""],
        n: int,
        classes: Int[np.ndarray, " example"] | None = None,
        every: int | None = None,
    ) -> Samples:
        """All steps of `generation.n_steps`; see `Model.sample`. `every` counts them."""
        labels, key = self.labels(state, key, n, classes)
        times = time_grid(self.process.n_steps, self.cfg.n_steps)
        looks = _looks(self.cfg.n_steps, every)
        frames = self.generate(self.backwards(state), key, labels, times, looks)
        captions = [f"t = {times[look]}" for look in looks]
        return Samples(self._levels(frames), classes, None, captions)

    def labels(
        self,
        state: DiscreteState,
        key: Key[Array, ""],
        n: int,
        classes: Int[np.ndarray, " {n}"] | None,
    ) -> tuple[Int[np.ndarray, " {n}"], Key[Array, ""]]:
        """The classes of n images, drawn as often as in training if none are asked for.

        p(x) = sum_c p(c) p(x | c): most updates train the network with a class, few without.
        One that is never told a class is not told one here.

        Returns:
            The classes, and the key of the images.
        """
        class_key, key = jax.random.split(key)
        if classes is not None:
            return classes, key
        if self.cfg.optim.classless_share == 1:
            return self.no_label(n), key
        drawn = jax.random.choice(class_key, self.n_classes, (n,), p=state.class_shares)
        return np.asarray(drawn), key

    def no_label(self, n: int) -> Int[np.ndarray, " {n}"]:
        """What stands for "no class", n times."""
        return np.full(n, self.n_classes, np.int32)

    def generate(
        self,
        backwards: Backwards,
        key: Key[Array, ""],
        labels: Int[np.ndarray, " example"],
        times: Int[np.ndarray, " _"],
        looks: list[int],
        start: Int[np.ndarray, "example row column"] | None = None,
        known: Known | None = None,
    ) -> Int32[np.ndarray, "look example row column"]:
        """States of images on their way along `times`, block by block.

        Args:
            labels: the class of each; as many as there are classes stands for none.
            start: where they begin; pure noise if left out.
        """
        labels, shape = np.asarray(labels), self.cfg.image_shape
        made = []
        for block, block_key in blocks(key, len(labels)):
            start_key, walk_key = jax.random.split(block_key)
            n_block = block.stop - block.start
            x = (
                self.process.start(start_key, (n_block, *shape))
                if start is None
                else jnp.asarray(start[block])
            )
            here = None if known is None else Known(known.x_0[block], known.where[block])
            step = backwards.step(jnp.asarray(labels[block]), here)
            made.append(walk(step, walk_key, x, times, looks))
        return np.concatenate(made, axis=1).astype(np.int32)

    def _levels(
        self, states: Int32[np.ndarray, "look example row column"]
    ) -> UInt8[np.ndarray, "look example pixel"]:
        """Grey levels of states, in which a mask is black: nothing is known there."""
        levels = np.where(states < self.process.n_values, states, 0).astype(np.uint8)
        return levels.reshape(*levels.shape[:2], -1)

    # ------------------------------------------------------------------ measuring

    def bits_per_dim(
        self,
        state: DiscreteState,
        key: Key[Array, ""],
        split: Split,
        n_spans: int = N_SPANS,
    ) -> BitsPerDim:
        """The variational bound of images with their classes, without guidance."""
        pixels, classes = self._shaped(split, np.arange(len(split.pixels)))
        way = self.backwards(state)

        def told(block: slice) -> Told:
            return Told(way.denoiser, jnp.asarray(classes[block]))

        return bits_per_dim(key, way.process, way.reverse, told, pixels, n_spans)

    def held_out(self, state: DiscreteState, n: int, n_spans: int = N_SPANS) -> BitsPerDim:
        """The bound of at most n held-out images, spread over all of them."""
        test = self.data.test
        some = np.linspace(0, len(test.pixels) - 1, min(n, len(test.pixels))).astype(int)
        key = purpose_key(self.cfg.exp.seed, "likelihood", state.epoch)
        return self.bits_per_dim(state, key, Split(test.pixels[some], test.classes[some]), n_spans)

    def diagnose(
        self, state: DiscreteState, look: Callable[[], None] = no_look
    ) -> Diagnostics | None:
        """Bits per dimension of held-out images, drawn by time."""
        look()
        bits = self.held_out(state, N_HELD_OUT)
        label, title = "bits per dimension, by span of time", f"epoch {state.epoch}: {bits}"
        draw = partial(draw_bits_by_time, bits.spans, bits.by_span, label, title)
        return Diagnostics({BITS: (bits.value,)}, {}, {"bits_by_time.png": draw})

    def per_part(self, state: DiscreteState, diagnostics: Diagnostics | None) -> PerPart:
        """Bits per dimension, where they were measured, and the training loss."""
        loss = (float(state.loss),) if state.epoch else (None,)
        return {BITS: (None,), **(diagnostics.per_part if diagnostics else {}), LOSS: loss}

    def findings(self, state: DiscreteState) -> Iterator[Finding]:
        """Bits per dimension of all held-out images, by time."""
        bits = self.held_out(state, len(self.data.test.pixels))
        rows = [
            f"| {first} to {last} | {part:.5f} |"
            for (first, last), part in zip(bits.spans, bits.by_span, strict=True)
        ]
        text = "\n".join([str(bits), "", "| times | bits |", "|---|---|", *rows])
        content = bits._asdict() | {
            "spans": bits.spans.tolist(),
            "by_span": bits.by_span.tolist(),
        }
        yield Finding("bits_per_dim", "Bits per dimension of held-out images", text, content)


def _looks(n_steps: int, every: int | None) -> list[int]:
    """The steps after which there is a frame; the last is the images."""
    if every is None:
        return sorted({round(n_steps * part / (N_STILLS - 1)) for part in range(N_STILLS)})
    return [*range(0, n_steps, every), n_steps]
