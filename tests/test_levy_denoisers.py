"""What the answers of a network mean, and where they are cut."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from heavy import (
    Wavy,
    said,
)
from tiny import rest_slow

from thrmlDenoising.families.levy.denoisers import Clipped, Denoiser
from thrmlDenoising.networks import PointNetwork, PointNetworkConfig, build_point_network
from thrmlDenoising.processes import Exploding, Place, Preserving

SEEDS = rest_slow((0, 1, 2))


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_what_is_said_of_x_0_is_cut_at_a_size_and_not_otherwise(size):
    place = Preserving(1.7, 1.0).way(10).at(jnp.asarray(6))
    g, s = float(place.signal), float(place.noise)
    x = np.linspace(-4, 4, 82).reshape(41, 2)
    start = (x - s * said(Wavy(), x, place)) / g
    clipped = (x - s * said(Clipped(Wavy(), size), x, place)) / g
    np.testing.assert_allclose(clipped, np.clip(start, -size, size), atol=2e-5)
    inside = abs(start) < size
    assert inside.any()
    assert (~inside).any()
    np.testing.assert_allclose(
        said(Clipped(Wavy(), 1e3), x, place), said(Wavy(), x, place), atol=2e-5
    )


def answering(answer: np.ndarray) -> PointNetwork:
    """A network that always says the same."""
    cfg = PointNetworkConfig().replace(width=4, n_blocks=1, time_width=2)
    network = build_point_network(cfg, jax.random.key(0), len(answer))
    return eqx.tree_at(lambda network: network.last.bias, network, jnp.asarray(answer, jnp.float32))


def answer_for(says: str, x_0: np.ndarray, noise: np.ndarray, place: Place, alpha: float):
    """What has to be answered."""
    g, s = float(place.signal), float(place.noise)
    if says == "rest":  # x_0 and noise in the proportion that stable ones of scale 1 do not tell
        e = alpha * (alpha - 1)
        size = (s**e + g**e) ** (1 / alpha)
        return (s ** (alpha - 1) * x_0 - g ** (alpha - 1) * noise) / size
    return {"noise": noise, "start": x_0}[says]


@pytest.mark.parametrize("says", ["noise", "start", "rest"])
@pytest.mark.parametrize("fading", [Preserving(1.7, 2 / 1.7), Exploding(2.0)], ids=str)
def test_the_right_answer_gives_the_noise_back(says, fading):
    way = fading.way(10)
    x_0, noise = np.array([0.7, -1.2]), np.array([-0.4, 2.5])
    for k in (2, 5, 10):
        place = way.at(jnp.asarray(k))
        x = float(place.signal) * x_0 + float(place.noise) * noise
        network = answering(answer_for(says, x_0, noise, place, fading.alpha))
        denoiser = Denoiser(network, says, fading.alpha)
        found = said(denoiser, x[None], place)[0]
        largest = max(1, 1 / float(place.noise))
        np.testing.assert_allclose(found, noise, rtol=1e-4, atol=1e-5 * largest)
        each = way.at(jnp.array([k, k]))
        np.testing.assert_allclose(said(denoiser, np.stack([x, x]), each)[1], found, atol=1e-5)


@pytest.mark.parametrize("k", [1, 4, 9])
def test_at_alpha_2_the_rest_is_edms(k):
    """x_0 = c_skip x + c_out F, of data of variance 1: 1 / (1 + sigma^2), sigma / sqrt(1 +
    sigma^2); what the network sees is c_in x, 1 / sqrt(1 + sigma^2) (Karras et al. 2022).
    """
    place, f = Exploding(2.0).way(9).at(jnp.asarray(k)), np.array([0.3, -0.8])
    sigma = float(place.noise)
    x = np.linspace(-1, 1, 10).reshape(5, 2) * np.hypot(1, sigma)
    start = x - sigma * said(Denoiser(answering(f), "rest", 2.0), x, place)
    wanted = x / (1 + sigma**2) + sigma / np.hypot(1, sigma) * f
    np.testing.assert_allclose(start, wanted, atol=1e-4 * max(1, sigma) ** 0.5)
    seen = build_point_network(PointNetworkConfig(), jax.random.key(0), 2)
    weight = jax.random.normal(jax.random.key(1), seen.last.weight.shape)
    seen = eqx.tree_at(lambda network: network.last.weight, seen, weight)
    f = np.asarray(seen(jnp.asarray(x / np.hypot(1, sigma)), jnp.broadcast_to(place.u, 5)), float)
    start = x - sigma * said(Denoiser(seen, "rest", 2.0), x, place)
    wanted = x / (1 + sigma**2) + sigma / np.hypot(1, sigma) * f
    np.testing.assert_allclose(start, wanted, atol=1e-3 * max(1, sigma) ** 0.5)
