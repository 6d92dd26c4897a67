"""Samplers against thrml on machines that were trained, not drawn.

A comparison raises a false alarm with chance 1e-7 (`exactness.ALARM`), Bonferroni over all nodes
and edges; the chains are independent.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exactness import ALARM, chain_means, means_p_value, observe_all
from jaxtyping import Float
from tiny import FAST_SAMPLERS

from thrmlDenoising import DTM
from thrmlDenoising.processes.bit_flips import LabelledImages
from thrmlDenoising.sampling import (
    AbstractSampler,
    Clamp,
    IsingMachine,
    Schedule,
    sampler_type,
)
from thrmlDenoising.sampling.thrml.sampler import ThrmlSampler
from training_script import SHORT_RUN

SEEDS = (0, 1, 2)
# --- trained machines ----------------------------------------------------------------------

N_CHAINS = 256


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> DTM:
    """A short but real training: weights reach 0.5 and more, and are far from random."""
    cfg = SHORT_RUN.replace(
        exp=dict(compute_autocorr=False, generate_gif=False, drawn_images_per_digit=1),
        graph=dict(graph_preset_architecture=44_12),
        sampling=dict(batch_size=200, n_samples=4, steps_warmup=20),
        generation=dict(steps_warmup=10, fid_images_per_digit=1),
        optim=dict(step_learning_rates=(0.02,)),
    )
    dtm = DTM(cfg, base_dir=tmp_path_factory.mktemp("runs"))
    dtm.train(1)
    assert max(np.abs(step.weights).max() for step in dtm.steps) > 0.5
    return dtm


class TrainedRun:
    """Chains of a trained step that start as generation does, conditioned on noised images.

    Two samplers run from the same starts under the same inputs for as many sweeps: whatever
    is left of the start, the laws are equal. Chain by chain their averages then differ by
    independent quantities, symmetric around zero.
    """

    def __init__(self, dtm: DTM, number: int, clamp: Clamp, seed: int) -> None:
        keys = jax.random.split(jax.random.key(seed), 4)
        self.step, (self.key, self.other_key) = dtm.steps[number], keys[:2]
        self.clamp: Clamp = clamp
        images = slice(seed * N_CHAINS, (seed + 1) * N_CHAINS)
        pixels, classes = (part[images] for part in dtm.train_dataset)
        clean = LabelledImages(jnp.asarray(pixels), jnp.asarray(dtm.one_hot_target_labels[classes]))
        diffusion = self.step.diffusion
        inputs = diffusion.noisy_input(keys[2], clean)
        chains = diffusion.fresh_chains(keys[3], self.step.state.parameters, inputs, 1.0)
        self.chains = diffusion.set_labels(chains, clean.labels) if clamp == "labels" else chains

    def means(self, sampler: type[AbstractSampler], key, machine: IsingMachine) -> np.ndarray:
        """Of every node and edge and, what a wrong scale shows in first, of the energy in edges."""
        graph = self.step.graph
        schedule = Schedule.constant(1.0, n_warmup=30, n_samples=3, sweeps_per_sample=5)
        looks = sampler.from_graph(graph).observe(
            key, machine, self.chains, schedule, self.clamp, observe_all(graph)
        )
        means = chain_means(np.asarray(looks), graph)
        return np.column_stack([means, means[:, graph.n_nodes :] @ self.step.weights])

    def p_values(self, sampler: type[AbstractSampler]) -> tuple[float, float]:
        """Of the sampler against thrml, and of one whose weights are a tenth too weak."""
        machine = self.step.machine
        weights = 0.9 * machine.parameters.weights
        weakened = machine._replace(parameters=machine.parameters._replace(weights=weights))
        reference = self.means(ThrmlSampler, self.key, machine)
        ours, twins = (self.means(sampler, self.other_key, m) for m in (machine, weakened))
        return _paired_p_value(ours - reference), _paired_p_value(twins - reference)


def _paired_p_value(differences: Float[np.ndarray, "chain quantity"]) -> float:
    errors = differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    return means_p_value(differences.mean(axis=0), errors, len(differences))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("clamp", ["nothing", "labels"])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("name", FAST_SAMPLERS)
@pytest.mark.slow
def test_trained_machines_are_sampled_as_by_thrml(trained, name, number, clamp, seed):
    of_the_same, of_a_weaker = TrainedRun(trained, number, clamp, seed).p_values(sampler_type(name))
    assert of_the_same > ALARM
    assert of_a_weaker < ALARM
