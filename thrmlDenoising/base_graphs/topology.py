"""Square lattices with long-range connection rules: presets, edges and placement.

A connection rule (a, b) with a + b odd joins node (x, y) to (x+a, y+b), (x-b, y+a),
(x-a, y-b) and (x+b, y-a): four neighbours related by quarter turns. Odd rules only ever join
the two colours of a chessboard, so that each colour can be updated at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

Rule = tuple[int, int]

# dtm-replication's connection tables; a preset of degree d takes the first d / 4 rules.
_SHORT_RANGE: tuple[Rule, ...] = (
    (0, 1), (4, 1), (10, 9), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35),
)  # fmt: skip
_LONG_RANGE: tuple[Rule, ...] = (
    (0, 1), (6, 1), (12, 5), (11, 14), (23, 6), (3, 28), (6, 33), (20, 35), (34, 29), (47, 20),
    (4, 5), (2, 9), (1, 14), (17, 8), (8, 21), (11, 26), (21, 24), (31, 18), (23, 34),
)  # fmt: skip
_PRESETS: dict[tuple[int, int], tuple[Rule, ...]] = {
    **{(side, 4): _SHORT_RANGE for side in (3, 4, 6)},
    **{(side, 8): _SHORT_RANGE for side in (8, 20, 42)},
    **{
        (side, degree): _SHORT_RANGE
        for side in (44, 50, 60, 70, 80, 90)
        for degree in (8, 12, 16, 20)
    },
    (70, 24): _SHORT_RANGE,
    (60, 32): _SHORT_RANGE,
    **{(70, degree): _LONG_RANGE for degree in (36, 52)},
    **{(60, degree): _LONG_RANGE for degree in (40, 44)},
    **{(80, degree): _LONG_RANGE for degree in (24, 36, 48, 60)},
    **{(100, degree): _LONG_RANGE for degree in (40, 60, 76)},
    (120, 36): _LONG_RANGE,
}


class Preset(NamedTuple):
    """A named lattice: its side, its connection rules and the degree they give."""

    side: int
    rules: tuple[Rule, ...]
    degree: int


def parse_preset(architecture: int | str) -> Preset:
    """Looks up a preset `side_degree`, as the int users write (`60_12`, the same as 6012) or text.

    Raises:
        ValueError: the preset is not one of `preset_names()`.

    Example:
        >>> parse_preset(44_12)
        Preset(side=44, rules=((0, 1), (4, 1), (10, 9)), degree=12)
    """
    for (side, degree), family in _PRESETS.items():
        if str(architecture) in (f"{side}_{degree}", f"{side}{degree}"):
            return Preset(side, family[: degree // 4], degree)
    raise ValueError(
        f"unknown graph preset {architecture!r}; the presets are {', '.join(preset_names())}. "
        "For any other lattice give graph.side and graph.connection_rules."
    )


def preset_names() -> list[str]:
    """All presets as `side_degree`, by side, then degree."""
    return [f"{side}_{degree}" for side, degree in sorted(_PRESETS)]


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
        """Raises ValueError if the lattice cannot be coloured as a chessboard."""
        if self.side < 1:
            raise ValueError(f"side={self.side}: a lattice needs a side of at least 1")
        if self.torus and self.side % 2:
            raise ValueError(
                f"side={self.side} with torus=True breaks two-colourability: "
                "use an even side or torus=False"
            )
        even_rules = [rule for rule in self.rules if sum(rule) % 2 == 0]
        if even_rules:
            raise ValueError(
                f"connection rules {even_rules} join nodes of the same colour: "
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
        x, y = np.divmod(np.arange(self.n_nodes), self.side)
        pairs = [np.empty((0, 2), dtype=np.int64)]
        for a, b in self.rules:
            # The other two neighbours of the rule are these two, seen from the far end.
            for dx, dy in ((a, b), (-b, a)):
                far_x, far_y = x + dx, y + dy
                far = (far_x % self.side) * self.side + far_y % self.side
                wraps = (far_x != far_x % self.side) | (far_y != far_y % self.side)
                exists = self.torus | ~wraps
                pairs.append(np.stack([np.arange(self.n_nodes), far], axis=1)[exists])
        undirected = np.sort(np.concatenate(pairs), axis=1)
        return np.unique(undirected, axis=0).astype(np.int32)


def scatter(
    rng: np.random.Generator, places: Int[np.ndarray, " place"], group_sizes: Sequence[int]
) -> list[Int32[np.ndarray, " node"]]:
    """Draws disjoint groups of places at random; within a group they stand in raster order.

    Raster order keeps pixels that are close in the image roughly close in the grid, which is
    part of why scattered placements work.

    Raises:
        ValueError: there are fewer places than the groups need.
    """
    needed = sum(group_sizes)
    if needed > len(places):
        raise ValueError(
            f"{needed} visible nodes do not fit the {len(places)} places of the graph: use a "
            "larger side, fewer grey levels or fewer label spots"
        )
    drawn = rng.permutation(places)[:needed]
    groups = np.split(drawn, np.cumsum(group_sizes)[:-1])
    return [np.sort(group).astype(np.int32) for group in groups]
