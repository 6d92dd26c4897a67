"""Square lattices with long-range connection rules.

A connection rule (a, b) with a + b odd joins node (x, y) to (x+a, y+b), (x-b, y+a),
(x-a, y-b) and (x+b, y-a): four neighbours related by quarter turns. Odd rules only ever join
the two colours of a chessboard, so that each colour can be updated at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

Rule = tuple[int, int]


class Lattice(NamedTuple):
    """An L x L grid with connection rules; node (x, y) has number x L + y."""

    side: int
    rules: tuple[Rule, ...]
    torus: bool

    @property
    def n_nodes(self) -> int:
        """L squared."""
        return self.side**2

    def check(self) -> None:
        """Checks that the lattice can be coloured as a chessboard.

        Raises:
            ValueError: it cannot, or has no node.
        """
        if self.side < 1:
            raise ValueError(f"side={self.side}: a lattice needs a side of at least 1")
        if self.torus and self.side % 2:
            raise ValueError(
                f"side={self.side} with torus=True breaks two-colourability: "
                "use an even side or torus=False"
            )
        even = even_rules(self.rules)
        if even:
            raise ValueError(
                f"connection rules {even} join nodes of the same colour: "
                "in a rule (a, b) the sum a + b must be odd"
            )

    def colors(self) -> Int32[np.ndarray, " node"]:
        """The chessboard colour of every node: 0 where x + y is even."""
        x, y = np.divmod(np.arange(self.n_nodes), self.side)
        return ((x + y) % 2).astype(np.int32)

    def edges(self) -> Int32[np.ndarray, "edge 2"]:
        """All edges, each once, the lower node first, sorted.

        Without a torus, a connection that leaves the grid does not exist. On small tori two
        rules can name the same pair of nodes, which is then one edge.
        """
        return join_grid((self.side, self.side), self.rules, self.torus)


def even_rules(rules: Sequence[Rule]) -> list[Rule]:
    """The rules that join nodes of one colour: a + b is even."""
    return [rule for rule in rules if sum(rule) % 2 == 0]


def each_once(pairs: Int[np.ndarray, "pair 2"]) -> Int32[np.ndarray, "edge 2"]:
    """Undirected edges, each once, the lower node first, sorted."""
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int32)


def join_grid(
    shape: tuple[int, int], rules: Sequence[Rule], torus: bool
) -> Int32[np.ndarray, "edge 2"]:
    """The edges of connection rules on a grid of this many rows and columns.

    Each once, the lower node first, sorted; node (x, y) has number x n_columns + y.
    """
    nodes = np.arange(np.prod(shape, dtype=int))
    x, y = np.divmod(nodes, shape[1])
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for a, b in rules:
        # The other two neighbours of the rule are these two, seen from the far end.
        for dx, dy in ((a, b), (-b, a)):
            far_x, far_y = (x + dx) % shape[0], (y + dy) % shape[1]
            wraps = (far_x != x + dx) | (far_y != y + dy)
            exists = torus | ~wraps
            pairs.append(np.stack([nodes, far_x * shape[1] + far_y], axis=1)[exists])
    return each_once(np.concatenate(pairs))
