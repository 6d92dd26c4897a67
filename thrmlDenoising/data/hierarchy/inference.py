"""What data say of trees, as functions of arrays: for programs that are compiled."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from thrmlDenoising.data.hierarchy.messages import Level, downwards, upwards
from thrmlDenoising.data.hierarchy.tree import Tree

_BLOCK = 64
"""Strings whose messages are sent together: so many fit a processor's cache."""


class Beliefs(NamedTuple):
    """What data say, string by string.

    Attributes:
        levels: p(symbol of a node | data), (string, node, symbol) of each level, the root first and
            the tokens last; if filtered, without those between the root and level k. They mean
            nothing where data are impossible.
        log_evidence: ln p(data); minus infinity where data are impossible.
    """

    levels: tuple[Float[Array, "string _ _"], ...]
    log_evidence: Float[Array, " string"]


@jax.jit
def beliefs(tree: Tree, log_likelihood: Float[Array, "string token symbol"]) -> Beliefs:
    """What data say of every node.

    Args:
        log_likelihood: ln p(what was seen of a token | its symbol), up to a number of each token;
            minus infinity for what cannot be.
    """

    def of_block(leaves: Float[Array, "token symbol string"], _: None) -> Beliefs:
        levels, log_evidence = upwards(tree, leaves)
        return Beliefs(tuple(downwards(tree, levels)), log_evidence)

    return _by_blocks(of_block, log_likelihood)


@jax.jit
def denoised(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"]
) -> Float[Array, "string token symbol"]:
    """p(token | data): what an exact denoiser says. Arguments are those of `beliefs`."""

    def of_block(leaves: Float[Array, "token symbol string"], _: None) -> Array:
        return downwards(tree, upwards(tree, leaves)[0])[-1]

    return _by_blocks(of_block, log_likelihood)


@partial(jax.jit, static_argnames="n")
def drawn(
    tree: Tree, log_likelihood: Float[Array, "string token symbol"], key: Key[Array, ""], n: int
) -> Int[Array, "sample string token"]:
    """n strings for each, from p(string | data); anything where data are impossible.

    Args:
        log_likelihood: as of `beliefs`.
    """

    def of_block(leaves: Float[Array, "token symbol string"], key: Key[Array, ""]) -> Array:
        levels, _ = upwards(tree, leaves)
        draw, keys = partial(_drawn_down, tree, levels), jax.random.split(key, n)
        return jax.lax.map(draw, keys)

    return jnp.moveaxis(_by_blocks(of_block, log_likelihood, key), 1, 0)


T = TypeVar("T")


def _by_blocks(
    of_block: Callable[..., T],
    log_likelihood: Float[Array, "string token symbol"],
    key: Key[Array, ""] | None = None,
) -> T:
    """Block after block of strings, which stand last in a block and in what it gives."""
    n = len(log_likelihood)
    n_blocks = max(1, -(-n // _BLOCK))
    size = max(1, -(-n // n_blocks))
    # what is appended says nothing, and is cut off again
    padded = jnp.pad(log_likelihood, ((0, n_blocks * size - n), (0, 0), (0, 0)))
    blocks = padded.reshape(n_blocks, size, *log_likelihood.shape[1:])
    keys = None if key is None else jax.random.split(key, n_blocks)

    def found_of(block: tuple[Array, Key[Array, ""] | None]) -> T:
        # without barriers, loops over what was moved would be in the order that it had before
        leaves = jax.lax.optimization_barrier(jnp.moveaxis(block[0], 0, -1))
        found = jax.lax.optimization_barrier(of_block(leaves, block[1]))
        return jax.tree.map(lambda x: jnp.moveaxis(x, -1, 0), found)

    found = jax.lax.map(found_of, (blocks, keys))
    return jax.tree.map(lambda x: x.reshape(n_blocks * size, *x.shape[2:])[:n], found)


# ---------------------------------------------------------------------- strings


def _drawn_down(tree: Tree, levels: list[Level], key: Key[Array, ""]) -> Int[Array, "token string"]:
    """One string for each: a class, then what is below nodes, which know no more than it."""
    root, *below = (level.up for level in levels)
    class_noise, *noises = _gumbel_noise(tree, levels, key)
    heads = (root + class_noise).argmax(axis=1)
    if tree.top is not None:
        of_class = jnp.swapaxes(tree.top[:, heads[0]], 1, 2)  # node, symbol, string
        heads = (of_class + below[0] + noises[0]).argmax(axis=1)
        below, noises = below[1:], noises[1:]
    for rules, up, noise in zip(tree.rules, below, noises, strict=True):
        heads = _drawn_below(rules, heads, up, noise)
    return heads


def _gumbel_noise(
    tree: Tree, levels: list[Level], key: Key[Array, ""]
) -> list[Float[Array, "node choice string"]]:
    """For all that is drawn: the largest of ln p + noise is drawn with chance p.

    It comes from one call, as each takes long to compile.
    """
    shapes = [levels[0].up.shape[:2]]
    if tree.top is not None:
        shapes.append(levels[1].up.shape[:2])
    above = levels[len(shapes) - 1 :]
    shapes += [
        (len(level.up), rules.shape[1]) for level, rules in zip(above, tree.rules, strict=False)
    ]
    ends = np.cumsum([n_nodes * n_choices for n_nodes, n_choices in shapes])
    noise = jax.random.gumbel(key, (ends[-1], levels[0].up.shape[2]))
    parts = zip(jnp.split(noise, ends[:-1]), shapes, strict=True)
    return [part.reshape(*shape, noise.shape[1]) for part, shape in parts]


def _drawn_below(
    rules: Int[Array, "head synonym place"],
    heads: Int[Array, "node string"],
    up: Float[Array, "below symbol string"],
    noise: Float[Array, "node synonym string"],
) -> Int[Array, "below string"]:
    """The symbols below nodes, by a rule of each."""
    tuples = jnp.transpose(rules[heads], (0, 3, 2, 1))  # node, place, synonym, string
    flat = tuples.reshape(-1, *tuples.shape[2:])
    said = jnp.take_along_axis(up, flat, axis=1).reshape(tuples.shape)
    rule = (said.sum(axis=1) + noise).argmax(axis=1)
    chosen = jnp.take_along_axis(tuples, rule[:, None, None], axis=2)
    return chosen.reshape(-1, heads.shape[1])
