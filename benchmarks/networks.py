"""Time of a training step of each network: `python -m benchmarks.networks`.

A step is forward and backward on images of 28 x 28 with two states, and Adam. The networks take
turns, so that their ratios stay right on a busy machine.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from benchmarks.records import Machine
from benchmarks.timing import interleaved
from thrmlDenoising.networks import Network, NetworkConfig, build_network, in_parts

CANDIDATES = {
    "patches": NetworkConfig(),
    "patches, 16 channels": NetworkConfig(channels=16),
    "patches, 24 channels": NetworkConfig(channels=24),
    "patches, 64 channels": NetworkConfig(channels=64),
    "patches, 1 block": NetworkConfig(n_blocks=1),
    "patches, no attention": NetworkConfig(attention_levels=()),
    "patches, dropout": NetworkConfig(dropout=0.1),
    "patches, bfloat16": NetworkConfig(precision="bfloat16"),
    "score, 16 channels": NetworkConfig(
        kind="score", channels=16, multipliers=(1, 2, 4), attention_levels=(2,)
    ),
    "unet": NetworkConfig(kind="unet"),
}
SIDE, N_STATES = 28, 2
ADAM = optax.adam(1e-3)


def loss(network: Network, images: Float[Array, "image state row column"]) -> Float[Array, ""]:
    """Mean cross-entropy of the states that are given, with dropout if there is some."""
    n = len(images)
    keys = jax.random.split(jax.random.key(1), n)
    logits = jax.vmap(network)(images, jnp.linspace(0, 1, n), jnp.arange(n) % 10, keys)
    return -(images * jax.nn.log_softmax(logits, axis=1)).sum(axis=1).mean()


@eqx.filter_jit
def gradient(
    network: Network, key: Key[Array, ""], images: Float[Array, "image state row column"]
) -> Network:
    """Of the loss of part of a batch."""
    return jax.grad(loss)(network, images)


@eqx.filter_jit
def moved(
    network: Network, moments: optax.OptState, gradients: list[Network]
) -> tuple[Network, optax.OptState]:
    """The network and Adam's moments after an update by the mean of these gradients."""
    mean = jax.tree.map(lambda *parts: sum(parts) / len(parts), *gradients)
    changes, moments = ADAM.update(mean, moments)
    return eqx.apply_updates(network, changes), moments


def step(
    network: Network, moments: optax.OptState, images: Float[Array, "image state row column"]
) -> tuple[Network, optax.OptState]:
    """The network and Adam's moments after one update, its batch in parts as in training."""
    return moved(network, moments, in_parts(partial(gradient, network), jax.random.key(0), images))


def first_moments(network: Network) -> optax.OptState:
    """Adam's, before the first update."""
    parameters: PyTree = network
    return ADAM.init(parameters)


def networks(configs: Mapping[str, NetworkConfig], side: int) -> dict[str, Network]:
    """New ones, for images of these sides."""
    return {
        name: build_network(cfg, jax.random.key(0), N_STATES, N_STATES, (side, side), 10)
        for name, cfg in configs.items()
    }


def calls(
    made: Mapping[str, Network], n_images: int, side: int
) -> dict[str, Callable[[], tuple[Network, optax.OptState]]]:
    """A training step of each network, on images of noise."""
    states = jax.random.bernoulli(jax.random.key(0), shape=(n_images, side, side))
    images = jnp.stack([~states, states], axis=1).astype(jnp.float32)
    return {
        name: partial(step, network, first_moments(network), images)
        for name, network in made.items()
    }


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument("--repeats", type=int, default=9, help="calls a median is taken of")
    parser.add_argument("--images", type=int, default=64, help="of a batch")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    arguments = parser.parse_args()
    made = networks({name: CANDIDATES[name] for name in arguments.only}, SIDE)
    timings = interleaved(calls(made, arguments.images, SIDE), arguments.repeats)
    print(Machine.here())
    print(f"{'':24}{'parameters':>12}{'ms a step':>12}{'compiled in s':>16}")
    for name, timing in timings.items():
        parameters = f"{made[name].n_parameters:,}"
        print(f"{name:24}{parameters:>12}{timing.warm * 1e3:12.0f}{timing.cold:16.1f}")


if __name__ == "__main__":
    main()
