"""Time of a training step of networks on strings: `python -m benchmarks.string_networks`.

A step is forward and backward on a batch of strings, and Adam, as one program: these networks are
too small for a batch in parts. They take turns, so that their ratios stay right on a busy machine.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from benchmarks.records import Machine
from benchmarks.timing import interleaved
from thrmlDenoising.networks import StringNetwork, StringNetworkConfig, build_string_network

CANDIDATES = {
    f"{kind}, width {width}": StringNetworkConfig(kind=kind, width=width)
    for kind in ("tree", "unet", "mlp")
    for width in (32, 128, 1024)
}
N_SYMBOLS, TUPLE_SIZE, N_LAYERS = 8, 2, 3
ADAM = optax.adam(1e-2)


def loss(network: StringNetwork, strings: Float[Array, "string token symbol"]) -> Float[Array, ""]:
    """Mean cross-entropy of the symbols that are given."""
    logits = jax.vmap(network)(strings, jnp.linspace(0, 1, len(strings)))
    return -(strings * jax.nn.log_softmax(logits)).sum(axis=-1).mean()


@eqx.filter_jit
def step(
    network: StringNetwork,
    moments: optax.OptState,
    strings: Float[Array, "string token symbol"],
) -> tuple[StringNetwork, optax.OptState]:
    """The network and Adam's moments after one update."""
    gradient = jax.grad(loss)(network, strings)
    changes, moments = ADAM.update(gradient, moments)
    return eqx.apply_updates(network, changes), moments


def first_moments(network: StringNetwork) -> optax.OptState:
    """Adam's, before the first update."""
    parameters: PyTree = network
    return ADAM.init(parameters)


def networks(configs: Mapping[str, StringNetworkConfig]) -> dict[str, StringNetwork]:
    """New ones, for strings of 8 tokens out of 8 symbols."""
    of = jax.random.key(0), N_SYMBOLS, N_SYMBOLS, TUPLE_SIZE, N_LAYERS
    return {name: build_string_network(cfg, *of) for name, cfg in configs.items()}


def calls(
    made: Mapping[str, StringNetwork], n_strings: int
) -> dict[str, Callable[[], tuple[StringNetwork, optax.OptState]]]:
    """A training step of each network, on strings of noise."""
    shape = n_strings, TUPLE_SIZE**N_LAYERS
    symbols = jax.random.randint(jax.random.key(0), shape, 0, N_SYMBOLS)
    strings = jax.nn.one_hot(symbols, N_SYMBOLS)
    return {
        name: partial(step, network, first_moments(network), strings)
        for name, network in made.items()
    }


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.string_networks", description=__doc__
    )
    parser.add_argument("--repeats", type=int, default=31, help="calls a median is taken of")
    parser.add_argument("--strings", type=int, default=64, help="of a batch")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    arguments = parser.parse_args()
    made = networks({name: CANDIDATES[name] for name in arguments.only})
    timings = interleaved(calls(made, arguments.strings), arguments.repeats)
    print(Machine.here())
    print(f"{'':24}{'parameters':>12}{'ms a step':>12}{'compiled in s':>16}")
    for name, timing in timings.items():
        parameters = f"{made[name].n_parameters:,}"
        print(f"{name:24}{parameters:>12}{timing.warm * 1e3:12.1f}{timing.cold:16.1f}")


if __name__ == "__main__":
    main()
