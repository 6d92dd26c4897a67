"""The reverse process: noise goes in, every step removes its stretch of it, images come out."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Int32, Key

from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import LabelledImages, pure_noise
from thrmlDenoising.sampling import AbstractObserver, IsingMachine, Schedule


class Annealing(NamedTuple):
    """How a step is sampled in generation: sweeps, while beta rises linearly."""

    beta_start: float
    beta_end: float
    n_sweeps: int

    def schedule(self, sweeps_per_sample: int | None = None) -> Schedule:
        """A look at the last sweep only, or at every so many sweeps, counted back from it."""
        every = sweeps_per_sample or self.n_sweeps
        n_samples = -(-self.n_sweeps // every)
        return Schedule.ramp(
            (self.beta_start, self.beta_end),
            n_ramp=self.n_sweeps,
            n_warmup=self.n_sweeps - (n_samples - 1) * every,
            n_samples=n_samples,
            sweeps_per_sample=every,
        )


class Generated(NamedTuple):
    """A run of the reverse chain: the noise it began with and what each step made of it.

    Attributes:
        outputs: one for each step in the order run, with leaves "sample image ...".
    """

    noise: LabelledImages
    outputs: list[LabelledImages]

    @property
    def last_states(self) -> LabelledImages:
        """The state each step ended in: leaves "step image ..." in the order run."""
        ends = [jax.tree.map(lambda leaf: np.asarray(leaf[-1]), out) for out in self.outputs]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *ends)


class ObserveSpins(AbstractObserver):
    """Observes some spins of a chain."""

    nodes: Int32[Array, " observed"]

    def __call__(self, spins: Bool[Array, " observed"]) -> Bool[Array, " observed"]:
        """The spins."""
        return spins


def denoise(
    key: Key[Array, ""],
    step: DiffusionStep,
    machine: IsingMachine,
    noisier: LabelledImages,
    schedule: Schedule,
    labels: Bool[Array, "image label_node"] | None = None,
) -> LabelledImages:
    """Samples one step, given its input.

    Args:
        labels: keeps the label nodes at these values; None lets them run free.

    Returns:
        The visible state at every scheduled sample: leaves "sample image ...".
    """
    start_key, run_key = jax.random.split(key)
    inputs = step.encode(noisier)
    chains = step.fresh_chains(start_key, machine.parameters, inputs, schedule.betas[0])
    if labels is not None:
        chains = step.set_labels(chains, labels)
    visible = step.sampler.observe(
        run_key,
        machine,
        chains,
        schedule,
        "nothing" if labels is None else "labels",
        ObserveSpins(step.visible_nodes),
    )
    return step.decode(visible)


def generate(
    key: Key[Array, ""],
    steps: Sequence[DiffusionStep],
    machines: Sequence[IsingMachine],
    n_images: int,
    schedule: Schedule,
    labels: Bool[Array, "image label_node"] | None = None,
) -> Generated:
    """Runs the reverse chain from pure noise, from the last step to the first.

    The last state of a step is the input of the next. Its images are decoded and encoded again
    on the way, so that no step sees a code the forward process does not make.

    Raises:
        ValueError: less than 1 image asked for.
    """
    if n_images < 1:
        raise ValueError(f"{n_images} images asked for: ask for at least 1")
    manager = steps[0].manager
    noise_key, *step_keys = jax.random.split(key, len(steps) + 1)
    noise = pure_noise(
        noise_key, n_images, manager.n_pixels, manager.n_levels, manager.n_label_nodes
    )
    current, outputs = noise, []
    for step_key, step, machine in zip(step_keys, reversed(steps), reversed(machines), strict=True):
        # Steps may live on different devices: what goes from one to the next goes by the host.
        current = jax.device_get(current)
        outputs.append(denoise(step_key, step, machine, current, schedule, labels))
        current = jax.tree.map(lambda leaf: leaf[-1], outputs[-1])
    return Generated(noise, outputs)
