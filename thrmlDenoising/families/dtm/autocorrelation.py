"""How slowly a step's chains forget: autocorrelation of projected images.

Two protocols. `replication` is dtm-replication's, on which its thresholds were tuned: the
generation program, whose beta ramps and then stays, and an estimator of its own. `stationary`
samples at the training beta and uses the textbook estimator.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Key

from thrmlDenoising.base_graphs import AbstractBaseGraphManager
from thrmlDenoising.families.dtm.step import DiffusionStep
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.sampling import AbstractObserver, IsingMachine, Schedule
from thrmlDenoising.support.html import table

N_IMAGES = 64
"""Test images whose noised versions condition the chains."""
N_CHAINS_PER_IMAGE = 16
N_DIRECTIONS = 32
SWEEPS_PER_SAMPLE = 4
_ROUNDING = 1e-6
_DIRECTIONS_SEED = 0
"""The directions are the same in every measurement, so that epochs and runs can be compared."""

Projections = Float[np.ndarray, "sample image chain direction"]


class AutocorrelationCurve(NamedTuple):
    """Autocorrelation at lags 0, 1, 2, ... samples, each of `SWEEPS_PER_SAMPLE` sweeps.

    Attributes:
        still: the share of chains that never moved.
    """

    values: Float[np.ndarray, " lag"]
    still: float = 0.0

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} up to {SWEEPS_PER_SAMPLE * (len(self.values) - 1):,} sweeps: "
            f"{self.tail:.3g} at its end, {100 * self.still:.0f} % of chains never moved>"
        )

    def _repr_html_(self) -> str:
        """The curve at lags of 0, 1, 2, 4, 8, ... samples."""
        lags = [0, *(2**k for k in range(len(self.values).bit_length()) if 2**k < len(self.values))]
        rows = [(f"{SWEEPS_PER_SAMPLE * lag:,}", f"{self.values[lag]:.4f}") for lag in lags]
        return table([("lag in sweeps", "autocorrelation"), *rows], repr(self))

    @property
    def is_frozen(self) -> bool:
        """Whether more than half of the chains never moved."""
        return self.still > 0.5

    @property
    def in_words(self) -> str:
        """How many chains never moved."""
        return (
            f"{100 * self.still:.0f} % of its chains never moved while autocorrelation was "
            "measured. Either its weights are too large (a smaller learning rate, or the penalty, "
            "keeps them small), or the images settle all there is to say, as small toy sets may"
        )

    @property
    def tail(self) -> float:
        """What is left after half the run: max(0, mean over the last 1/16 of the lags)."""
        n_tail = max(1, len(self.values) // 16)
        return max(0.0, float(self.values[-n_tail:].mean()))


class ProjectImage(AbstractObserver):
    """Observes grey levels / n_levels of a chain's image, projected on fixed directions."""

    nodes: Int32[Array, " image_bit"]
    manager: AbstractBaseGraphManager = eqx.field(static=True)
    directions: Float[Array, "pixel direction"]

    def __call__(self, spins: Bool[Array, " image_bit"]) -> Float[Array, " direction"]:
        """One number per direction."""
        pixels = self.manager.decode(spins)
        return (pixels.astype(jnp.float32) / self.manager.n_levels) @ self.directions


def sample_projections(
    key: Key[Array, ""],
    step: DiffusionStep,
    machine: IsingMachine,
    test_images: LabelledImages,
    schedule: Schedule,
) -> Projections:
    """Runs 16 chains on each of up to 64 test images noised to the step's input.

    All outputs run free; the fixed directions are uniform in [-1, 1] / sqrt(pixels). A test set of
    fewer than 64 images is used whole.
    """
    noise_key, start_key, run_key = jax.random.split(key, 3)
    images = jax.tree.map(lambda leaf: leaf[:N_IMAGES], test_images)
    inputs = step.noisy_input(noise_key, images)
    inputs = jnp.repeat(inputs, N_CHAINS_PER_IMAGE, axis=0)
    chains = step.fresh_chains(start_key, machine.parameters, inputs, schedule.betas[0])
    n_pixels = step.manager.n_pixels
    rng = np.random.default_rng(_DIRECTIONS_SEED)
    directions = rng.uniform(-1, 1, (n_pixels, N_DIRECTIONS)) / np.sqrt(n_pixels)
    observer = ProjectImage(step.image_nodes, step.manager, jnp.asarray(directions, jnp.float32))
    observed = step.sampler.observe(run_key, machine, chains, schedule, "nothing", observer)
    shape = (schedule.n_samples, len(images.pixels), N_CHAINS_PER_IMAGE, N_DIRECTIONS)
    return np.asarray(observed).reshape(shape)


def replication_curve(projections: Projections) -> AutocorrelationCurve:
    """dtm-replication's estimator.

    With x divided by its standard deviation over all samples and chains of an image and
    direction, the value at lag k is the mean of x_t x_{t+k} over chains and the first half of
    the run, minus (mean of the first half) times (mean of the last quarter); averaged over
    images and directions. Where nothing ever moves, nothing is forgotten: that counts as 1, be
    all chains of an image in one state or each in a state of its own.
    """
    n_samples = len(projections)
    half, quarter = max(1, n_samples // 2), max(1, n_samples // 4)
    n_lags = n_samples // 2 + 1
    n_fft = n_samples + half
    products = np.zeros(n_lags)
    for image in np.moveaxis(projections, 1, 0).astype(np.float64):
        deviation = _deviation(image)
        scaled = image / np.where(deviation > 0, deviation, np.inf)
        # sum over t < half of x_t x_{t+k} for every lag k at once: a correlation theorem
        early = np.fft.rfft(scaled[:half], n_fft, axis=0)
        whole = np.fft.rfft(scaled, n_fft, axis=0)
        spectrum = (early.conj() * whole).mean(axis=(1, 2))
        lagged = np.fft.irfft(spectrum, n_fft)[:n_lags] / half
        means = scaled[:half].mean(axis=(0, 1)) * scaled[-quarter:].mean(axis=(0, 1))
        products += lagged - means.mean() + (deviation == 0).mean()
    return _not_below_still_chains(products / projections.shape[1], projections)


def stationary_curve(projections: Projections) -> AutocorrelationCurve:
    """The textbook estimator for a stationary chain.

    The autocovariances of all chains, images and directions, added up, over those at lag 0: an
    image or direction counts by its variance. Where nothing ever moves there is none, and nothing
    is forgotten: those images and directions count by their number, as 1 at every lag.
    """
    total = chain_autocovariances(projections).sum(axis=(0, 1))
    rho = total / total[0] if total[0] > 0 else np.ones_like(total)
    images = np.moveaxis(projections, 1, 0)
    constant = float(np.mean([_deviation(image) == 0 for image in images]))
    return _not_below_still_chains(constant + (1 - constant) * rho, projections)


def chain_autocovariances(projections: Projections) -> Float[np.ndarray, "image chain lag"]:
    """Every chain's estimate of E[(x_t - mu)(x_{t+k} - mu)], summed over directions.

    Averaged over all n - k pairs; lags run to half the run. mu is the mean of an image and
    direction over samples and chains. It follows the chains, which makes all lags low by its
    variance: the chains' own means, being independent, say how much, and that is put back.
    """
    n_samples, n_images, n_chains, _ = projections.shape
    n_lags = n_samples // 2 + 1
    n_fft = n_samples + n_lags
    n_pairs = n_samples - np.arange(n_lags)
    covariances = np.empty((n_images, n_chains, n_lags))
    for index, image in enumerate(np.moveaxis(projections, 1, 0).astype(np.float64)):
        x = np.where(_deviation(image) > 0, image - image.mean(axis=(0, 1)), 0.0)
        power = (np.abs(np.fft.rfft(x, n_fft, axis=0)) ** 2).sum(axis=-1)
        covariances[index] = np.fft.irfft(power, n_fft, axis=0)[:n_lags].T / n_pairs
        variance_of_mean = (x.mean(axis=0) ** 2).sum(axis=-1) / max(1, n_chains - 1)
        covariances[index] += variance_of_mean[:, None]
    return covariances


def _not_below_still_chains(
    values: Float[np.ndarray, " lag"], projections: Projections
) -> AutocorrelationCurve:
    """A chain that never moves remembers everything, however fast others are beside it.

    Of an image's chains in one state all the time, with a single move of a single other, the
    estimators see that move alone.
    """
    still = share_still(projections)
    return AutocorrelationCurve(np.maximum(values, still) if still else values, still)


def share_still(projections: Projections) -> float:
    """The share of chains whose images look the same along every direction all the time."""
    high, low = projections.max(axis=0), projections.min(axis=0)
    moves = high - low > _ROUNDING * np.maximum(np.abs(high), np.abs(low))
    return float(1 - moves.any(axis=-1).mean())


def _deviation(
    image: Float[np.ndarray, "sample chain direction"],
) -> Float[np.ndarray, " direction"]:
    """The standard deviation over samples and chains; 0 where only rounding moves."""
    deviation = image.std(axis=(0, 1))
    return np.where(deviation > _ROUNDING * np.abs(image).max(axis=(0, 1)), deviation, 0.0)


def integrated_time(curve: AutocorrelationCurve) -> float:
    """Integrated autocorrelation time 1 + 2 sum_k rho_k in samples.

    The sum stops at the first lag k >= 5 tau(k), Sokal's window, which balances the noise of the
    tail against the bias of cutting it. A curve that does not fall within it is summed whole, and
    the time is longer than that.
    """
    tau = 2 * np.cumsum(curve.values) - 1
    lags = np.arange(len(tau))
    inside = np.flatnonzero(lags >= 5 * tau)
    return float(tau[inside[0]] if len(inside) else tau[-1])


def effective_sample_size(n_samples: int, curve: AutocorrelationCurve) -> float:
    """How many independent samples a chain of `n_samples` is worth: n / tau, at most n."""
    return float(n_samples / np.maximum(1.0, integrated_time(curve)))


class Protocol(NamedTuple):
    """Which temperatures a measurement runs at, and how its curve is estimated."""

    beta_range: tuple[float, float]
    estimate: Callable[[Projections], AutocorrelationCurve]

    @classmethod
    def replication(cls, beta_start: float, beta_end: float) -> "Protocol":
        """dtm-replication's: generation's ramp of beta."""
        return cls((beta_start, beta_end), replication_curve)

    @classmethod
    def stationary(cls, beta: float) -> "Protocol":
        """One beta throughout."""
        return cls((beta, beta), stationary_curve)


def measurement_schedule(
    beta_range: tuple[float, float], generation_sweeps: int, n_samples: int | None = None
) -> Schedule:
    """Warms up for half of `generation_sweeps`, then takes samples four sweeps apart.

    As many as `generation_sweeps`, unless `n_samples` says otherwise.

    Beta follows its range over the first `generation_sweeps` sweeps and then stays.
    """
    return Schedule.ramp(
        beta_range,
        n_ramp=generation_sweeps,
        n_warmup=max(1, generation_sweeps // 2),
        n_samples=generation_sweeps if n_samples is None else n_samples,
        sweeps_per_sample=SWEEPS_PER_SAMPLE,
    )


def measure_autocorrelation(
    key: Key[Array, ""],
    step: DiffusionStep,
    machine: IsingMachine,
    test_images: LabelledImages,
    protocol: Protocol,
    generation_sweeps: int,
    n_samples: int | None = None,
) -> AutocorrelationCurve:
    """Autocorrelation of one step: a run of `measurement_schedule`, looked at by the protocol."""
    schedule = measurement_schedule(protocol.beta_range, generation_sweeps, n_samples)
    return protocol.estimate(sample_projections(key, step, machine, test_images, schedule))
