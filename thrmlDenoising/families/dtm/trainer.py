"""Training one step: epochs of batches, each a positive and a negative phase."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, ArrayLike, Float, Int, Key, PyTree, UInt32

from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.families.dtm.controllers import CONTROLLERS, Limits, adapt
from thrmlDenoising.families.dtm.gradient import PENALTY_ESTIMATORS, PenaltyEstimator, kl_gradient
from thrmlDenoising.families.dtm.negative_start import NEGATIVE_STARTS, AbstractNegativeStart, Batch
from thrmlDenoising.families.dtm.state import StepState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.sampling import Moments, Parameters, Schedule
from thrmlDenoising.training.keys import key_of_words


def independent_phases(key: Key[Array, ""]) -> tuple[Key[Array, ""], Key[Array, ""]]:
    """Both phases walk the epoch's data in an order and with noise of their own.

    The batches of a stream come in one order, so there only the noise differs.
    """
    positive, negative = jax.random.split(key)
    return positive, negative


def paired_phases(key: Key[Array, ""]) -> tuple[Key[Array, ""], Key[Array, ""]]:
    """Both phases see the same examples with the same noise."""
    return key, key


PHASE_ORDERS = {"independent": independent_phases, "paired": paired_phases}
"""The orders by the name the config knows them by."""


class EpochKeys(NamedTuple):
    """The random keys of an epoch.

    Attributes:
        phases: for the order and the noise of the positive and of the negative phase.
        chains: for sampling.
        following: the data of the key of the epoch after it.
    """

    phases: tuple[Key[Array, ""], Key[Array, ""]]
    chains: Key[Array, ""]
    following: UInt32[Array, " word"]


@dataclass(frozen=True)
class Descent:
    """How parameters follow the gradient: Adam with a cosine decay of the learning rate.

    Equal ones are the same to JAX, so that models of equal settings share what is compiled.

    Attributes:
        n_updates: over which the learning rate decays, to `alpha` of what it was.
    """

    beta: float
    momentum: float
    b2: float
    n_updates: int
    alpha: float
    penalty_estimator: PenaltyEstimator

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Makes directions from gradients; each step scales them by its learning rate."""
        return optax.chain(
            optax.scale_by_adam(b1=self.momentum, b2=self.b2),
            optax.scale_by_schedule(optax.cosine_decay_schedule(1.0, self.n_updates, self.alpha)),
        )


@dataclass(frozen=True, eq=False)
class Trainer:
    """How every step of a model is trained; holds nothing that changes.

    Attributes:
        phase_keys: makes the keys under which the two phases walk an epoch's data.
    """

    batch_size: int
    n_batches: int
    schedule: Schedule
    descent: Descent
    phase_keys: Callable[[Key[Array, ""]], tuple[Key[Array, ""], Key[Array, ""]]]
    negative_start: AbstractNegativeStart

    @classmethod
    def from_config(cls, cfg: DTMConfig) -> "Trainer":
        """The trainer that a config describes."""
        sampling, optim = cfg.sampling, cfg.optim
        return cls(
            batch_size=cfg.batch_size,
            n_batches=cfg.n_batches,
            schedule=Schedule.constant(
                sampling.training_beta,
                sampling.steps_warmup,
                sampling.n_samples,
                sampling.steps_per_sample,
            ),
            descent=Descent(
                beta=sampling.training_beta,
                momentum=optim.momentum,
                b2=optim.b2_adam,
                n_updates=optim.n_epochs_for_lrd * cfg.n_batches,
                alpha=optim.alpha_cosine_decay,
                penalty_estimator=PENALTY_ESTIMATORS[cfg.cp.penalty_estimator],
            ),
            phase_keys=PHASE_ORDERS[sampling.phase_order],
            negative_start=NEGATIVE_STARTS[sampling.negative_start],
        )

    def init(
        self,
        key: Key[Array, ""],
        parameters: Parameters,
        n_examples: int,
        n_nodes: int,
        correlation_penalty: float,
        weight_decay: float,
    ) -> StepState:
        """The state before the first epoch."""
        train_key, memory_key = jax.random.split(key)
        return StepState(
            parameters=parameters,
            optimizer=self.descent.optimizer.init(parameters),
            correlation_penalty=correlation_penalty,
            weight_decay=weight_decay,
            key=jax.random.key_data(train_key),
            negative_chains=self.negative_start.init(memory_key, n_examples, n_nodes),
        )

    def train_epoch(
        self,
        step: DiffusionStep,
        state: StepState,
        data: LabelledImages,
        learning_rate: float,
        on_batch: Callable[[], None],
    ) -> StepState:
        """Walks once through the data, with new noise.

        Examples left over after the last batch wait for another epoch's order.

        Args:
            data: the clean training images and their labels.
            on_batch: called after every batch.
        """
        keys = self._epoch_keys(state)
        positive_walk, negative_walk = (self._walk(key, step, data) for key in keys.phases)
        batches = zip(positive_walk, negative_walk, strict=True)
        for number, phases in enumerate(batches):
            key = jax.random.fold_in(keys.chains, number)
            state = self._update_on(key, step, state, phases, learning_rate)
            on_batch()
        return self.end_epoch(state)

    def train_batch(
        self,
        step: DiffusionStep,
        state: StepState,
        number: int,
        data: LabelledImages,
        learning_rate: float,
    ) -> StepState:
        """One update on a batch of a stream, both phases with noise as in `train_epoch`.

        Args:
            number: of the batch within the epoch, from 0; after the last one comes `end_epoch`.
            data: the clean images of the batch and their labels.
        """
        keys = self._epoch_keys(state)
        examples = np.arange(len(data.pixels))
        positive, negative = (
            _noisy_batch(_order_and_noise_keys(key)[1], np.asarray(number), step, data, examples)
            for key in keys.phases
        )
        key = jax.random.fold_in(keys.chains, number)
        return self._update_on(key, step, state, (positive, negative), learning_rate)

    def end_epoch(self, state: StepState) -> StepState:
        """Moves on to the key of the next epoch."""
        return replace(state, key=self._epoch_keys(state).following)

    def _epoch_keys(self, state: StepState) -> EpochKeys:
        following, order, chains = jax.random.split(key_of_words(state.key), 3)
        return EpochKeys(self.phase_keys(order), chains, jax.random.key_data(following))

    def _walk(
        self, key: Key[Array, ""], step: DiffusionStep, data: LabelledImages
    ) -> Iterator[Batch]:
        """An epoch's batches in random order, noised."""
        n_examples = len(data.pixels)
        order_key, noise_key = _order_and_noise_keys(key)
        order = np.asarray(
            jax.random.permutation(order_key, jnp.arange(n_examples, dtype=jnp.int32))
        )
        for number in range(min(self.n_batches, n_examples // self.batch_size)):
            examples = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield _noisy_batch(noise_key, np.asarray(number), step, data, examples)

    def _update_on(
        self,
        key: Key[Array, ""],
        step: DiffusionStep,
        state: StepState,
        phases: tuple[Batch, Batch],
        learning_rate: float,
    ) -> StepState:
        """One update: sample both phases, descend their difference."""
        positive, negative = phases
        keys = jax.random.split(key, 4)
        machine = step.machine(state.parameters)

        beta = self.schedule.betas[0]
        chains = step.fresh_chains(keys[0], state.parameters, positive.inputs, beta)
        chains = step.set_visible(chains, positive.outputs)
        positive_moments = step.sampler.moments(keys[1], machine, chains, self.schedule, "visible")

        chains = self.negative_start.chains(
            keys[2], step, state.parameters, self.schedule, negative, state.negative_chains
        )
        negative_moments = step.sampler.moments(keys[3], machine, chains, self.schedule, "nothing")

        strengths = [state.correlation_penalty, state.weight_decay]
        parameters, optimizer = _update(
            step,
            self.descent,
            (state.parameters, state.optimizer),
            (positive_moments, negative_moments),
            jnp.asarray(strengths, jnp.float32),
            jnp.asarray(learning_rate, jnp.float32),
        )
        jax.block_until_ready(parameters)
        memory = self.negative_start.remember(
            state.negative_chains, negative, negative_moments.last
        )
        return replace(state, parameters=parameters, optimizer=optimizer, negative_chains=memory)


def _order_and_noise_keys(phase_key: Key[Array, ""]) -> tuple[Key[Array, ""], Key[Array, ""]]:
    """Of a phase's walk through an epoch."""
    order_key, noise_key = jax.random.split(phase_key)
    return order_key, noise_key


@eqx.filter_jit
def _noisy_batch(
    noise_key: Key[Array, ""],
    number: Int[ArrayLike, ""],
    step: DiffusionStep,
    data: LabelledImages,
    examples: Int[ArrayLike, " chain"],
) -> Batch:
    """These examples, under the noise of an epoch's batch of this number."""
    examples = jnp.asarray(examples)
    clean = LabelledImages(data.pixels[examples], data.labels[examples])
    outputs, inputs = step.noisy_pair(jax.random.fold_in(noise_key, number), clean)
    return Batch(examples, outputs, inputs)


@eqx.filter_jit
def _update(
    step: DiffusionStep,
    descent: Descent,
    carried: tuple[Parameters, PyTree],
    phases: tuple[Moments, Moments],
    strengths: Float[Array, " 2"],
    learning_rate: Float[Array, ""],
) -> tuple[Parameters, PyTree]:
    """Adam on the gradient, with the penalty and an L2 decay of the weights."""
    parameters, optimizer = carried
    positive, negative = phases
    correlation_penalty, weight_decay = strengths
    penalty = correlation_penalty * descent.penalty_estimator(step, negative)
    gradient = kl_gradient(step, parameters, positive, negative, descent.beta, penalty)
    gradient = gradient._replace(weights=gradient.weights + weight_decay * parameters.weights)
    updates, optimizer = descent.optimizer.update(gradient, optimizer)
    descended = jax.tree.map(lambda p, update: p - learning_rate * update, parameters, updates)
    return descended, optimizer


def adapt_strengths(
    cfg: DTMConfig, state: StepState, autocorrelation: float, previous: float
) -> StepState:
    """Lets the controllers that the config switches on react to a step's autocorrelation.

    Args:
        previous: the one before; infinite where there was none.
    """

    def react(strength: float, controller: str, floor: float) -> float:
        limits = Limits(cfg.cp.adaptive_threshold, floor)
        return adapt(CONTROLLERS[controller], strength, autocorrelation, previous, limits)

    penalty, decay = state.correlation_penalty, state.weight_decay
    if cfg.cp.adaptive_cp:
        penalty = react(penalty, cfg.cp.controller, cfg.cp.cp_min)
    if cfg.wd.adaptive_wd:
        decay = react(decay, cfg.wd.controller, cfg.wd.wd_min)
    return replace(state, correlation_penalty=penalty, weight_decay=decay)
