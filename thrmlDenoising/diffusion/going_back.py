"""The way back from noise to data, in all steps of training or in fewer."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, Shaped

from thrmlDenoising.config.fields import Count, checked

BLOCK = 250
"""Examples that are made together; their numbers do not depend on those of another block."""


@runtime_checkable
class Step(Protocol):
    """What leads from one time to an earlier one: an Equinox module, so that it may hold arrays."""

    def __call__(
        self,
        key: Key[Array, ""],
        x: Shaped[Array, " example *shape"],
        s: Int[Array, ""],
        t: Int[Array, ""],
    ) -> Shaped[Array, " example *shape"]:
        """The state at time s < t, given that of t."""
        ...


def time_grid(first: int, n_steps: int) -> Int[np.ndarray, " _"]:
    """Times from `first` down to 0 in so many steps, as evenly as whole numbers are.

    Raises:
        ValueError: no step, or more than there are.

    Example:
        >>> time_grid(10, 4).tolist()
        [10, 8, 5, 3, 0]
    """
    if checked("n_steps", n_steps, Count) > first:
        raise ValueError(f"n_steps={n_steps}: from time {first} there are {first} steps back")
    return np.ceil(np.linspace(first, 0, n_steps + 1)).astype(np.int32)


def check_time(t: int, last: int) -> None:
    """Checks that there is noise of this time.

    Raises:
        ValueError: it is none of 1 to `last`.
    """
    if not 1 <= checked("t", t, Count) <= last:
        raise ValueError(f"t={t}: the process has the times 1 to {last}")


def times_from(t: int, last: int, usual: int, asked: int | None = None) -> Int[np.ndarray, " _"]:
    """Times from t to 0, in so many steps as are asked for.

    Args:
        last: T.
        usual: steps from T to 0; where none are asked for, as many of them as there are from t.

    Raises:
        ValueError: a time that is none, no step, or more steps than there are.

    Example:
        >>> times_from(5, 10, usual=4).tolist()
        [5, 3, 0]
    """
    check_time(t, last)
    return time_grid(t, max(1, round(usual * t / last)) if asked is None else asked)


@eqx.filter_jit
def go_back(
    step: Step,
    key: Key[Array, ""],
    x: Shaped[Array, " example *shape"],
    times: Int[Array, " _"],
    places: tuple[Int[Array, ""], Int[Array, ""]],
) -> Shaped[Array, " example *shape"]:
    """From the state at times[places[0]] to one at times[places[1]].

    Args:
        key: of the whole way; every step has its own.
    """

    def go(place: Int[Array, ""], x: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
        return step(jax.random.fold_in(key, place), x, times[place + 1], times[place])

    return jax.lax.fori_loop(*places, go, x)


def walk(
    step: Step,
    key: Key[Array, ""],
    x: Shaped[Array, " example *shape"],
    times: Int[np.ndarray, " _"],
    looks: Sequence[int],
) -> Shaped[np.ndarray, "look example *shape"]:
    """States at the places `looks` of `times`, the last of which has to be the end."""
    frames = []
    steps, place = jnp.asarray(times), 0
    for look in looks:
        x = go_back(step, key, x, steps, (jnp.asarray(place), jnp.asarray(look)))
        frames.append(np.asarray(x))
        place = look
    return np.stack(frames)


def blocks(key: Key[Array, ""], n: int, size: int = BLOCK) -> list[tuple[slice, Key[Array, ""]]]:
    """The examples of each block, and its key."""
    return [
        (slice(start, min(n, start + size)), jax.random.fold_in(key, start))
        for start in range(0, n, size)
    ]
