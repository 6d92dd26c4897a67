"""A grammar as belief propagation takes it: arrays of JAX, which compiled programs may be given."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

NEVER = -1e30
"""The logarithm of what cannot be, which may be added to itself; minus infinity may not be."""


class Tree(NamedTuple):
    """A grammar, for belief propagation.

    Attributes:
        rules: of each level, the tuples that its symbols become; the classes', or if filtered
            those of level k, first.
        takers: of each level, which rules put a symbol in a place, numbered head * m + synonym;
            the number of all rules where there are no more.
        top: ln p(symbol of a node of level k | class), if filtered.
    """

    rules: tuple[Int[Array, "head synonym place"], ...]
    takers: tuple[Int[Array, "place symbol most"], ...]
    top: Float[Array, "node class symbol"] | None

    @classmethod
    def of(
        cls,
        rules: Sequence[Int[np.ndarray, "head synonym place"]],
        n_symbols: int,
        top: Float[np.ndarray, "node class symbol"] | None = None,
    ) -> Self:
        """The same as arrays of JAX.

        Args:
            top: p(symbol of a node of level k | class), if filtered.
        """
        tables = tuple(jnp.asarray(table, jnp.int32) for table in rules)
        takers = _takers(rules, n_symbols)
        if top is None:
            return cls(tables, takers, None)
        with np.errstate(divide="ignore"):
            log_top = np.maximum(np.log(top), NEVER)
        return cls(tables, takers, jnp.asarray(log_top, jnp.float32))


def _takers(
    rules: Sequence[Int[np.ndarray, "head synonym place"]], n_symbols: int
) -> tuple[Int[Array, "place symbol most"], ...]:
    """The rules that put each symbol in each place, as in `Tree`.

    They are filled up to a multiple of 4, the same on all levels, for grammars of one size to
    share compiled programs.
    """
    flat = [table.reshape(-1, table.shape[2]).T for table in rules]
    counts = [np.bincount(place, minlength=n_symbols) for table in flat for place in table]
    most = -(-max((count.max() for count in counts), default=0) // 4) * 4
    found = []
    for table in flat:
        taken = np.full((len(table), n_symbols, most), table.shape[1], np.int32)
        for place, symbol in np.ndindex(taken.shape[:2]):
            numbers = np.flatnonzero(table[place] == symbol)
            taken[place, symbol, : len(numbers)] = numbers
        found.append(jnp.asarray(taken))
    return tuple(found)
