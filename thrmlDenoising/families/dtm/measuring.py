"""How fast the chains of every step forget, measured on the test images."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import jax
from jaxtyping import Array, Key

from thrmlDenoising.families.dtm.autocorrelation import (
    AutocorrelationCurve,
    Protocol,
    measure_autocorrelation,
)
from thrmlDenoising.families.dtm.mixing import Mixing, measure_mixing
from thrmlDenoising.families.dtm.state import DTMState
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes import LabelledImages
from thrmlDenoising.sampling import IsingMachine
from thrmlDenoising.training.devices import run_on_devices
from thrmlDenoising.training.keys import Purpose, purpose_key
from thrmlDenoising.training.model import no_look

if TYPE_CHECKING:
    from thrmlDenoising.families.dtm.model import DTMModel

T = TypeVar("T")
Measure = Callable[[Key[Array, ""], DiffusionStep, IsingMachine, LabelledImages], T]


def protocol_of(model: "DTMModel", name: str) -> Protocol:
    """How autocorrelation is measured; `name` as in `exp.autocorr_protocol`."""
    annealing = model.annealing
    return {
        "replication": Protocol.replication(annealing.beta_start, annealing.beta_end),
        "stationary": Protocol.stationary(model.cfg.sampling.training_beta),
    }[name]


def autocorrelations(
    model: "DTMModel",
    state: DTMState,
    protocol: Protocol,
    n_samples: int | None = None,
    look: Callable[[], None] = no_look,
) -> list[AutocorrelationCurve]:
    """How slowly each step's chains forget.

    Args:
        n_samples: of each chain; `generation.steps_warmup` if left out, as thresholds are tuned on.
        look: called before each step; may raise.
    """
    n_sweeps = model.annealing.n_sweeps

    def measure(
        key: Key[Array, ""], step: DiffusionStep, machine: IsingMachine, images: LabelledImages
    ) -> AutocorrelationCurve:
        look()
        return measure_autocorrelation(key, step, machine, images, protocol, n_sweeps, n_samples)

    return _on_test_images("autocorrelation", model, state, measure)


def mixing(model: "DTMModel", state: DTMState) -> list[Mixing]:
    """How fast each step's chains mix at the training beta: times, sample sizes, decay."""
    beta, n_sweeps = model.cfg.sampling.training_beta, model.annealing.n_sweeps

    def measure(
        key: Key[Array, ""], step: DiffusionStep, machine: IsingMachine, images: LabelledImages
    ) -> Mixing:
        return measure_mixing(key, step, machine, images, beta, n_sweeps)

    return _on_test_images("mixing", model, state, measure)


def _on_test_images(
    purpose: Purpose, model: "DTMModel", state: DTMState, measure: Measure[T]
) -> list[T]:
    """Measures every step on the test images, each on its own device with its own key.

    Raises:
        NotFiniteError: there is nothing to measure.
    """
    test_images = model.clean(model.data.test)

    def measure_step(index: int, step: DiffusionStep, machine: IsingMachine) -> T:
        key = purpose_key(model.cfg.exp.seed, purpose, state.epoch, index)
        return measure(key, step, machine, jax.device_put(test_images, step.device))

    chain = enumerate(zip(model.steps, model.machines(state), strict=True))
    return run_on_devices([partial(measure_step, index, *step) for index, step in chain])
