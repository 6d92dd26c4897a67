"""The way back from noise to images, in all steps of training or in fewer."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int32, Key

from thrmlDenoising.families.discrete.building import Denoiser
from thrmlDenoising.families.discrete.trainer import REVERSE
from thrmlDenoising.processes import CategoricalProcess

BLOCK = 250
"""Images that are made together; their numbers do not depend on those of another block."""


class Backwards(NamedTuple):
    """What leads from noise to images.

    Attributes:
        reverse: one of `REVERSE`.
        guidance: how far logits of a class are driven away from those of none.
    """

    process: CategoricalProcess
    denoiser: Denoiser
    reverse: str
    guidance: float


class Known(NamedTuple):
    """Pixels that are not to be made, for they are known.

    Attributes:
        x_0: levels, of which those elsewhere count for nothing.
        where: which pixels are known.
    """

    x_0: Int[Array, "image row column"]
    where: Bool[Array, "image row column"]


def time_grid(first: int, n_steps: int) -> Int[np.ndarray, " _"]:
    """Times from `first` down to 0 in so many steps, as evenly as whole numbers are.

    Example:
        >>> time_grid(10, 4).tolist()
        [10, 8, 5, 3, 0]
    """
    return np.ceil(np.linspace(first, 0, n_steps + 1)).astype(np.int32)


@eqx.filter_jit
def go_back(
    backwards: Backwards,
    key: Key[Array, ""],
    x: Int[Array, "image row column"],
    labels: Int[Array, " image"],
    times: Int[Array, " _"],
    places: tuple[Int[Array, ""], Int[Array, ""]],
    known: Known | None = None,
) -> Int[Array, "image row column"]:
    """From the state at times[places[0]] to one at times[places[1]]; see `CategoricalProcess`.

    Args:
        key: of the whole way; every step has its own.
        labels: classes; as many as there are of them stands for none.
        known: pixels that are set, after every step, to what the forward process makes of them.
    """
    process = backwards.process

    def step(place: Int[Array, ""], x: Int[Array, "..."]) -> Int[Array, "..."]:
        draw_key, known_key = jax.random.split(jax.random.fold_in(key, place))
        t, s = times[place], times[place + 1]
        log_p = REVERSE[backwards.reverse](process, x, _logits(backwards, x, t, labels), s, t)
        x = jax.random.categorical(draw_key, log_p)
        if known is None:
            return x
        there = jax.random.categorical(known_key, process.log_forward(known.x_0, s))
        return jnp.where(known.where, there, x)

    return jax.lax.fori_loop(*places, step, x)


def _logits(
    backwards: Backwards, x: Int[Array, "..."], t: Int[Array, ""], labels: Int[Array, " image"]
) -> Float[Array, "..."]:
    """(1 + w) logits(class) - w logits(no class), w being the guidance."""
    denoiser, w = backwards.denoiser, backwards.guidance
    t = jnp.full(len(x), t)
    of_class = denoiser(x, t, labels)
    if w == 0:
        return of_class
    return (1 + w) * of_class - w * denoiser(x, t, jnp.full_like(labels, denoiser.network.no_class))


def walk(
    backwards: Backwards,
    key: Key[Array, ""],
    x: Int[Array, "image row column"],
    labels: Int[Array, " image"],
    times: Int[np.ndarray, " _"],
    looks: Sequence[int],
    known: Known | None = None,
) -> Int32[np.ndarray, "look image row column"]:
    """States at the places `looks` of `times`, the last of which has to be the end."""
    frames = []
    steps, place = jnp.asarray(times), 0
    for look in looks:
        places = jnp.asarray(place), jnp.asarray(look)
        x = go_back(backwards, key, x, labels, steps, places, known)
        frames.append(np.asarray(x, np.int32))
        place = look
    return np.stack(frames)


def blocks(key: Key[Array, ""], n: int) -> list[tuple[slice, Key[Array, ""]]]:
    """The images of each block, and its key."""
    return [
        (slice(start, min(n, start + BLOCK)), jax.random.fold_in(key, start))
        for start in range(0, n, BLOCK)
    ]
