"""A batch in small parts, several at the same time, which keeps the cores of a processor busy.

XLA spreads every operation of a network over all cores, and most are too small for that: a program
for each core, on images that fit its cache, takes half the time. A batch has the same parts on any
number of cores: with it only the last digits of XLA's own sums change.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
from jaxtyping import Array, Key

from thrmlDenoising.support.host import n_cores
from thrmlDenoising.support.process_settings import library_settings

R = TypeVar("R")

PART = 16
"""Images of a part, but for the last: 8 and 32 are slower."""


def in_parts(compute: Callable[..., R], key: Key[Array, ""], *batch: Any) -> list[R]:
    """What `compute(key, *part)` makes of the parts of a batch, each with a key of its own.

    An accelerator has one large program at a time to do well: there the batch is its only part.

    Args:
        compute: a compiled function.
        batch: arrays of as many rows as it has images.

    Example:
        >>> import jax.numpy as jnp
        >>> [int(n) for n in in_parts(lambda key, x: x.sum(), jax.random.key(0), jnp.ones(20))]
        [16, 4]
    """
    n = len(batch[0])
    size = PART if jax.default_backend() == "cpu" else n

    def of(start: int) -> R:
        with library_settings():  # which a new thread has not
            rows = (array[start : start + size] for array in batch)
            return jax.block_until_ready(compute(jax.random.fold_in(key, start), *rows))

    with ThreadPoolExecutor(n_cores()) as pool:
        return list(pool.map(of, range(0, n, size)))
